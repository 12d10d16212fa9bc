"""Float scores to the signed integers that drive the hardware."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import shell

__all__ = ["Quantised", "check_finite", "quantise", "unmasked"]


@dataclass(frozen=True)
class Quantised:
    """Scores as the hardware takes them; arrays have the shape of the float scores."""

    q: npt.NDArray[np.int32]
    """Raw scores; the real score, after recentring if any, is ``q * 2**-frac``."""
    keep: npt.NDArray[np.bool_]
    """True where an element takes part; ``q`` is the lowest code where it does not."""
    clipped: int
    """Kept elements that ``in_w`` bits could not hold."""


def quantise(
    scores: npt.ArrayLike,
    keep: npt.ArrayLike | None,
    cfg: Config,
    *,
    name: str = "scores",
) -> Quantised:
    """Quantise rows along the last axis: ``q = clip(round_half_even(x * 2**F))``.

    With ``cfg.recentre`` each row is first shifted so that its maximum lands on the largest code;
    softmax does not change when a row is shifted. A score of ``-inf``, or the lowest finite value
    of its type, is masked.

    Args:
        scores: float16, float32 or float64, shape [..., keys].
        keep: true where an element takes part, broadcastable to ``scores``; None keeps all.
        cfg: gives ``in_w``, ``frac`` and ``recentre``.
        name: what an error calls the scores.

    Raises:
        UsageError: NaN or +inf among the scores, named with its index; scores that are not
            floats or are empty; a mask that does not broadcast.
    """
    x = np.asarray(scores)
    if not np.issubdtype(x.dtype, np.floating):
        raise UsageError(f"{name}: scores are {x.dtype}; give float16, float32 or float64")
    if x.ndim == 0 or x.size == 0:
        raise UsageError(f"{name}: no scores in a tensor of shape {x.shape}; give at least one")
    mask = np.asarray(True if keep is None else keep, dtype=np.bool_)
    try:
        mask = np.broadcast_to(mask, x.shape)
    except ValueError:
        raise UsageError(
            f"{name}: a mask of shape {mask.shape} does not broadcast to scores of shape {x.shape}"
        ) from None
    check_finite(x, name)

    keys = x.shape[-1]
    flat_x, flat_mask = x.reshape(-1, keys), mask.reshape(-1, keys)
    q = np.empty(flat_x.shape, np.int32)
    kept = np.empty(flat_x.shape, np.bool_)
    clipped = 0
    step = max(1, shell.CHUNK // keys)
    for start in range(0, len(flat_x), step):
        part = slice(start, start + step)
        kept[part] = flat_mask[part] & unmasked(flat_x[part])
        q[part], count = _quantise(flat_x[part], kept[part], cfg)
        clipped += count
    return Quantised(q.reshape(x.shape), kept.reshape(x.shape), clipped)


def unmasked(x: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """False where a score itself masks its element: ``-inf`` or its type's lowest finite value."""
    return x > np.finfo(x.dtype).min


def check_finite(x: npt.NDArray[np.floating], name: str) -> None:
    """Refuse NaN and +inf; ``name`` is what the error calls the scores.

    Raises:
        UsageError: naming the first such score's index.
    """
    bad = np.isnan(x) | (x == np.inf)
    if bad.any():
        index = tuple(int(i) for i in np.unravel_index(bad.argmax(), x.shape))
        value = "NaN" if np.isnan(x[index]) else "+inf"
        raise UsageError(
            f"{name}: {value} at index {list(index)}; scores must be numbers, or -inf where masked"
        )


def _quantise(
    x: npt.NDArray[np.floating], keep: npt.NDArray[np.bool_], cfg: Config
) -> tuple[npt.NDArray[np.int32], int]:
    """One chunk of rows, shape [rows, keys]: codes and how many kept ones were clipped."""
    low, high = -(2 ** (cfg.in_w - 1)), 2 ** (cfg.in_w - 1) - 1
    kept = np.where(keep, x.astype(np.float64), -np.inf)
    with np.errstate(over="ignore"):  # beyond float64 is beyond the largest code all the same
        if cfg.recentre:
            top = kept.max(axis=-1, keepdims=True)
            kept = (kept - np.where(np.isfinite(top), top, 0.0)) * 2.0**cfg.frac + high
        else:
            kept = kept * 2.0**cfg.frac
    rounded = np.rint(kept)
    clipped = ((rounded < low) | (rounded > high)) & keep
    return np.clip(rounded, low, high).astype(np.int32), int(np.count_nonzero(clipped))
