"""A row as bars: one of each kind a key, as high as its probability."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from softmax_cosim.report.bars import worst_row


def drawn(reference, hardware, source="split <a>"):
    detail = SimpleNamespace(reference=np.array(reference), hardware=np.array(hardware))
    text = worst_row(SimpleNamespace(detail=detail, row=7, l1=0.25), source)
    return ElementTree.fromstring(text)


def heights(drawing, kind):
    path = max((p.get("d") for p in drawing.iter("path") if p.get("class") == kind), key=len)
    bars = re.findall(r"M\S+ (\S+)V(\S+)h\S+V(\S+)z", path)
    assert all(foot == back for foot, _, back in bars)
    return [float(foot) - float(top) for foot, top, _ in bars]


def test_bars_are_as_high_as_their_probabilities():
    drawing = drawn([0.5, 0.25, 0.25], [1.0, 0.0, np.nan])
    assert drawing.get("aria-label") == "Row 7: float beside split <a>, L1 0.250"
    floats, hardware = heights(drawing, "float"), heights(drawing, "hardware")
    assert hardware == [pytest.approx(2 * floats[0], abs=0.2), 0.0, 0.0]
    assert floats[1:] == [pytest.approx(floats[0] / 2, abs=0.2)] * 2
    said = [text.text for text in drawing.iter("text")]
    assert {"0", "1", "2", "key", "probability", "float64", "split <a>"} <= set(said)


def test_of_a_long_row_the_largest_keys_are_shown():
    reference = np.full(200, 1 / 200)
    reference[[3, 150]] = 0.5
    drawing = drawn(reference, np.zeros(200))
    assert len(heights(drawing, "float")) == len(heights(drawing, "hardware")) == 48
    assert "the 48 largest keys, in order" in [text.text for text in drawing.iter("text")]


@pytest.mark.parametrize("values", [[0.0], [-2.0, 3.0], [0.0, 0.0], [np.nan]])
def test_any_row_can_be_drawn(values):
    drawing = drawn(values, values)
    assert len(heights(drawing, "float")) == len(values)
