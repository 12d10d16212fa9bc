"""Axes, their round figures, and pictures of the report."""

import base64
import re
import struct
import zlib

import numpy as np
import pytest

from softmax_cosim.calibration.page import _half
from softmax_cosim.report.drawing import Panel, Scale, decades, round_figures


def test_round_figures_lie_within_and_are_few():
    assert round_figures(0, 1, 6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert decades(0.002, 30, 5) == [0.01, 0.1, 1, 10]
    assert decades(0.1, 1, 9) == pytest.approx([0.1, 0.2, 0.5, 1])


def test_a_scale_of_both_signs_is_even_near_nothing_and_by_decades_beyond():
    scale = Scale(-10, 1000, to_scale=10)
    assert scale([-10, 0, 10, 100, 1000]) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert {-10, 0, 10, 100, 1000} <= set(scale.ticks(9))


def test_what_a_logarithm_cannot_show_is_at_the_bottom():
    panel = _half(Scale(0, 1), [0.0, 0.3])
    assert panel.y([0.0]) == pytest.approx([220])
    assert "nan" not in "".join([*_half(Scale(0, 1), [0.0]).frame(), panel.dots(0, 0, 1, "red")])


def test_an_image_holds_its_pixels():
    codes = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    colors = np.array([[0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0.4]])
    element = Panel(0, 0, 3, 2, Scale(0, 3), Scale(2, 0)).image(codes, colors)
    png = base64.b64decode(re.search(r"base64,([^\"]+)", element)[1])
    chunks, place = {}, 8
    while place < len(png):
        size, name = struct.unpack(">I4s", png[place : place + 8])
        data = png[place + 8 : place + 8 + size]
        (check,) = struct.unpack(">I", png[place + 8 + size : place + 12 + size])
        assert check == zlib.crc32(name + data)
        chunks[name], place = data, place + 12 + size
    assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (3, 2, 8, 3)
    assert chunks[b"PLTE"] == bytes([0, 0, 0, 255, 0, 0, 0, 0, 255])
    assert chunks[b"tRNS"] == bytes([0, 255, 102])
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 1, 2, 0, 2, 1, 0])
