"""What switches in a netlist, through the real tools."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli, configs, trace
from softmax_cosim.configs import UsageError
from softmax_cosim.configs.design import Rtl
from softmax_cosim.golden.rows import Rows
from softmax_cosim.synth import flows
from softmax_cosim.synth.activity import command, saif
from softmax_cosim.synth.activity.energy import Library, Power
from softmax_cosim.synth.activity.netlist import netlist
from softmax_cosim.synth.activity.play import player
from softmax_cosim.synth.activity.saif import Activity, Net
from softmax_cosim.synth.unit import Unit, unit_of

LIBRARY = Path(__file__).parents[1] / "synth" / "data" / "tiny.lib"

#: Two stages with registers between them, in a core that does most; an inverter in the top; and a
#: stage that ABC finds to do nothing, once it has looked at the next.
PARTS = """
module half #(parameter int W = 1) (input logic clk, input logic [W-1:0] a, b,
                                    output logic [W-1:0] q);
  always_ff @(posedge clk) q <= ~(a & b);
endmodule
module either (input logic a, b, output logic y);
  assign y = a ^ b;
endmodule
module same (input logic clk, e, b, output logic q);
  always_ff @(posedge clk) q <= (e & b) | (~e & b);
endmodule
module core (input logic clk, input logic [2:0] a, b, output logic [2:0] q, output logic s);
  logic e;
  either u_either (.a(a[0]), .b(b[1]), .y(e));
  same u_same (.clk, .e, .b(b[0]), .q(s));
  logic [2:0] y;
  half #(3) u_first (.clk, .a, .b, .q(y));
  for (genvar i = 0; i < 3; i++) begin : gen_lane
    half u_second (.clk, .a(y[i]), .b(b[i]), .q(q[i]));
  end
endmodule
module parts (input logic clk, input logic [2:0] a, b, output logic [2:0] q, output logic n, s);
  assign n = ~b[0];
  core u_core (.clk, .a, .b, .q, .s);
endmodule
"""
#: A stream that keeps a beat for a cycle, and one gate a bit.
KEEPER = """
module softmax_top(clk_i, rst_ni, s_axis_tvalid, s_axis_tready, s_axis_tdata, s_axis_tkeep,
    s_axis_tuser, s_axis_tlast, m_axis_tvalid, m_axis_tready, m_axis_tdata, m_axis_tkeep,
    m_axis_tuser, m_axis_tlast);
  input clk_i, rst_ni, s_axis_tvalid, s_axis_tkeep, s_axis_tuser, s_axis_tlast, m_axis_tready;
  input [3:0] s_axis_tdata;
  output s_axis_tready, m_axis_tkeep, m_axis_tlast;
  output reg m_axis_tvalid;
  output [1:0] m_axis_tdata;
  output [4:0] m_axis_tuser;
  reg [3:0] q; reg last; reg \\odd[name] ;
  wire [3:0] n;
  assign n = ~q;
  assign s_axis_tready = 1'b1;
  assign m_axis_tkeep = 1'b1, m_axis_tlast = last, m_axis_tdata = q[1:0], m_axis_tuser = 5'b0;
  always @(posedge clk_i) begin
    q <= rst_ni ? s_axis_tdata : 4'b0001;
    last <= s_axis_tlast;
    m_axis_tvalid <= rst_ni & s_axis_tvalid;
    \\odd[name] <= ~\\odd[name] & rst_ni;
  end
endmodule
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path / "build"))
    (tmp_path / "parts.sv").write_text(PARTS)
    return Unit("parts", Rtl("parts", (str(tmp_path / "parts.sv"),)), tmp_path)


def test_every_cell_belongs_to_its_stage(parts: Unit) -> None:
    with netlist(parts) as found:
        kinds = Counter((cell.stage, cell.kind) for cell in found.cells)
    assert kinds == {
        ("parts", "$_NOT_"): 1,
        ("u_core/u_first", "$_NAND_"): 3,
        ("u_core/u_first", "$_DFF_P_"): 3,
        ("u_core/u_second", "$_NAND_"): 3,
        ("u_core/u_second", "$_DFF_P_"): 3,
        ("u_core/u_same", "$_DFF_P_"): 1,
    }


