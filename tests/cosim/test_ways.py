"""Ways of speaking that no example has: echoes, so that what comes out is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softmax_cosim import cli
from softmax_cosim.paths import ROOT

TRACE = str(ROOT / "traces" / "minilm_short.safetensors")
GOLDEN = """
import numpy as np

def echo(cfg, rows):
    place = np.arange(len(rows)) % cfg.rows_per_block
    code = rows.q + np.repeat(place, rows.lengths)
    return rows.q if cfg.rows_per_block == 1 else (code + 8) % 16 - 8
"""

#: A row at once, fp32, looked at when there is time for it; ready is a level that falls with the
#: next start; the first lane is high.
LEVEL = (
    """\
module echo(
    input               clk,
    input               rst,
    input               start,
    input      [16*32-1:0] x,
    output reg          ready,
    output reg [16*32-1:0] y
);
  reg [1:0] left;
  always @(posedge clk) begin
    if (left == 1) y <= x;
    if (rst) begin ready <= 1'b0; left <= 2'd0; end
    else if (start) begin ready <= 1'b0; left <= 2'd3; end
    else if (left != 0) begin left <= left - 1'b1; ready <= left == 1; end
  end
endmodule
""",
    """\
input = "fp32"
output = "fp32"
lanes = 16
length = 16
latency = "4"
[ports]
reset = "rst"
reset_active = "high"
in_valid = "start"
in_data = "x"
out_valid = "ready"
out_data = "y"
first_lane = "high"
[handshake]
input = "start"
output = "level"
""",
)
#: More lanes than a row has elements, keep and last both ways, arrays of integers.
WIDE = (
    """\
module echo #(parameter LANES = 40) (
    input  logic             clk, rst_n, s_valid, s_last, m_ready,
    input  logic [LANES-1:0] s_keep,
    input  int               x [LANES],
    output logic             s_ready, m_valid, m_last,
    output logic [LANES-1:0] m_keep,
    output int               y [LANES]
);
  assign s_ready = !m_valid || m_ready;
  always_ff @(posedge clk) begin
    if (!rst_n) m_valid <= 1'b0;
    else if (s_ready) m_valid <= s_valid;
    if (s_ready) begin
      m_last <= s_last;
      m_keep <= s_keep;
      y <= x;
    end
  end
endmodule
""",
    """\
input = "q16.16"
output = "q16.16"
lanes = 40
max_len = 64
parameters = { LANES = "@lanes" }
latency = "B"
[ports]
in_valid = "s_valid"
in_ready = "s_ready"
in_keep = "s_keep"
in_last = "s_last"
in_data = "x"
out_valid = "m_valid"
out_ready = "m_ready"
out_keep = "m_keep"
out_last = "m_last"
out_data = "y"
layout = "unpacked"
""",
)
#: A port a lane, nothing that says when, an input that is held, and no reset.
AFTER = (
    """\
module echo(input clk, en, go, input [7:0] x0, x1, x2, x3, output reg [7:0] y1, y2, y3, y4);
  reg [31:0] x;
  always @(posedge clk) if (en) begin
    x <= {x3, x2, x1, x0};
    {y4, y3, y2, y1} <= x;
  end
endmodule
""",
    """\
input = "q4.4"
output = "q4.4"
lanes = 4
max_len = 64
latency = "B + 1"
[ports]
reset = ""
tie = { en = 1 }
in_valid = "go"
in_data = "x{lane}"
out_data = "y{lane+1}"
layout = "ports"
[handshake]
output = "after"
after = 2
""",
)
#: Blocks of rows in turns of a beat, of many lanes; a row's place in its block is added, or the
#: order would not matter.
BLOCKS = (
    """\
module echo #(parameter N = 128) (
    input                clk, rst_n, s_valid, m_ready,
    input      [N*4-1:0] x,
    output               s_ready,
    output reg           m_valid,
    output reg [N*4-1:0] y
);
  reg [2:0] place;
  integer i;
  assign s_ready = !m_valid || m_ready;
  always @(posedge clk) begin
    if (!rst_n) m_valid <= 1'b0;
    else if (s_ready) m_valid <= s_valid;
    if (!rst_n) place <= 3'd0;
    else if (s_ready && s_valid) place <= (place == 6) ? 3'd0 : place + 1'b1;
    if (s_ready) for (i = 0; i < N; i = i + 1) y[i*4+:4] <= x[i*4+:4] + {1'b0, place};
  end
endmodule
""",
    """\
input = "q2.2"
output = "q2.2"
lanes = 128
length = 256
rows_per_block = 7
block_order = "beats"
latency = "B"
[ports]
in_valid = "s_valid"
in_ready = "s_ready"
in_data = "x"
out_valid = "m_valid"
out_ready = "m_ready"
out_data = "y"
""",
)
WAYS = {"level": LEVEL, "wide": WIDE, "after": AFTER, "blocks": BLOCKS}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_an_echo_is_exact(way: tuple[str, str], tmp_path: Path):
    source, config = way
    (tmp_path / "echo.sv").write_text(source)
    (tmp_path / "echo.py").write_text(GOLDEN)
    about = 'top = "echo"\nsources = ["echo.sv"]\ngolden = "echo:echo"\n'
    (tmp_path / "echo.toml").write_text(about + config)
    words = ["replay", TRACE, "--config", str(tmp_path / "echo.toml"), "--max-rows", "60"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    (run,) = json.loads((tmp_path / "out" / "summary.json").read_text())["runs"]
    assert (run["rows"], run["mismatched_elements"], run["lost_rows"]) == (60, 0, 0)
    assert run["latency"]["prediction_errors"] == 0
