"""Attention with a softmax of one's own, on torch's tensors.

Scores are computed, and reach the softmax, in float32 or float64 whatever the model computes in;
only the output is rounded to the model's type. So a half type's range and rounding are never taken
for the softmax's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_cosim.adapters import require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply
from softmax_cosim.golden.quantise import unmasked

__all__ = ["answer", "attend", "refuse_dropout", "wide"]


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
            attended, or floats that are added to the scores, -inf or the lowest of a type where
            masked.
        causal: query ``i`` attends keys up to ``i``.
        scale: of the products; None is one over the root of the width.
        bias: added to the scaled products.

    Returns:
        The output [..., heads, queries, width] in the query's type and the probabilities; None if
        the function leaves it to the model.
    """
    torch = require("torch", "torch")
    if torch.is_autocast_enabled(query.device.type):  # it would have the products in a half type
        with torch.autocast(query.device.type, enabled=False):
            return attend(
                *(softmax, layer, query, key, value),
                **{"mask": mask, "causal": causal, "scale": scale, "bias": bias},
            )
    kind = query.dtype
    query, key, value = wide(query), wide(key), wide(value)
    if query.ndim > 2 and query.shape[-3] != key.shape[-3]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = scores + wide(bias)
    keep = mask
    if mask is not None and mask.dtype != torch.bool:
        keep = ~_lowest(mask)
        scores = scores + wide(mask).masked_fill(~keep, 0)
    if causal:
        earlier = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        keep = earlier if keep is None else keep & earlier
    probabilities = answer(softmax, layer, scores, keep)
    if probabilities is None:
        return None
    return (probabilities @ value).to(kind), probabilities.to(kind)


def answer(softmax: Softmax, layer: str, scores: Any, keep: Any = None, axis: int = -1) -> Any:
    """What the function answers for these scores, as a tensor of their shape and type.

    Args:
        softmax: the function.
        layer: what it knows the layer as.
        scores: of any shape and floating type; what is -inf or a type's lowest value is masked.
        keep: broadcastable to ``scores``, True where a key may be attended; None: wherever the
            scores are not masked.
        axis: of the keys.

    Returns:
        Probabilities; None if the function leaves it to the model, or there are no scores.
    """
    torch = require("torch", "torch")
    if scores.is_nested:  # rows of several lengths
        within = axis - (axis > 0)
        parts = [answer(softmax, layer, part, axis=within) for part in scores.unbind()]
        whole = all(part is not None for part in parts)
        return torch.nested.as_nested_tensor(parts) if whole else None
    if scores.numel() == 0:
        return None
    hidden = _lowest(scores)
    if hidden.any():
        keep = ~hidden if keep is None else keep & ~hidden
    rows = wide(scores).movedim(axis, -1).detach().cpu().numpy()
    if keep is not None:
        keep = (keep if axis in (-1, scores.ndim - 1) else keep.movedim(axis, -1)).cpu().numpy()
    found = apply(softmax, layer, rows, keep)
    if found is None:
        return None
    found = torch.from_numpy(np.require(found, requirements="W")).movedim(-1, axis)
    return found.to(scores.device, scores.dtype)


def wide(tensor: Any) -> Any:
    """A half type widened to float32."""
    torch = require("torch", "torch")
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def refuse_dropout(p: float, layer: str) -> None:
    """Refuse to compute an attention that drops some of its probabilities."""
    if p > 0:
        raise UsageError(
            f"the attention {layer} drops probabilities, as in training; call model.eval()"
        )


def _lowest(scores: Any) -> Any:
    """Where scores mask themselves, as :func:`.quantise.unmasked` says."""
    hidden = ~unmasked(wide(scores).detach().cpu().numpy())
    return require("torch", "torch").as_tensor(hidden, device=scores.device)
