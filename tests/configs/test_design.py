"""What a configuration of somebody's own design may not say: one sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError

GOOD = """\
top = "their_softmax"
sources = ["their.sv"]
golden = "their:softmax"
input = "q8.8"
output = "uq0.8"
lanes = 4
length = 16
[ports]
in_valid = "valid_i"
in_data = "x_i"
out_valid = "valid_o"
out_data = "y_o"
[handshake]
output = "valid"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "their.sv").write_text("module their_softmax; endmodule\n")
    return tmp_path


def load(folder: Path, text: str) -> configs.Config:
    (folder / "their.toml").write_text(text)
    return configs.load(str(folder / "their.toml"))


def test_a_good_one(folder: Path):
    cfg = load(folder, GOOD)
    assert cfg.design is not None
    assert cfg.design.rtl is not None
    assert cfg.design.rtl.files == (str(folder / "their.sv"),)
    assert (cfg.in_w, cfg.w, cfg.max_len, cfg.mask) == (16, 8, 16, False)


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ('input = "q8.8"', 'input = "q9"', "input = 'q9'; give a number format"),
        ('input = "q8.8"', 'input = "unorm8"', "unormW is a format of outputs"),
        ('input = "q8.8"', 'input = "q8.8"\nin_w = 8', "leave these out"),
        ('output = "uq0.8"\n', "", "give output, a number format, or precision"),
        ('"uq0.8"', '"uq0.8"\nprecision = "uint8"', "one of the two"),
        ("lanes = 4", "lanes = 1025", "lanes = 1025; give an integer from 1 to 1024"),
        ("lanes = 4", "lane = 4", "unknown key 'lane'"),
        ("lanes = 4", "lanes = 4\nscale = 0", "scale = 0.0; give a positive number"),
        ("lanes = 4", "lanes = 4\nscale = nan", "scale = nan; give a positive number"),
        ("lanes = 4", 'lanes = 4\nblock_order = "columns"', "choose one of rows, beats, elements"),
        ("lanes = 4", "lanes = 4\nrows_per_block = 0", "rows_per_block = 0; give an integer"),
        ("lanes = 4", "lanes = 4\ntolerance = -1", "tolerance = -1; give a whole number"),
        ("lanes = 4", 'lanes = 4\nlatency = "3*X"', "X is unknown"),
        ("lanes = 4", 'lanes = 4\nlatency = "3*"', "is no formula of B"),
        ("lanes = 4", 'lanes = 4\nlonger = "cut"', "give one of refuse, leave out"),
        ("lanes = 4", 'lanes = 4\nlanguage = "2001"', "give one of 1364-1995"),
        ("lanes = 4", 'lanes = 4\nlanguage = "1364-2001"', "there are none"),
        ("lanes = 4", "lanes = 4\ndefines = { A = 1.5 }", "texts or whole numbers"),
        ("lanes = 4", 'lanes = 4\ninclude_dirs = ["inc"]', "the folder inc does not exist"),
        ("lanes = 4", 'lanes = 4\nfilelist = "no.f"', "cannot read the file list"),
        ('golden = "their:softmax"', "tolerance = 2", "tolerance without golden"),
        ('["their.sv"]', '["there.sv"]', "the source there.sv does not exist"),
        ('["their.sv"]', '"their.sv"', "give a list of file names"),
        ('sources = ["their.sv"]', "", "top without sources"),
        ('top = "their_softmax"', 'top = "their softmax"', "give the name of a module"),
        ('top = "their_softmax"', "", "without top"),
        ('in_valid = "valid_i"', "", "ports.in_valid is missing"),
        ('in_data = "x_i"', "", "ports.in_data is missing"),
        ('out_valid = "valid_o"', "", "ports.out_valid is missing"),
        ('"x_i"', '"x{lane}"', "goes with layout ports"),
        ('"x_i"', '"x i"', "is no name of a port"),
        ('"x_i"', '"y_o"', "are both 'y_o'"),
        ('"x_i"', "3", "give the name of a port"),
        ('"x_i"', '"x_i"\nreset_active = "both"', "choose one of low, high"),
        ('"x_i"', '"x_i"\nlayout = "flat"', "choose one of packed, unpacked, ports"),
        ('"x_i"', '"x_i"\ntie = { enable = true }', "give {port = number}"),
        ('"x_i"', '"x_i"\nin_ready = "r"\nin_busy = "b"', "name one of them"),
        ('"x_i"', '"x_i"\nstrobe = "s"', "unknown key ports.strobe"),
        ('output = "valid"', 'output = "pulse"', "give one of valid, done, level, after"),
        ('output = "valid"', 'output = "after"', "handshake.after = CYCLES"),
        ('output = "valid"', 'input = "start"', "at least as many lanes"),
        ('output = "valid"', "ready = true", "its keys are input, output, after, overlap"),
    ],
)
def test_what_is_refused(was: str, becomes: str, sentence: str, folder: Path):
    assert GOOD.count(was) >= 1
    with pytest.raises(UsageError) as error:
        load(folder, GOOD.replace(was, becomes, 1))
    assert sentence in str(error.value)
    assert "their" in str(error.value) or "no.f" in str(error.value)
    assert "\n" not in str(error.value)
