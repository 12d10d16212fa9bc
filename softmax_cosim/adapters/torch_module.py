"""Any torch module: its attention scores recorded, or its softmax replaced.

Whatever a module calls (``torch.softmax``, ``nn.Softmax``, ``scaled_dot_product_attention``,
``nn.MultiheadAttention``), it ends in a few operators of torch's own, and those are taken over for
as long as a context lasts, in the calling thread. An attention operator that is not known is
refused rather than missed. What ``torch.compile`` or ``torch.jit`` made of a module is out of
reach.

For inference: no gradient flows through an attention that was replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

import numpy as np

from softmax_cosim.adapters import require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply

__all__ = ["attend", "patched", "refuse_dropout"]

SOFTMAXES = ("aten::_softmax", "aten::_safe_softmax")
FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"
"""``scaled_dot_product_attention`` on a CPU, where it is not a product, a softmax, a product."""
UNKNOWN = ("attention", "transformer_encoder_layer", "masked_softmax", "sparse_softmax")
"""Words in the names of other operators that hold a softmax."""
DROPOUTS = ("aten::native_dropout", "aten::bernoulli_")


@contextmanager
def patched(softmax: Softmax, within: Any = None) -> Iterator[None]:
    """Let a function compute every softmax, for as long as the context lasts.

    ::

        with torch_module.patched(softmax, model.encoder):
            model(x)

    ``nn.MultiheadAttention`` and ``nn.TransformerEncoder`` are kept from their fused kernels; the
    encoder then fills what its padding mask hides with other values than 0. Around a function that
    answers None, as a :class:`.engines.Recorder` on its own, they run once more as if nothing
    were patched, and that output counts: no bit changes.

    Args:
        softmax: the function; where it answers None, the module's own result stands.
        within: an ``nn.Module``: only what runs inside it is replaced, and its modules' names are
            those of the layers. None: everything, a classifier's softmax too.

    Raises:
        UsageError: inside the context: a softmax along another axis than the last, dropout,
            ``torch.inference_mode()``, or attention in an operator that is not known.
    """
    torch = require("torch", "torch")
    modes = require("torch.utils._python_dispatch", "torch")
    state = _State(softmax, everywhere=within is None)
    mode = type(
        "Mode",
        (modes.TorchDispatchMode,),
        {"__torch_dispatch__": lambda self, *call: state.operator(*call)},
    )
    nn = torch.nn
    fused = (nn.MultiheadAttention, nn.TransformerEncoder, nn.TransformerEncoderLayer)
    with ExitStack() as stack:
        for hook in () if within is None else _follow(within, state.names):
            stack.callback(hook.remove)
        if torch.backends.mha.get_fastpath_enabled():
            allow = torch.backends.mha.set_fastpath_enabled
            stack.callback(allow, True)
            allow(False)
            for kind in fused:
                forward = _unfused(kind.forward, state, allow)
                stack.enter_context(patch.object(kind, "forward", forward))
        stack.enter_context(mode())
        yield


def attend(
    softmax: Softmax,
    layer: str,
    query: Any,
    key: Any,
    value: Any,
    *,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
    bias: Any = None,
) -> tuple[Any, Any] | None:
    """Scaled dot product attention with a softmax of one's own.

    Args:
        softmax: the function.
        layer: what it knows the layer as.
        query: shape [..., heads, queries, width].
        key: shape [..., heads, keys, width]; of fewer heads, each serves a group of queries'.
        value: shape [..., heads, keys, any width].
        mask: broadcastable to [..., heads, queries, keys]: booleans, True where a key may be
            attended, or floats that are added to the scores, -inf or the lowest where masked.
        causal: query ``i`` attends keys up to ``i``.
        scale: of the products; None is one over the root of the width.
        bias: added to the scaled products.

    Returns:
        The output [..., heads, queries, width] and the probabilities; None if the function leaves
        it to the model.
    """
    torch = require("torch", "torch")
    if query.ndim > 2 and query.shape[-3] != key.shape[-3]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = scores + bias
    keep = mask
    if mask is not None and mask.dtype != torch.bool:
        keep = mask > torch.finfo(mask.dtype).min
        scores = scores + mask.masked_fill(~keep, 0)
    if causal:
        earlier = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        keep = earlier if keep is None else keep & earlier
    probabilities = _answer(softmax, layer, scores, keep)
    if probabilities is None:
        return None
    return probabilities.to(value.dtype) @ value, probabilities


def refuse_dropout(p: float, layer: str) -> None:
    """Refuse to compute an attention that drops some of its probabilities."""
    if p > 0:
        raise UsageError(
            f"the attention {layer} drops probabilities, as in training; call model.eval()"
        )


class _State:
    """What goes on inside a context."""

    def __init__(self, softmax: Softmax, everywhere: bool) -> None:
        self._torch = require("torch", "torch")
        self.softmax = softmax
        self.everywhere = everywhere
        self.names: list[str] = []
        """Of the modules that run, the innermost last."""
        self.deaf = False
        self.unfused = False
        self.answered = 0

    def operator(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator of torch, or what takes its place."""
        kwargs = kwargs or {}
        name = func.name().partition(".")[0]
        answer = None
        if self.deaf or not (self.everywhere or self.names):
            pass
        elif self._torch.is_inference_mode_enabled():
            # There operators come before they are taken apart, and even to listen changes bits.
            raise UsageError(
                f"the module {self._layer} runs in torch.inference_mode(), where its softmax "
                "cannot be heard; use torch.no_grad()"
            )
        elif name in SOFTMAXES:
            answer = self._softmax(*args)
        elif name == FUSED:
            answer = self._attention(*args, **kwargs)
        elif name in DROPOUTS:
            refuse_dropout(1, self._layer)
        elif any(word in name for word in UNKNOWN) and "backward" not in name:
            raise UsageError(
                f"the attention {self._layer} runs in torch's operator {name}, which cannot be "
                "replaced; run the model on the CPU and without fused kernels of its own"
            )
        self.answered += answer is not None
        return func(*args, **kwargs) if answer is None else answer

    @property
    def _layer(self) -> str:
        return self.names[-1] if self.names else ""

    def _softmax(self, scores: Any, dim: int, _: Any = None) -> Any:
        if dim not in (-1, scores.ndim - 1):
            raise UsageError(
                f"a softmax of the module {self._layer} runs along axis {dim} of {scores.ndim}; "
                "only one along the last axis can be replaced: name the module that holds nothing "
                "but attention as `within`"
            )
        return _answer(self.softmax, self._layer, scores, None)

    def _attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        dropout: float = 0.0,
        causal: bool = False,
        *,
        attn_mask: Any = None,
        scale: float | None = None,
    ) -> Any:
        refuse_dropout(dropout, self._layer)
        found = attend(
            *(self.softmax, self._layer, query, key, value),
            mask=attn_mask,
            causal=causal,
            scale=scale,
        )
        if found is None:
            return None
        # The second, sums of exponentials, is for the gradient.
        return found[0], query.new_zeros(query.shape[:-1])


