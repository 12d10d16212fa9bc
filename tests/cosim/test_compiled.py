"""What is compiled is what ``golden`` says: integers value by value, errors to 1e-13."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings

from softmax_cosim import compiled, configs, measure
from softmax_cosim.compiled import golden, library
from softmax_cosim.compiled.errors import Scores, errors_of
from softmax_cosim.compiled.golden import softmax as compiled_softmax
from softmax_cosim.compiled.quantised import quantised
from softmax_cosim.configs import UsageError
from softmax_cosim.golden import reference
from softmax_cosim.golden.metrics import TableHits, row_errors
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.kept import Kept
from softmax_cosim.measure import Slice
from softmax_cosim.trace import Layer
from tests.golden import batches

#: Figures of a row, as probabilities, differ by less: of them or of 1, whichever is more.
CLOSE = 1e-13


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    assert library.ready()


@pytest.fixture
def random(pytestconfig):
    return np.random.default_rng(pytestconfig.getoption("--seed"))


def agree(cfg, rows):
    """Outputs, row exponents and table hits are those of the golden model."""
    found, right = compiled_softmax(cfg, rows), softmax(cfg, rows)
    hits = TableHits()
    hits.update(cfg, rows, right)
    assert found.y.dtype == right.y.dtype
    assert found.y.tolist() == right.y.tolist()
    assert found.exponent.tolist() == right.exponent.tolist()
    assert found.hits == hits


@pytest.mark.parametrize("name", configs.names())
def test_every_configuration_answers_as_golden_does(name, random):
    cfg = configs.load(name)
    low, high = cfg.inputs.lowest, cfg.inputs.highest
    lengths = np.concatenate([random.integers(1, 200, 300), [1, 7, 8, 9, cfg.max_len]])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    spread = np.repeat(random.choice([1, 64, 1 << 10, 1 << cfg.in_w], len(lengths)), lengths)
    q = np.clip(random.normal(0, spread), low, high).astype(np.int32)
    keep = random.random(len(q)) < np.repeat(random.choice([0, 0.1, 0.9, 1], len(lengths)), lengths)
    q[~keep] = random.integers(low, high, np.count_nonzero(~keep), np.int32, endpoint=True)
    agree(cfg, Rows(q, keep, offsets))


@settings(max_examples=300, deadline=None)
@given(batches.cases())
def test_any_configuration_answers_as_golden_does(case):
    agree(*case)


@pytest.mark.parametrize("name", ["rexp_uint8_msb", "lut2d_int16", "split_int16_rowexp"])
def test_every_code_beside_every_extreme_one(name):
    cfg = configs.load(name)
    codes = np.arange(cfg.inputs.lowest, cfg.inputs.highest + 1, dtype=np.int32)
    for beside in (codes[0], -1, 0, codes[-1]):
        q = np.stack([codes, np.full_like(codes, beside)], axis=1)
        offsets = np.arange(len(codes) + 1, dtype=np.int64) * 2
        agree(cfg, Rows(q.reshape(-1), np.ones(q.size, np.bool_), offsets))


def test_a_score_that_does_not_fit_is_refused_likewise():
    cfg = configs.load("rexp_uint8_in8")
    rows = Rows.of([[3, 128], [-129, 4]], [[True, False], [True, True]])
    with pytest.raises(ValueError, match="score -129 does not fit the 8 bits"):
        compiled_softmax(cfg, rows)


def close(found, right, size):
    for field in dataclasses.fields(right):
        one, other = getattr(found, field.name), getattr(right, field.name)
        if field.name.endswith("_lsb"):
            one, other = one * size, other * size
        if one.dtype != np.float64:
            assert one.tolist() == other.tolist(), field.name
        else:
            assert (np.abs(one - other) <= CLOSE * np.maximum(1, np.abs(other))).all(), field.name


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_errors_are_those_of_the_metrics(dtype, random):
    lengths = np.concatenate([random.integers(1, 100, 500), np.arange(1, 40), [4096]])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    elements, rows = int(offsets[-1]), len(lengths)
    spread = np.repeat(random.choice([0, 0.1, 3, 40, 3000], rows), lengths)
    scores = random.normal(0, spread).astype(dtype)
    keep = random.random(elements) < np.repeat(random.choice([0, 0.3, 1], rows), lengths)
    if dtype != np.int32:
        scores[::11] = -np.inf
        scores[5::11] = np.finfo(dtype).min
        keep &= scores > np.finfo(dtype).min
    p = reference.softmax_of_scores(scores.astype(np.float64) * 0.5, keep, offsets)
    lsb = np.repeat(random.choice([1.0, 1 / 3, 1 / 255, 2.0**-15, 2.0**-40], rows), lengths)
    near = random.choice([0, 1, 5], elements) * lsb * random.normal(0, 1, elements)
    output = np.rint((p + near) / lsb) * lsb  # some below 0, and some where masked
    size = lsb[offsets[:-1]]
    shape = output, keep, offsets, size
    flat = Scores(np.zeros(elements, np.int32), offsets[:-1])
    found, other = errors_of([Scores(scores, offsets[:-1], 0.5), flat], *shape)
    close(found, row_errors(p, *shape), size)
    close(
        other,
        row_errors(reference.softmax_of_scores(np.zeros(elements), *shape[1:3]), *shape),
        size,
    )


@pytest.mark.parametrize("codes", [2, 256, 1 << 16])
@pytest.mark.parametrize("steps", ["one", "many"])
def test_outputs_in_steps_are_those_of_their_probabilities(codes, steps, random):
    """Many rows alike too, of which logarithms are looked up, and tails that take no part."""
    rows = 300
    lengths = random.integers(1, 60, rows) if steps == "many" else np.full(rows, 37)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    output = random.integers(0, codes, offsets[-1]).astype(np.uint16)
    lsb = np.ldexp(
        1 / 255, -random.integers(0, 8, rows) if steps == "many" else np.zeros(rows, int)
    )
    scores = Scores(random.normal(0, 3, offsets[-1]), offsets[:-1])
    keep = random.random(offsets[-1]) < 0.8
    if steps == "one":
        keep = np.tile(np.arange(37) < 20, rows)
        keep[37 * 100 : 37 * 200] = keep[37 * 50]
        output[~keep & (random.random(len(keep)) < 0.99)] = 0
    shape = keep, offsets, lsb
    (found,) = errors_of([scores], output, *shape)
    (right,) = errors_of([scores], output * np.repeat(lsb, lengths), *shape)
    for field in dataclasses.fields(right):
        assert np.array_equal(getattr(found, field.name), getattr(right, field.name)), field.name
    p = reference.softmax_of_scores(scores.values, *shape[:2])
    close(found, row_errors(p, output * np.repeat(lsb, lengths), *shape), lsb)


def test_scores_as_far_apart_as_doubles_go():
    scores = np.array([1.7e308, -1.7e308, -1e300, 0.0, -1.7e308, -1.7e308, 5e-324, 0.0])
    keep, offsets = np.ones(8, np.bool_), np.array([0, 4, 6, 8])
    output, lsb = np.array([1, 0, 0, 0, 0.5, 0.5, 1, 1]), np.full(3, 1 / 255)
    with np.errstate(over="ignore"):
        p = reference.softmax_of_scores(scores, keep, offsets)
    (found,) = errors_of([Scores(scores, offsets[:-1])], output, keep, offsets, lsb)
    close(found, row_errors(p, output, keep, offsets, lsb), lsb)


def layer_of(dtype, random, mask):
    scores = random.normal(0, random.choice([0.5, 5, 60], (3, 4, 6, 1)), (3, 4, 6, 37))
    scores = scores.astype(dtype)
    scores[random.random(scores.shape) < 0.05] = -np.inf
    for value in (-65504, np.finfo(dtype).min, np.finfo(np.float32).min, -1e4, 0.0, -0.0):
        with np.errstate(over="ignore"):
            scores[random.random(scores.shape) < 0.02] = value
    scores[1, 2] = -np.inf  # rows with nothing kept
    return Layer(0, scores, None if mask is None else random.random(mask) < 0.7)


NAMES = ["rexp_uint8", "split_uint8_recentred", "rexp_uint8_in8", "split_int16"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("mask", [None, (3, 1, 1, 37), (1, 4, 6, 1), (3, 4, 6, 37), (1, 1, 1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_quantised_as_golden_does(name, dtype, mask, random):
    cfg = configs.load(name)
    layer = layer_of(dtype, random, mask)
    picked = np.flatnonzero(random.random(72) < 0.7)
    rows, active, clipping, extremes = quantised(cfg, layer, picked, "scores")
    flat = layer.flatten(picked)
    right = quantise(flat.scores, flat.keep, cfg)
    assert rows.q.tolist() == right.q.reshape(-1).tolist()
    assert rows.keep.tolist() == right.keep.reshape(-1).tolist()
    assert active.tolist() == np.count_nonzero(right.keep, axis=1).tolist()
    assert rows.lengths.tolist() == [37] * len(picked)
    assert clipping == right.clipping
    none = cfg.inputs.lowest, cfg.inputs.highest
    shown = [row[keep].tolist() for row, keep in zip(right.q, right.keep, strict=True)]
    assert extremes.top.tolist() == [max(row, default=none[0]) for row in shown]
    assert extremes.bottom.tolist() == [min(row, default=none[1]) for row in shown]
    if cfg.method in golden.METHODS:
        known, found = compiled_softmax(cfg, rows, extremes), compiled_softmax(cfg, rows)
        assert known.y.tolist() == found.y.tolist()
        assert known.hits == found.hits


def test_every_float16_is_quantised_as_golden_does():
    scores = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    scores = scores[scores < np.inf].reshape(1, 1, -1, 1)
    layer, picked = Layer(0, scores), np.arange(scores.size)
    for name in NAMES:
        cfg = configs.load(name)
        rows, _, clipping, _ = quantised(cfg, layer, picked, "scores")
        right = quantise(scores.reshape(-1, 1), None, cfg)
        assert rows.q.tolist() == right.q.reshape(-1).tolist()
        assert rows.keep.tolist() == right.keep.reshape(-1).tolist()
        assert clipping == right.clipping


@pytest.mark.parametrize("name", NAMES)
def test_the_widest_and_the_narrowest_floats_are_quantised_as_golden_does(name):
    cfg = configs.load(name)
    steps = (np.arange(-6, 6) / 2).astype(np.float32) * np.float32(cfg.inputs.lsb)
    scores = [3e38, -3e38, 1e-45, -1e-45, *steps, *np.nextafter(steps, np.float32(9))]
    layer = Layer(0, np.array([scores, [*scores[2:], 0.0, 0.0]], np.float32)[None, None])
    rows, _, clipping, _ = quantised(cfg, layer, np.arange(2), "scores")
    right = quantise(layer.scores.reshape(2, -1), None, cfg)
    assert rows.q.tolist() == right.q.reshape(-1).tolist()
    assert clipping == right.clipping


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_no_score_is_refused_likewise(dtype, bad):
    scores = np.zeros((1, 1, 3, 5), dtype)
    scores[0, 0, 1, 2] = bad
    with pytest.raises(UsageError, match=r"x: (NaN|\+inf) at index \[1, 2\]"):
        quantised(configs.load("rexp_uint8"), Layer(0, scores), np.arange(3), "x")


def slice_of(name, layer):
    cfg = configs.load(name)
    design = SimpleNamespace(cfg=cfg, command=lambda *_, **__: "")
    trace = SimpleNamespace(path="trace", model="model")
    return Slice(design, SimpleNamespace(trace=trace, kept=Kept()), layer, np.arange(72))


def answers_of(part):
    """What hardware could have answered: right rows, wrong ones, a lost one and an error."""
    right = softmax(part.design.cfg, part.rows)
    y, exponent, cycles = right.y.copy(), right.exponent.copy(), np.arange(72)
    y[37 * 5 + 3] ^= 1
    y[37 * 9 : 37 * 10] ^= 1
    exponent[11] ^= 1
    error, last_out = cycles == 20, np.where(cycles == 30, -1, cycles + 40)
    y[37 * 20 : 37 * 21] = y[37 * 30 : 37 * 31] = 0
    return Results(y, error, exponent, cycles, cycles + 4, cycles + 30, last_out)


@pytest.mark.parametrize("played", [True, False])
@pytest.mark.parametrize("name", ["rexp_uint8", "lut2d_uint4", "split_uint8_rowexp"])
def test_a_slice_is_measured_as_without(name, played, random, monkeypatch):
    layer = layer_of(np.float16, random, (3, 1, 1, 37))
    found = []
    for ready in (True, False):
        monkeypatch.setattr(library, "ready", lambda ready=ready: ready)
        part = slice_of(name, layer)
        found.append(part.measure(answers_of(part) if played else None, predictable=played))
    for field in dataclasses.fields(found[0].batch):
        one, other = (getattr(measured.batch, field.name) for measured in found)
        if field.name in ("datapath", "total"):
            close(one, other, part.design.cfg.outputs.lsb)
        elif field.name == "detail":
            assert all(
                np.array_equal(a, b)
                for a, b in zip(found[0].rows([3]), found[1].rows([3]), strict=True)
            )
        else:
            assert np.array_equal(one, other), field.name
    if played:
        wrong = found[0].batch.mismatched
        assert wrong[[5, 9, 11, 20, 30]].tolist() == [1, 37, 37, 0, 0]
        assert np.count_nonzero(wrong) == 3


def test_nobody_but_golden_says_that_a_row_is_wrong(monkeypatch):
    part = slice_of("rexp_uint8", layer_of(np.float32, np.random.default_rng(1), None))
    right = softmax(part.design.cfg, part.rows)

    def mistaken(cfg, rows, known):
        found = compiled_softmax(cfg, rows, known)
        return dataclasses.replace(found, y=found.y ^ 1)

    monkeypatch.setattr(measure.golden, "softmax", mistaken)
    never = np.arange(72)
    results = Results(right.y, never < 0, right.exponent, never, never, never, never)
    assert not part.measure(results).batch.mismatched.any()


def test_without_a_compiler_golden_does_the_work(monkeypatch, tmp_path):
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path))
    monkeypatch.setattr(library.toolchain, "compiler", lambda: [str(tmp_path / "g++")])
    monkeypatch.setattr(library, "_library", library._library.__wrapped__)
    assert not library.ready()
    part = slice_of("rexp_uint8", layer_of(np.float32, np.random.default_rng(1), None))
    assert part.measure().golden().y.tolist() == softmax(part.design.cfg, part.rows).y.tolist()


@pytest.fixture
def first():
    """What comes next is the first batch."""
    golden._confirmed.cache_clear()
    compiled.quantised._confirmed.cache_clear()


def test_a_compiled_model_that_went_astray_is_no_verdict(monkeypatch, first):
    """Some rows of the first batch are golden's own."""
    cfg = configs.load("split_uint8")
    powers = golden._powers(cfg).copy()
    powers["power"] += 64
    monkeypatch.setattr(golden, "_powers", lambda cfg: powers)
    with pytest.raises(RuntimeError, match="split_uint8: the compiled golden model differs"):
        compiled_softmax(cfg, Rows.of([[100, 200, 300]] * 10))


