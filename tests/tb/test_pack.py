import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softmax_cosim.configs import LANES, Config
from softmax_cosim.golden.rows import Rows
from softmax_cosim.tb.pack import Beats, malformed, pack, unpack, unpack_probabilities

CFG = Config("pack", "rexp", "uint8", in_w=16, lanes=4, max_len=10)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Config, Rows]:
    in_w = draw(st.integers(4, 16))
    cfg = Config("any", "rexp", "uint8", in_w=in_w, frac=0, lanes=draw(st.sampled_from(LANES)))
    lengths = draw(st.lists(st.integers(1, 70), min_size=1, max_size=8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    total = sum(lengths)
    q = rng.integers(-(2 ** (in_w - 1)), 2 ** (in_w - 1), total, dtype=np.int32)
    return cfg, Rows(q, rng.random(total) < 0.7, np.cumsum([0, *lengths], dtype=np.int64))


@given(batches())
def test_unpacking_undoes_packing(batch: tuple[Config, Rows]) -> None:
    cfg, rows = batch
    beats = pack(rows, cfg)
    assert beats.tlast.sum() == len(rows)
    assert len(beats) == rows.beats(cfg.lanes).sum()
    back = unpack(Beats.from_ints(beats.to_ints(), cfg.lanes * cfg.in_w), cfg)
    np.testing.assert_array_equal(back.q, rows.q)
    np.testing.assert_array_equal(back.keep, rows.keep)
    np.testing.assert_array_equal(back.offsets, rows.offsets)


@given(batches())
def test_every_lane_lies_where_the_interface_says(batch: tuple[Config, Rows]) -> None:
    """Against the plain definition, one element at a time."""
    cfg, rows = batch
    expected = []
    for start, stop in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        for low in range(start, stop, cfg.lanes):
            data = keep = user = 0
            for lane in range(min(cfg.lanes, stop - low)):
                code = int(rows.q[low + lane]) & (2**cfg.in_w - 1)
                data |= code << (lane * cfg.in_w)
                keep |= 1 << lane
                user |= int(not rows.keep[low + lane]) << lane
            expected.append((data, keep, user, int(low + cfg.lanes >= stop)))
    assert pack(rows, cfg).to_ints() == expected


def test_a_worked_value() -> None:
    beats = pack(Rows.of([[1, -2, 3, 4, 5], [7]], [[True, True, False, True, True], [True]]), CFG)
    assert beats.to_ints() == [
        (0x0004_0003_FFFE_0001, 0b1111, 0b0100, 0),
        (0x0005, 0b0001, 0, 1),
        (0x0007, 0b0001, 0, 1),
    ]


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([(0, 0b1111, 0, 0), (0, 0b0011, 0, 1)], False),
        ([(0, 0b1111, 0, 0), (0, 0b1111, 0, 0), (0, 0b0011, 0, 1)], False),
        ([(0, 0b1111, 0, 0), (0, 0b1111, 0, 0), (0, 0b0111, 0, 1)], True),
        ([(0, 0b1101, 0, 1)], True),
        ([(0, 0b1110, 0, 1)], True),
        ([(0, 0b0111, 0, 0), (0, 0b1111, 0, 1)], True),
        ([(0, 0b1111, 0, 0), (0, 0, 0, 1)], True),
        ([(0, 0, 0, 1)], True),
    ],
)
def test_malformed_rows(beats: list[tuple[int, int, int, int]], expected: bool) -> None:
    stream = Beats.from_ints([(0, 1, 0, 1), *beats, (0, 1, 0, 1)], CFG.lanes * CFG.in_w)
    assert malformed(stream, CFG).tolist() == [False, expected, False]
    if expected:
        with pytest.raises(ValueError, match="malformed"):
            unpack(stream, CFG)


@pytest.mark.parametrize("precision", ["int16", "uint8", "uint4", "uint2"])
def test_probabilities_and_status_come_back(precision: str) -> None:
    cfg = Config("out", "rexp", precision, lanes=4)
    top = 2**cfg.w - 1
    stream = [
        (sum(v << (n * cfg.out_w) for n, v in enumerate([top, 0, 1, 2])), 0b1111, 0b01010, 0),
        (3, 0b0001, 0b01010, 1),
        (0, 0, 0b00001, 1),
        (top, 0b0001, 0, 1),
    ]
    rows = unpack_probabilities(Beats.from_ints(stream, cfg.lanes * cfg.out_w), cfg)
    assert rows.y.tolist() == [top, 0, 1, 2, 3, top]
    assert rows.offsets.tolist() == [0, 5, 5, 6]
    assert rows.error.tolist() == [False, True, False]
    assert rows.exponent.tolist() == [5, 0, 0]


def test_a_status_that_changes_within_a_row_is_refused() -> None:
    stream = Beats.from_ints([(0, 1, 0, 0), (0, 1, 1, 1)], CFG.lanes * CFG.out_w)
    with pytest.raises(ValueError, match="tuser"):
        unpack_probabilities(stream, CFG)


def test_a_row_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="tlast"):
        _ = Beats.from_ints([(0, 1, 0, 0)], CFG.lanes * CFG.in_w).starts