def _answer(softmax: Softmax, layer: str, scores: Any, keep: Any) -> Any:
    """What the function answers for these tensors, as a tensor like the scores."""
    torch = require("torch", "torch")
    like = scores
    if scores.dtype == torch.bfloat16:  # numpy has none, and its lowest value is not float32's
        unmasked = scores > torch.finfo(scores.dtype).min
        keep = unmasked if keep is None else keep & unmasked
        scores = scores.float()
    mask = None if keep is None else keep.detach().cpu().numpy()
    answer = apply(softmax, layer, scores.detach().cpu().numpy(), mask)
    if answer is None:
        return None
    return torch.from_numpy(np.require(answer, requirements="W")).to(like.device, like.dtype)


def _follow(within: Any, names: list[str]) -> Iterator[Any]:
    """Hooks that keep the names of the modules that run."""

    def leave(*_: Any) -> None:
        names.pop()

    def enter(name: str, *_: Any) -> None:
        names.append(name)

    for name, module in within.named_modules():
        name = name or type(module).__name__
        yield module.register_forward_pre_hook(partial(enter, name))
        yield module.register_forward_hook(leave, always_call=True)


def _unfused(
    forward: Callable[..., Any], state: _State, allow: Callable[[bool], None]
) -> Callable[..., Any]:
    """A forward that is heard; where no answer came, the model's own with all it is allowed."""

    @wraps(forward)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if state.deaf or state.unfused:
            return forward(*args, **kwargs)
        before, state.unfused = state.answered, True
        try:
            output = forward(*args, **kwargs)
        finally:
            state.unfused = False
        if state.answered > before:
            return output
        state.deaf = True
        allow(True)
        try:
            return forward(*args, **kwargs)
        finally:
            state.deaf = False
            allow(False)

    return wrapped
