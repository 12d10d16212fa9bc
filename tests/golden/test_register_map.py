"""The register map: consistent, rendered without drift, and legible as a model."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden import registers, render_registers, tables
from softmax_cosim.golden.register_file import Answer, RegisterFile, Streams, Write

SMALLEST = """
version = [1, 0]
address_width = 6
[[register]]
name = "VERSION"
offset = 0
access = "ro"
description = "."
field.MINOR = { lsb = 0, width = 16, description = "." }
field.MAJOR = { lsb = 16, width = 16, description = "." }
[[register]]
name = "A"
offset = 4
access = "rw"
description = "."
[[window]]
name = "W"
offset = 32
entries = 8
method = "rexp"
description = "."
"""
QUIET = Streams(0, 1, 0, 0, 1, 0, 0)


def test_what_is_rendered_has_not_drifted() -> None:
    assert render_registers.main(["--check"]) == 0


@pytest.mark.parametrize("file", ["package", "page", "rdl"])
def test_check_reports_one_changed_digit(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = {}
    for name, path in (
        ("package", render_registers.PACKAGE),
        ("page", render_registers.PAGE),
        ("rdl", render_registers.RDL),
    ):
        copies[name] = tmp_path / path.name
        copies[name].write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    options = [word for name, path in copies.items() for word in (f"--{name}", str(path))]
    assert render_registers.main(["--check", *options]) == 0
    text = copies[file].read_text(encoding="utf-8")
    assert "534D4158" in text
    copies[file].write_text(text.replace("534D4158", "534D4159"), encoding="utf-8")
    assert render_registers.main(["--check", *options]) == 1
    assert copies[file].name in capsys.readouterr().out
    assert render_registers.main(options) == 0
    assert copies[file].read_text(encoding="utf-8") == text


def test_the_smallest_map() -> None:
    found = registers.parse(SMALLEST)
    assert found.registers["VERSION"].reset == 0x0001_0000
    assert found.registers["VERSION"].fields["MAJOR"].get(0x0001_0000) == 1


@pytest.mark.parametrize(
    ("text", "becomes", "says"),
    [
        ("offset = 4", "offset = 6", "A is not at a multiple of 4"),
        ("offset = 4", "offset = 0", "A overlaps"),
        ('access = "rw"', 'access = "wr"', "A has access"),
        ('name = "A"', 'name = "VERSION"', "named twice"),
        ("lsb = 16", "lsb = 8", "VERSION.MAJOR overlaps"),
        ("lsb = 16", "lsb = 17", "VERSION.MAJOR does not fit"),
        ("entries = 8", "entries = 7", "W is not as large"),
        ("offset = 32", "offset = 16", "W is not at a multiple of its size"),
        ("offset = 32", "offset = 0", "W overlaps"),
        ("address_width = 6", "address_width = 5", "address_width is too small"),
    ],
)
def test_a_map_that_contradicts_itself_is_refused(text: str, becomes: str, says: str) -> None:
    assert text in SMALLEST
    with pytest.raises(ValueError, match=says):
        registers.parse(SMALLEST.replace(text, becomes))


@pytest.mark.parametrize("name", configs.names())
def test_a_build_shows_its_parameters(name: str) -> None:
    cfg = configs.load(name)
    found = registers.load()
    words = {name: registers.value(register, cfg) for name, register in found.registers.items()}
    assert words["ID"].to_bytes(4, "big") == b"SMAX"
    shown = {
        field.parameter: field.values[field.get(words[register.name])]
        if field.values
        else field.get(words[register.name])
        for register in found.registers.values()
        for field in register.fields.values()
        if field.parameter
    }
    assert shown == {parameter: getattr(cfg, parameter) for parameter in shown}
    silent = {"name", "precision", "recentre"}  # w says the precision; the rest is software's
    known = {field.name for field in dataclasses.fields(cfg)}
    assert shown.keys() >= (known - silent) & {"method", "in_w", "frac", "lanes", "max_len", "xs"}


def test_every_configuration_method_has_a_code() -> None:
    method = registers.load().registers["METHOD"].fields
    assert {configs.load(name).method for name in configs.names()} <= set(method["METHOD"].values)


@pytest.mark.parametrize("name", ["rexp_uint8", "rexp_int16_msb", "lut2d_uint4"])
def test_every_entry_has_an_address_of_its_own(name: str) -> None:
    cfg = configs.load(name)
    windows = registers.load().windows
    loaded = tables.default(cfg)
    writes = list(registers.entries(loaded))
    unused = 1 if cfg.method == "rexp" else tables.TENTHS + 1
    assert len({address for address, _ in writes}) == len(writes)
    assert len(writes) == sum(table.size for table in loaded.values()) - unused
    for address, word in writes:
        assert any(w.offset <= address < w.offset + 4 * w.entries for w in windows.values())
        assert 0 <= word <= cfg.m
    if cfg.method == "lut2d":
        at = windows["LUT_SIGMA"].offset + 64 * 3 + 4 * 7
        assert dict(writes)[at] == loaded["LUT_SIGMA"][3, 7]


def test_the_model_counts_and_measures() -> None:
    file = RegisterFile(configs.load("rexp_uint8"))
    row = [
        QUIET._replace(s_valid=1, s_ready=0),
        QUIET._replace(s_valid=1),
        QUIET._replace(s_valid=1, s_last=1),
        QUIET._replace(m_valid=1, m_ready=0, m_last=1, error=1),
        QUIET._replace(m_valid=1, m_last=1, error=1),
    ]
    for now, streams in enumerate(row):
        file.cycle(now, streams, None, None)
    names = ("ROWS", "ERRORS", "BEATS_IN", "BEATS_OUT", "STALLS_IN", "STALLS_OUT", "LATENCY")
    assert [file.values[name] for name in names] == [1, 1, 2, 1, 1, 1, 3]


def test_the_model_loads_and_refuses() -> None:
    cfg = configs.load("rexp_uint8")
    file = RegisterFile(cfg)
    at = registers.load().windows["LUT_1E"].offset + 4
    assert file.cycle(0, QUIET, Write(at, 77, 15), None)[0] == Answer(False)
    assert file.cycle(1, QUIET, Write(at, 256, 15), None)[0] == Answer(True)
    assert file.cycle(2, QUIET, Write(at, 5, 7), None)[0] == Answer(True)
    begin = QUIET._replace(s_valid=1)
    assert file.cycle(3, begin, Write(at, 5, 15), None)[0] == Answer(True)
    assert file.tables["LUT_1E"][1] == 77
    assert file.tables_of_rows == [file.tables]
    assert file.values["FAULTS"] == 0b110
    assert file.values["REFUSED"] == 3
    reset = Write(registers.load().registers["CONTROL"].offset, 1, 1)
    assert file.cycle(4, QUIET, reset, None)[0] == Answer(False)
    file.cycle(5, QUIET._replace(s_ready=0), None, None)
    assert file.tables["LUT_1E"][1] == tables.lut_1e(cfg.w)[1]
    assert file.values["REFUSED"] == file.values["FAULTS"] == 0


def test_the_model_knows_no_row_that_never_went_in() -> None:
    file = RegisterFile(configs.load("rexp_uint8"))
    with pytest.raises(AssertionError, match="never went in"):
        file.cycle(0, QUIET._replace(m_valid=1, m_last=1), None, None)


def test_tables_for_a_scale_of_one_are_the_defaults() -> None:
    for name in configs.names():
        cfg = configs.load(name)
        if cfg.method in tables.LOADABLE:
            one = tables.for_scale(cfg, Fraction(1))
            assert all(np.array_equal(one[k], table) for k, table in tables.default(cfg).items())
