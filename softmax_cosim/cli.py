"""The command line: parses and delegates."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from softmax_cosim import console
from softmax_cosim.arguments import count, numbers
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.paths import built_in

__all__ = ["main"]

FAILED, BAD_INPUT, UNFORESEEN, INTERRUPTED = 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Its exit code: 0, 1 for a mismatch, a broken limit or a design that fails, 2 for bad input,
        3 for what is a fault of ours, 130 when interrupted.
    """
    at_last = INTERRUPTED if argv is None else None  # a process of our own
    with console.unbreakable(), console.ending_is_interrupting(at_last=at_last):
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        except UsageError as error:
            print(f"cosim: {error}", file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print("cosim: interrupted", file=sys.stderr)
            return INTERRUPTED
        except SystemExit:  # argparse has said what is wrong, or what was asked
            raise
        except Broken as error:
            print(f"cosim: {error}", file=sys.stderr)
            return FAILED
        except BaseException as error:  # a panic of a library written in Rust is no Exception
            print(f"cosim: {console.crash(error)}", file=sys.stderr)
            return UNFORESEEN


def _run(words: Sequence[str]) -> int:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(_unreadable(word)) from None
    args = _parser().parse_args(words)
    with built_in(getattr(args, "build_dir", None)):
        code: int = args.run(args)
    return code


def _unreadable(word: str) -> str:
    try:
        name = word.encode(errors="surrogateescape").decode()
    except UnicodeDecodeError:
        return f"{word!r} is no text in UTF-8; rename the file"
    known = sys.getfilesystemencoding()
    return f"the locale knows {known} alone, and {name!a} is in UTF-8; set PYTHONUTF8=1"


def _parser() -> argparse.ArgumentParser:
    # In here, or an import that fails would end with exit code 1.
    from softmax_cosim import cluster, extract
    from softmax_cosim.calibration import command as calibrate
    from softmax_cosim.compare import command as compare
    from softmax_cosim.eval import arguments, paper
    from softmax_cosim.new import command as new
    from softmax_cosim.simulation import doctor
    from softmax_cosim.synth import command as synth
    from softmax_cosim.verify import command as verify

    parser = argparse.ArgumentParser(
        prog="cosim", description="Softmax accelerators, co-simulated on real attention tensors."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("replay", help="play traces through the RTL and score them")
    _replay_arguments(command)
    cluster.add_arguments(command)
    command.set_defaults(run=lambda args: _replay(args, simulate=True))

    command = commands.add_parser("score", help="the same with the golden model alone")
    _replay_arguments(command)
    command.set_defaults(run=lambda args: _replay(args, simulate=False))

    command = commands.add_parser("verify", help="play the cases of tb/cases against a design")
    verify.add_arguments(command)
    _build_argument(command)
    command.set_defaults(run=verify.run)

    command = commands.add_parser("new", help="make a folder with a design of one's own that runs")
    new.add_arguments(command)
    command.set_defaults(run=new.run)

    command = commands.add_parser("extract", help="record a trace from a model")
    extract.add_arguments(command)
    command.set_defaults(run=extract.run)

    command = commands.add_parser("eval", help="run models' own tasks with another softmax")
    arguments.add_arguments(command)
    _build_argument(command)
    command.set_defaults(run=_eval)

    command = commands.add_parser("compare", help="what changed from one report to another")
    compare.add_arguments(command)
    command.set_defaults(run=compare.run)

    command = commands.add_parser("paper", help="the paper's table: what it claims, what was found")
    paper.add_arguments(command)
    command.set_defaults(run=paper.run)

    command = commands.add_parser("calibrate", help="propose parameters from a model's traces")
    calibrate.add_arguments(command)
    command.set_defaults(run=calibrate.run)

    command = commands.add_parser("synth", help="area and clock of the core, synthesised")
    synth.add_arguments(command)
    command.set_defaults(run=synth.run)

    command = commands.add_parser("doctor", help="say what was found and what is worked around")
    _build_argument(command)
    command.set_defaults(run=lambda args: doctor.run())
    return parser


def _build_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--build-dir",
        type=Path,
        metavar="DIR",
        help="for simulations (default: build in a checkout, else the user's cache folder)",
    )


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    from softmax_cosim.compare import check

    add = parser.add_argument
    add("traces", nargs="+", metavar="TRACE", help="attention-trace file")
    add("--config", nargs="+", required=True, metavar="NAME", help="configuration or .toml file")
    add("--layers", type=numbers, metavar="A,B", help="only these layers")
    add("--rows", type=numbers, metavar="I,J-K", help="only these rows of each layer")
    add("--max-rows", type=count, metavar="N", help="at most N rows a trace, spread evenly")
    add("--lanes", type=count, metavar="N", help="elements a beat, instead of the configuration's")
    add("--stalls", default="none", metavar="NAME", help="stall profile (default: none)")
    add("--seed", type=int, default=0, metavar="S", help="of stalls and power-up (default: 0)")
    add(
        "--power-up",
        type=lambda text: text.split(","),
        metavar="A,B",
        help="what registers hold before reset: zeros, ones or a number to draw bits from "
        "(default: both, and a number from the seed)",
    )
    add("--transport", choices=("bulk", "signal"), default="bulk", help="default: bulk")
    add("--jobs", type=count, metavar="N", help="simulators side by side (default: one a core)")
    add("--waves", action="store_true", help="write <config>.vcd beside the report")
    add("--save-outputs", action="store_true", help="write outputs.safetensors")
    add(
        "--figures",
        choices=("exact", "errors", "full"),
        default="errors",
        help="bit accuracy and cycles alone; errors against float as well (default); and in "
        "rows.parquet every figure of a row",
    )
    add("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    check.add_argument(parser)
    _build_argument(parser)


def _replay(args: argparse.Namespace, *, simulate: bool) -> int:
    from softmax_cosim import (
        replay,  # it draws and writes Parquet: half a second that --help can do without
    )

    return replay.run(args, simulate=simulate)


def _eval(args: argparse.Namespace) -> int:
    from softmax_cosim.eval import (
        run,  # engines and report: half a second that --help can do without
    )

    return run.run(args)


if __name__ == "__main__":
    sys.exit(main())
