"""``cosim verify``: arguments, lines, exit code."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from softmax_cosim import configs
from softmax_cosim.arguments import count
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import own
from softmax_cosim.golden.framing import frame
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.pool import default_jobs
from softmax_cosim.verify.catalogue import Case, catalogue, chosen
from softmax_cosim.verify.play import DRAWS, Ended, Session, built

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Play the cases, or a failure again; 0 if all is right, 1 if something is not."""
    cfg = configs.load(args.design)
    if cfg.design and not cfg.design.rtl:
        raise UsageError(
            f"{args.design} is a golden model without RTL, so there is nothing to verify; "
            "measure the model: cosim score"
        )
    if args.replay:
        return _replay(cfg, args)
    if args.waves:
        raise UsageError("--waves goes with --replay FILE")
    _try_golden(cfg)
    cases = catalogue(cfg)
    if args.case:
        cases = chosen(cases, args.case)
    if args.list:
        for case in cases:
            print(f"{case.name}{case.left_out and f'  left out: {case.left_out}'}")
        return 0
    draws = _draws(args)
    begun = time.monotonic()
    session = Session(
        cfg,
        args.design,
        built(cfg),
        seed=args.seed,
        jobs=args.jobs or default_jobs(),
        most=args.most,
        draws=draws,
    )
    print(f"{args.design}: {_about(cfg)}; built in {time.monotonic() - begun:.1f} s", flush=True)
    for case in cases:
        if case.left_out:
            print(f"left out         {case.name}: {case.left_out}")
    begun = time.monotonic()
    played = [case for case in cases if not case.left_out]
    ends = session.run(played, _tell)
    return _sum_up(cfg, args, cases, ends, draws, time.monotonic() - begun)


def _draws(args: argparse.Namespace) -> tuple[str, ...]:
    if args.power_up:
        return tuple(dict.fromkeys(power_up.check(draw) for draw in args.power_up))
    return power_up.draws(args.seed, DRAWS)


def _about(cfg: Config) -> str:
    """What is held against what."""
    if cfg.design is None:
        return f"{cfg.method} {cfg.precision}, exact in values and cycles"
    assert cfg.design.rtl
    if not cfg.golden:
        promise = "no golden model: a row must give what it gives alone"
    elif cfg.tolerance:
        promise = f"within {cfg.tolerance} {cfg.outputs.step} of {cfg.design.golden}"
    else:
        promise = f"exactly {cfg.design.golden}"
    return f"{cfg.design.rtl.top}, {cfg.inputs} to {cfg.outputs}, {cfg.lanes} lanes; {promise}"


def _tell(ended: Ended) -> None:
    verdict = "passed" if ended.passed else "FAILED"
    print(f"{verdict} {ended.seconds:7.2f} s {ended.case.name}", flush=True)
    if ended.passed:
        return
    for line in ended.text.splitlines():
        print(f"    {line}")
    if ended.again:
        print(f"    shows it again: {ended.again}", flush=True)
    else:
        print(
            "    neither its rows nor the case alone show it again; the whole run did", flush=True
        )


def _sum_up(
    cfg: Config,
    args: argparse.Namespace,
    cases: Sequence[Case],
    ends: Sequence[Ended],
    draws: Sequence[str],
    seconds: float,
) -> int:
    failed = [ended for ended in ends if not ended.passed]
    left_out = sum(bool(case.left_out) for case in cases)
    words = [f"{len(ends) - len(failed)} cases passed"]
    if failed:
        words.append(f"{len(failed)} failed")
    if skipped := len(cases) - left_out - len(ends):
        words.append(f"{skipped} not played after {len(failed)} failures")
    if left_out:
        words.append(f"{left_out} left out")
    print(
        f"{', '.join(words)} in {seconds:.1f} s; seed {args.seed}, power-up {', '.join(draws)}",
        flush=True,
    )
    if cfg.design and not cfg.design.backpressure:
        print("backpressure was not tried: the output has no ready")
    return 1 if failed else 0


def _try_golden(cfg: Config) -> None:
    """A golden function that cannot be called is bad input, and no failure of the design."""
    own.check(cfg)
    if cfg.design is not None and cfg.golden:
        lowest = [cfg.inputs.lowest] * (cfg.length or 1)
        softmax(cfg, frame(cfg, Rows.of([lowest])).filled)


def _replay(cfg: Config, args: argparse.Namespace) -> int:
    saved = _saved(cfg, args.replay)
    waves = args.replay.with_suffix(".vcd").resolve() if args.waves else None
    session = Session(cfg, args.design, built(cfg, waves=args.waves))
    outcome = session.replayed(saved, waves)
    print("the rows are right" if outcome.passed else outcome.text)
    if waves:
        print(f"waveform: {shlex.quote(str(waves))}")
    return 0 if outcome.passed else 1


def _saved(cfg: Config, path: Path) -> dict[str, Any]:
    """What a failure left behind, if it is of this design.

    Raises:
        UsageError: it is not, or it is something else.
    """
    try:
        saved: dict[str, Any] = json.loads(path.read_text())
        then = Config(**saved["config"])
        for draw in saved["draws"] if "draws" in saved else [saved["draw"]]:
            power_up.check(draw)
        saved["beats"], saved["stalls"], saved["seed"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{path} is no failure that cosim verify left: {error}") from None
    for key in ("lanes", "in_w", "max_len", "rows_per_block"):
        if getattr(then, key) != getattr(cfg, key):
            raise UsageError(
                f"{path} was left by a design whose {key} was {getattr(then, key)}; "
                f"that of {cfg.name} is {getattr(cfg, key)}"
            )
    return saved


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("design", metavar="DESIGN", help="configuration or .toml file")
    add("--case", nargs="+", metavar="NAME", help="only these cases, as --list has them; * fits")
    add("--list", action="store_true", help="say which cases there are, and which are left out")
    add("--seed", type=int, default=1, metavar="S", help="of everything random (default: 1)")
    add(
        "--power-up",
        type=lambda text: text.split(","),
        metavar="A,B",
        help="what registers hold before reset: zeros, ones or a number to draw bits from "
        "(default: both, and two numbers from the seed)",
    )
    add("--jobs", type=count, metavar="N", help="simulations side by side (default: one a core)")
    add(
        "--most",
        type=count,
        default=5,
        metavar="N",
        help="stop after so many failures (default: 5)",
    )
    add("--replay", type=Path, metavar="FILE", help="play what a failure left behind")
    add("--waves", action="store_true", help="with --replay: write a waveform beside FILE")