def test_a_wire_that_two_stages_drive() -> None:
    """Seven bits of a wire of the reciprocal come from elsewhere, the others are its own."""
    with netlist(unit_of(configs.load("split_uint8_in8").replace(lanes=1, max_len=4))) as found:
        stages = {cell.stage for cell in found.cells}
    assert "u_core/u_reciprocal" in stages


@pytest.mark.parametrize("library", [None, LIBRARY])
def test_every_net_is_there_to_be_recorded(parts: Unit, library: Path | None) -> None:
    with netlist(parts, library) as found:
        text = (found.folder / "netlist.v").read_text()
        nets, ports = found.nets, {*found.ports}
    assert sorted(ports) == ["a", "b", "q"]
    # Inputs, gates, registers, the inverter; ABC has a buffer for what is no logic.
    assert len(nets) == 7 + 6 + 7 + 1 + (library is not None)
    for net in nets:
        name = net.partition("[")[0] if net.partition("[")[0] in ports else net
        assert re.search(
            rf"^  (input|output|wire|reg) (\[2:0\] )?\\?{re.escape(name)} ?;", text, re.M
        )


def test_energy_equals_a_count_by_hand(parts: Unit) -> None:
    with netlist(parts, LIBRARY) as found:
        kinds = Counter((cell.stage, cell.kind) for cell in found.cells)
        assert kinds["u_core/u_first", "NAND2"] == kinds["u_core/u_first", "DFF"] == 3
        assert kinds["parts", "INV"] == 1
        nets = {net: Net(0, 0) for cell in found.cells for net in cell.driven}
        nets |= {net: Net(0, 0) for net in found.inputs}
        nets["clk"] = Net(50, 20)
        # One NAND of the first stage changes three times, the register after it twice.
        gate = next(c for c in found.cells if (c.stage, c.kind) == ("u_core/u_first", "NAND2"))
        (net,) = gate.driven
        register = next(c for c in found.cells if c.pins.get("D") == (net,))
        nets[net] = Net(5, 3)
        nets[next(register.driven)] = Net(5, 2)
        power = Power(Library(LIBRARY), found)
        energy = power.spent(Activity(nets, 10, 10), 4, "clk")
    half = 0.001 * 2.0**2 / 2  # of the charge of one pin
    assert energy.clock == pytest.approx(7 * 20 * (0.2 + half) / 4)
    first = 3 * (0.03 + half) + 3 * 0.02 + 2 * (0.04 + half)
    assert energy.stages["u_core/u_first"] == pytest.approx(first / 4)
    assert energy.stages["u_core/u_second"] == 0.0  # NAND2 has nothing at its inputs
    assert energy.internal + energy.switching == pytest.approx(first / 4)
    assert energy.leakage_nw == pytest.approx(6 * (2 + 5) + 5 + 1 + 1.5)


