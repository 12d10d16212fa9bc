"""``synth/README.md`` has what ``benchmarks/energy.py`` recorded."""

from __future__ import annotations

import json

import pytest

from benchmarks import energy
from benchmarks.field import measured, recorded
from softmax_cosim import configs
from softmax_cosim.synth import area

TEXT = energy.PART.page.read_text(encoding="utf-8")
RECORD = json.loads(energy.RECORD.read_text())


def test_the_page_is_what_the_generator_writes():
    """If it is not: make energy ARGS=--render; its gates are those of area.json."""
    assert energy.PART.filled(TEXT, energy.page(RECORD)) == TEXT


def test_the_middle_of_the_table_by_lanes_is_the_table_of_8_lanes():
    part = TEXT.partition("## More lanes, fewer lanes\n")[2].partition("\nFrom 8 lanes on")[0]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in part.splitlines()[5:]]
    fields = {
        "NAND + NOR": "nand_nor",
        "FF, generic": "gate_ff",
        "memory bits": "memory_bits",
        "LUT4": "lut4",
        "FF": "ff",
        "block RAM": "block_ram",
        "Fmax, MHz": "fmax_mhz",
    }
    assert len(rows) == 3 * len(fields)
    for title, *cells in rows:
        name, _, figure = title.partition("`, ")
        assert cells[2] == f"{getattr(area.committed()[name], fields[figure]):,}", title


def test_rows_are_those_of_the_table():
    assert list(RECORD) == [name for name in energy.NAMES if name in RECORD]
    assert {configs.load(name).method for name in RECORD} == {"rexp", "lut2d", "split"}


@pytest.mark.parametrize("name", RECORD)
def test_figures_are_those_of_the_methods_as_they_are(name):
    """Latency and error: a method that changed, or a table that did not, is seen."""
    cfg, one = configs.load(name), RECORD[name]
    assert one["latency"] == energy.latency(cfg)
    for model, trace in energy.TRACES.items():
        assert one["models"][model]["l1"] == pytest.approx(measured(cfg, recorded(trace))["l1"])


def test_a_page_is_written_of_a_record(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "RECORD", tmp_path / "energy.json")
    monkeypatch.setattr(energy, "PART", energy.Part(tmp_path / "page.md", "<begin>", "<end>"))
    (name, *_) = energy.NAMES
    (tmp_path / "energy.json").write_text(json.dumps({"other": RECORD[name], name: RECORD[name]}))
    (tmp_path / "page.md").write_text("a\n<begin>\nold\n<end>\nb\n")
    assert energy.main(["--render"]) == 0
    lines = (tmp_path / "page.md").read_text().splitlines()
    assert [line for line in lines if line in ("a", "b", "old")] == ["a", "b"]
    rows = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    assert rows == [f"| `{name}`", "| `other`"]
