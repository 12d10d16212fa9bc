"""The quantiser: rounding, clipping, masks and what it refuses."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import reference, shell
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows

Q8_8 = Config("q8_8", "rexp", "uint8")
IN8 = Config("in8", "rexp", "uint8", in_w=8, frac=4, recentre=True)
FLOATS = (np.float16, np.float32, np.float64)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=3, max_side=5),
        elements=st.floats(-200, 200, width=32),
    ),
    st.integers(4, 16),
    st.data(),
)
def test_rounds_half_to_even_and_clips(x: np.ndarray, in_w: int, data: st.DataObject) -> None:
    frac = data.draw(st.integers(0, in_w - 1))
    cfg = Q8_8.replace(in_w=in_w, frac=frac)
    exact = [round(Fraction(float(v)) * 2**frac) for v in x.ravel()]
    held = [min(max(v, -(2 ** (in_w - 1))), 2 ** (in_w - 1) - 1) for v in exact]
    result = quantise(x, None, cfg)
    assert result.q.shape == result.keep.shape == x.shape
    assert result.q.ravel().tolist() == held
    beyond = np.array([a != b for a, b in zip(exact, held, strict=True)]).reshape(x.shape)
    far = x.astype(np.float64).max(axis=-1, keepdims=True) - x > 104
    assert result.clipped == (beyond & ~far).sum()
    assert result.underflow == (beyond & far).sum()
    assert result.keep.all()


def test_ties_go_to_even() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5]) / 256
    assert quantise(x, None, Q8_8).q.tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("dtype", FLOATS)
def test_lowest_value_and_minus_infinity_are_masked(dtype: type[np.floating]) -> None:
    lowest = np.finfo(dtype).min
    x = np.array([1.0, -np.inf, lowest, np.nextafter(lowest, dtype(0))], dtype=dtype)
    result = quantise(x, None, Q8_8)
    assert result.keep.tolist() == [True, False, False, True]
    assert result.q.tolist() == [256, -32768, -32768, -32768]
    assert (result.clipped, result.underflow) == (0, 1)  # the fourth; a masked score is neither


BFLOAT16 = -3.3895313892515355e38
CLEAN = {"clipped": 0, "underflow": 0, "moved": 0}
LOWEST = [-65504.0, BFLOAT16, float(np.finfo(np.float32).min)]


@pytest.mark.parametrize("lowest", LOWEST)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cfg", [Q8_8, IN8])
def test_the_lowest_value_of_a_narrower_type_is_masked(
    dtype: type[np.floating], lowest: float, cfg: Config
) -> None:
    """A half-precision model's mask arrives widened; the numbers beside it are scores."""
    x = np.array([[1.0, lowest, 0.5], [lowest] * 3], dtype)
    result = quantise(x, None, cfg)
    assert result.keep.tolist() == [[True, False, True], [False] * 3]
    assert vars(result.clipping) == {**CLEAN, "scores": int(result.keep.sum())}
    beside = np.nextafter(dtype(lowest), dtype(0))
    assert quantise(np.array([1.0, beside], dtype), None, cfg).keep.all()


def test_the_lowest_bfloat16_is_what_ends_its_bits() -> None:
    bits = np.array([0xFF7F0000], np.uint32)  # sign, exponent 254, all of the mantissa
    assert bits.view(np.float32)[0] == BFLOAT16


@pytest.mark.parametrize("cfg", [Q8_8, IN8])
def test_other_large_negative_numbers_are_scores(cfg: Config) -> None:
    x = np.array([[0.0, -1e4, -1e9, -105.0], [-1e9, -1e9, -1e9, -1e9]], np.float32)
    result = quantise(x, None, cfg)
    assert result.keep.all()
    if cfg.recentre:
        assert (result.clipped, result.underflow) == (0, 3)
        assert result.q[1].tolist() == [127] * 4
    else:  # -105 fits; in the second row nothing is below the maximum
        assert (result.clipped, result.underflow) == (4, 2)
    assert result.clipping.moved == 0


@pytest.mark.parametrize(("distance", "clipped", "underflow"), [(103.9, 1, 0), (104.1, 0, 1)])
@pytest.mark.parametrize("recentre", [False, True])
def test_underflow_begins_where_float32_softmax_ends(
    recentre: bool, distance: float, clipped: int, underflow: int
) -> None:
    cfg = Q8_8.replace(in_w=8, frac=4, recentre=recentre)
    x = np.float64([7.0, 7.0 - distance])
    assert (np.exp(np.float32(-distance)) == 0) == (underflow == 1)
    result = quantise(x, None, cfg)
    assert (result.clipped, result.underflow) == (clipped, underflow)


def test_rows_that_clipping_moves_are_counted() -> None:
    """By half a step of uint8, 1/510; the others clip as well, but nobody sees it."""
    x = np.array(
        [
            [200.0, 190.0, 0.0],  # both at the top: one half each instead of one and nothing
            [0.0, -50.0, -200.0],  # far below all along
            [-300.0, -302.0, -500.0],  # the lowest code for all, though one is an underflow
            [130.0, 20.0, 0.0],  # the maximum alone, and it stays far above
            [1.0, 2.0, 3.0],
        ]
    )
    result = quantise(x, None, Q8_8)
    assert (result.clipped, result.underflow, result.clipping.moved) == (5, 2, 2)
    assert quantise(x, None, Q8_8.replace(recentre=True)).clipping.moved == 0
    assert quantise(x[:1], x[:1] < 200, Q8_8).clipping.moved == 0  # of one kept element