def test_toggles_equal_a_count_by_hand(tmp_path: Path) -> None:
    cfg = configs.load("rexp_uint2").replace(in_w=4, frac=0, lanes=1, max_len=8)
    path = tmp_path / "softmax_top.sv"
    nets = [f"{name}[{place}]" for name in "qn" for place in range(4)]
    nets += ["m_axis_tvalid", "last", "odd[name]", "clk_i", "rst_ni", "s_axis_tdata[3]"]
    text = flows.with_parameters(KEEPER, unit_of(cfg))
    path.write_text(saif.recorded(text, nets, ["q", "n", "s_axis_tdata"]))
    rows = Rows.of([[5, 2], [7, -1, -1]])  # 0101 0010 0111 1111 1111
    with player(cfg, path, nets) as keeper:
        first, second = (keeper.play(rows).activity for _ in range(2))
    assert first == second
    # Out of reset the register is 0001, and once more 0000, as long as nothing was offered.
    for place, toggles in enumerate((4, 1, 3, 1)):
        assert first.toggles(f"q[{place}]") == toggles, place
    for place in range(4):
        assert first.toggles(f"n[{place}]") == first.toggles(f"q[{place}]")
        assert first.nets[f"n[{place}]"].high + first.nets[f"q[{place}]"].high == (
            first.cycles * first.period
        )
    assert first.toggles("m_axis_tvalid") == 2
    assert first.enabled("m_axis_tvalid") == len(rows.q)
    assert first.toggles("last") == 3
    assert first.toggles("odd[name]") == first.cycles
    assert first.toggles("clk_i") == 2 * first.cycles
    assert first.toggles("rst_ni") == 0
    assert first.toggles("s_axis_tdata[3]") == 2  # and back to 0 when all is over


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The smallest core, as a configuration of the user's."""
    path = tmp_path / "small.toml"
    path.write_text(
        'method = "rexp"\nprecision = "uint2"\nin_w = 6\nfrac = 2\nrecentre = true\n'
        "lanes = 2\nmax_len = 12\n"
    )
    return path


def written(path: Path, scores: np.ndarray) -> str:
    trace.write(path, [trace.Layer(0, scores.astype(np.float32))], model="made up", source="here")
    return str(path)


def played(small: Path, tmp_path: Path, scores: np.ndarray, *more: str) -> tuple[int, dict]:
    out = tmp_path / "out.json"
    given = written(tmp_path / "rows.safetensors", scores)
    code = cli.main(["synth", str(small), "--activity", given, "--out", str(out), *more])
    return code, json.loads(out.read_text())["designs"][0]["figures"]


def test_real_rows_beside_random_ones(small, tmp_path, capsys):
    """And equal scores in equal rows switch less: only what counts beats goes on."""
    scores = np.random.default_rng(1).normal(0, 1, (1, 2, 20, 8))
    code, found = played(small, tmp_path, scores)
    assert code == 0
    said = capsys.readouterr().out
    assert played(small, tmp_path, scores) == (0, found)
    real, drawn = found["played"]
    assert (real["rows"], real["elements"], real["mismatches"]) == (40, 320, 0)
    assert (drawn["source"], drawn["elements"], drawn["mismatches"]) == ("random", 320, 0)
    assert (real["lowest"], real["highest"]) == (drawn["lowest"], drawn["highest"])
    for one in (real, drawn):
        stages = one["stages"].values()
        assert sum(s["logic"] + s["register"] for s in stages) == pytest.approx(one["toggles"])
        assert one["clock_edges"] * 320 == 2 * one["cycles"] * sum(s["registers"] for s in stages)
        assert one["apart"] < 0.2
        assert one["energy"] is None
    assert sum(found["cells"].values()) > 300
    assert f"{real['toggles']:,.1f} toggles an element" in said
    assert "u_core/u_sum" in said
    code, still = played(small, tmp_path, np.zeros_like(scores))
    assert code == 0
    assert still["played"][0]["toggles"] < 0.85 * real["toggles"]
    assert still["played"][0]["stages"]["u_core/u_products"]["logic"] < 0.05


def test_two_configurations_of_one_name(small, tmp_path):
    """Of one netlist, but other scores."""
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "small.toml"
    other.write_text(small.read_text().replace("recentre = true", "recentre = false"))
    given = written(tmp_path / "x.safetensors", np.full((1, 1, 4, 8), -3.0))
    out = tmp_path / "out.json"
    assert cli.main(["synth", str(small), str(other), "--activity", given, "--out", str(out)]) == 0
    designs = json.loads(out.read_text())["designs"]
    assert [one["figures"]["played"][0]["lowest"] for one in designs] == [31, -12]


