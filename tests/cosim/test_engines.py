"""What stands in for a model's softmax: exact, golden, RTL, and the recorder around each."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

import softmax_cosim as cosim
from softmax_cosim import configs, engines
from softmax_cosim.account import Account
from softmax_cosim.configs import UsageError
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.simulation import function
from softmax_cosim.simulation.function import RtlSoftmax
from softmax_cosim.trace import Trace

CONFIG = configs.load("split_uint8_rowexp").replace(max_len=64)
RNG = np.random.default_rng(5)
SCORES = RNG.normal(0, 3, (2, 3, 5, 40)).astype(np.float32)
MASK = RNG.random((2, 1, 1, 40)) < 0.7


@pytest.fixture(scope="module")
def rtl():
    with engines.Rtl(CONFIG, jobs=1, optimise="test") as softmax:
        yield softmax


def exact(scores, mask):
    e = np.where(mask, np.exp(scores.astype(np.float64)), 0)
    return e / e.sum(axis=-1, keepdims=True)


def test_float64_is_the_exact_softmax():
    softmax = engines.Float64()
    got = softmax(SCORES, MASK)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, exact(SCORES, MASK), rtol=1e-12)
    assert not got[~np.broadcast_to(MASK, got.shape)].any()
    assert (softmax.count.rows, softmax.count.elements) == (30, 1200)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_may_mask_themselves(dtype):
    """-inf or the lowest finite value is as good as False in the mask, for every engine."""
    scores = SCORES.astype(dtype)
    hidden = scores.copy()
    hidden[..., ::2] = -np.inf
    hidden[..., 1::4] = np.finfo(dtype).min
    mask = np.isin(np.arange(40) % 4, [3])
    for softmax in (engines.Float64(), engines.Golden(CONFIG)):
        np.testing.assert_array_equal(softmax(hidden), softmax(scores, mask))


def test_a_row_that_is_masked_altogether_is_zero(rtl):
    scores = SCORES.copy()
    scores[0, 1, 2] = np.finfo(np.float32).min
    for softmax in (engines.Float64(), engines.Golden(CONFIG), rtl):
        got = softmax(scores)
        assert not got[0, 1, 2].any()
        assert (got.sum(axis=-1) > 0).sum() == 29


def test_masks_of_half_precision_and_of_numpy(rtl):
    """A narrower type's lowest value and what numpy.ma hides are as good as False in the mask."""
    hidden = SCORES.copy()
    hidden[..., ::2] = np.finfo(np.float16).min
    hidden[..., 1::4] = -3.3895313892515355e38
    mask = np.isin(np.arange(40) % 4, [3])
    buried = np.ma.array(np.where(mask, SCORES, np.nan), mask=np.broadcast_to(~mask, SCORES.shape))
    for softmax in (engines.Float64(), engines.Golden(CONFIG), rtl):
        expected = softmax(SCORES, mask)
        np.testing.assert_array_equal(softmax(hidden), expected)
        np.testing.assert_array_equal(softmax(buried), expected)


def test_what_is_clipped_is_counted_by_layer(rtl, monkeypatch):
    """Through the parts of a call, too; a score that masks itself is none of them."""
    monkeypatch.setattr(engines, "CHUNK", 100)
    monkeypatch.setattr(rtl, "count", engines.Count())
    large = SCORES.copy()
    large[..., 3], large[..., 4] = 200, np.finfo(np.float16).min
    low = SCORES.copy()
    low[..., 7] = -1e4
    for softmax in (engines.Golden(CONFIG), rtl):
        for name, scores in (("a", large), ("b", low), ("a", large)):
            engines.apply(softmax, name, scores, MASK)
        a, b = softmax.count.layers["a"], softmax.count.layers["b"]
        kept = np.broadcast_to(MASK, SCORES.shape)
        rows = int(kept[..., 3].sum())
        assert (a.clipped, a.underflow) == (2 * rows, 0)
        assert a.scores == 2 * (np.count_nonzero(kept) - np.count_nonzero(kept[..., 4]))
        assert a.moved == 0  # the largest by far, before and after
        assert (b.clipped, b.underflow, b.moved) == (0, np.count_nonzero(kept[..., 7]), 0)
        assert (softmax.count.clipped, softmax.count.underflow) == (a.clipped, b.underflow)


