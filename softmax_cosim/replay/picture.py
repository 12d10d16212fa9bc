"""The attention map of a report: a head as it came out."""

from __future__ import annotations

import numpy as np

from softmax_cosim.measure import Measured
from softmax_cosim.report import AttentionMap

__all__ = ["Picture"]

#: Queries and keys of a drawn attention map at most: finer than that nobody sees.
MAP_SIDE = 128


class Picture:
    """Collects the first head that has rows of each model."""

    def __init__(self) -> None:
        """Start empty."""
        self._heads: dict[str, tuple[str, str, int, int]] = {}
        self._rows: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, measured: Measured) -> None:
        """Look for rows of the head that is drawn; those that did not come out are NaN.

        Where no errors are measured, nothing is drawn.
        """
        batch = measured.batch
        if batch.total is None:
            return
        head = (batch.trace, batch.tensor, int(batch.batch[0]), int(batch.head[0]))
        head = self._heads.setdefault(batch.model, head)
        if head[:2] != (batch.trace, batch.tensor):
            return
        rows = self._rows.setdefault(batch.model, {})
        of_head = np.flatnonzero((batch.batch == head[2]) & (batch.head == head[3]))
        places = of_head[: MAP_SIDE - len(rows)]
        if not len(places):
            return
        references, outputs = (values[:, :MAP_SIDE] for values in measured.rows(places.tolist()))
        gone = batch.lost[places] | batch.error[places]
        outputs = np.where(gone[:, None], np.nan, outputs)
        drawn = zip(references, outputs, strict=True)
        rows.update(zip(batch.query[places].tolist(), drawn, strict=True))

    def maps(self) -> tuple[AttentionMap, ...]:
        """What was collected so far."""
        return tuple(self._map(model) for model in self._heads)

    def _map(self, model: str) -> AttentionMap:
        trace, tensor, batch, head = self._heads[model]
        queries = sorted(self._rows[model])
        reference, output = zip(*(self._rows[model][query] for query in queries), strict=True)
        return AttentionMap(
            trace=trace,
            model=model,
            tensor=tensor,
            batch=batch,
            head=head,
            reference=np.stack(reference),
            hardware=np.stack(output),
            queries=np.array(queries),
        )
