"""What a whole replay costs beside its simulators, in processor time: part of ``make bench``.

``python -m benchmarks.replay`` plays the committed traces, repeated to a million rows, through each
configuration at 8 lanes, in turns, several times round. A turn's ratio is the processor time of all
processes, start and report included, over that of the simulators. Results are not kept on the way,
which begins after ten seconds and so hangs on the machine; bytecode of Python is, as everywhere.
``--check`` fails when the median of one is more than 15 % above that in ``benchmarks/replay.json``;
``--write`` writes it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer, Trace, write

RECORD = ROOT / "benchmarks" / "replay.json"
TRACES = ("minilm_short", "minilm_long", "ocr_short", "ocr_long")
CONFIGS, FIGURES = ("rexp_uint8", "split_uint8"), ("exact", "errors", "full")
#: By so much a ratio may grow.
ALLOWED = 1.15
#: Runs the command line, then says what this process and its simulators took.
_RUN = """
import resource, sys
from softmax_cosim import cli
code = cli.main()
spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
with open(TOLD, "w") as file:
    print(*(one.ru_utime + one.ru_stime for one in spent), file=file)
sys.exit(code)
"""

Ratios = Mapping[str, Sequence[float]]


def repeated(folder: Path, times: int) -> Iterator[Path]:
    """The committed traces, each batch so many times."""
    for name in TRACES:
        trace = Trace(ROOT / "traces" / f"{name}.safetensors")
        layers = [
            Layer(
                layer.index,
                np.tile(layer.scores, (times, 1, 1, 1)),
                None if layer.mask is None else np.tile(layer.mask, (times, 1, 1, 1)),
            )
            for layer in trace.layers()
        ]
        path = folder / trace.path.name
        write(path, layers, model=trace.model, source=trace.source)
        yield path


def ratio(traces: Sequence[Path], config: str, figures: str, folder: Path) -> float:
    """Of one whole replay: processor time of all processes over that of the simulators."""
    told = folder / "seconds.txt"
    words = ["replay", *map(str, traces), "--config", config, "--lanes", "8"]
    words += ["--figures", figures, "--out", str(folder / "out")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-c", f"TOLD = {str(told)!r}\n{_RUN}", *words],
        env=environment
        | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COSIM_KEEP_SECONDS": "3600"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    own, simulators = map(float, told.read_text().split())
    return (own + simulators) / simulators


def slower(measured: Ratios, before: Mapping[str, float]) -> list[str]:
    """A sentence for each median that is too far above what it was."""
    return [
        f"{name}: a replay takes {now:.2f} times its simulators, and took {before[name]:.2f}"
        for name, ratios in measured.items()
        if name in before and (now := statistics.median(ratios)) > ALLOWED * before[name]
    ]


def main() -> int:
    """Measure, print a table, and check or write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=32, help="the committed rows; 32: a million")
    parser.add_argument("--config", nargs="+", default=CONFIGS)
    parser.add_argument("--figures", nargs="+", default=FIGURES, choices=FIGURES)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    kinds = [(config, figures) for config in arguments.config for figures in arguments.figures]
    if arguments.check and not RECORD.is_file():
        raise SystemExit(f"{RECORD} is missing; make it with --write")
    measured: dict[str, list[float]] = {" ".join(kind): [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        traces = list(repeated(Path(folder), arguments.times))
        for config in arguments.config:  # builds it, if need be
            ratio([ROOT / "traces" / "ocr_short.safetensors"], config, "exact", Path(folder))
        for _ in range(arguments.rounds):
            for kind in kinds:
                measured[" ".join(kind)].append(ratio(traces, *kind, Path(folder)))
    print("processor time of a whole replay over that of its simulators: min, median, max")
    for name, ratios in measured.items():
        shown = (min(ratios), statistics.median(ratios), max(ratios))
        print(f"{name:24}", *(f"{value:6.2f}" for value in shown))
    before = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    if arguments.write:
        medians = {name: round(statistics.median(ratios), 2) for name, ratios in measured.items()}
        RECORD.write_text(json.dumps(before | medians, indent=2) + "\n")
    found = slower(measured, before) if arguments.check else []
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
