"""The command line: parses and delegates."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from configs import UsageError
from cosim import doctor, extract, replay

__all__ = ["main"]

BAD_INPUT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, 2 for bad input."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except UsageError as error:
        print(f"cosim: {error}", file=sys.stderr)
        return BAD_INPUT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cosim", description="Softmax accelerators, co-simulated on real attention tensors."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("replay", help="play traces through the RTL and score them")
    replay.add_arguments(command)
    command.set_defaults(run=lambda args: replay.run(args, simulate=True))

    command = commands.add_parser("score", help="the same with the golden model alone")
    replay.add_arguments(command)
    command.set_defaults(run=lambda args: replay.run(args, simulate=False))

    command = commands.add_parser("extract", help="record a trace from a model")
    extract.add_arguments(command)
    command.set_defaults(run=extract.run)

    command = commands.add_parser("doctor", help="say what was found and what is worked around")
    command.set_defaults(run=lambda args: doctor.run())
    return parser


if __name__ == "__main__":
    sys.exit(main())
