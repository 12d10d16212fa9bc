"""Run cocotb tests against one built design, and say how each of them ended.

``python -m softmax_cosim.simulation.regression FILE`` plays a row again that a failing test left.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import TB, build_folder
from softmax_cosim.simulation import autopsy, power_up
from softmax_cosim.simulation.build import Build, build

__all__ = [
    "ASSERTION",
    "BEGUN",
    "ENDED",
    "PROBE",
    "REPLAY",
    "Outcome",
    "built",
    "first_differing_stage",
    "run",
]

#: Names what the testbench reads inside a design, beside its ports.
PROBE = TB / "probe.vlt"

_TAIL_LINES = 40
_POLL_SECONDS = 0.05
_TOOK = re.compile(r"^.* case took ([\d.]+) s$", re.MULTILINE)  # :func:`.tb.env.case` says so
#: What cocotb writes when a test begins.
BEGUN = re.compile(r"^.* cocotb\.regression +running (\S+) \(\d+/\d+\)", re.MULTILINE)
#: The line that says how a test ended, and what follows it: why, if it failed.
ENDED = re.compile(
    r"^.* cocotb\.regression +(\S+) (passed|failed)\b.*\n((?:(?! *[-\d.]+n?s ).*\n)*)", re.MULTILINE
)
#: What Verilator writes.
ASSERTION = re.compile(r"^.*Assertion failed in .*$", re.MULTILINE)
REPLAY = "softmax_cosim.tb.cases.replay.row"


@dataclass(frozen=True)
class Outcome:
    """How one cocotb test ended."""

    passed: bool
    text: str
    """What went wrong; empty if it passed."""
    seconds: float
    """Wall-clock time of this test alone."""
    ran: bool = True
    """False if the simulation ended before it, or while it was under way."""


def built(cfg: Config, *, extra_sources: Sequence[Path] = (), **options: Any) -> Build:
    """A build for :func:`run`; what the testbench reads is visible, and no more.

    It takes half the time that a build takes of which every signal can be seen.

    Args:
        cfg: the parameter set.
        extra_sources: as of :func:`.build.build`, likewise ``options``.

    Raises:
        UsageError: it cannot be built.
    """
    return build(cfg, public=False, extra_sources=[*extra_sources, PROBE], **options)


def run(
    built: Build,
    cfg: Config,
    tests: Sequence[str],
    *,
    seed: int = 1,
    draw: str | None = None,
    waves: Path | None = None,
    coverage: Path | None = None,
    replay: Mapping[str, Any] | None = None,
    further: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
    ended: Callable[[str, Outcome], None] = lambda name, outcome: None,
    stop: Callable[[], bool] = lambda: False,
    timeout: float = 900,
) -> dict[str, Outcome]:
    """Run tests in one simulation.

    Args:
        built: the design, built for ``cfg``.
        cfg: the parameter set.
        tests: full names, as cocotb has them, as in
                ``softmax_cosim.tb.cases.streams.lengths/length=one``.
        seed: everything random in the tests is drawn from it.
        draw: what registers hold before reset, see :mod:`.power_up`; drawn from the seed, too,
            when not given.
        waves: write a waveform (VCD) to this file; the build must allow it.
        coverage: write Verilator's coverage to this file; the build must count it.
        replay: the row to play again, for ``softmax_cosim.tb.cases.replay``.
        further: variables of the tests' environment; they see little of the caller's.
        extra: what else the :class:`.tb.env.Bench` finds in its ``setup``.
        ended: told of each test that ends, while others run.
        stop: asked again and again whether the simulation is to be stopped.
        timeout: wall-clock seconds after which the simulation is killed.

    Returns:
        An outcome for each test; one that did not run has failed, and its text says so.
    """
    draw = draw or power_up.seeded(seed)
    modules = sorted({name.partition("/")[0].rpartition(".")[0] for name in tests})
    # What registers hold from power-up on is seen by those that come first.
    modules.sort(key=lambda module: not module.endswith(".power_up"))
    pattern = "^(?:" + "|".join(re.escape(name) for name in tests) + ")$"
    setup = {
        "config": dataclasses.asdict(cfg),
        "seed": seed,
        "draw": draw,
        "failures": str(build_folder("failures")),
        "replay": replay,
        **(extra or {}),
    }
    folder = Path(tempfile.mkdtemp(prefix=f"{cfg.name}-"))
    try:
        results, log = folder / "results.xml", folder / "simulation.log"
        environment = built.environment(modules, seed=seed, tests=pattern, results=results)
        environment |= {"COSIM_REGRESSION": json.dumps(setup), **(further or {})}
        with log.open("wb") as output:
            process = subprocess.Popen(
                built.command(
                    draw=draw,
                    waves=waves,
                    plusargs=[f"+verilator+coverage+file+{coverage}"] if coverage else [],
                ),
                # Where files are looked for that a design names.
                cwd=cfg.design.folder if cfg.design else folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
            code = _wait(process, log, ended, stop, timeout)
        text = log.read_text(errors="replace")
        # A property of the design that fails ends the simulation, of which cocotb knows no reason.
        broken = "".join(f"{line}\n" for line in ASSERTION.findall(text))
        begun = BEGUN.findall(text)
        told = dict(_told(text))
        outcomes = _outcomes(results, broken) if results.is_file() else told
        tail = "\n".join(text.splitlines()[-_TAIL_LINES:])
    finally:
        shutil.rmtree(folder)
    if name := autopsy.missing_memory(text):
        raise UsageError(f"the design of {cfg.name} reads {name}, and there is no such file")
    missing = Outcome(False, f"did not run (simulation ended with {code}):\n{tail}", 0.0, False)
    for name in begun:
        outcomes.setdefault(
            name,
            dataclasses.replace(
                missing, text=f"ended with the simulation:\n{missing.text}", ran=True
            ),
        )
    # Those that came after the end of the simulation were never begun.
    outcomes = {name: found if name in begun else missing for name, found in outcomes.items()}
    if surplus := set(outcomes) - set(tests):
        raise RuntimeError(f"tests ran that nobody asked for: {', '.join(sorted(surplus))}")
    return {name: outcomes.get(name, missing) for name in tests}


def _wait(
    process: subprocess.Popen[bytes],
    log: Path,
    ended: Callable[[str, Outcome], None],
    stop: Callable[[], bool],
    timeout: float,
) -> object:
    """Tell of tests that end, until the simulation does; how it ended."""
    begun, told = time.monotonic(), 0
    try:
        while True:
            code = process.poll()
            found = _told(log.read_text(errors="replace"))
            for name, outcome in found[told:]:
                told += 1
                ended(name, outcome)
            if stop():
                return "stopped"
            if code is not None:
                return code
            if time.monotonic() - begun > timeout:
                return f"killed after {timeout:g} s"
            time.sleep(_POLL_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _told(text: str) -> list[tuple[str, Outcome]]:
    """Tests that have ended, as the simulation's log says."""
    seconds = itertools.chain(map(float, _TOOK.findall(text)), itertools.repeat(0.0))
    return [
        (name, Outcome(verdict == "passed", why, took))
        for (name, verdict, why), took in zip(ENDED.findall(text), seconds, strict=False)
    ]


