"""In which order elements of blocks go in, and which rows may be filled up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.golden import framing, timing
from softmax_cosim.golden.framing import Order


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rows", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ("beats", [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]),
        ("elements", [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]),
    ],
)
def test_the_order_of_a_block(kind: str, expected: list[int]):
    """Two rows of six elements, two lanes; a second block of shorter rows behind it."""
    order = Order(2, 2, kind)
    assert order.places(np.array([0, 12])).tolist() == expected
    both = order.places(np.array([0, 12, 16]))
    assert both[:12].tolist() == expected
    assert sorted(both[12:].tolist()) == [12, 13, 14, 15]
    assert both[13] == {"rows": 13, "beats": 13, "elements": 14}[kind]


def test_a_block_of_one_row_goes_in_as_it_is():
    assert Order(1, 4, "elements").places(np.array([0, 5, 9])).tolist() == list(range(9))


def made(tmp_path: Path, more: str) -> configs.Config:
    """A design that takes rows of 8 elements."""
    (tmp_path / "mine.py").write_text(
        "def golden(cfg, rows):\n    return rows.q * 0\n\n"
        "def other(cfg, scores, keep, offsets):\n    return scores * 0.0\n"
    )
    path = tmp_path / "mine.toml"
    path.write_text(f'golden = "mine:golden"\nprecision = "uint8"\nlength = 8\nlanes = 4\n{more}')
    return configs.load(str(path))


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ('reference = "mine:other"\nmask = false\n', True),
        ('reference = "mine:other"\nmask = false\nfill = -1.0\n', False),
        ('reference = "mine:other"\n', False),
        ("mask = false\n", False),
    ],
    ids=["nobody says what fills it", "somebody does", "the design knows", "softmax"],
)
def test_what_fills_a_row_up_must_be_known(tmp_path: Path, more: str, refused: bool):
    cfg = made(tmp_path, more)
    framing.check_length(cfg, 8)
    if refused:
        with pytest.raises(UsageError, match="rows of 5 elements would be filled up to 8"):
            framing.check_length(cfg, 5)
    else:
        framing.check_length(cfg, 5)


def test_a_stated_latency_counts_whole_beats(tmp_path: Path):
    (tmp_path / "d.sv").write_text("module d; endmodule\n")
    cfg = made(tmp_path, 'top = "d"\nsources = ["d.sv"]\nlatency = "100*B + L + 7*N"\n')
    lengths = np.array([1, 4, 5, 8, 9])
    assert timing.stated(cfg, lengths).tolist() == [129, 132, 233, 236, 337]