def test_energy_in_cells_of_a_library(small, tmp_path, capsys):
    scores = np.random.default_rng(1).normal(0, 1, (1, 2, 20, 8))
    code, found = played(small, tmp_path, scores, "--liberty", str(LIBRARY), "--max-rows", "10")
    assert code == 0
    real, drawn = found["played"]
    assert (real["rows"], real["mismatches"], drawn["mismatches"]) == (10, 0, 0)
    registers = found["cells"]["DFF"]
    per_edge = 0.2 + 0.001 * 2.0**2 / 2
    assert real["energy"]["clock"] == pytest.approx(2 * registers * real["cycles"] * per_edge / 80)
    leakage = {"INV": 1, "BUF": 1.5, "NAND2": 2, "NOR2": 2.5, "DFF": 5, "$mem_v2": 0}
    expected = sum(leakage[kind] * count for kind, count in found["cells"].items())
    assert real["energy"]["leakage_nw"] == pytest.approx(expected)
    inner = real["energy"]["internal"] + real["energy"]["switching"]
    assert sum(stage["energy"] for stage in real["stages"].values()) == pytest.approx(inner)
    assert f"{inner + real['energy']['clock']:,.2f} pJ an element" in capsys.readouterr().out


def test_a_recording_for_power_tools(small, tmp_path):
    scores = np.random.default_rng(1).normal(0, 1, (1, 2, 20, 8))
    folder = tmp_path / "a" / "b"
    words = ["--liberty", str(LIBRARY), "--saif", str(folder)]
    code, found = played(small, tmp_path, scores, *words)
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["small-rows.saif", "small.v"]
    netlist = (folder / "small.v").read_text()
    cells = {kind: count for kind, count in found["cells"].items() if kind != "$mem_v2"}
    assert {kind: len(re.findall(rf"^  {kind} ", netlist, re.MULTILINE)) for kind in cells} == cells
    text = (folder / "small-rows.saif").read_text()
    nets = re.findall(r"^    \((\S+) \(T0 (\d+)\) \(T1 (\d+)\) .*\(TC (\d+)\)", text, re.MULTILINE)
    assert len(nets) > sum(cells.values())
    (duration,) = re.findall(r"\(DURATION (\d+)\)", text)
    (real, _) = found["played"]
    assert int(duration) == 10_000 * real["cycles"]
    assert {int(low) + int(high) for _, low, high, _ in nets} == {int(duration)}
    toggles = {name.replace("\\", ""): int(count) for name, _, _, count in nets}
    assert toggles["clk_i"] == 2 * real["cycles"]
    outputs = re.findall(r"\.[QY]\(\\?([^ )]+) ?\)", netlist)
    assert sum(toggles[name] for name in outputs) == pytest.approx(real["toggles"] * 320)


def test_a_wrong_gate_is_exit_code_1(small, tmp_path, capsys, monkeypatch):
    def broken(text: str, unit: Unit) -> str:
        before, gate, after = flows.with_parameters(text, unit).partition(" = ~(")
        assert gate
        return f"{before} = ({after}"

    monkeypatch.setattr(command, "with_parameters", broken)
    code, found = played(small, tmp_path, np.random.default_rng(1).normal(0, 1, (1, 2, 20, 8)))
    assert code == 1
    wrong = sum(one["mismatches"] for one in found["played"])
    assert wrong > 0
    assert (
        f"synth: small: {wrong} rows are not as the golden model has them"
        in capsys.readouterr().err
    )


def test_no_room_for_the_recording_is_a_sentence(tmp_path):
    cfg = configs.load("rexp_uint2").replace(in_w=4, frac=0, lanes=1, max_len=8)
    path = tmp_path / "softmax_top.sv"
    text = flows.with_parameters(KEEPER, unit_of(cfg))
    path.write_text(saif.recorded(text, ["clk_i"], []))
    with player(cfg, path, ["clk_i"]) as keeper:
        keeper.path.symlink_to("/dev/full")
        with pytest.raises(UsageError, match="make room there"):
            keeper.play(Rows.of([[5, 2]]))
