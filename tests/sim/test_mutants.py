"""The regression finds a broken design: each mutant must fail a case that the real RTL passes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from altered import altered

from softmax_cosim import configs
from softmax_cosim.simulation.build import rtl_sources
from softmax_cosim.simulation.regression import built, run

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
MSB = configs.load("rexp_uint8_msb").replace(max_len=64)
LUT2D = configs.load("lut2d_uint8").replace(max_len=64)
SPLIT = configs.load("split_uint8").replace(max_len=64)
ROWEXP = configs.load("split_uint8_rowexp").replace(max_len=64)
SPLIT16 = configs.load("split_int16").replace(lanes=2, frac=0, max_len=128)
# Where rows whose largest element just fits are frequent enough.
ROWEXP2 = configs.load("split_uint2").replace(row_exp=True, max_len=64)


class Mutant(NamedTuple):
    """One line of one file, changed; and what the failing case must say."""

    file: str
    line: str
    becomes: str
    case: str
    says: str
    config: configs.Config = CONFIG


MUTANTS = {
    "a table entry changed": Mutant(
        "softmax_tables_pkg.sv",
        "0022_005d_00ff",
        "0022_005e_00ff",
        "streams.scores/kind=attention",
        "first differing stage: s of element",
    ),
    "a lane swapped": Mutant(
        "softmax_select.sv",
        "outputs[code_i[i]]",
        "outputs[code_i[LANES-1-i]]",
        "streams.lengths/length=long",
        "first differing stage: y\n",
    ),
    "a beat dropped under backpressure": Mutant(
        "stream_reg.sv",
        "assign ready_o = ready_i || (ELASTIC && !valid_q);",
        "assign ready_o = 1'b1;",
        "stalls.crossed/source=none/sink=heavy",
        "",
    ),
    "the sum off by one": Mutant(
        "softmax_sum.sv",
        "(first_q ? '0 : sum_o)",
        "(first_q ? SumW'(1) : sum_o)",
        "streams.sums_near_edges",
        "first differing stage: sum: expected",
    ),
    "the sum rounded down": Mutant(
        "softmax_sum_index.sv",
        "? (M - 1) / 2 : 0",
        "? 0 : 0",
        "streams.lengths/length=mixed",
        "first differing stage: j: expected",
    ),
    "tenths cut off": Mutant(
        "softmax_tenth.sv",
        "(2 * tenth - 1)",
        "(2 * tenth)",
        "streams.scores/kind=attention",
        "first differing stage: c of element",
        LUT2D,
    ),
    "a masked element in the sum": Mutant(
        "softmax_sum.sv",
        "live_i[i] ? value_i[i] : '0",
        "value_i[i]",
        "streams.masks/mask=random",
        "first differing stage: sum: expected",
    ),
    "a cycle late": Mutant(
        "softmax_sum_index.sv",
        "Stages = 2;",
        "Stages = 3;",
        "latency.idle_core",
        "",
    ),
    "an old row after reset": Mutant(
        "stream_reg.sv",
        "if (!rst_ni) valid_q <= 1'b0;\n    else if (ready_o)",
        "if (ready_o)",
        "reset.in_flight/stalls=none",
        "",
    ),
    "valid waits for ready": Mutant(
        "stream_reg.sv",
        "assign valid_o = valid_q;",
        "assign valid_o = valid_q && ready_i;",
        "protocol.valid_never_waits_for_ready",
        "cycles without tready",
    ),
    "a stalled beat overwritten": Mutant(
        "stream_reg.sv",
        "if (ready_o && valid_i) data_q",
        "if (valid_i) data_q",
        "stalls.crossed/source=none/sink=heavy",
        "m_axis changed while stalled",
    ),
    "a cycle lost between rows": Mutant(
        "row_store.sv",
        "more = rd_q != start_q",
        "more = rd_q != start_q && !(pop && pop_last_o)",
        "protocol.no_lost_cycle",
        "",
    ),
    "octaves not rounded": Mutant(
        "softmax_pkg.sv",
        "half = (64'd1 << found.shift) >> 1",
        "half = 64'd0",
        "streams.scores/kind=attention",
        "first differing stage: p of element",
        SPLIT,
    ),
    "a column forgotten when the maximum leaves it": Mutant(
        "softmax_total.sv",
        "if (beat_rises[rise]) kept[n] = total_q[n-rise];",
        "if (beat_rises[0]) kept[n] = total_q[n];",
        "streams.scores/kind=climbing",
        "first differing stage: sum: expected",
        SPLIT,
    ),
    "a beat as high as the row's highest so far": Mutant(
        "softmax_window.sv",
        "falls_o[n] = rises ? n == 0 : fall == (WIN_W + 1)'(n);",
        "falls_o[n] = n == 0;",
        "streams.scores/kind=attention",
        "first differing stage: sum: expected",
        SPLIT,
    ),
    "a sum kept for the next row": Mutant(
        "softmax_window.sv",
        "rises_o[n] = !first_q && (",
        "rises_o[n] = (",
        "streams.scores/kind=attention",
        "first differing stage: sum: expected",
        SPLIT,
    ),
    "a high digit forgotten in the last column": Mutant(
        "softmax_total.sv",
        "if (here_q[i][n]) addends",
        "if (here_q[i][n] && n != COLUMNS - 1) addends",
        "streams.scores/kind=tail",
        "first differing stage: sum: expected",
        SPLIT16,
    ),
    "a low digit forgotten in the last column": Mutant(
        "softmax_total.sv",
        "else if (n > 0 && here_q",
        "else if (n > 0 && n != COLUMNS - 1 && here_q",
        "streams.scores/kind=tail",
        "first differing stage: sum: expected",
        SPLIT16,
    ),
    "a reciprocal one too large": Mutant(
        "softmax_reciprocal.sv",
        "line_d = Form.r_out'(line >> Form.r_shift);",
        "line_d = Form.r_out'((line >> Form.r_shift) + LineW'(1));",
        "streams.scores/kind=attention",
        "first differing stage: r: expected",
        SPLIT,
    ),
    "a row exponent one too large": Mutant(
        "softmax_row_exp.sv",
        "falls_o = product_live_q && saturates({1'b0, product_q});",
        "falls_o = 1'b0;",
        "streams.scores/kind=climbing",
        "",
        ROWEXP,
    ),
    "a row exponent one too small": Mutant(
        "softmax_row_exp.sv",
        "rises_o = product_live_q && !saturates({product_q, 1'b0});",
        "rises_o = 1'b0;",
        "streams.scores/kind=attention",
        "",
        ROWEXP2,
    ),
    "counts of the row before kept": Mutant(
        "softmax_count.sv",
        "moves_d[k] = !first_q && 32'(rise_q) == k;",
        "moves_d[k] = 32'(rise_q) == k;",
        "streams.scores/kind=attention",
        "",
        MSB,
    ),
    "a hole in tkeep taken": Mutant(
        "softmax_ingress.sv",
        "if ((keep_i & (keep_i + LANES'(1))) != '0) bad = 1'b1;",
        "",
        "malformed.every_kind",
        "",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    sources = altered(rtl_sources(), mutant.file, mutant.line, mutant.becomes, tmp_path)
    broken = built(mutant.config, name="mutant", sources=sources, profile="once")
    case = f"softmax_cosim.tb.cases.{mutant.case}"
    outcome = run(broken, mutant.config, [case])[case]
    assert not outcome.passed
    assert mutant.says in outcome.text
    assert "did not run" not in outcome.text
