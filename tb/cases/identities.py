"""Rows as transactions: every result comes back under the name of its row."""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.stimulus import LENGTHS, rows
from softmax_cosim.tb.transactions import Identity, RowIn, collect, deliver


@case
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
    results = await bench.signal.play(collect(batch), profile("light"), int(rng.integers(2**32)))
    before = -1
    for sent, got in zip(batch, deliver(batch, results), strict=True):
        assert got.identity == sent.identity
        alone = Rows(sent.q, sent.keep, np.array([0, len(sent.q)]))
        np.testing.assert_array_equal(got.y, softmax(cfg, alone).y, str(got.identity))
        assert before < got.first_in <= got.last_in < got.first_out <= got.last_out, got
        assert not got.error
        before = got.last_in
