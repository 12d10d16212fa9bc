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
    assert result.clipped == sum(a != b for a, b in zip(exact, held, strict=True))
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
    assert result.clipped == 1  # the fourth; a masked score is not clipped


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
    ratio = reference.softmax_of_quantised(rows, IN8.frac) / exact
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
