"""Hears every softmax that torch computes while a context lasts, and says what became of it.

Whatever a module calls, it ends in a few operators of torch's own, and those are taken over. What
``torch.compile`` made of a module runs as it was written meanwhile. A softmax that is written out
(exponentials over their sum, the exponential of a log-softmax) is heard where it is completed.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

from softmax_cosim.account import Account
from softmax_cosim.adapters import require
from softmax_cosim.adapters.torch_attend import answer, attend, refuse_dropout
from softmax_cosim.adapters.torch_flow import COPIES, LOG_SOFTMAXES, Flow, Heard, Tag
from softmax_cosim.adapters.torch_written import Written
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["Listener"]

SOFTMAXES = ("_softmax", "_safe_softmax", "softmax")
EXPONENTIALS = ("exp", "exp2", "expm1")
FUSED = "_scaled_dot_product_flash_attention_for_cpu"
"""``scaled_dot_product_attention`` on a CPU, where it is not a product, a softmax, a product."""
UNKNOWN = re.compile(r"attention|attn|transformer_encoder_layer|softmax(?!.*backward)")
"""In the names of other operators that hold a softmax."""
DROPOUTS = ("native_dropout", "bernoulli")
ATTENTION = re.compile(r"[aA]tt(entio)?n|M(S)?HA")
"""In the names of classes of modules that are attention."""
ATTENTIONS = re.compile(r"(attn|attention|mha)s?[\d_]*$", re.IGNORECASE)
"""At the ends of what such modules are called."""
OUTSIDE = "outside of the module"
NOT_ATTENTION = "its scores are no products of queries and keys"
LOG = "a log-softmax, of a classifier or a loss"
WRITTEN = (
    "it is written out as exponentials over a sum, in a form that cannot be replaced; "
    "write it as torch.softmax"
)
WEIGHING = (
    "its exponentials weigh values, and it was not seen how they are divided by their sum; "
    "if that is a softmax, write it as torch.softmax"
)


OURS = frozenset(("aten", "prim", "prims", "higher_order"))
"""Whose operators are known: torch's own."""
HARMLESS = frozenset(("quantized", "mkldnn", "onednn", "torchvision", "torchaudio", "_quantized"))
"""Whose operators hold no softmax."""


class _Thread(threading.local):
    """What goes on in a thread."""

    def __init__(self) -> None:
        self.modules: list[tuple[str, Any]] = []
        """Names and modules that run, the innermost last."""
        self.entered = ExitStack()
        self.deaf = False
        self.unfused = False
        self.answered = 0
        self.operators = 0
        """That computed something so far."""