def first_differing_stage(
    cfg: Config, row: Rows, *, stalls: str = "none", draw: str = "1", waves: Path | None = None
) -> str | None:
    """Play one row alone and read every pipeline stage inside the design.

    Args:
        cfg: the parameter set; the design is built with its inner signals visible.
        row: a batch of this one row.
        stalls: name of a stall profile.
        draw: what registers hold before reset, see :mod:`.power_up`.
        waves: write a waveform (VCD) to this file.

    Returns:
        The first stage that differs from the golden model, and both values; None if the row is
        right when it is alone.
    """
    replay = {"q": row.q.tolist(), "keep": row.keep.tolist(), "stalls": stalls}
    probed = built(cfg, waves=waves is not None)
    outcome = run(probed, cfg, [REPLAY], replay=replay, draw=draw, waves=waves)[REPLAY]
    if outcome.passed:
        return None
    found = re.search(r"first differing stage: (.*)", outcome.text)
    return found.group(1) if found else outcome.text


def _outcomes(results: Path, broken: str) -> dict[str, Outcome]:
    """Read cocotb's xUnit file; ``broken`` are the properties that ended the simulation."""
    found = {}
    for case in ET.parse(results).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        wrong = [child for child in case if child.tag in ("failure", "error", "skipped")]
        text = "\n".join(
            child.text or child.get("message") or f"{child.tag} without a reason" for child in wrong
        )
        if name in found:
            raise RuntimeError(f"{name} ran twice")
        found[name] = Outcome(not wrong, broken * bool(wrong) + text, float(case.get("time", 0)))
    return found


def main() -> int:
    """Play a saved row again; 0 if it is right this time, 1 if it is wrong, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m softmax_cosim.simulation.regression", description=__doc__
    )
    parser.add_argument("file", type=Path, help="what the failing test left in build/failures")
    parser.add_argument("--waves", action="store_true", help="write FILE.vcd beside the file")
    options = parser.parse_args()
    try:
        try:
            saved = json.loads(options.file.read_text())
            cfg, draw = Config(**saved["config"]), power_up.check(saved.get("draw", "1"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{options.file} is not a saved row: {error}") from None
        waves = options.file.with_suffix(".vcd").resolve() if options.waves else None
        probed = built(cfg, waves=options.waves)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    outcome = run(probed, cfg, [REPLAY], draw=draw, waves=waves, replay=saved)[REPLAY]
    print("the row is right" if outcome.passed else outcome.text)
    if waves:
        print(f"waveform: {waves}")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
