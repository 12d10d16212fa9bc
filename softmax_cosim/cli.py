"""The command line: parses and delegates."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

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
    args = _parser(words).parse_args(words)
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


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Of every command, with the arguments of the one that is asked for.

    What those need is imported here: at the top, an import that fails would end with exit code 1.
    """
    parser = argparse.ArgumentParser(
        prog="cosim", description="Softmax accelerators, co-simulated on real attention tensors."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (about, prepare) in _COMMANDS.items():
        command = commands.add_parser(name, help=about)
        if name in words:  # nobody waits for the modules of the others
            prepare(command)
    return parser


def _prepare_replay(command: argparse.ArgumentParser) -> None:
    from softmax_cosim.cluster import arguments

    _replay_arguments(command)
    arguments.add_arguments(command)
    command.set_defaults(run=lambda args: _replay(args, simulate=True))


def _prepare_score(command: argparse.ArgumentParser) -> None:
    _replay_arguments(command)
    command.set_defaults(run=lambda args: _replay(args, simulate=False))


def _prepare_eval(command: argparse.ArgumentParser) -> None:
    from softmax_cosim.eval import arguments

    arguments.add_arguments(command)
    _build_argument(command)
    command.set_defaults(run=_eval)


def _prepare_verify(command: argparse.ArgumentParser) -> None:
    _prepare("verify.command", command)
    _build_argument(command)


def _prepare_doctor(command: argparse.ArgumentParser) -> None:
    from softmax_cosim.simulation import doctor

    _build_argument(command)
    command.set_defaults(run=lambda args: doctor.run())


def _prepare(module: str, command: argparse.ArgumentParser) -> None:
    """What a module of ours knows of a command."""
    known = _imported(module)
    known.add_arguments(command)
    command.set_defaults(run=known.run)


#: Of each its help, and what gives it its arguments.
_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "replay": ("play traces through the RTL and score them", _prepare_replay),
    "score": ("the same with the golden model alone", _prepare_score),
    "verify": ("play the cases of tb/cases against a design", _prepare_verify),
    "new": ("make a folder with a design of one's own that runs", partial(_prepare, "new.command")),
    "extract": ("record a trace from a model", partial(_prepare, "extract")),
    "eval": ("run models' own tasks with another softmax", _prepare_eval),
    "compare": ("what changed from one report to another", partial(_prepare, "compare.command")),
    "paper": (
        "the paper's table: what it claims, what was found",
        partial(_prepare, "eval.paper"),
    ),
    "calibrate": (
        "propose parameters from a model's traces",
        partial(_prepare, "calibration.command"),
    ),
    "synth": ("area and clock of the core, synthesised", partial(_prepare, "synth.command")),
    "doctor": ("say what was found and what is worked around", _prepare_doctor),
}


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
    # It draws and writes Parquet: half a second that --help can do without.
    code: int = _imported("replay").run(args, simulate=simulate)
    return code


def _eval(args: argparse.Namespace) -> int:
    # Engines and report: likewise.
    code: int = _imported("eval.run").run(args)
    return code


def _imported(module: str) -> Any:
    """A module of ours. What it brings is no garbage that Python would look for, now or later."""
    gc.disable()
    try:
        return importlib.import_module(f"softmax_cosim.{module}")
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())
