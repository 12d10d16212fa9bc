"""Any Hugging Face model (transformers): its attention scores recorded, or its softmax replaced.

Works through transformers' own attention interface, for encoders, decoders and encoder-decoders,
with grouped queries, position biases, caches and ``generate()``. The scores arrive before the mask
is added, with the mask beside them. For inference: no gradient flows through a replaced softmax.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from softmax_cosim.adapters import require
from softmax_cosim.adapters.torch_module import attend, refuse_dropout
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["attention"]

NAME = "cosim"
OWN = ("eager", "sdpa")
"""Implementations that a model may have been loaded with."""
WITHOUT_EFFECT = frozenset(
    {
        *("cache_position", "num_items_in_batch", "position_ids", "use_cache"),
        *("output_attentions", "output_hidden_states", "return_dict"),
        "sliding_window",  # the mask has it
        *("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k"),  # flash attention's
    }
)
"""Arguments of an attention that say nothing about its softmax."""


@contextmanager
def attention(model: Any, softmax: Softmax) -> Iterator[None]:
    """Let a function compute the softmax of every attention of a model, inside the context.

    ::

        with huggingface.attention(model, softmax):
            model.generate(**inputs)

    Where it answers None, as a :class:`.engines.Recorder` on its own, the attention computes
    what it computed before, to the bit. Layers are known by the names of their modules.

    A query that may attend nothing, as those of padding on the left, gets zeros.

    Args:
        model: a ``PreTrainedModel``, in evaluation mode, with attention ``eager`` or ``sdpa``.
        softmax: the function.

    Raises:
        UsageError: a model that has attention outside the interface or another implementation;
            inside the context, dropout or an argument that would change the softmax (attention
            sinks, soft capping, sparse indices).
    """
    transformers = require("transformers", "torch")
    masks = require("transformers.masking_utils", "torch").AttentionMaskInterface
    functions = transformers.AttentionInterface
    if not isinstance(model, transformers.PreTrainedModel):
        raise UsageError(
            f"{type(model).__name__} is no transformers model; "
            "use softmax_cosim.adapters.torch_module.patched"
        )
    parts = [m for m in model.modules() if isinstance(m, transformers.PreTrainedModel)]
    for part in parts:
        if not part._can_set_attn_implementation():
            raise UsageError(
                f"{type(part).__name__} has attention outside transformers' attention interface; "
                "use softmax_cosim.adapters.torch_module.patched"
            )
    before = {part.config._attn_implementation for part in parts}
    if len(before) > 1 or not before <= set(OWN):
        raise UsageError(
            f"the model's attention is {', '.join(sorted(map(str, before)))}; "
            f"load it with attn_implementation set to {' or '.join(OWN)}"
        )
    (own,) = before
    taken = functions._global_mapping
    name = next(n for n in (f"{NAME}{i or ''}" for i in count()) if n not in taken)
    functions.register(name, _Attention(model, softmax, own))
    masks.register(name, masks()[own])
    try:
        model.set_attn_implementation(name)
        yield
    finally:
        model.set_attn_implementation(own)
        del taken[name], masks._global_mapping[name]


class _Attention:
    """What the interface calls for every attention of the model."""

    def __init__(self, model: Any, softmax: Softmax, own: str) -> None:
        self._names = {module: name for name, module in model.named_modules()}
        self._softmax = softmax
        self._own = own

    def __call__(
        self,
        module: Any,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any,
        dropout: float = 0.0,
        scaling: float | None = None,
        is_causal: bool | None = None,
        position_bias: Any = None,
        **more: Any,
    ) -> tuple[Any, Any]:
        """The output [batch, queries, heads, width] and the probabilities, if they are known."""
        layer = self._names[module]
        refuse_dropout(dropout, layer)
        for argument, given in more.items():
            if given is not None and argument not in WITHOUT_EFFECT:
                raise UsageError(
                    f"the attention {layer} has the argument {argument}, which cannot be honoured; "
                    "use torch_module.patched with attn_implementation='eager'"
                )
        causal = False
        if self._own == "sdpa" and attention_mask is None and query.shape[2] > 1:
            causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
        found = attend(
            *(self._softmax, layer, query, key, value),
            mask=attention_mask,
            causal=causal,
            scale=scaling,
            bias=position_bias,
        )
        if found is not None:
            return found[0].transpose(1, 2).contiguous(), found[1]
        more |= {} if is_causal is None else {"is_causal": is_causal}
        more |= {} if position_bias is None else {"position_bias": position_bias}
        output: tuple[Any, Any] = self._before(module)(
            *(module, query, key, value, attention_mask),
            dropout=dropout,
            scaling=scaling,
            **more,
        )
        return output

    def _before(self, module: Any) -> Any:
        """The function that the module called before: its file's own, or a common one."""
        for kind in type(module).__mro__:
            file = sys.modules[kind.__module__]
            if hasattr(file, "ALL_ATTENTION_FUNCTIONS"):
                own = getattr(file, "eager_attention_forward", None)
                return file.ALL_ATTENTION_FUNCTIONS.get_interface(self._own, own)
        raise UsageError(f"{type(module).__name__} does not say what its attention is")
