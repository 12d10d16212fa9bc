"""The module that stands between our streams and somebody else's design: written from its ports.

It has the name, the parameters and the ports of the core, ``softmax_top``, whatever the design
calls its own. What the design is not told (where a row ends, which lanes count) waits here until
the output needs it. It stands in the build's folder as ``softmax_top.sv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.design import Design, Ports, Rtl

__all__ = ["NAME", "has_length", "parameters_of", "written"]

NAME = "softmax_top.sv"

_HEADER = """\
// Made from {file}:
// the module {top} between the streams of the testbench.
module softmax_top #(
    parameter string METHOD = "custom",
    parameter string INDEX = "distance",
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned IN_W = {in_w},
    parameter int unsigned F = {frac},
    parameter int unsigned W = {w},
    parameter int unsigned LANES = {lanes},
    parameter int unsigned MAX_LEN = {max_len},
    parameter int unsigned XS = 1,
    parameter int unsigned KE = 2,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    localparam int unsigned OutW = {out_w},
    localparam int unsigned UserW = 5
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    input  logic [LANES*IN_W-1:0] s_axis_tdata,
    input  logic [     LANES-1:0] s_axis_tkeep,
    input  logic [     LANES-1:0] s_axis_tuser,
    input  logic                  s_axis_tlast,{length}
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready,
    output logic [LANES*OutW-1:0] m_axis_tdata,
    output logic [     LANES-1:0] m_axis_tkeep,
    output logic [     UserW-1:0] m_axis_tuser,
    output logic                  m_axis_tlast
);
"""
_LENGTH = "\n    input  logic [          31:0] s_axis_tlength,  // elements of the row"

_STATE = """
  // Of each beat that is under way: whether it ends its row, and which lanes count.
  localparam int unsigned Depth = {depth};
  logic [LANES:0] beats_q[Depth];
  logic [$clog2(Depth)-1:0] first_q, next_q;
  logic [$clog2(Depth):0] level_q;
  logic signed [31:0] rows_q;  // that began to go in and did not come out
  logic inside_q;  // a row has begun to go in, and not ended
  logic take, give, known, allow;
  logic [LANES:0] beat;

  assign take  = s_axis_tvalid && s_axis_tready;
  assign give  = m_axis_tvalid && m_axis_tready;
  assign known = level_q != 0 || take;
  // A beat that nobody asked for goes out as a row of its own, and is seen.
  assign beat  = (level_q != 0) ? beats_q[first_q] : take ? {{s_axis_tlast, s_axis_tkeep}} : '1;
  assign allow = {allow};

  always_ff @(posedge clk_i) begin
    if (take) beats_q[next_q] <= {{s_axis_tlast, s_axis_tkeep}};
    if (!rst_ni) begin
      first_q  <= '0;
      next_q   <= '0;
      level_q  <= '0;
      rows_q   <= '0;
      inside_q <= 1'b0;
    end else begin
      if (take) next_q <= next_q + 1'b1;
      if (take) inside_q <= !s_axis_tlast;
      if (give && known) first_q <= first_q + 1'b1;
      level_q <= level_q + ($clog2(Depth)+1)'(take) - ($clog2(Depth)+1)'(give && known);
      rows_q  <= rows_q + 32'(take && !inside_q) - 32'(give && m_axis_tlast);
    end
  end
"""

_HELD = """
  // A row that is started stays at the input until the next one is.
  logic [LANES*(IN_W+2)-1:0] row, row_q;
  logic [LANES*IN_W-1:0] row_tdata;
  logic [LANES-1:0] row_tkeep, row_tuser;
  assign row = take ? {{s_axis_tdata, s_axis_tkeep, s_axis_tuser}} : row_q;
  assign {{row_tdata, row_tkeep, row_tuser}} = row;
  always_ff @(posedge clk_i) row_q <= row;
"""
_LEVEL = """
  // It says that it is done until the next row: what counts is that it begins to.
  logic was_q;
  always_ff @(posedge clk_i) was_q <= !rst_ni || {valid};
"""
_AFTER = """
  // Nothing says that an output is there but the time.
  localparam int unsigned After = {after};
  logic [After:0] coming;
  logic [After-1:0] coming_q;
  assign coming = {{coming_q, take}};
  always_ff @(posedge clk_i) coming_q <= rst_ni ? coming[After-1:0] : '0;
