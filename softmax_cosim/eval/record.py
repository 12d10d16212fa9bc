"""``cosim eval TASK --record FILE``: what the softmaxes of a task's model are given, as a trace.

The trace is one like any other: replay it, score it, calibrate parameters on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from rich.progress import track

from softmax_cosim import console
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import engine
from softmax_cosim.eval import Task, hashes
from softmax_cosim.files import check_writable
from softmax_cosim.hooks import Floats, Mask, current_layer
from softmax_cosim.recorder import Recorder

__all__ = ["add_arguments", "run"]

EXAMPLES = 8
"""Unless ``--limit`` says otherwise: attention scores are many more than answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a recording."""
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="evaluate nothing; write the scores of the task's softmaxes to a trace "
        f"(.safetensors), of {EXAMPLES} examples or --limit",
    )
    parser.add_argument(
        "--record-layers",
        metavar="TEXT",
        help="of the softmaxes in whose name this occurs only",
    )


def run(tasks: Mapping[str, Task], args: argparse.Namespace) -> int:
    """Let the model do its task with exact softmax, and write what that was given.

    Raises:
        UsageError: not one task, options of an evaluation, nothing recorded, an unwritable file.
    """
    if len(tasks) != 1:
        raise UsageError(f"--record wants one task and got {len(tasks)}: a trace is of one model")
    if args.config or args.engine != "golden" or args.fail_on or args.scheduler:
        raise UsageError(
            "--record evaluates nothing; leave --config, --engine, --fail-on and --scheduler out"
        )
    (task,) = tasks.values()
    check_writable(args.record)
    examples = min(len(task), args.limit or EXAMPLES)
    recorder = _Matching(args.record_layers or "")
    for start in track(
        range(0, examples, task.batch), description=task.name, console=console.make(stderr=True)
    ):
        task.predict(range(start, min(start + task.batch, examples)), recorder)
    if not recorder.calls and recorder.others:
        raise UsageError(
            f"no softmax of {task.name} has {args.record_layers!r} in its name; there are: "
            f"{', '.join(sorted(recorder.others))}"
        )
    source = f"{task.source}; the first {examples} examples of cosim eval {task.name}"
    recorder.write(args.record, model=task.title, source=source, metadata=hashes(task))
    rows = sum(call.scores.size // call.scores.shape[-1] for call in recorder.calls)
    print(f"wrote {args.record}: {len(recorder.calls):,} tensors, {rows:,} rows")
    return 0


class _Matching(Recorder):
    """Keeps what is given to the softmaxes in whose name a text occurs; computes all exactly.

    The model's own softmax would do for adapters, but not for every task of a user's.
    """

    def __init__(self, text: str) -> None:
        super().__init__(engine(None))
        self._text = text
        self.others = set[str]()

    def __call__(self, scores: Floats, mask: Mask | None = None) -> Floats | None:
        if self._text in current_layer.get():
            return super().__call__(scores, mask)
        self.others.add(current_layer.get())
        assert self.softmax is not None
        return self.softmax(scores, mask)
