"""Golden models of the field's methods: vectors of public implementations, and what must hold."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.numbers import parse
from softmax_cosim.golden import own, reference
from softmax_cosim.golden.field import ibert, vexp
from softmax_cosim.golden.field.common import About
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax

DATA = Path(__file__).parent / "data"
VECTORS = [
    json.loads(line)
    for line in gzip.decompress((DATA / "public.jsonl.gz").read_bytes()).splitlines()
]
METHODS = sorted(
    path.stem
    for path in Path(own.__file__).parent.glob("field/*.py")
    if path.stem not in ("__init__", "common")
)
NAMES = configs.field()


def module_of(cfg: Config) -> Any:
    assert cfg.design is not None
    return importlib.import_module(cfg.design.golden.partition(":")[0])


def real(cfg: Config, rows: Rows) -> np.ndarray:
    return cfg.real(softmax(cfg, rows).y)


def codes(cfg: Config, scores: np.ndarray) -> np.ndarray:
    return cfg.inputs.encode(scores / cfg.scale).astype(np.int32)


def test_every_method_has_a_configuration_and_says_what_it_is():
    modules = {module_of(configs.load(name)) for name in NAMES}
    assert sorted(module.__name__.rpartition(".")[2] for module in modules) == METHODS
    for module in modules:
        assert isinstance(module.ABOUT, About)
        assert module.ABOUT.source in module.__doc__.replace("\n", " ")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['config']}-{v['implementation']}")
def test_it_is_what_a_public_implementation_gives(vector: dict[str, Any]):
    cfg = configs.load(vector["config"])
    y = softmax(cfg, Rows.of(vector["q"])).y
    expected = np.concatenate(vector["y"])
    np.testing.assert_array_equal(y.astype(np.int64), expected)


def test_the_bfloat16_exponent_is_that_of_the_public_hardware():
    """Of patterns from -0 down to -infinity, one in 64."""
    found = json.loads((DATA / "softex_exponent.json").read_text())
    patterns = np.arange(0, 0x7F81, 64)
    np.testing.assert_array_equal(vexp.exponent(patterns), found["y"])


def test_every_vector_is_here():
    assert {vector["config"] for vector in VECTORS} == CHECKED
    assert sum(len(row) for vector in VECTORS for row in vector["q"]) == ELEMENTS


@pytest.mark.parametrize(
    ("name", "q", "y"),
    [
        # 2 * 2^-0 = 2^1: 0.818 * 2^-1; k = round(1 + 1/2 - 1/16) = 1 a nat below, a sum of 1.5
        ("field/sole_16", [0, 0], [104, 104]),
        ("field/sole_16", [0, -256], [145, 72]),
        # 1/2 * 128; of a sum of 1.5 the table has round(128 / 1.5) = 85, half of it an octave below
        ("field/softermax_16", [0, 0], [64, 64]),
        ("field/softermax_16", [0, -256], [85, 42]),
        # the maximum rises by 2, or 4, octaves with the second slice: the sum so far is shifted
        ("field/softermax_16", [0] * 16 + [512], [6] * 16 + [25]),
        # half an octave is one: 65280 // 384
        ("field/ita_16", [0, -128], [170, 85]),
        # 178 steps are an octave: the quotients 1.5 and 2.5 are ties, and go to 2; 3 is 2^-2
        ("field/fqvit_16", [0, -178], [2**30, 2**29]),
        ("field/fqvit_16", [0, 0, -178], [2**30, 2**30, 2**29]),
        ("field/sole_16", [0] * 32 + [710], [4] * 32 + [72]),
    ],
)
def test_by_hand(name: str, q: list[int], y: list[int]):
    assert softmax(configs.load(name), Rows.of([q])).y.tolist() == y


def test_exponents_are_as_close_as_their_papers_say():
    """I-BERT: 1.9e-3 at most; SoftEx: 0.14 % in the mean, here of uniform scores of 0 to 8."""
    cfg = configs.load("field/ibert")
    d = np.arange(16 * 256)
    z, n, most = ibert.exponent(cfg, d)
    assert np.abs(z / most / 2.0**n - np.exp(-d / 256)).max() == pytest.approx(1.9e-3, abs=5e-5)
    form = parse("bf16", "")
    patterns = form.encode(np.random.default_rng(0).uniform(0, 8, 10_000))
    exact = np.exp(-form.decode(patterns))
    error = np.abs(form.decode(vexp.exponent(patterns)) / exact - 1)
    assert error.mean() == pytest.approx(0.0018, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_masked_is_nothing(name: str):
    """0, and the others are what they are without it; a row with nothing kept is 0 everywhere."""
    cfg = configs.load(name)
    rng = np.random.default_rng(1)
    q = codes(cfg, rng.normal(0, 2, 40))
    keep = rng.random(40) < 0.7
    q[~keep] = cfg.inputs.highest if cfg.inputs.step == "LSB" else codes(cfg, np.array([60.0]))
    masked = softmax(cfg, Rows.of([q, q[:5]], [keep, np.zeros(5, bool)])).y
    assert not masked[:40][~keep].any()
    assert not masked[40:].any()
    if not getattr(module_of(cfg), "LANES", 0):  # else it matters with whom an element comes in
        alone = softmax(cfg, Rows.of([q[keep]])).y
        np.testing.assert_array_equal(masked[:40][keep], alone)


@pytest.mark.parametrize("name", NAMES)
def test_a_larger_score_gives_no_smaller_output(name: str):
    cfg = configs.load(name)
    x = np.random.default_rng(2).normal(0, 3, (20, 100))
    q = codes(cfg, x)
    if name in BY_SLICES:
        q = q[:, : module_of(cfg).LANES]
    y = real(cfg, Rows.of(list(q))).reshape(q.shape)
    order = np.argsort(cfg.scores(q), axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(y, order, 1), axis=1) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_softmax(name: str):
    """Close to it in all of a row, and its rows add up to about 1 while outputs can show them."""
    cfg = configs.load(name)
    q = codes(cfg, np.random.default_rng(3).normal(0, 2, (200, 16)))
    rows = Rows.of(list(q))
    y = real(cfg, rows).reshape(q.shape)
    exact = reference.of_quantised(cfg, rows).reshape(q.shape)
    assert np.abs(y - exact).sum(axis=1).mean() < FAR.get(name, 0.1)
    assert abs(y.sum(axis=1).mean() - 1) < FAR.get(name, 0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_does_not_hang_on_its_neighbours(name: str):
    cfg = configs.load(name)
    rng = np.random.default_rng(4)
    rows = [codes(cfg, rng.normal(0, 3, length)) for length in (1, 7, 64, 300, 2, 33)]
    together = softmax(cfg, Rows.of(rows)).y
    alone = np.concatenate([softmax(cfg, Rows.of([row])).y for row in rows])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_extremes(name: str):
    """Every code, far apart and all alike, up to the longest row."""
    cfg = configs.load(name)
    fixed = cfg.inputs.step == "LSB"
    low, high = (
        (cfg.inputs.lowest, cfg.inputs.highest) if fixed else codes(cfg, np.array([-1e30, 1e30]))
    )
    rows = [[low], [high], [low, high], [high] * 4096, [low] * 4095 + [high]]
    y = real(cfg, Rows.of(rows))
    assert np.isfinite(y).all()
    assert (y >= 0).all()
    assert y.max() < 1.01
    assert y[:2].min() > 0.7  # alone in its row
    assert y[2] < 1e-4
    assert y[3] > 0.7
    assert len(set(y[4:4100])) == 1


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("field/ibert", {"input": "bf16"}, "input = 'bf16'; this method wants fixed point, qI.F"),
        ("field/ibert", {"output": "unorm8"}, "output = unorm8; this method wants fixed point"),
        ("field/hls4ml", {"input": "q5.5"}, "input = q5.5; give 11 bits or more"),
        ("field/tosa", {"input": "q5.4"}, "input = q5.4; give 8 bits, or take tosa16"),
        ("field/fqvit", {"input": "q2.16"}, "input = q2.16; with steps as fine"),
        ("field/ita", {"input": "fp16"}, "input = 'fp16'; this method wants fixed point, qI.F"),
    ],
)
def test_a_grid_that_a_method_cannot_take_is_refused(
    name: str, change: dict[str, str], sentence: str
):
    cfg = configs.load(name).replace(**change)
    with pytest.raises(UsageError, match=sentence):
        softmax(cfg, Rows.of([[1, 2]]))


#: Configurations that a public implementation was measured against, and elements of the vectors.
CHECKED = {
    f"field/{name}"
    for name in (
        *("fqvit", "hls4ml", "hls4ml_16", "ibert", "ita", "ivit", "tflite", "tosa", "tosa_int16"),
    )
}
ELEMENTS = 6576
#: Exponents of two slices may be out of order by one.
BY_SLICES = {"field/sole", "field/sole_16"}
#: Mean L1 of short rows, and what they lack of 1, where a method is coarser than 0.1.
FAR = {
    **dict.fromkeys(("field/ita", "field/ita_16", "field/sole", "field/sole_16"), 0.3),
    **dict.fromkeys(("field/fqvit", "field/fqvit_16"), 0.25),
}