def test_a_compiled_quantiser_that_went_astray_is_no_verdict(monkeypatch, first):
    layer = Layer(0, np.tile(np.arange(9, dtype=np.float32), (1, 1, 30, 1)))
    cfg, picked = configs.load("split_uint8"), np.arange(30)
    assert len(quantised(cfg, layer, picked, "t")[0]) == 30
    compiled.quantised._confirmed.cache_clear()
    monkeypatch.setattr(compiled.quantised, "LOWEST", (4.0,))  # what is taken for a mask
    with pytest.raises(RuntimeError, match="split_uint8: the compiled quantiser differs"):
        quantised(cfg, layer, picked, "t")


def test_a_hundredth_of_all_elements_is_confirmed():
    """Of the first batch, and of batches as large, as small and as long as they may be."""
    for rows, length in ((4096, 64), (64, 4096), (1, 3), (1, 4096)):
        confirmed, found = library.Confirmed(), []
        for _ in range(500_000 // rows):
            part = confirmed.of(rows, rows * length)
            assert 0 <= part.start <= part.stop <= rows
            found.append((part.stop - part.start) * length)
        assert found[0] > 0
        extra = sum(found) - 0.01 * len(found) * rows * length
        assert abs(extra) <= library.Confirmed._AT_ONCE + length
    assert library.Confirmed().of(0, 0) == slice(0, 0)