@pytest.mark.parametrize("shape", [(0, 5), (0, 3, 2, 5), (2, 0, 5)])
def test_no_rows_are_answered_with_none(rtl, monkeypatch, shape):
    monkeypatch.setattr(rtl, "count", engines.Count())
    for softmax in (engines.Float64(), engines.Golden(CONFIG), rtl):
        got = softmax(np.empty(shape, np.float32), np.ones(5, bool))
        assert got.shape == shape
        assert vars(softmax.count) == vars(engines.Count())


def test_golden_is_close_to_exact_and_rows_of_one_key_are_one():
    softmax = engines.Golden("split_int16")
    np.testing.assert_allclose(softmax(SCORES, MASK), exact(SCORES, MASK), atol=3e-3)
    np.testing.assert_allclose(softmax(SCORES[..., :1]), 1)


@pytest.mark.parametrize("shape", [(40,), (7, 1), (2, 3, 5, 40), (1, 2, 300, 61)])
def test_the_rtl_is_the_golden_model(rtl, shape):
    before = vars(rtl.count).copy()
    scores = RNG.normal(0, 3, shape)
    mask = RNG.random(shape) < 0.7
    np.testing.assert_array_equal(rtl(scores, mask), engines.Golden(CONFIG)(scores, mask))
    assert rtl.count.mismatches == 0
    assert rtl.count.first == ""
    assert rtl.count.rows - before["rows"] == np.prod(shape[:-1])
    beats = np.prod(shape[:-1]) * -(-shape[-1] // CONFIG.lanes)
    assert rtl.count.cycles - before["cycles"] >= beats


def test_the_size_of_the_parts_changes_nothing(rtl, monkeypatch):
    whole = [softmax(SCORES, MASK) for softmax in (engines.Float64(), engines.Golden(CONFIG), rtl)]
    monkeypatch.setattr(engines, "CHUNK", 100)
    parts = [softmax(SCORES, MASK) for softmax in (engines.Float64(), engines.Golden(CONFIG), rtl)]
    np.testing.assert_array_equal(whole, parts)


def test_a_wrong_row_is_counted_and_the_first_described(rtl, monkeypatch):
    """The golden model is the one made wrong here: both ways a difference is a mismatch."""
    right = engines.golden_softmax

    def wrong(config, rows):
        outputs = right(config, rows)
        outputs.y[[40 * 3 + 7, 40 * 3 + 9, 40 * 20]] ^= 1
        return outputs

    monkeypatch.setattr(engines, "golden_softmax", wrong)
    monkeypatch.setattr(rtl, "count", engines.Count())
    got = engines.apply(rtl, "encoder.0", SCORES, MASK)
    assert rtl.count.mismatches == 2
    y = round(got[0, 0, 3, 7] * 255 * 2)
    assert rtl.count.first.startswith("split_uint8_rowexp: encoder.0, row 3, element 7: expected ")
    assert str(y) in rtl.count.first or y == 0


def test_a_wrong_exponent_is_a_mismatch(rtl, monkeypatch):
    right = engines.golden_softmax

    def wrong(config, rows):
        outputs = right(config, rows)
        outputs.exponent[4] += 1
        return outputs

    monkeypatch.setattr(engines, "golden_softmax", wrong)
    monkeypatch.setattr(rtl, "count", engines.Count())
    rtl(SCORES)
    assert rtl.count.mismatches == 1
    assert "softmax, row 4: expected exponent" in rtl.count.first


def test_rows_count_through_the_parts_of_a_call(rtl, monkeypatch):
    right, parts = engines.golden_softmax, iter(range(99))

    def wrong(config, rows):
        outputs = right(config, rows)
        outputs.y[45] ^= next(parts) == 3
        return outputs

    monkeypatch.setattr(engines, "CHUNK", 2 * 40)
    monkeypatch.setattr(engines, "golden_softmax", wrong)
    monkeypatch.setattr(rtl, "count", engines.Count())
    rtl(SCORES)
    assert rtl.count.mismatches == 1
    assert "softmax, row 7, element 5: expected" in rtl.count.first


def test_an_error_flag_is_a_mismatch(rtl, monkeypatch):
    """Also where the golden model says zero, as an errant row does."""
    submit = rtl._pool.submit

    def flagged(rows, **options):
        future = submit(rows, **options)
        future.result().error[2] = True
        return future

    monkeypatch.setattr(rtl._pool, "submit", flagged)
    monkeypatch.setattr(rtl, "count", engines.Count())
    rtl(SCORES, np.zeros(40, bool))
    assert rtl.count.mismatches == 1
    assert "row 2: came out with its error flag set" in rtl.count.first


def test_a_function_of_rows_with_an_error_flag_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came out of them are no probabilities."""
    monkeypatch.setattr(function, "Pool", lambda *_, **__: FlaggedPool())
    softmax = RtlSoftmax("split_uint8")
    with pytest.raises(Broken, match="split_uint8: row 1 came out with its error flag set"):
        softmax(np.zeros((2, 4)))


def test_without_a_golden_model_draws_are_held_to_each_other(tmp_path, monkeypatch) -> None:
    for name in ("mine.sv", "mine.py"):
        (tmp_path / name).write_text("")
    mine = tmp_path / "mine.toml"
    mine.write_text("top = 'mine'\nsources = ['mine.sv']\nprecision = 'uint8'\n")
    monkeypatch.setattr(engines, "Pool", DrawnPool)
    with engines.Rtl(str(mine)) as rtl:
        rtl(np.zeros((3, 4)))
    assert rtl.count.mismatches == 1
    assert rtl.count.first.endswith(
        "softmax, row 2: another answer than from another power-up draw (power-up draw zeros)"
    )
    mine.write_text(mine.read_text() + "golden = 'mine:golden'\n")
    monkeypatch.setattr(engines, "golden_softmax", lambda _, rows: results_of(rows))
    with engines.Rtl(str(mine)) as rtl:
        rtl(np.zeros((3, 4)))
    assert rtl.count.mismatches == 0


def results_of(rows: Rows, flagged: int = -1) -> Results:
    never = np.full(len(rows), 3)
    flags = np.arange(len(rows)) == flagged
    return Results(np.zeros(len(rows.q), np.uint16), flags, flags * 0, *[never] * 4)


class DrawnPool:
    """The last element comes out otherwise in every process but the first."""

    jobs, draws = 2, ("zeros", "ones", "7")

    def __init__(self, *_: object, **__: object) -> None:
        self._turn = -1

    def turn(self) -> int:
        self._turn += 1
        return self._turn

    def submit(self, rows: Rows, place: int | None = None) -> Future[Results]:
        results, future = results_of(rows), Future()
        results.y[-1] = self.turn() if place is None else place
        future.set_result(results)
        return future

    def close(self) -> None:
        pass


class FlaggedPool:
    def run(self, rows: Rows) -> Results:
        return results_of(rows, flagged=1)

    def close(self) -> None:
        pass


def test_longer_rows_take_a_longer_build():
    scores = RNG.normal(0, 3, (2, 70))
    golden = engines.Golden(CONFIG)
    with engines.Rtl(CONFIG, jobs=1, optimise="test") as softmax:
        np.testing.assert_array_equal(softmax(scores), golden(scores))
        assert softmax.config == golden.config == CONFIG.replace(max_len=4096)
    with pytest.raises(UsageError, match="rows of 4097 keys are longer than the 4096"):
        golden(np.zeros((1, 4097)))


@pytest.mark.parametrize(
    ("scores", "mask", "sentence"),
    [
        ([[1, 2]], None, "scores are int64; give float"),
        (np.zeros((3, 0)), None, r"no scores in a tensor of shape \(3, 0\)"),
        (np.zeros((3, 2)), np.ones((4, 2), bool), r"mask of shape \(4, 2\) does not broadcast"),
        (np.array([0.0, np.nan]), None, r"NaN at index \[1\]"),
    ],
)
@pytest.mark.parametrize("softmax", [engines.Float64(), engines.Golden(CONFIG)])
def test_bad_input(softmax, scores, mask, sentence):
    with pytest.raises(UsageError, match=sentence):
        softmax(scores, mask)


def test_the_engine_of_a_configuration():
    assert type(engines.engine(None)) is engines.Float64
    with engines.engine("rexp_uint8", "golden") as softmax:
        assert type(softmax) is engines.Golden
        assert softmax.config.name == "rexp_uint8"
    with pytest.raises(UsageError, match="unknown engine 'verilog'; choose golden or rtl"):
        engines.engine("rexp_uint8", "verilog")
    with pytest.raises(UsageError, match="unknown configuration"):
        engines.engine("rexp_uint3", "golden")


def test_a_softmax_of_another_shape_is_refused():
    with pytest.raises(UsageError, match=r"returned shape \(2, 3, 5\) for scores of shape"):
        engines.apply(lambda scores, mask: scores.sum(axis=-1), "x", SCORES, None)


def test_a_recorder_keeps_copies_and_leaves_the_softmax_alone():
    recorder = engines.Recorder()
    scores = SCORES.copy()
    assert engines.apply(recorder, "a", scores, MASK) is None
    scores[:] = 0
    around = engines.Recorder(engines.Float64())
    np.testing.assert_array_equal(around(SCORES, MASK), engines.Float64()(SCORES, MASK))
    np.testing.assert_array_equal(recorder.calls[0].scores, SCORES)
    assert [call.layer for call in recorder.calls + around.calls] == ["a", ""]


def test_a_recorder_around_an_engine_keeps_its_account():
    engine, account = engines.Float64(), Account()
    recorder = engines.Recorder(engine)
    engines.apply(recorder, "a", SCORES, MASK, account)
    engines.apply(engines.Recorder(), "b", SCORES, MASK, account)
    account.close(recorder)
    assert recorder.account is engine.account
    assert engine.account == Account(Counter(a=1), Counter(b=1))


def test_what_was_recorded_is_a_trace(tmp_path):
    recorder = engines.Recorder()
    shapes = [(40,), (5, 40), (3, 5, 40), (2, 3, 5, 40), (2, 1, 3, 5, 40)]
    for number, shape in enumerate(shapes):
        mask = None if number == 1 else MASK[0, 0, 0] if number < 4 else MASK[:, None]
        engines.apply(recorder, f"l{number}", SCORES.ravel()[: np.prod(shape)].reshape(shape), mask)
    path = tmp_path / "trace.safetensors"
    recorder.write(path, model="m", source="s", metadata={"more": "1"})
    trace = Trace(path)
    assert list(trace.shapes.values()) == [
        (1, 1, 1, 40),
        (1, 1, 5, 40),
        (1, 3, 5, 40),
        (2, 3, 5, 40),
        (2, 3, 5, 40),
    ]
    assert dict(trace.metadata) == {
        "format": "attention-trace",
        "version": "1",
        "model": "m",
        "source": "s",
        "more": "1",
        "layers": "l0, l1, l2, l3, l4",
    }
    last = list(trace.layers())[-1].flatten()
    np.testing.assert_array_equal(last.scores, SCORES.reshape(-1, 40))
    np.testing.assert_array_equal(last.keep, np.broadcast_to(MASK, SCORES.shape).reshape(-1, 40))


def test_a_recorder_keeps_the_masks_of_numpy(tmp_path):
    """And leaves calls without rows out."""
    recorder = engines.Recorder()
    buried = np.ma.array(np.full((2, 3), np.nan), mask=[[False, True, False], [False] * 3])
    buried[:, [0, 2]] = 1
    buried[1, 1] = 5
    engines.apply(recorder, "empty", np.empty((0, 2, 3), np.float32), None)
    engines.apply(recorder, "a", buried, np.ma.array([True] * 3, mask=[False, False, True]))
    path = tmp_path / "trace.safetensors"
    recorder.write(path, model="m", source="s")
    trace = Trace(path)
    assert trace.metadata["layers"] == "a"
    (layer,) = trace.layers()
    assert layer.flatten().keep.tolist() == [[True, False, False], [True, True, False]]


def test_nothing_recorded(tmp_path):
    with pytest.raises(UsageError, match="nothing was recorded"):
        engines.Recorder().write(tmp_path / "t.safetensors", model="m", source="s")
    assert not list(tmp_path.iterdir())


def test_the_package_offers_them_without_importing_torch():
    assert cosim.engine is engines.engine
    assert cosim.Recorder is engines.Recorder
    program = (
        "import sys, softmax_cosim as cosim; cosim.engine, cosim.Recorder; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "transformers", "onnx", "onnxruntime"} & set(loaded)
