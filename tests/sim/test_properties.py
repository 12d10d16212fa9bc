"""Each property of the streams fires on a design, or a source, that breaks it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from altered import altered
from parameter_sets import PARAMETER_SETS

from softmax_cosim import configs
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.build import property_sources, rtl_sources
from softmax_cosim.simulation.regression import built, run
from softmax_cosim.tb.catalogue import PREFIX
from softmax_cosim.verify import play

CONFIG = configs.load("rexp_uint8").replace(max_len=64)


class Mutant(NamedTuple):
    """Lines of one file, changed; and the property that fails first."""

    file: str
    lines: str
    become: str
    case: str
    property: str
    config: configs.Config = CONFIG


MUTANTS = {
    "an offer withdrawn": Mutant(
        "softmax_select.sv",
        ".ready_i,\n      .data_o",
        ".ready_i(1'b1),\n      .data_o",
        "protocol.valid_never_waits_for_ready",
        "u_m_axis_props.a_valid_holds",
        CONFIG.replace(max_len=8),
    ),
    "a stalled beat overwritten": Mutant(
        "stream_reg.sv",
        "if (ready_o && valid_i) data_q",
        "if (valid_i) data_q",
        "stalls.crossed/source=none/sink=heavy",
        "u_m_axis_props.a_beat_holds",
    ),
    "an output that outlives reset": Mutant(
        "stream_reg.sv",
        "if (!rst_ni) valid_q <= 1'b0;\n    else if",
        "if",
        "reset.in_flight/stalls=none/heavy",
        "u_row_props.a_quiet_after_reset",
    ),
    "an input open after reset": Mutant(
        "softmax_ingress.sv",
        "accepting_q <= 1'b0;",
        "accepting_q <= 1'b1;",
        "reset.in_flight/stalls=none",
        "u_row_props.a_quiet_after_reset",
    ),
    "a beat repeated": Mutant(
        "stream_reg.sv",
        "valid_q <= valid_i;",
        "valid_q <= valid_q || valid_i;",
        "latency.idle_core",
        "u_row_props.a_result_has_row",
    ),
    "a row cut short": Mutant(
        "row_store.sv",
        "{push_last_i, push_last_i",
        "{1'b1, push_last_i",
        "streams.lengths/length=mixed",
        "u_row_props.a_row_shape",
    ),
    "a last beat filled up": Mutant(
        "softmax_select.sv",
        "LANES'(0) : keep_i",
        "LANES'(0) : '1",
        "streams.lengths/length=mixed",
        "u_row_props.a_row_shape",
    ),
    "a hole in tkeep taken": Mutant(
        "softmax_ingress.sv",
        "if ((keep_i & (keep_i + LANES'(1))) != '0) bad = 1'b1;",
        "",
        "malformed.every_kind",
        "u_row_props.a_error_flag",
    ),
    "an error beat with elements": Mutant(
        "softmax_select.sv",
        "bad_i ? LANES'(0) : keep_i",
        "keep_i",
        "malformed.every_kind",
        "u_row_props.a_error_beat",
    ),
    "a status for each beat": Mutant(
        "softmax_top.sv",
        "{exponent, error}",
        "{exponent ^ 4'(m_axis_tlast), error}",
        "streams.lengths/length=mixed",
        "u_row_props.a_status_holds",
    ),
    "values behind the row's end": Mutant(
        "softmax_select.sv",
        "(live_i[i] && !bad_i)",
        "(!bad_i)",
        "streams.lengths/length=mixed",
        "u_row_props.a_unkept_zero",
    ),
    "a row swallowed": Mutant(
        "softmax_sum_index.sv",
        ".data_i(valid_i)",
        ".data_i(1'b0)",
        "streams.lengths/length=one",
        "u_row_props.a_progress",
    ),
    "a checker too small": Mutant(
        "softmax_props_bind.sv",
        ".MAX_LEN(MAX_LEN)",
        ".MAX_LEN(MAX_LEN), .ROWS(2)",
        "streams.lengths/length=one",
        "u_row_props.a_rows_fit",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_property_fires(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    sources = [*rtl_sources(), *property_sources()]
    sources = altered(sources, mutant.file, mutant.lines, mutant.become, tmp_path)
    broken = built(mutant.config, name="mutant", sources=sources, profile="once")
    case = f"softmax_cosim.tb.cases.{mutant.case}"
    outcome = run(broken, mutant.config, [case])[case]
    assert not outcome.passed
    assert _first(outcome.text) == f"softmax_top.{mutant.property}"


@pytest.mark.parametrize(
    ("case", "property"),
    [("valid_falls", "a_valid_holds"), ("beat_changes", "a_beat_holds")],
)
def test_a_source_is_held_to_the_rules(case: str, property: str) -> None:
    watched = built(CONFIG, extra_sources=property_sources())
    case = f"tests.sim.broken_sources.{case}"
    outcome = run(watched, CONFIG, [case])[case]
    assert not outcome.passed
    assert _first(outcome.text) == f"softmax_top.u_s_axis_props.{property}"


@pytest.mark.parametrize("draw", ["zeros", "ones", *map(str, range(1, 5))])
def test_every_part_sees_the_same_first_edge(draw: str) -> None:
    """However the clock pin wakes up: the properties would see a reset that the design missed."""
    cfg = next(cfg for cfg in PARAMETER_SETS if cfg.name.startswith("split_int16-lanes2-"))
    case = f"{PREFIX}streams.lengths/length=one"
    outcome = run(play.built(cfg), cfg, [case], draw=draw)[case]
    assert outcome.passed, outcome.text


def test_every_property_has_a_mutant() -> None:
    stated = set()
    for path in (ROOT / "rtl" / "sva").glob("*.sv"):
        stated |= set(re.findall(r"^ +(a_\w+) :$", path.read_text(), re.MULTILINE))
    assert stated == {mutant.property.rpartition(".")[2] for mutant in MUTANTS.values()}


def _first(text: str) -> str:
    """The property that failed first."""
    found = re.search(r"Assertion failed in ([\w.]+):", text)
    assert found, text
    return found.group(1)