"""


def written(cfg: Config) -> str:
    """The module's text, for a configuration that has a design with RTL.

    Raises:
        UsageError: a parameter of the design is to have a value that there is not.
    """
    design = cfg.design
    assert design is not None
    assert design.rtl is not None
    ports, rtl = design.ports, design.rtl
    header = _HEADER.format(
        file=Path(design.file).name,  # wherever it lies, it is one build
        top=rtl.top,
        in_w=cfg.in_w,
        frac=cfg.frac,
        w=cfg.w,
        lanes=cfg.lanes,
        max_len=cfg.max_len * cfg.rows_per_block,
        out_w=cfg.out_w,
        length=_LENGTH if has_length(cfg) else "",
    )
    parameters = parameters_of(cfg, rtl)
    if ports is None:
        streams = {name: name for name in ("IN_W", "F", "W", "LANES", "MAX_LEN")}
        body = _instance(rtl.top, streams | parameters, dict.fromkeys(_OURS))
    else:
        body = "\n".join(_Adapter(cfg, design, ports).lines(rtl.top, parameters))
    return f"{header}{body}\n\nendmodule\n"


def has_length(cfg: Config) -> bool:
    """Whether the design is told how long a row is before it has ended."""
    return bool(cfg.design and cfg.design.ports and cfg.design.ports.in_length)


def parameters_of(cfg: Config, rtl: Rtl) -> dict[str, str]:
    """The design's own parameters, as SystemVerilog writes their values.

    ``@lanes`` is the configuration's value of that name.

    Raises:
        UsageError: there is no such value.
    """
    return {name: _literal(cfg, name, value) for name, value in rtl.parameters.items()}


def _literal(cfg: Config, name: str, value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if not value.startswith("@"):
        return f'"{value}"'
    found = getattr(cfg, value[1:], None) if value[1:] in _VALUES else None
    if found is None:
        raise UsageError(
            f"configuration {cfg.name}: parameters.{name} = {value!r}; "
            f"there are {', '.join(f'@{each}' for each in _VALUES)}"
        )
    return str(found)


#: What a parameter may be given of the configuration.
_VALUES = ("lanes", "in_w", "frac", "w", "max_len", "length", "rows_per_block")
#: Ports of a design that speaks as the core does.
_OURS = (
    *("clk_i", "rst_ni", "s_axis_tvalid", "s_axis_tready", "s_axis_tdata", "s_axis_tkeep"),
    *("s_axis_tuser", "s_axis_tlast", "m_axis_tvalid", "m_axis_tready", "m_axis_tdata"),
    *("m_axis_tkeep", "m_axis_tuser", "m_axis_tlast"),
)


@dataclass(frozen=True)
class _Adapter:
    """What joins a design's ports to ours."""

    cfg: Config
    design: Design
    ports: Ports

    def lines(self, top: str, parameters: Mapping[str, str]) -> Iterator[str]:
        """The module's body."""
        ports = self.ports
        yield _STATE.format(depth=self._depth(), allow=self._allow())
        if self._started:
            yield _HELD.format()
        pins = {
            "in_ready": "in_ready",
            "in_busy": "in_busy",
            "out_valid": "out_valid",
            "out_keep": "out_keep",
            "out_last": "out_last",
        }
        for key in pins:
            if getattr(ports, key):
                width = "[LANES-1:0] " if key == "out_keep" else ""
                yield f"  logic {width}{key};"
        yield "  logic [LANES*W-1:0] out_data;"
        yield from self._lanes()
        ready = "in_ready" if ports.in_ready else "!in_busy" if ports.in_busy else ""
        yield f"  assign s_axis_tready = allow{ready and f' && {ready}'};"
        yield from self._valid()
        last = "out_last" if ports.out_last else "beat[LANES]"
        keep = self._turned("out_keep", "1") if ports.out_keep else "beat[LANES-1:0]"
        yield f"  assign m_axis_tlast = {last};"
        yield f"  assign m_axis_tkeep = {keep};"
        yield "  assign m_axis_tuser = '0;"
        yield "  for (genvar i = 0; i < LANES; i++) begin : gen_out"
        yield "    assign m_axis_tdata[i*OutW+:OutW] = OutW'(out_data[i*W+:W]);"
        yield "  end"
        yield ""
        offered = "take" if self._started else "s_axis_tvalid && allow"
        joined: dict[str, str | None] = {
            ports.clock: "clk_i",
            ports.reset: "!rst_ni" if ports.reset_active == "high" else "rst_ni",
            ports.in_valid: offered,
            ports.in_first: f"{offered} && !inside_q",
            ports.in_last: "s_axis_tlast",
            ports.in_keep: self._turned(self._row("keep"), "1"),
            ports.in_mask: self._turned(self._row("user"), "1"),
            ports.in_length: f"s_axis_tlength / {self.cfg.rows_per_block}",
            ports.out_ready: "m_axis_tready",
            **{getattr(ports, key): wire for key, wire in pins.items()},
            **{name: str(value) for name, value in ports.tie.items()},
        }
        joined.pop("", None)
        yield _instance(top, parameters, joined | dict(self._data()))

    @property
    def _started(self) -> bool:
        """Whether it is started with a row, rather than offered beats."""
        return self.design.input == "start"

    def _row(self, signal: str) -> str:
        """What goes in, of the row that the design is at."""
        return f"row_t{signal}" if self._started else f"s_axis_t{signal}"

    def _depth(self) -> int:
        """Beats that may be under way: several of the longest rows."""
        beats = -(-self.cfg.max_len // self.cfg.lanes) * self.cfg.rows_per_block
        return int(1 << (8 * beats + 256).bit_length())

    def _allow(self) -> str:
        """When a beat may go in."""
        room = "!level_q[$clog2(Depth)]"
        return room if self.design.overlap else f"{room} && (inside_q || rows_q <= 0)"

    def _valid(self) -> Iterator[str]:
        """When a beat comes out."""
        output, after = self.design.output, self.design.after
        valid = "out_valid"
        if output == "level":
            yield _LEVEL.format(valid=valid)
            valid = "out_valid && !was_q"
        elif output == "after" and after:
            yield _AFTER.format(after=after)
            valid = "coming[After]"
        elif output == "after":
            valid = "take"
        yield f"  assign m_axis_tvalid = rst_ni && {valid};"

    def _turned(self, vector: str, width: str) -> str:
        """A vector of lanes of our order in the design's, or the other way round."""
        high = self.ports.first_lane == "high" and self.ports.layout == "packed"
        return f"{{<<{width}{{{vector}}}}}" if high else vector

    def _lanes(self) -> Iterator[str]:
        """Data in the design's layout: ``in_lanes`` and ``out_lanes``."""
        if self.ports.layout == "packed":
            yield "  logic [LANES*W-1:0] out_lanes;"
            yield f"  assign out_data = {self._turned('out_lanes', 'W')};"
            return
        yield "  logic [IN_W-1:0] in_lanes[LANES];"
        yield "  logic [W-1:0] out_lanes[LANES];"
        lane = "LANES-1-i" if self.ports.first_lane == "high" else "i"
        yield "  for (genvar i = 0; i < LANES; i++) begin : gen_lanes"
        yield f"    assign in_lanes[{lane}] = {self._row('data')}[i*IN_W+:IN_W];"
        yield f"    assign out_data[i*W+:W] = out_lanes[{lane}];"
        yield "  end"

    def _data(self) -> Iterator[tuple[str, str]]:
        """Ports of data, and what is joined to them."""
        ports = self.ports
        if ports.layout == "packed":
            yield ports.in_data, self._turned(self._row("data"), "IN_W")
            yield ports.out_data, "out_lanes"
        elif ports.layout == "unpacked":  # lane by lane: the type of an element is the design's
            for port, lanes in ((ports.in_data, "in_lanes"), (ports.out_data, "out_lanes")):
                each = ", ".join(f"{lanes}[{lane}]" for lane in range(self.cfg.lanes))
                yield port, f"'{{{each}}}"
        else:
            for lane in range(self.cfg.lanes):
                yield ports.of_lane(ports.in_data, lane), f"in_lanes[{lane}]"
                yield ports.of_lane(ports.out_data, lane), f"out_lanes[{lane}]"


def _instance(top: str, parameters: Mapping[str, str], joined: Mapping[str, str | None]) -> str:
    """The design, with what its parameters are and what its ports are joined to."""
    values = ",\n".join(f"      .{name}({value})" for name, value in parameters.items())
    pins = ",\n".join(
        f"      .{name}" if wire is None else f"      .{name}({wire})"
        for name, wire in joined.items()
    )
    given = f" #(\n{values}\n  )" if values else ""
    return f"\n  {top}{given} u_design (\n{pins}\n  );"
