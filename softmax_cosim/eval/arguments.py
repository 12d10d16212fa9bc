"""The options of ``cosim eval``, and which tasks they ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

from softmax_cosim import cluster
from softmax_cosim.arguments import count
from softmax_cosim.compare import check
from softmax_cosim.configs import UsageError
from softmax_cosim.eval import TASKS, Source, named, record

__all__ = ["add_arguments", "asked"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim eval``."""
    add = parser.add_argument
    add(
        "tasks",
        nargs="*",
        metavar="TASK",
        help=f"{', '.join(TASKS)}, or file.py:factory; or all; "
        f"with --model and --data: {', '.join(named())}",
    )
    add("--model", metavar="M", help="weights of your own: a folder, or a name on the hub (--hub)")
    add("--data", type=Path, metavar="DIR", help="labelled examples of your own, as published")
    add("--hub", action="store_true", help="the model may be downloaded")
    add("--config", nargs="+", metavar="NAME", help="configuration or .toml file (default: ours)")
    add("--engine", choices=("golden", "rtl"), default="golden", help="default: golden")
    add("--limit", type=count, metavar="N", help="the first N examples of each task only")
    add("--jobs", type=count, metavar="N", help="processes side by side (default: one a core)")
    add(
        "--out",
        type=Path,
        default=Path("reports/eval"),
        metavar="DIR",
        help="for results; a run that was stopped goes on from what is there (%(default)s)",
    )
    record.add_arguments(parser)
    check.add_argument(parser)
    cluster.add_arguments(parser)


def asked(args: argparse.Namespace) -> dict[str, Source | None]:
    """The tasks that were asked for, each with the model and data that go with it.

    Raises:
        UsageError: --model, --data and --hub do not go with each other.
    """
    if args.model is None and args.data is None:
        if args.hub:
            raise UsageError("--hub allows a download, but of what? Name the model with --model")
        return dict.fromkeys(args.tasks or TASKS)
    if args.model is None or args.data is None:
        given, lacking = ("--data", "--model") if args.model is None else ("--model", "--data")
        raise UsageError(f"{given} is given without {lacking}; give both or neither")
    if not args.tasks:
        raise UsageError(f"--model and --data want a task: {', '.join(named())}")
    if not args.data.is_dir():
        raise UsageError(f"there is no folder {args.data}; give one with --data")
    return dict.fromkeys(args.tasks, Source(args.model, args.data, args.hub))
