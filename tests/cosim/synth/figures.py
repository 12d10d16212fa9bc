"""Figures and a design to synthesise, made by hand."""

from __future__ import annotations

from pathlib import Path

from softmax_cosim.configs.design import Rtl
from softmax_cosim.paths import ROOT
from softmax_cosim.synth.figures import Figures
from softmax_cosim.synth.unit import Unit

DISTANCE = str(ROOT / "examples" / "distance" / "distance.toml")

GOOD = Figures(
    lut4=2000,
    ff=1000,
    block_ram=5,
    multipliers=4,
    fmax_mhz=120.0,
    nand_nor=5000,
    inverters=1500,
    gate_ff=900,
    memory_bits=22000,
    critical="a to b, 4 levels",
)


def foreign(folder: Path, **more: object) -> Unit:
    """A design of somebody else's in a folder; ``more`` of its :class:`Rtl`."""
    (folder / "a b.sv").write_text('module a; initial $readmemh("t.hex", m); endmodule')
    parameters = {"N": "3", "S": '"two words"', "U": '"sub/u.hex"', "W": '"../w.hex"'}
    files = (str(folder / "a b.sv"),)
    return Unit("mine", Rtl("a", files, parameters=parameters, **more), folder)
