"""``docs/field.md`` has what ``benchmarks/field.py`` writes, of every configuration there is."""

from __future__ import annotations

import re
import sys

import pytest

from benchmarks import field
from softmax_cosim import configs
from softmax_cosim.synth import area

TEXT = field.PAGE.read_text(encoding="utf-8")
WRITTEN = field.PART.of(TEXT)
ROWS = {
    found[1]: found[2].split(" | ")
    for found in re.finditer(r"^\| `([^`]+)` \| (.*) \|$", WRITTEN, re.MULTILINE)
}


def test_the_page_is_what_the_generator_writes():
    commit, seconds = re.search(r"at commit `(\S+)` by `make field`, in (\d+) s", WRITTEN).groups()
    cells = {name: row[field.COSTS :] for name, row in ROWS.items()}
    assert field.PART.filled(TEXT, field.page(commit, int(seconds), cells)) == TEXT


def test_every_configuration_has_a_row():
    assert set(ROWS) == {*field.EQUAL, *field.OURS, *configs.field()}


def test_an_equal_grid_is_16_bits_to_8():
    """But for the powers of two of FQ-ViT, of which 5 bits tell 32 apart."""
    for name in field.EQUAL:
        cfg = configs.load(name)
        assert (str(cfg.inputs), cfg.recentre) == ("q8.8", False)
        assert cfg.w == (32 if name == "field/fqvit_16" else 8)


@pytest.mark.parametrize("name", ROWS)
def test_figures_are_those_that_are_measured_now(name: str):
    """L1 and KL at 64 keys: a method that changed, or a table that did not, is seen."""
    l1, kl, _ = field.synthetic(configs.load(name), field.LENGTHS[:1])
    at = field.COSTS + 2 * len(field.TRACES)
    assert (l1, kl) == (ROWS[name][at], ROWS[name][at + len(field.LENGTHS)])


def test_a_method_of_ones_own_has_a_row_too(tmp_path, monkeypatch):
    mine = tmp_path / "mine.py"
    mine.write_text(
        '# /// cosim\n# input = "q8.8"\n# output = "uq0.8"\n# ///\n'
        "def softmax(cfg, rows):\n    return rows.q * 0\n"
    )
    out = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["field", "--config", str(mine), "--out", str(out)])
    monkeypatch.setattr(field, "EQUAL", ())
    monkeypatch.setattr(field, "OURS", ())
    monkeypatch.setattr(field, "TRACES", {"OCR": "ocr_short"})
    monkeypatch.setattr(field, "MAX_ROWS", 20)
    monkeypatch.setattr(configs, "field", lambda: [])
    assert field.main() == 0
    line = next(line for line in out.read_text().splitlines() if str(mine) in line)
    assert line.startswith(f"| `{mine}` | mine | q8.8 → uq0.8 | ? | ? | ? | ? | 1.00 | ")


@pytest.mark.parametrize("name", ["rexp_uint8", "split_uint8"])
def test_gates_and_cells_of_ours_are_those_of_the_table(name: str) -> None:
    one, lanes = area.committed()[name], configs.load(name).lanes
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{name}` | {lanes} | "))
    assert [cell.strip() for cell in line.split("|")[5:-1]] == [
        f"{one.nand_nor:,}, {round(one.nand_nor / lanes):,}",
        f"{one.memory_bits:,}",
        f"{one.lut4:,}, {one.ff:,}, {one.multipliers}",
        str(one.fmax_mhz),
    ]
