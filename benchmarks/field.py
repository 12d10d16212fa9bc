"""The field's approximations side by side: what they cost, and how far they are from softmax.

``python -m benchmarks.field`` measures every configuration of :func:`.configs.field`, some of ours,
and what ``--config`` adds, and writes the tables of ``docs/field.md``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.written import Part
from softmax_cosim import configs
from softmax_cosim.commit import commit
from softmax_cosim.configs import Config
from softmax_cosim.golden import metrics, reference, tables, timing
from softmax_cosim.golden.field.common import About
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT
from softmax_cosim.report.text import figure
from softmax_cosim.selection import Selection
from softmax_cosim.trace import Trace

PAGE = ROOT / "docs" / "field.md"
PART = Part(PAGE, "<!-- python -m benchmarks.field -->", "<!-- so far -->")
OURS = (
    *("rexp_uint8", "rexp_uint8_msb", "rexp_int16", "lut2d_uint8", "lut2d_int16"),
    *("split_uint8", "split_uint8_rowexp", "split_int16"),
)
#: Of 16-bit scores to 8 bits, or as many as a method's 8-bit output has: the equal grid.
EQUAL = (
    *("field/exact_uint8", "rexp_uint8", "rexp_uint8_msb", "lut2d_uint8", "split_uint8"),
    *("split_uint8_rowexp", "field/ibert", "field/fqvit_16", "field/ivit_16"),
    *("field/softermax_16", "field/ita_16", "field/sole_16", "field/vexp_16", "field/hls4ml_16"),
    *("field/tflite_16", "field/tosa_16"),
)
SIGMA, DRAWN, SEED, LENGTHS = 2.0, 400, 1, (64, 256, 1024)
TRACES, MAX_ROWS = {"MiniLM": "minilm_*", "OCR": "ocr_*", "Marian": "marian_*"}, 2000
#: Of ours: products of two variables an element; no divider.
_MULTIPLIERS = {"rexp": 1, "lut2d": 0, "split": 2}

#: Cells of a row that say what a configuration takes, before those of figures.
COSTS = 6

Scores = npt.NDArray[np.floating]
Keep = npt.NDArray[np.bool_]
Figures = dict[str, float]


@dataclass(frozen=True)
class Costs:
    """What a configuration takes."""

    method: str
    bytes: int | None
    multipliers: str
    dividers: str
    passes: str

    @classmethod
    def of(cls, cfg: Config) -> Costs:
        """From the method's module, or from what is known of ours; "?" where nobody says."""
        size = tables.table_bytes(cfg)
        if cfg.design is None:
            passes = timing.passes(cfg).count
            return cls(cfg.method, size, str(_MULTIPLIERS[cfg.method]), "0", str(passes))
        module = cfg.design.golden.partition(":")[0]
        about = importlib.import_module(module).ABOUT if "." in module else None
        if not isinstance(about, About):
            return cls(cfg.name, size, "?", "?", "?")
        return cls(about.name, size, str(about.multipliers), str(about.dividers), str(about.passes))


def drawn(length: int) -> tuple[Scores, Keep]:
    """Logits N(0, 2), [rows, keys], none of them masked."""
    x = np.random.default_rng(SEED).normal(0, SIGMA, (DRAWN, length))
    return x, np.ones(x.shape, np.bool_)


def recorded(pattern: str) -> Iterator[tuple[Scores, Keep]]:
    """Rows of the committed traces of a name, evenly from each; [rows, keys]."""
    for path in sorted((ROOT / "traces").glob(f"{pattern}.safetensors")):
        trace = Trace(path)
        picked = Selection(max_rows=MAX_ROWS).of(trace)
        for layer in trace.layers(picked):
            flat = layer.flatten(picked[layer.index])
            yield flat.scores, flat.keep


def measured(cfg: Config, parts: Iterator[tuple[Scores, Keep]]) -> Figures:
    """Errors against float64 softmax of the scores as they are."""
    errors = metrics.Errors()
    for scores, keep in parts:
        codes = quantise(scores, keep, cfg)
        offsets = np.arange(len(scores) + 1, dtype=np.int64) * scores.shape[1]
        rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
        golden = softmax(cfg, rows)
        exact = reference.softmax_of_scores(scores.reshape(-1), rows.keep, offsets)
        lsb = np.ldexp(cfg.outputs.lsb, -golden.exponent.astype(np.int32))
        real = cfg.real(golden.y, np.repeat(golden.exponent, rows.lengths))
        errors.update(exact, real, rows.keep, offsets, lsb)
    return errors.result()


def synthetic(cfg: Config, lengths: Sequence[int] = LENGTHS) -> list[str]:
    """Cells: L1 at each length, KL at each length, row sum at the last."""
    found = [measured(cfg, iter([drawn(length)])) for length in lengths]
    cells = [figure(result[name]) for name in ("l1", "kl") for result in found]
    return [*cells, f"{found[-1]['row_sum_mean']:.2f}"]


def real(cfg: Config) -> list[str]:
    """Cells: L1 and KL of each model's rows."""
    found = [measured(cfg, recorded(pattern)) for pattern in TRACES.values()]
    return [figure(result[name]) for result in found for name in ("l1", "kl")]


def table(rows: Mapping[str, Sequence[str]]) -> list[str]:
    """A table of configurations, and their cells of figures."""
    models = [f"{model} {name}" for model in TRACES for name in ("L1", "KL")]
    lengths = [f"{name} {length}" for name in ("L1", "KL") for length in LENGTHS]
    costs = ["method", "scores → outputs", "table bytes", "mul", "div", "passes"]
    head = ["", *costs, *models, *lengths, f"sum {LENGTHS[-1]}"]
    lines = [f"| {' | '.join(head)} |", "| --- | --- | --- " + "| ---: " * (len(head) - 3) + "|"]
    for name, cells in rows.items():
        lines.append(f"| `{name}` | {' | '.join([*told(configs.load(name)), *cells])} |")
    return lines


def told(cfg: Config) -> list[str]:
    """Cells of what a configuration takes."""
    costs = Costs.of(cfg)
    scores = str(cfg.inputs) + (", octaves" if cfg.scale != 1 else "")
    if cfg.recentre:
        scores += ", recentred"
    outputs = f"{cfg.outputs}{' and an exponent a row' if cfg.row_exp else ''}"
    size = "?" if costs.bytes is None else f"{costs.bytes:,}"
    counts = costs.multipliers, costs.dividers, costs.passes
    return [costs.method, f"{scores} → {outputs}", size, *counts]


def page(commit: str, seconds: float, rows: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of :data:`PART`."""
    equal = {name: cells for name, cells in rows.items() if name in EQUAL}
    own = {name: cells for name, cells in rows.items() if name not in EQUAL}
    return [
        f"Measured at commit `{commit}` by `make field`, in {seconds:.0f} s on a busy machine.",
        *("", "### On an equal grid", "", *table(equal)),
        *("", "### On their authors' grids, and others of ours", "", *table(own)),
    ]


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.field")
    parser.add_argument("--config", nargs="+", default=[], help="further configurations")
    parser.add_argument("--out", type=Path, default=PAGE, help="a page with the two marks")
    args = parser.parse_args()
    begun, rows = time.monotonic(), {}
    names = [*EQUAL, *OURS, *configs.field(), *args.config]
    for name in dict.fromkeys(names):
        cfg = configs.load(name)
        rows[name] = [*real(cfg), *synthetic(cfg)]
        print(f"{name}: {' '.join(rows[name])}", flush=True)
    PART.write(page(commit(), time.monotonic() - begun, rows), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
