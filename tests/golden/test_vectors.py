"""Every row of the committed vectors, which an independent program computed."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_cosim.configs import PRECISIONS, Config
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax

VECTORS = Path(__file__).parent / "data" / "numerics.jsonl.gz"
PRECISION_OF = {w: name for name, w in PRECISIONS.items()}
PARAMETERS = ("method", "index", "sum_index", "XS", "KE", "in_w", "F", "w")


def _load() -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """The vectors, by their parameters: rows that one configuration computes."""
    groups = defaultdict(list)
    for line in gzip.decompress(VECTORS.read_bytes()).splitlines():
        vector = json.loads(line)
        groups[tuple(vector.get(key) for key in PARAMETERS)].append(vector)
    return groups


GROUPS = _load()


def test_every_vector_is_here() -> None:
    assert sum(map(len, GROUPS.values())) == 3120
    covered = {(key[0], key[1], key[2], key[7]) for key in GROUPS}
    modes = [("rexp", "distance"), ("rexp", "msb"), ("lut2d", None)]
    assert covered == {
        (method, index, sum_index, w)
        for method, index in modes
        for sum_index in ("nearest", "floor")
        for w in PRECISIONS.values()
    }


@pytest.mark.parametrize("key", GROUPS, ids=lambda key: "-".join(str(x) for x in key if x))
def test_golden_agrees_with_every_row(key: tuple[Any, ...]) -> None:
    method, index, sum_index, xs, ke, in_w, frac, w = key
    cfg = Config(
        "vectors",
        method,
        PRECISION_OF[w],
        in_w=in_w,
        frac=frac,
        index=index or "distance",
        sum_index=sum_index,
        xs=xs,
        ke=ke or 0,
    )
    vectors = GROUPS[key]
    rows = Rows.of([v["q"] for v in vectors], [v["keep"] for v in vectors])
    expected = np.concatenate([v["y"] for v in vectors])
    np.testing.assert_array_equal(softmax(cfg, rows).y, expected)
