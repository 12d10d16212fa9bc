"""Float scores to the signed integers that drive the hardware."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden import shell

__all__ = ["Clipping", "Quantised", "check_finite", "checked", "filled", "quantise", "unmasked"]

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

LOWEST = (-65504.0, -(2 - 2.0**-7) * 2.0**127, -(2 - 2.0**-23) * 2.0**127)
"""The lowest finite values of float16, bfloat16 and float32, which models write as masks; a type
that is wider holds them exactly."""
UNDERFLOW = 104.0
"""``exp`` of less than minus this is 0 in float32."""


@dataclass
class Clipping:
    """What ``in_w`` bits could not hold of some scores."""

    scores: int = 0
    """Kept elements."""
    clipped: int = 0
    """Those beyond the range, but for what ``underflow`` counts."""
    underflow: int = 0
    """Those beyond it and so far below their row's maximum that float32 softmax gives 0 as well."""
    moved: int = 0
    """Rows in which clipping moves a probability by half a step of the output or more."""

    def add(self, more: Clipping) -> Self:
        """Take over what another one counted."""
        for key, value in vars(more).items():
            setattr(self, key, getattr(self, key) + value)
        return self


@dataclass(frozen=True)
class Quantised:
    """Scores as the hardware takes them; arrays have the shape of the float scores."""

    q: npt.NDArray[np.int32]
    """Raw scores; the real score, after recentring if any, is ``q * 2**-frac``."""
    keep: Mask
    """True where an element takes part; ``q`` is the lowest code where it does not."""
    clipping: Clipping

    @property
    def clipped(self) -> int:
        """Scores clipped, but for those of :attr:`underflow`."""
        return self.clipping.clipped

    @property
    def underflow(self) -> int:
        """Scores clipped that float32 softmax makes 0 as well."""
        return self.clipping.underflow


