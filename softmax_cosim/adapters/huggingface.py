"""Any Hugging Face model (transformers): its attention scores recorded, or its softmax replaced.

Works through transformers' own attention interface, for encoders, decoders and encoder-decoders,
with grouped queries, position biases, caches and ``generate()``: there the scores arrive before
the mask is added, with the mask beside them. Attention outside of the interface, or with a softmax
of another kind (sinks, soft capping), is heard in torch's operators: there the scores arrive as
they enter the softmax. For inference: no gradient flows through a replaced softmax.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from softmax_cosim.account import Account
from softmax_cosim.adapters import require
from softmax_cosim.adapters.torch_attend import attend, refuse_dropout
from softmax_cosim.adapters.torch_listen import Listener
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["attention"]

KERNELS = re.compile(r"flash|flex|/")
"""In the names of implementations that are one kernel, whose softmax cannot be heard."""
PLAIN = frozenset(
    (
        *("torch", "nn", "functional", "F", "matmul", "transpose", "softmax", "dtype", "float32"),
        *("to", "type", "float", "dropout", "training", "contiguous", "size", "head_dim"),
        *("repeat_kv", "num_key_value_groups", "getattr", "hasattr"),
    )
)
"""All that is named in the code of an attention that is a product, a softmax, a product."""
PLAIN_OPERATORS = frozenset(("*", "+", "**", "*=", "+="))
STANDARD = frozenset(
    ("module", "query", "key", "value", "attention_mask", "scaling", "dropout", "position_bias")
)


@contextmanager
def attention(model: Any, softmax: Softmax) -> Iterator[Account]:
    """Let a function compute the softmax of every attention of a model, inside the context.

    ::

        with huggingface.attention(model, softmax) as account:
            model.generate(**inputs)

    Where it answers None, as a :class:`.engines.Recorder` on its own, the attention computes
    what it computed before, to the bit. Layers are known by the names of their modules. A softmax
    counts as attention if its module is called so or its scores are products of activations;
    routers, classifiers and losses stay the model's own, and stand in the account as such.

    A query that may attend nothing, as those of padding on the left, gets zeros.

    Args:
        model: a ``PreTrainedModel``, in evaluation mode.
        softmax: the function.

    Yields:
        The account of every softmax that ran; added to ``softmax.account`` if there is one.

    Raises:
        UsageError: no transformers model; inside the context, dropout, or an attention that is one
            kernel; at its end, no attention in what ran.

    Warns:
        MissedSoftmax: one that may be attention and could not be replaced, or nothing ran.
    """
    transformers = require("transformers", "torch")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if not isinstance(model, transformers.PreTrainedModel):
        raise UsageError(
            f"{type(model).__name__} is no transformers model; "
            "use softmax_cosim.adapters.torch_module.patched"
        )
    functions = transformers.AttentionInterface
    before = functions.get_interface
    listener = Listener(softmax, model, every=False)
    names = {module: name for name, module in model.named_modules()}

    def get_interface(self: Any, implementation: str | None, default: Any) -> Any:
        function = before(self, implementation, default)

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            if module not in names or listener.here.deaf:
                return function(module, *args, **kwargs)
            called = _Called(listener, names[module], implementation or "eager", function)
            return called(module, *args, **kwargs)

        return call

    with listener.listening() as account, patch.object(functions, "get_interface", get_interface):
        yield account


class _Called:
    """What stands for an attention function of the interface."""

    def __init__(
        self, listener: Listener, layer: str, implementation: str, function: Callable[..., Any]
    ) -> None:
        self._listener = listener
        self._layer = layer
        self._implementation = implementation
        self._function = function

    def __call__(
        self,
        module: Any,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any,
        *args: Any,
        **more: Any,
    ) -> Any:
        """The output [batch, queries, heads, width] and the probabilities, if they are known."""
        tensors = (module, query, key, value, attention_mask)
        if KERNELS.search(self._implementation):
            raise UsageError(
                f"the attention {self._layer} is {self._implementation}, whose softmax cannot be "
                "heard; call model.set_attn_implementation('sdpa'), or 'eager', before"
            )
        refuse_dropout(more.get("dropout", 0.0), self._layer)
        sdpa = self._is_sdpa()
        if args or not (sdpa or _plain(self._function)) or not self._standard(more):
            return self._function(*tensors, *args, **more)
        causal = False
        if sdpa and attention_mask is None and query.shape[2] > 1:
            given = more.get("is_causal")
            causal = getattr(module, "is_causal", True) if given is None else given
        if attention_mask is not None:
            attention_mask = attention_mask[..., : key.shape[-2]]
        found = self._listener.ask(
            self._layer,
            lambda: attend(
                *(self._listener.softmax, self._layer, query, key, value),
                mask=attention_mask,
                causal=causal,
                scale=more.get("scaling"),
                bias=more.get("position_bias"),
            ),
        )
        if found is not None:
            return found[0].transpose(1, 2).contiguous(), found[1]
        with self._listener.muted():
            return self._function(*tensors, **more)

    def _is_sdpa(self) -> bool:
        sdpa = require("transformers.integrations.sdpa_attention", "torch").sdpa_attention_forward
        return self._function is sdpa

    def _standard(self, more: dict[str, Any]) -> bool:
        """Whether no argument is given that changes the softmax."""
        code = self._function.__code__
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if self._is_sdpa():
            taken = ("softcap",)
        return not any(
            given is not None and argument in taken and argument not in STANDARD | {"is_causal"}
            for argument, given in more.items()
        )


@cache
def _plain(function: Any) -> bool:
    """Whether a function's code says product, mask, softmax, dropout, product, and no more."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    words = {one for one in code.co_consts if isinstance(one, str) and one.isidentifier()}
    operators = {one.argrepr for one in dis.get_instructions(code) if one.opname == "BINARY_OP"}
    return PLAIN.issuperset((*code.co_names, *words)) and operators <= PLAIN_OPERATORS
