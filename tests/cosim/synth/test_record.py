"""The record and its check; the tools themselves run in ``make synth``."""

from __future__ import annotations

import dataclasses
import json

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.synth import area, figures
from softmax_cosim.synth.figures import COLUMNS, Figures
from tests.cosim.synth.figures import GOOD

NUMBERS = [field.name for field in dataclasses.fields(Figures) if field.name != "critical"]


def worse(name: str, by: float) -> Figures:
    factor = 1 - by if name == "fmax_mhz" else 1 + by
    value = getattr(GOOD, name) * factor
    return dataclasses.replace(GOOD, **{name: value})


def test_every_number_is_compared():
    assert set(COLUMNS) == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_check_fails_for_each_figure(committed, name, capsys):
    committed(worse(name, 0.06))
    assert cli.main(["synth", "--check"]) == 1
    assert COLUMNS[name] in capsys.readouterr().err


@pytest.mark.parametrize("name", NUMBERS)
def test_a_little_worse_or_better_passes(committed, name):
    for by in (0.04, -0.5):
        committed(worse(name, by))
        assert cli.main(["synth", "--check"]) == 0


def test_a_figure_that_was_zero(committed):
    old = dataclasses.replace(GOOD, multipliers=0)
    assert area.worsened({"a": old}, {"a": old}) == []
    assert len(area.worsened({"a": old}, {"a": GOOD})) == 1


def test_the_check_fails_for_a_configuration_without_figures(committed, capsys):
    assert cli.main(["synth", "--check", "lut2d_uint8"]) == 1
    assert "lut2d_uint8 is not in area.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("fmax_mhz", 109.9), ("nand_nor", 20001), ("gate_ff", 3001)]
)
def test_the_check_fails_for_each_goal(name, value):
    cfg = configs.load("rexp_uint8_in8")
    figures = dataclasses.replace(GOOD, **{name: value})
    (sentence,) = area.missed([cfg], {cfg.name: figures})
    assert COLUMNS[name] in sentence
    assert area.missed([cfg], {cfg.name: GOOD}) == []
    wide = configs.load("rexp_uint8")
    assert area.missed([wide], {wide.name: figures}) == []


def test_figures_are_written_to_both_files_and_others_stay(committed, tmp_path):
    committed(dataclasses.replace(GOOD, lut4=2222))
    assert cli.main(["synth", "lut2d_uint8"]) == 0
    written = json.loads((tmp_path / "area.json").read_text())
    assert {name: values["lut4"] for name, values in written.items()} == {
        "lut2d_uint8": 2222,
        "rexp_uint8_in8": 2000,
    }
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("a\n<!-- table -->\n| configuration | LUT4 |")
    assert page.endswith("<!-- end of table -->\nb\n")
    assert "`lut2d_uint8` | 2,222 |" in page
    assert "old" not in page


def test_the_page_shows_the_committed_figures():
    text = area.PAGE.read_text()
    assert area.page(text, area.committed()) == text


def test_the_committed_figures_meet_the_goals():
    committed = area.committed()
    chosen = [configs.load(name) for name in committed]
    assert {"rexp_uint8_in8", "lut2d_uint8_in8", "split_uint8_in8"} <= set(committed)
    assert area.missed(chosen, committed) == []


def test_what_counts_as_a_flip_flop():
    cells = {
        "$_DFF_P_": 1,
        "$_DFFE_PP_": 2,
        "$_SDFF_PN0_": 4,
        "$_SDFFCE_PN1P_": 8,
        "$_SDFFE_PP0P_": 16,
        # Of somebody else: asynchronous reset, set and reset, load; latches.
        "$_DFF_PN0_": 32,
        "$_DFFSRE_PPPP_": 64,
        "$_ALDFFE_PPP_": 128,
        "$_DLATCH_PN0_": 256,
        "$_SR_PP_": 512,
    }
    assert figures.flip_flops(cells | {"$_NAND_": 1024, "$mem_v2": 2048}) == 1023


def test_bits_of_memories_are_read_from_the_netlist():
    text = "  reg a;\n  reg [7:0] b;\n  reg [3:0] c [143:0];\n  reg \\d.e [0:16];\n"
    assert figures._memory_bits(text) == 4 * 144 + 17
