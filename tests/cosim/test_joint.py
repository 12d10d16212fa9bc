"""Where a design does not fit its configuration: one sentence, before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.simulation.build import build

DESIGN = """\
module their_softmax #(parameter N = 4) (
    input  logic            clk,
    input  logic            rst_n,
    input  logic            enable,
    input  logic            in_valid,
    input  logic [N*8-1:0]  x,
    output logic            out_valid,
    output logic [N*16-1:0] y,
    output logic            debug
);
  assign out_valid = in_valid;
  assign y = {2{x}};
endmodule
"""
CONFIG = """\
top = "their_softmax"
sources = ["their_softmax.sv"]
parameters = { N = "@lanes" }
input = "q4.4"
output = "uq0.16"
lanes = 4
[ports]
in_valid = "in_valid"
in_data = "x"
out_valid = "out_valid"
out_data = "y"
tie = { enable = 1 }
"""
UNPACKED = DESIGN.replace("[N*8-1:0]  x", "[7:0] x [N]").replace("{2{x}}", "'0")


def refused(folder: Path, config: str, design: str = DESIGN) -> str:
    """What the build says of a design, of which one build log stays."""
    (folder / "their.toml").write_text(config)
    (folder / "their_softmax.sv").write_text(design)
    with pytest.raises(UsageError) as error:
        build(configs.load(str(folder / "their.toml")), build_root=folder / "build")
    return str(error.value)


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        (
            'out_data = "y"',
            'out_data = "yy"',
            "ports.out_data = 'yy': module their_softmax has no such port; its inputs are: clk, "
            "rst_n, enable, in_valid, x; its outputs are: out_valid, y, debug",
        ),
        (
            "enable = 1",
            "enabled = 1",
            "ports.tie.enabled: module their_softmax has no such port; its inputs are: clk, ",
        ),
        (
            "N = ",
            "LANES = ",
            "parameters.LANES: module their_softmax has no parameter of this name; "
            "its parameters are: N",
        ),
        (
            'top = "their_softmax"',
            'top = "softmax"',
            "top = 'softmax': no source has a module of this name",
        ),
        (
            "tie = { enable = 1 }",
            "",
            "module their_softmax has an input enable, which the configuration does not name; "
            "say in [ports] what it is, or what it is held at: tie = { enable = 0 }",
        ),
        (
            "uq0.16",
            "uq0.8",
            "ports.out_data = 'y' of module their_softmax has 64 bits, but the configuration says "
            "32 bits: lanes of uq0.8, 4 a beat",
        ),
        (
            "q4.4",
            "q8.8",
            "ports.in_data = 'x' of module their_softmax has 32 bits, but the configuration says "
            "64 bits: lanes of q8.8, 4 a beat",
        ),
        (
            "tie =",
            'layout = "unpacked"\ntie =',
            "ports.in_data or ports.out_data of module their_softmax is no unpacked array of 4 "
            "elements",
        ),
        (
            "[ports]",
            "[other]",
            "unknown key 'other'",
        ),
    ],
)
def test_a_design_that_does_not_fit(was: str, becomes: str, sentence: str, tmp_path: Path):
    assert was in CONFIG
    said = refused(tmp_path, CONFIG.replace(was, becomes))
    assert sentence in said
    if "unknown key" not in sentence:
        wrapper = said.partition("(the wrapper: ")[2].partition(";")[0]
        assert "u_design" in Path(wrapper).read_text()


def test_an_array_that_is_taken_for_a_vector(tmp_path: Path):
    said = refused(tmp_path, CONFIG, UNPACKED)
    assert "ports.in_data = 'x' of module their_softmax is unpacked; say so: layout" in said


def test_the_ports_of_ours_where_none_are_named(tmp_path: Path):
    said = refused(tmp_path, CONFIG.partition("[ports]")[0])
    assert "the port clk_i: module their_softmax has no such port" in said
    assert "name its own ports in a table [ports]" in said


def test_the_first_error_of_a_source_is_shown_behind_its_warnings(tmp_path: Path):
    wrong = DESIGN.replace("assign y", "logic [3:0] narrow = 8'd200;\n  assign nothing.y")
    said = refused(tmp_path, CONFIG, wrong)
    assert said.startswith("building softmax_top failed: %Error")
    assert "their_softmax.sv:13" in said
