"""Cells of a library; the real tools are in ``synth/test_foreign.py``."""

from __future__ import annotations

import dataclasses
import gzip
import json

import pytest

from softmax_cosim import cli
from softmax_cosim.synth import liberty
from softmax_cosim.synth.figures import Gates
from softmax_cosim.synth.liberty import Mapped
from tests.cosim.synth.figures import DISTANCE

MAPPED = Mapped(1234.5, 400.25, 910, 17, {"NAND2": 5000, "DFF": 30}, Gates(1, 2, 3, 4))


def test_what_is_told_of_a_library(committed, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(liberty, "check", lambda path: None)
    monkeypatch.setattr(liberty, "synthesise", lambda unit, path, avoid: MAPPED)
    library, out = tmp_path / "x.lib", tmp_path / "out.json"
    library.write_text("library (x) { }")
    before = (tmp_path / "area.json").read_bytes()
    words = ["synth", DISTANCE, "rexp_uint8", "--liberty", str(library), "--out", str(out)]
    assert cli.main(words) == 0
    assert (tmp_path / "area.json").read_bytes() == before
    printed = capsys.readouterr().out
    assert "area 1,234.5, of it flip-flops 400.25; longest path 910 ps" in printed
    assert "5,000 NAND2, 30 DFF" in printed
    assert "generic: 1 NAND + NOR, 2 NOT, 3 FF" in printed
    told = json.loads(out.read_text())
    assert [design["name"] for design in told["designs"]] == ["distance", "rexp_uint8"]
    assert told["designs"][0]["figures"] == dataclasses.asdict(MAPPED)
    assert set(told["library"]) == {"path", "sha256"}


@pytest.mark.parametrize("name", ["missing.lib", "."])
def test_a_library_that_cannot_be_read(tmp_path, capsys, name):
    assert cli.main(["synth", DISTANCE, "--liberty", str(tmp_path / name)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: cannot read the library {tmp_path / name}: ")


def test_a_file_that_is_no_library(tool, tmp_path, capsys):
    library = tmp_path / "x.lib"
    library.write_text("hello")
    tool("echo 'ERROR: Syntax error in liberty file on line 1.'; exit 1")
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    assert capsys.readouterr().err == (
        f"cosim: {library} is no Liberty file: Syntax error in liberty file on line 1\n"
    )
    tool("exit 0")
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    assert "is a Liberty file without any cell" in capsys.readouterr().err


def test_a_damaged_archive_is_a_sentence(tmp_path, capsys):
    library = tmp_path / "x.lib.gz"
    library.write_bytes(gzip.compress(b"library (x) { }")[:-9])
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: cannot read the library {library}: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dont-use", "A"], "give it with --liberty"),
        (["--liberty", "x", "--dont-use", "A; exec"], "'A; exec' is no name of a cell"),
    ],
)
def test_cells_that_cannot_be_named(capsys, words, said):
    assert cli.main(["synth", DISTANCE, *words]) == 2
    assert said in capsys.readouterr().err


def test_many_kinds_of_cells_are_cut_short(committed, monkeypatch, tmp_path, capsys):
    cells = {f"CELL{n}": 100 - n for n in range(20)}
    monkeypatch.setattr(liberty, "check", lambda path: None)
    found = dataclasses.replace(MAPPED, cells=cells)
    monkeypatch.setattr(liberty, "synthesise", lambda unit, path, avoid: found)
    assert cli.main(["synth", DISTANCE, "--liberty", str(tmp_path / "x.lib")]) == 0
    assert "89 CELL11, and of 8 other kinds\n" in capsys.readouterr().out
