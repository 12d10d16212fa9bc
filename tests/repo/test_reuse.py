"""What lets others take the core: FuseSoC's and Bender's lists, the registers in SystemRDL."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from systemrdl import RDLCompiler
from systemrdl.node import FieldNode, MemNode, RegNode

from softmax_cosim.golden import registers
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import rtl_sources

CORE = yaml.safe_load((ROOT / "softmax-cosim.core").read_text().removeprefix("CAPI=2:\n"))
SOURCES = [str(path.relative_to(ROOT)) for path in rtl_sources()]


def test_every_list_of_the_sources_is_the_same():
    assert CORE["filesets"]["rtl"]["files"] == SOURCES
    assert yaml.safe_load((ROOT / "Bender.yml").read_text())["sources"] == SOURCES


def test_the_core_file_has_every_parameter_as_the_module_has_it():
    head = (ROOT / "rtl" / "softmax_top.sv").read_text().partition(") (")[0]
    found = re.findall(r"^    parameter (\S+) (?:unsigned )?(\w+) = (.*?),$", head, re.MULTILINE)
    wanted = {
        name: ("str", default.strip('"'))
        if kind == "string"
        else ("int", int(default.removeprefix("1'b")))
        for kind, name, default in found
        if name != "LOADABLE"  # for softmax_axil to wire
    }
    told = CORE["parameters"]
    assert {name: (one["datatype"], one["default"]) for name, one in told.items()} == wanted
    assert CORE["targets"]["default"]["parameters"] == list(wanted)


@pytest.mark.parametrize(
    ("target", "more"), [("lint", []), ("lint", ["--METHOD", "split", "--LANES", "2"])]
)
def test_fusesoc_takes_the_core_to_a_tool(tmp_path, target, more):
    program = Path(sys.executable).parent / "fusesoc"
    words = ["--cores-root", str(ROOT), "run", "--work-root", str(tmp_path / "work")]
    done = subprocess.run(
        [program, *words, "--target", target, "softmax-cosim", *more],
        env=toolchain.build_environment() | {"PATH": _path(), "XDG_CACHE_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_fusesoc_is_refused_a_parameter_that_is_not_legal(tmp_path):
    with pytest.raises(AssertionError, match="LANES must be a power of two"):
        test_fusesoc_takes_the_core_to_a_tool(tmp_path, "lint", ["--LANES", "3"])


def _path() -> str:
    return f"{Path(sys.executable).parent}:/usr/bin:/bin"


def test_systemrdl_has_the_map():
    compiler = RDLCompiler()
    compiler.compile_file(str(ROOT / "rtl" / "gen" / "softmax.rdl"))
    nodes = {node.inst_name: node for node in compiler.elaborate().top.children()}
    wanted = registers.load()
    assert list(nodes) == [*wanted.registers, *wanted.windows]
    for name, register in wanted.registers.items():
        node = nodes[name]
        assert isinstance(node, RegNode)
        assert (node.absolute_address, node.size) == (register.offset, 4)
        fields = {field.inst_name: field for field in node.fields()}
        assert list(fields) == (list(register.fields) or ["VALUE"])
        for field in fields.values():
            assert field.is_sw_writable == (register.access != "ro")
            assert field.is_sw_readable
        for field in register.fields.values():
            _is(fields[field.name], field, register)
    for name, window in wanted.windows.items():
        node = nodes[name]
        assert isinstance(node, MemNode)
        assert (node.absolute_address, node.size) == (window.offset, 4 * window.entries)
        assert (node.is_sw_readable, node.is_sw_writable) == (False, True)


def _is(node: FieldNode, field: registers.Field, register: registers.Register) -> None:
    assert (node.low, node.width) == (field.lsb, field.width)
    codes = node.get_property("encode")
    assert [member.name for member in codes or ()] == [value.upper() for value in field.values]
    if not any(other.parameter for other in register.fields.values()):
        assert node.get_property("reset") == field.get(register.reset)
