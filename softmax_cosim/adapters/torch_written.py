"""A softmax that is written out in torch: where it is complete, and of which scores.

Its parts are known by their tags (:mod:`.torch_flow`), and that they make a softmax by their
numbers: it adds up to 1.
"""

from __future__ import annotations

from typing import Any

from softmax_cosim.adapters import require
from softmax_cosim.adapters.torch_attend import wide
from softmax_cosim.adapters.torch_flow import Flow, Heard

__all__ = ["Written"]


class Written:
    """Tells a softmax from other uses of exponentials."""

    def __init__(self, flow: Flow) -> None:
        """Look at tensors whose tags ``flow`` knows."""
        self._torch = require("torch", "torch")
        self._flow = flow

    def completed(self, name: str, args: Any) -> tuple[tuple[Any, int] | None, set[Heard]]:
        """The scores and axis of a softmax that ``exp``, ``div`` or ``mul`` is about to complete.

        Exponentials over their sum, whatever was done to both in between, are the softmax of the
        exponentials' logarithms.

        Returns:
            Scores and axis, None if it is none; exponentials that are divided by sums of theirs.
        """
        torch, flow = self._torch, self._flow
        nothing: set[Heard] = set()
        given = [one for one in args[:2] if isinstance(one, torch.Tensor) and not one.is_nested]
        if name == "exp":
            return self._of_logarithm(given[0]) if given else None, nothing
        if len(given) < 2:
            return None, nothing
        over, under = given
        if name == "mul":
            over, under = sorted(given, key=lambda one: flow[one].inverse)
            if not flow[under].inverse:
                return None, nothing
        elif flow[under].inverse:
            return None, nothing
        common = {heard for heard, _ in flow[under].sums} & flow[over].exponentials
        for heard, axis in flow[under].sums:
            if heard in common and axis is not None and axis < over.ndim:
                sums = wide(over).sum(axis, keepdim=True)
                divisor = wide(under).reciprocal() if name == "mul" else wide(under)
                if self._close(sums, divisor, over.dtype):
                    return (self.logarithm(over), axis), common
        return None, common

    def axis(self, result: Any) -> int | None:
        """Along which axis what came of exponentials adds up to 1; None: along none.

        On whatever way their sums were had.
        """
        if not self._flow[result].exponentials or result.is_nested or not result.numel():
            return None
        if (result < 0).any():
            return None
        for axis in range(-1, -result.ndim - 1, -1):
            if result.shape[axis] > 1:
                sums = wide(result).sum(axis)
                if sums.any() and self._close(sums, self._torch.ones_like(sums), result.dtype):
                    return axis
        return None

    def logarithm(self, exponentials: Any) -> Any:
        """Scores of exponentials, tagged as these are."""
        scores = wide(exponentials).log()
        self._flow[scores] = self._flow[exponentials]
        return scores

    def _of_logarithm(self, scores: Any) -> tuple[Any, int] | None:
        """Scores and axis, if the scores are logarithms of probabilities."""
        for _, axis in self._flow[scores].sums:
            if axis is not None and axis < scores.ndim:
                sums = wide(scores).exp().sum(axis)
                if self._close(sums, self._torch.ones_like(sums), scores.dtype):
                    return scores, axis
        return None

    def _close(self, sums: Any, divisor: Any, kind: Any) -> bool:
        """Whether sums are the divisor's, where there is anything to divide."""
        rough = max(4 * self._torch.finfo(kind).eps, 1e-5)
        near = (sums - divisor).abs() <= rough * sums
        return bool((near | (sums == 0)).all())
