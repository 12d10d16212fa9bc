"""Hears every softmax that torch computes while a context lasts, and says what became of it.

Whatever a module calls, it ends in a few operators of torch's own, and those are taken over. What
``torch.compile`` made of a module runs as it was written meanwhile. A softmax that is written out
(exponentials over their sum, the exponential of a log-softmax) is heard where it is completed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

from softmax_cosim.account import Account
from softmax_cosim.adapters import require
from softmax_cosim.adapters.torch_attend import answer, attend, refuse_dropout, wide
from softmax_cosim.adapters.torch_flow import Flow, Heard, Tag
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["Listener"]

SOFTMAXES = ("_softmax", "_safe_softmax")
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


class _Thread(threading.local):
    """What goes on in a thread."""

    def __init__(self) -> None:
        self.modules: list[tuple[str, Any]] = []
        """Names and modules that run, the innermost last."""
        self.entered = ExitStack()
        self.deaf = False
        self.unfused = False
        self.answered = 0


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
        self.here = _Thread()
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
        if self._ran and not self.account.heard:
            told = [f"{n} ({w})" for n, w in (self.account.missed | self.account.other).items()]
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
                self.account.other[OUTSIDE] = "runs where nothing was asked for"
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
        name, _ = self.flow.role(func)
        if name in SOFTMAXES:
            return self._softmax(func, args, kwargs)
        if name == FUSED:
            return self._attention(func, args, kwargs)
        if name in DROPOUTS:
            for heard in self.flow[args[0]].probabilities:
                refuse_dropout(heard.asked, heard.layer)
        if name in ("exp", "div", "mul"):
            with self.muted():
                found = self._completed(name, args)
            if found is not None:
                return self._replaced(func, args, kwargs, *found)
        if name == "_log_softmax":
            self.account.other.setdefault(self.layer, LOG)
        else:
            self._refuse_unknown(func.name())
        out = func(*args, **kwargs)
        for heard in self.flow.follow(func, args, kwargs, out):
            self._weighed(heard)
        if name in ("exp", "exp2"):
            self.flow.rename(out, exponentials=frozenset([Heard(self.layer)]))
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
                out = args[0].copy_(out)
        elif kinds := [t.dtype for t in (kwargs.get("dtype"),) if t is not None]:
            out = out.to(kinds[0])
        self.flow[out] = Tag(probabilities=frozenset([heard]))
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
        if not heard.asked and heard.layer in self.account.other:
            del self.account.other[heard.layer]
            self.account.missed[heard.layer] = (
                "its probabilities weigh values; name the module that holds it: "
                "torch_module.patched(softmax, within=...)"
            )

    def _completed(self, name: str, args: Any) -> tuple[Any, int] | None:
        """The scores and axis of a softmax that an operator completes, if it does.

        Exponentials over their sum, whatever was done to both in between, are the softmax of the
        exponentials' logarithms.
        """
        torch, flow = self._torch, self.flow
        given = [one for one in args[:2] if isinstance(one, torch.Tensor)]
        if name == "exp" and flow[given[0]].sums:
            scores = given[0]
            for _, axis in flow[scores].sums:
                if axis is not None and axis < scores.ndim:
                    sums = wide(scores).exp().sum(axis)
                    if self._close(sums, torch.ones_like(sums), scores.dtype):
                        if self.account.other.get(self.layer) == LOG:
                            del self.account.other[self.layer]
                        return scores, axis
            return None
        if len(given) < 2:
            return None
        over, under = given
        if name == "mul":
            over, under = sorted(given, key=lambda one: flow[one].inverse)
            if not flow[under].inverse:
                return None
        elif flow[under].inverse:
            return None
        common = {heard for heard, _ in flow[under].sums} & flow[over].exponentials
        if not common:
            return None
        for heard, axis in flow[under].sums:
            if heard in common and axis is not None and axis < over.ndim:
                sums = wide(over).sum(axis, keepdim=True)
                divisor = wide(under).reciprocal() if name == "mul" else wide(under)
                if self._close(sums, divisor, over.dtype):
                    return wide(over).log(), axis
        self._not_completed(over, common)
        return None

    def _close(self, sums: Any, divisor: Any, kind: Any) -> bool:
        """Whether sums are the divisor's, where there is anything to divide."""
        rough = max(4 * self._torch.finfo(kind).eps, 1e-5)
        near = (sums - divisor).abs() <= rough * sums
        return bool((near | (sums == 0)).all())

    def _not_completed(self, over: Any, common: set[Heard]) -> None:
        for heard in common:
            layer = heard.layer or self.layer
            if self.every or self._wanted(over):
                self.account.missed[layer] = (
                    "it is written out as exponentials over a sum, in a form that cannot be "
                    "replaced; write it as torch.softmax"
                )
            else:
                self.account.other.setdefault(layer, NOT_ATTENTION)

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