def quantise(
    scores: npt.ArrayLike,
    keep: npt.ArrayLike | None,
    cfg: Config,
    *,
    name: str = "scores",
) -> Quantised:
    """Quantise rows along the last axis: ``q = clip(round_half_even(x * 2**F))``.

    That is for ours; in general ``x / scale`` becomes the nearest code of the input's format, ties
    to even. With ``cfg.recentre`` each row is first shifted so that its maximum lands on the
    largest code, or on 0 where codes are floats; softmax does not change when a row is shifted.

    Args:
        scores: as :func:`checked` takes them, shape [..., keys].
        keep: likewise.
        cfg: gives format, scale and ``recentre``, and the step of the output.
        name: what an error calls the scores.

    Raises:
        UsageError: as :func:`checked`.
    """
    x, kept = checked(scores, keep, name)
    keys = x.shape[-1]
    flat = math.prod(x.shape[:-1]), keys
    flat_x, flat_kept = x.reshape(flat), kept.reshape(flat)
    q = np.empty(flat_x.shape, np.int32)
    clipping = Clipping()
    step = max(1, shell.CHUNK // max(1, keys))
    for start in range(0, len(flat_x), step):
        part = slice(start, start + step)
        q[part], found = _quantise(flat_x[part], flat_kept[part], cfg)
        clipping.add(found)
    return Quantised(q.reshape(x.shape), kept, clipping)


def checked(
    scores: npt.ArrayLike, keep: npt.ArrayLike | None, name: str = "scores"
) -> tuple[Floats, Mask]:
    """Scores that can be computed, and which of them take part; both of the scores' shape.

    Masked is what ``keep`` or the mask of a ``numpy.ma`` array says, and what :func:`unmasked`
    finds masked by its value. There may be no rows at all.

    Args:
        scores: float16, float32 or float64, shape [..., keys].
        keep: true where an element takes part, broadcastable to ``scores``; None keeps all.
        name: what an error calls the scores.

    Raises:
        UsageError: NaN or +inf among the scores, named with its index; scores that are not
            floats, or rows without keys; a mask that does not broadcast.
    """
    x = filled(scores)
    if not np.issubdtype(x.dtype, np.floating):
        raise UsageError(f"{name}: scores are {x.dtype}; give float16, float32 or float64")
    if x.ndim == 0 or (x.shape[-1] == 0 and math.prod(x.shape[:-1])):
        raise UsageError(f"{name}: no scores in a tensor of shape {x.shape}; give at least one")
    if keep is not None and type(keep) is not np.ndarray:
        keep = np.ma.filled(keep, False)
    mask = np.asarray(True if keep is None else keep, dtype=np.bool_)
    try:
        mask = np.broadcast_to(mask, x.shape)
    except ValueError:
        raise UsageError(
            f"{name}: a mask of shape {mask.shape} does not broadcast to scores of shape {x.shape}"
        ) from None
    check_finite(x, name)
    return x, mask & unmasked(x)


def filled(scores: npt.ArrayLike) -> npt.NDArray[Any]:
    """The scores as a plain array, -inf where a ``numpy.ma`` array masks them."""
    if type(scores) is np.ndarray:  # numpy.ma loads when first asked for, which takes long
        return scores
    x = np.asanyarray(scores)
    if isinstance(x, np.ma.MaskedArray) and np.issubdtype(x.dtype, np.floating):
        return np.asarray(x.filled(-np.inf))
    return np.asarray(x)


def unmasked(x: Floats) -> Mask:
    """False where a score itself masks its element.

    That is ``-inf``, the lowest finite value of the array's own type, or that of a type the scores
    were widened from. Any other number, -1e4 or -1e9 too, is a score.
    """
    own = np.finfo(x.dtype).min
    kept: Mask = x > own
    for lowest in LOWEST:
        if lowest > float(own):
            kept &= x != lowest
    return kept


def check_finite(x: Floats, name: str) -> None:
    """Refuse NaN and +inf; ``name`` is what the error calls the scores.

    Raises:
        UsageError: naming the first such score's index.
    """
    if x.dtype == np.float16:  # whose own comparisons are slow
        bits, beyond = x.view(np.uint16), x.view(np.int16)
        # Of positive ones, +inf and NaN are the largest, and of negative ones NaN is.
        if bits.max(initial=0) <= 0xFC00 and beyond.max(initial=0) < 0x7C00:
            return
        bad = ((bits & 0x7FFF) > 0x7C00) | (bits == 0x7C00)
    else:
        if x.max(initial=-np.inf) < np.inf:
            return
        bad = ~(x < np.inf)
    if bad.any():
        index = tuple(int(i) for i in np.unravel_index(bad.argmax(), x.shape))
        value = "NaN" if np.isnan(x[index]) else "+inf"
        raise UsageError(
            f"{name}: {value} at index {list(index)}; scores must be numbers, or -inf where masked"
        )


def _quantise(x: Floats, keep: Mask, cfg: Config) -> tuple[npt.NDArray[np.int32], Clipping]:
    """One chunk of rows, shape [rows, keys]: codes, and what was clipped."""
    form = cfg.inputs
    # Steps of a fixed-point code; of a float the value itself.
    if isinstance(form, Fixed):
        low, high, unit = float(form.lowest), float(form.highest), form.one / cfg.scale
    else:
        low, high, unit = -form.limit, form.limit, 1 / cfg.scale
    top_at = high if isinstance(form, Fixed) else 0.0
    kept = np.where(keep, x.astype(np.float64), -np.inf)
    top = kept.max(axis=-1, keepdims=True)
    top[np.isneginf(top)] = 0.0
    with np.errstate(over="ignore"):  # beyond float64 is beyond the largest code all the same
        steps = (kept - top) * unit + top_at if cfg.recentre else kept * unit
        rounded = np.rint(steps) if isinstance(form, Fixed) else steps
        beyond = ((rounded < low) | (rounded > high)) & keep
        rows = beyond.any(axis=-1)
        distance, beyond = kept[rows] - top[rows], beyond[rows]
    far = beyond & (distance < -UNDERFLOW)
    moved = _moved(distance, np.clip(steps[rows], low, high), keep[rows], unit, cfg)
    counts = (int(np.count_nonzero(mask)) for mask in (keep, beyond & ~far, far, moved))
    codes = np.clip(rounded, low, high) if isinstance(form, Fixed) else form.encode(rounded)
    return codes.astype(np.int32), Clipping(*counts)


def _moved(distance: Floats, held: Floats, keep: Mask, unit: float, cfg: Config) -> Mask:
    """Rows whose exact softmax is another one once the codes are held within their range.

    Args:
        distance: scores below their row's maximum, [rows, keys], -inf where masked.
        held: steps before rounding, clipped; likewise.
        keep: likewise.
        unit: steps of a score of 1.
        cfg: gives the step of the output.
    """
    held = np.where(keep, held, -np.inf)
    terms = np.exp(distance), np.exp((held - held.max(axis=-1, keepdims=True)) / unit)
    before, after = (term / term.sum(axis=-1, keepdims=True) for term in terms)
    moved: Mask = (np.abs(before - after) >= 0.5 * cfg.outputs.lsb).any(axis=-1)
    return moved
