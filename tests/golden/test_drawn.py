"""Rows drawn by name: codes of floating point, and what scores are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden import drawn
from softmax_cosim.golden.drawn import MASKS, SCORES


@pytest.fixture
def cfg(request: pytest.FixtureRequest, tmp_path: Path) -> configs.Config:
    """A golden model alone, whose scores are of a format."""
    path = tmp_path / "mine.toml"
    path.write_text(f'golden = "mine:golden"\ninput = "{request.param}"\noutput = "uq0.16"\n')
    (tmp_path / "mine.py").write_text("def golden(cfg, rows):\n    return rows.q * 0\n")
    return configs.load(str(path))


FORMATS = ["q8.8", "uq4.4", "bf16", "fp16", "fp32"]


@pytest.mark.parametrize("cfg", ["bf16", "fp16", "fp32"], indirect=True)
def test_codes_of_ranks_are_the_values_in_their_order(cfg: configs.Config):
    low, high = drawn._ends(cfg)
    assert low == -high
    ranks = np.array([low, low + 1, -2, -1, 0, 1, 2, high - 1, high])
    codes = drawn._codes(cfg, ranks)
    sign = 2 ** (cfg.in_w - 1)
    assert codes.min() >= (-sign if cfg.in_w == 32 else 0)
    assert codes.max() < (sign if cfg.in_w == 32 else 2 * sign)
    values = cfg.inputs.decode(codes)
    assert (np.diff(values) > 0).all()
    assert values[0] == -values[-1] == -cfg.inputs.limit  # type: ignore[union-attr]
    assert values[4] == 0
    np.testing.assert_array_equal(cfg.inputs.rank(codes), ranks)


@pytest.mark.parametrize("cfg", FORMATS, indirect=True)
@pytest.mark.parametrize("scores", SCORES)
def test_scores_are_codes_of_finite_values(cfg: configs.Config, scores: str):
    rng = np.random.default_rng(5)
    rows = drawn.rows(cfg, rng, [1, 7, 300], scores=scores, mask="none")
    assert rows.keep.all()
    low, high = drawn._ends(cfg)
    ranks = cfg.inputs.rank(rows.q)
    assert (ranks >= low).all()
    assert (ranks <= high).all()
    assert np.isfinite(cfg.inputs.decode(rows.q)).all()
    row = ranks[8:]
    if scores == "equal":
        assert len(np.unique(row)) == 1
    if scores == "extreme":
        assert set(row.tolist()) == {low, high}
    if scores == "rising":
        assert (np.diff(row) >= 0).all()
        assert len(np.unique(row)) > 100
    if scores == "sparse":
        far = row >= high - 2
        assert 0 < far.sum() < 40
        assert (row[~far] == max(low, -high)).all()


def test_masks():
    rng = np.random.default_rng(6)
    for _ in range(30):
        padded = MASKS["padding"](rng, 0, 20)
        assert padded[0]
        assert (np.diff(padded.astype(int)) <= 0).all()
    assert [MASKS["causal"](rng, n, 3).sum() for n in range(5)] == [1, 2, 3, 1, 2]
    assert MASKS["none"](rng, 0, 5).all()
    assert not MASKS["all"](rng, 0, 5).any()
    assert 500 < MASKS["random"](rng, 0, 1_000).sum() < 700
