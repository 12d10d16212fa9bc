"""What an adapter and a softmax agree on: the arrays that pass between them, and how one calls."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.account import Account
from softmax_cosim.configs import UsageError

__all__ = ["Floats", "Mask", "Softmax", "apply", "current_layer"]

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

#: Scores [..., keys], scaled, before softmax, and a mask that broadcasts to them, True where a key
#: may be attended (None: everywhere; a score may mask itself, see :func:`.quantise.unmasked`),
#: to probabilities [..., keys], 0 where masked. Or to None, which leaves the softmax to the model.
Softmax = Callable[[Floats, Mask | None], Floats | None]

#: Name of the layer whose softmax is being computed; empty when it is not known.
current_layer: ContextVar[str] = ContextVar("current_layer", default="")


def apply(
    softmax: Softmax,
    layer: str,
    scores: Floats,
    mask: Mask | None,
    account: Account | None = None,
) -> Floats | None:
    """Call a softmax for a layer of this name, and count that in an account; what adapters do.

    Returns:
        Its probabilities, of the shape of ``scores``; or None: the model's own softmax it is.

    Raises:
        UsageError: it returned something of another shape.
    """
    token = current_layer.set(layer)
    try:
        answer = softmax(scores, mask)
    finally:
        current_layer.reset(token)
    if answer is not None and np.shape(answer) != scores.shape:
        raise UsageError(
            f"the softmax returned shape {np.shape(answer)} for scores of shape {scores.shape}; "
            "it must keep the shape"
        )
    if account is not None:
        (account.left if answer is None else account.replaced)[layer] += 1
    return answer