def test_a_masked_array_of_numpy_is_masked() -> None:
    """Whatever stands under its mask, and beside a mask of one's own."""
    x = np.ma.masked_invalid(np.array([[0.5, np.nan, np.inf, 1.0]]))
    result = quantise(x, np.array([True, True, True, False]), Q8_8)
    assert result.keep.tolist() == [[True, False, False, False]]
    assert result.q[0, :3].tolist() == [128, -32768, -32768]
    hidden = np.ma.array([True, True, True, True], mask=[False, False, False, True])
    assert quantise(np.zeros(4), hidden, Q8_8).keep.tolist() == [True, True, True, False]
    with pytest.raises(UsageError, match="scores are int64"):
        quantise(np.ma.array([1, 2], mask=[True, False]), None, Q8_8)


@pytest.mark.parametrize("shape", [(0, 5), (0, 3, 2, 5), (2, 0, 5), (0, 0)])
def test_no_rows_are_no_rows(shape: tuple[int, ...]) -> None:
    result = quantise(np.zeros(shape, np.float32), None, Q8_8)
    assert result.q.shape == result.keep.shape == shape
    assert vars(result.clipping) == {**CLEAN, "scores": int(result.keep.sum())}


def test_a_mask_broadcasts_and_is_joined_with_masked_scores() -> None:
    x = np.zeros((2, 3, 4), np.float32)
    x[1, 2, 3] = -np.inf
    result = quantise(x, np.array([[True], [False], [True]]), Q8_8)
    assert result.keep.tolist() == [
        [[True] * 4, [False] * 4, [True] * 4],
        [[True] * 4, [False] * 4, [True, True, True, False]],
    ]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("value", "named"), [(np.nan, "NaN"), (np.inf, "[+]inf")])
def test_nan_and_infinity_are_named_with_their_place(
    dtype: type[np.floating], value: float, named: str
) -> None:
    x = np.zeros((2, 3, 4), dtype)
    x[1, 0, 2] = value
    with pytest.raises(UsageError, match=rf"layer\.0\.scores: {named} at index \[1, 0, 2\]"):
        quantise(x, None, Q8_8, name="layer.0.scores")
    with pytest.raises(UsageError, match=named):  # even where the mask hides it
        quantise(x, np.zeros(4, np.bool_), Q8_8)


@pytest.mark.parametrize(
    ("x", "keep", "said"),
    [
        (np.zeros((2, 4), np.int32), None, "scores are int32"),
        (np.zeros((2, 0)), None, r"shape \(2, 0\)"),
        (np.float64(1.0), None, r"shape \(\)"),
        (np.zeros((2, 4)), np.ones(3, np.bool_), r"\(3,\) does not broadcast .* \(2, 4\)"),
        (np.zeros(4), np.ones((2, 4), np.bool_), r"\(2, 4\) does not broadcast .* \(4,\)"),
    ],
)
def test_bad_input_is_refused(x: np.ndarray, keep: np.ndarray | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        quantise(x, keep, Q8_8)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("cfg", [Q8_8, IN8])
def test_any_finite_score_is_good_input(dtype: type[np.floating], cfg: Config) -> None:
    large = min(80_000.0, float(np.finfo(dtype).max))
    for extreme in (large, float(np.finfo(dtype).max)):
        x = np.array([[extreme, -extreme / 2, 0.0], [-np.inf] * 3], dtype)
        result = quantise(x, None, cfg)
        assert result.q[0, 0] == 2 ** (cfg.in_w - 1) - 1
        assert result.q[0, 1] == -(2 ** (cfg.in_w - 1))
        assert not result.keep[1].any()


def test_recentring_puts_the_largest_kept_score_on_the_largest_code() -> None:
    x = np.array([[100.0, 99.5, 93.0, 84.0], [-7.0, -9.0, 50.0, -8.0]])
    keep = np.array([[True] * 4, [True, True, False, True]])
    result = quantise(x, keep, IN8)
    assert result.q.tolist() == [[127, 119, 15, -128], [127, 95, -128, 111]]
    assert result.clipped == 1  # 16 below the maximum: 256 codes, of which 255 fit


@given(
    hnp.arrays(np.float32, (3, 7), elements=st.floats(-7, 7, width=32)),
    st.integers(-1000, 1000),
)
def test_recentring_makes_a_shift_invisible(x: np.ndarray, shift: int) -> None:
    one, other = (quantise(v, None, IN8) for v in (x.astype(np.float64), x + np.float64(shift)))
    np.testing.assert_allclose(one.q, other.q, rtol=0, atol=1)  # x + shift may itself round
    assert (one.q.max(axis=-1) == 127).all()
    assert one.clipped == other.clipped == 0


@given(hnp.arrays(np.float64, (2, 5), elements=st.floats(-7.5, 7.5)))
def test_recentring_leaves_the_softmax_within_the_rounding(x: np.ndarray) -> None:
    """Two codes of rounding (a score's and the maximum's) change a probability by a factor."""
    q = quantise(x, None, IN8)
    rows = Rows(q.q.ravel(), q.keep.ravel(), np.array([0, 5, 10]))
    kept = np.ones(10, np.bool_)
    exact = reference.softmax_of_scores(x.ravel(), kept, rows.offsets)
    ratio = reference.of_quantised(IN8, rows) / exact
    assert np.abs(np.log(ratio)).max() <= 2 * 2.0**-IN8.frac


def test_tensors_larger_than_a_chunk() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 60, (3, shell.CHUNK // 100, 70)).astype(np.float32)
    keep = rng.random(x.shape) < 0.8
    result = quantise(x, keep, IN8)
    rows = [quantise(a, b, IN8) for a, b in zip(x[1, :50], keep[1, :50], strict=True)]
    np.testing.assert_array_equal(result.q[1, :50], [row.q for row in rows])
    parts = [quantise(a, b, IN8) for a, b in zip(x, keep, strict=True)]
    assert result.clipped == sum(part.clipped for part in parts) > 0
    np.testing.assert_array_equal(result.keep, keep)