class Listener:
    """Asks a function for softmaxes, and keeps account of all."""

    def __init__(self, softmax: Softmax, within: Any, every: bool) -> None:
        """Ready to listen.

        Args:
            softmax: the function.
            within: the module that is listened to; None: whatever runs.
            every: whether every softmax is asked for, or attention alone.
        """
        self._torch = require("torch", "torch")
        self.softmax, self.within, self.every = softmax, within, every
        self.account = Account()
        self.flow = Flow()
        self._written = Written(self.flow)
        self.here = _Thread()
        self._odd: dict[Heard, tuple[str, str]] = {}
        """Exponentials that may become a softmax, or else were one that was missed: layer, why."""
        self._home = threading.get_ident()
        self._ran = False
        self._lock = threading.RLock()
        modes = require("torch.utils._python_dispatch", "torch")
        call = {"__torch_dispatch__": lambda _, *call: self._operator(*call)}
        self._mode = type("Mode", (modes.TorchDispatchMode,), call)

    @contextmanager
    def listening(self) -> Iterator[Account]:
        """Listen, and at the end say what was missed.

        Raises:
            UsageError: inside the context, what cannot be replaced; at its end, no softmax of what
                ran was heard.
        """
        torch = self._torch
        nn = torch.nn
        fused = (nn.MultiheadAttention, nn.TransformerEncoder, nn.TransformerEncoderLayer)
        with ExitStack() as stack:
            for hook in self._hooks():
                stack.callback(hook.remove)
            if torch.backends.mha.get_fastpath_enabled():
                allow = torch.backends.mha.set_fastpath_enabled
                stack.callback(allow, True)
                allow(False)
                for kind in fused:
                    forward = self._unfused(kind.forward, allow)
                    stack.enter_context(patch.object(kind, "forward", forward))
            leaving = self._leaving(torch.Tensor.numpy)
            stack.enter_context(patch.object(torch.Tensor, "numpy", leaving))
            stack.enter_context(self._mode())
            yield self.account
        self._conclude()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Hear nothing of what runs in this thread."""
        before, self.here.deaf = self.here.deaf, True
        try:
            yield
        finally:
            self.here.deaf = before

    @property
    def layer(self) -> str:
        """The module that runs in this thread."""
        return self.here.modules[-1][0] if self.here.modules else ""

    def ask(self, layer: str, compute: Callable[[], Any]) -> Any:
        """Ask the function in the name of a layer, and note whether it answered."""
        with self._lock, self.muted():
            found = compute()
            (self.account.left if found is None else self.account.replaced)[layer] += 1
        self.here.answered += found is not None
        return found

    def _conclude(self) -> None:
        what = "the module" if self.within is None else type(self.within).__name__
        for heard, (layer, why) in self._odd.items():
            if not heard.asked:
                self.account.missed.setdefault(layer or what, why)
                self.account.other.pop(layer, None)
        if self._ran and not self.account.heard:
            told = [f"{n} ({w})" for n, w in (self.account.other | self.account.missed).items()]
            raise UsageError(
                f"no softmax of {what} was replaced or recorded although it ran: "
                + ("; ".join(told) or "none was heard")
                + "; leave the context out, or name another module"
            )
        if not self.account.heard:
            why = "it did not run inside the context, in this thread, as this module"
            self.account.missed.setdefault(what, why)
        self.account.close(self.softmax)

    def _hooks(self) -> Iterator[Any]:
        """Hooks that keep the names of the modules that run, in any thread."""
        if self.within is None:
            everywhere = self._torch.nn.modules.module
            yield everywhere.register_module_forward_pre_hook(partial(self._enter, ""))
            yield everywhere.register_module_forward_hook(self._leave, always_call=True)
            return
        for name, module in self.within.named_modules():
            name = name or type(module).__name__
            yield module.register_forward_pre_hook(partial(self._enter, name))
            yield module.register_forward_hook(self._leave, always_call=True)

    def _enter(self, name: str, module: Any, *_: Any) -> None:
        here, torch = self.here, self._torch
        if not here.modules:
            if threading.get_ident() != self._home:
                here.entered.enter_context(self._mode())
            if torch.is_inference_mode_enabled():
                # There operators come before they are taken apart, and to listen changes bits.
                here.entered.enter_context(torch.inference_mode(False))
                here.entered.enter_context(torch.no_grad())
        here.modules.append((name, module))
        self._ran = True

    def _leave(self, *_: Any) -> None:
        self.here.modules.pop()
        if not self.here.modules:
            self.here.entered.close()

    def _operator(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator of torch, or what takes its place."""
        kwargs = kwargs or {}
        if self.here.deaf:
            return func(*args, **kwargs)
        if self.within is not None and not self.here.modules:
            if "softmax" in func.name():
                self._outside(args[0])
            return func(*args, **kwargs)
        self._ran = True
        if self._torch.is_inference_mode_enabled():
            if re.search("softmax|attention|exp", func.name()):
                raise UsageError(
                    "the softmax of a function that runs in torch.inference_mode(), outside of any "
                    "module, cannot be heard; use torch.no_grad()"
                )
            return func(*args, **kwargs)
        if not hasattr(func, "overloadpacket"):  # a higher-order operator
            self._refuse_unknown(func.name())
            return func(*args, **kwargs)
        if func.namespace not in OURS | HARMLESS:
            return self._inside(func, args, kwargs)
        if func.name() == "aten::scaled_dot_product_attention":
            with self._mode():
                return func.decompose(*args, **kwargs)
        name, _ = self.flow.role(func)
        self.here.operators += not (func.is_view or name in COPIES)
        if name in SOFTMAXES:
            return self._softmax(func, args, kwargs)
        if name == FUSED:
            return self._attention(func, args, kwargs)
        if name in DROPOUTS:
            for heard in self.flow[args[0]].probabilities:
                refuse_dropout(heard.asked, heard.layer)
        common: set[Heard] = set()
        if name in ("exp", "div", "mul"):
            with self.muted():
                found, common = self._written.completed(name, args)
            if found is not None:
                self._no_logarithm()
                return self._replaced(func, args, kwargs, *found)
        if name in LOG_SOFTMAXES:
            self.account.other.setdefault(self.layer, LOG)
        else:
            self._refuse_unknown(func.name())
        exponential = name in EXPONENTIALS or (name == "pow" and not hasattr(args[0], "dtype"))
        given = [self.flow[one] for one in self.flow.tensors(args)] if exponential else []
        out = func(*args, **kwargs)
        for heard in self.flow.follow(func, args, kwargs, out):
            self._weighed(heard)
        if exponential:
            one = Heard(self.layer, scored=any(tag.product for tag in given))
            for result in self.flow.tensors(out):
                self.flow.rename(result, exponentials=frozenset([one]))
        with self.muted():
            done = [self._normalised(result) for result in self.flow.tensors(out)]
        if any(done):
            return out
        if common:
            self._not_completed(args, common)
        return out

    def _outside(self, scores: Any) -> None:
        """Note a softmax outside of every call of the module.

        One of scores, in a method that was called by its name, is a part of the module all the
        same; one of a generator, for the next word, is none.
        """
        modules, frame = set(self.within.modules()), sys._getframe()
        while scores.ndim > 2 and frame.f_back is not None:
            frame = frame.f_back
            owner = next((frame.f_locals.get(name) for name in frame.f_code.co_varnames[:1]), None)
            if isinstance(owner, self._torch.nn.Module) and owner in modules:
                name = f"{type(owner).__name__}.{frame.f_code.co_name}"
                self.account.missed[name] = (
                    "it runs in a method that is called by its name; call the module itself, or "
                    "listen to all that runs: torch_module.patched(softmax)"
                )
                return
        self.account.other[OUTSIDE] = "runs where nothing was asked for"

    def _inside(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator of somebody's own and listen to what that runs; name one that is mute."""
        keys = self._torch._C
        on = {t.device.type.upper() for t in self.flow.tensors((args, kwargs))} or {"CPU"}
        before = self.here.operators
        if len(on) > 1 or not hasattr(keys.DispatchKey, min(on)):
            out = func(*args, **kwargs)
        else:
            key = keys.DispatchKeySet(getattr(keys.DispatchKey, min(on)))
            with self._mode():
                out = func.redispatch(key, *args, **kwargs)
        if self.here.operators == before:
            self._refuse_unknown(func.name())
            self.account.missed[self.layer or func.name()] = (
                f"it runs in {func.name()}, an operator of which nobody knows whether it holds one"
            )
        return out

    def _refuse_unknown(self, name: str) -> None:
        if UNKNOWN.search(name) and "backward" not in name:
            raise UsageError(
                f"the attention {self.layer} runs in torch's operator {name.partition('.')[0]}, "
                "which cannot be replaced; run the model on the CPU and without fused kernels of "
                "its own (a transformers model: model.set_attn_implementation('eager') before)"
            )

    def _wanted(self, scores: Any) -> bool:
        """Whether the function is asked for the softmax of these scores."""
        if self.every or self.flow[scores].product:
            return True
        modules = [
            one for one in self.here.modules if "softmax" not in type(one[1]).__name__.lower()
        ]
        if not modules:
            return False
        name, module = modules[-1]
        return bool(ATTENTION.search(type(module).__name__) or ATTENTIONS.search(name))

    def _softmax(self, func: Any, args: Any, kwargs: Any) -> Any:
        return self._replaced(func, args, kwargs, args[0], args[1])

    def _replaced(self, func: Any, args: Any, kwargs: Any, scores: Any, axis: int) -> Any:
        """The function's answer for scores, or else what the operator computes."""
        heard = Heard(self.layer, self._wanted(scores))
        out = None
        if heard.asked:
            out = self.ask(
                heard.layer, lambda: answer(self.softmax, heard.layer, scores, axis=axis)
            )
        else:
            self.account.other[heard.layer] = NOT_ATTENTION
        if out is None:
            out = func(*args, **kwargs)
        elif func._schema.is_mutable:
            with self.muted():
                out = func(*args, **kwargs).copy_(out)
        elif kinds := [t.dtype for t in (kwargs.get("dtype"),) if t is not None]:
            out = out.to(kinds[0])
        self._know(out, heard, scores)
        return out

    def _attention(self, func: Any, args: Any, kwargs: Any) -> Any:
        names = ("query", "key", "value", "dropout_p", "is_causal")
        given = dict(zip(names, args, strict=False)) | kwargs
        refuse_dropout(given.get("dropout_p", 0), self.layer)
        query = given["query"]
        found = self.ask(
            self.layer,
            lambda: attend(
                *(self.softmax, self.layer, query, given["key"], given["value"]),
                mask=given.get("attn_mask"),
                causal=given.get("is_causal", False),
                scale=given.get("scale"),
            ),
        )
        # The second, sums of exponentials, is for the gradient.
        return (
            func(*args, **kwargs)
            if found is None
            else (found[0], query.new_zeros(query.shape[:-1]))
        )

    def _weighed(self, heard: Heard) -> None:
        """A softmax that the function was not asked for has weighed values, as attention does."""
        if heard.scored:
            self._odd.setdefault(heard, (heard.layer, WEIGHING))
        elif not heard.asked and heard.layer in self.account.other:
            del self.account.other[heard.layer]
            self.account.missed[heard.layer] = (
                "its probabilities weigh values; name the module that holds it: "
                "torch_module.patched(softmax, within=...)"
            )

    def _normalised(self, result: Any) -> bool:
        """Replace what exponentials have become if that is a softmax; whether it is."""
        axis = self._written.axis(result)
        if axis is None:
            return False
        heard = Heard(self.layer, self._wanted(result))
        self._no_logarithm()
        if heard.asked:
            scores = self._written.logarithm(result)
            found = self.ask(
                heard.layer, lambda: answer(self.softmax, heard.layer, scores, axis=axis)
            )
            if found is not None:
                result.copy_(found)
        else:
            self.account.other[heard.layer] = NOT_ATTENTION
        self._know(result, heard, result)
        return True

    def _know(self, result: Any, heard: Heard, source: Any) -> None:
        """That these are probabilities, and that exponentials in their source are not missed."""
        for one in self.flow[source].exponentials:
            one.asked = True
        self.flow[result] = Tag(probabilities=frozenset([heard]))

    def _no_logarithm(self) -> None:
        """What was taken for a logarithm of probabilities has become these."""
        if self.account.other.get(self.layer) == LOG:
            del self.account.other[self.layer]

    def _not_completed(self, args: Any, common: set[Heard]) -> None:
        wanted = any(self._wanted(one) for one in self.flow.tensors(args))
        for heard in common:
            layer = heard.layer or self.layer
            if self.every or wanted:
                self._odd[heard] = layer, WRITTEN
            else:
                self.account.other.setdefault(layer, NOT_ATTENTION)

    def _leaving(self, numpy: Callable[..., Any]) -> Callable[..., Any]:
        """``Tensor.numpy``, that tells of scores that a module hands to it."""

        @wraps(numpy)
        def wrapped(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            here = self.here
            if not here.deaf and here.modules and self.flow[tensor].product:
                self._odd[Heard(self.layer)] = (
                    self.layer,
                    "its scores are handed to numpy, where a softmax cannot be heard; "
                    "write it as torch.softmax",
                )
            return numpy(tensor, *args, **kwargs)

        return wrapped

    def _unfused(
        self, forward: Callable[..., Any], allow: Callable[[bool], None]
    ) -> Callable[..., Any]:
        """A forward that is heard; where no answer came, the model's own with all it is allowed."""

        @wraps(forward)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            here = self.here
            if here.deaf or here.unfused or (self.within is not None and not here.modules):
                return forward(*args, **kwargs)
            before, here.unfused = here.answered, True
            try:
                output = forward(*args, **kwargs)
            finally:
                here.unfused = False
            if here.answered > before:
                return output
            allow(True)
            try:
                with self.muted():
                    return forward(*args, **kwargs)
            finally:
                allow(False)

        return wrapped
