"""Rows as transactions: every result comes back under the name of its row."""

from __future__ import annotations

import numpy as np

from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.framing import frame
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.needs import needs, rows_apart
from softmax_cosim.tb.stimulus import LENGTHS, rows
from softmax_cosim.tb.transactions import Identity, RowIn, collect, deliver


@case
@needs(rows_apart)
async def every_row_keeps_its_name(bench: Bench) -> None:
    """Two layers of two heads through the transport at once, each result judged on its own."""
    cfg, rng = bench.cfg, bench.rng
    batch = []
    for layer in range(2):
        for head in range(2):
            drawn = rows(cfg, rng, LENGTHS["few_short"](cfg, rng))
            for query in range(len(drawn)):
                row = drawn.slice(query, query + 1)
                batch.append(RowIn(Identity("random", layer, head, query), row.q, row.keep))
    framed = frame(cfg, collect(batch))
    stalls = bench.profile("light")
    results = framed.results(
        await bench.signal.play(framed.driven, stalls, int(rng.integers(2**32)))
    )
    before = -1
    for sent, got in zip(batch, deliver(batch, results), strict=True):
        assert got.identity == sent.identity
        expected = softmax(cfg, Rows(sent.q, sent.keep, np.array([0, len(sent.q)]))).y
        wrong = np.flatnonzero(apart(cfg, expected, got.y))
        assert not len(wrong), f"{got.identity}: expected {expected[wrong]}, got {got.y[wrong]}"
        assert before < got.first_in <= got.last_in <= got.first_out <= got.last_out, got
        assert cfg.design or got.last_in < got.first_out, got
        assert not got.error
        before = got.last_in
