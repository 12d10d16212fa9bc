"""The core beside its peers: latency and accuracy, measured through the RTL.

``python -m benchmarks.peers`` writes ``docs/comparison.md``. The peers' columns are facts from
elsewhere: each design under Verilator 5.48, logits N(0,2).
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim import configs
from softmax_cosim.configs import Config
from softmax_cosim.files import atomic_file
from softmax_cosim.golden import metrics, reference, timing
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.simulator import Simulator

OUT = ROOT / "docs" / "comparison.md"
LENGTHS = (1, 64, 128, 256, 512, 1024, 4096)
TIMED = (
    "rexp_uint8_msb",
    "split_uint8",
    "split_int16",
    "split_uint8_rowexp",
    "rexp_uint8",
    "lut2d_uint8",
)
SCORED = (
    "rexp_uint8",
    "rexp_uint8_msb",
    "rexp_int16",
    "lut2d_uint8",
    "lut2d_int16",
    "split_uint8",
    "split_uint8_rowexp",
    "split_int16",
    "split_int16_rowexp",
)
SIGMA, ROWS, SEED = 2.0, 400, 1


@dataclass(frozen=True)
class Peer:
    """A design from elsewhere; latencies from first input to last output beat, as ours."""

    name: str
    grid: str
    """What its scores are."""
    latency: Callable[[int, int], str]
    """Cell for a row of L elements at P lanes."""
    l1: tuple[str, str, str]
    """Mean L1 of a row at each of :data:`SCORED_LENGTHS`."""
    row_sum: str
    """Of 1024 elements."""


def _about_five_cycles_an_element(length: int, lanes: int) -> str:
    """Rows of 64 elements and up, 64 of them at once; one case was measured exactly."""
    if length < 64:
        return NOTHING
    return "5057" if (length, lanes) == (1024, 8) else f"about {5 * length}"


def _three_passes(overhead: int, shortest: int = 0) -> Callable[[int, int], str]:
    """``3 L / P + 2 log2 P + overhead`` cycles, for whole beats and ``shortest`` elements."""

    def cell(length: int, lanes: int) -> str:
        if length < shortest or length % lanes:
            return NOTHING
        return str(3 * length // lanes + 2 * (lanes.bit_length() - 1) + overhead)

    return cell


NOTHING = "–"
ITA = Peer(
    "ITA `ita_softmax_top` (ba96519)",
    "int8",
    _about_five_cycles_an_element,
    ("0.190 to 0.200", "0.318", "0.489"),
    "0.59",
)
SOFTEX = Peer(
    "SoftEx `softex_wrap` (77f219d), at best",
    "bf16",
    _three_passes(46, shortest=32),
    ("0.0050", "0.0064", "0.0072"),
    "1.00",
)
MASE = Peer(
    "MASE `fixed_softermax_1d` (ae4660b)",
    "Q8.8",
    _three_passes(20),
    ("0.0023", "0.0050", "0.0156"),
    "0.987",
)
MASE_COARSE = dataclasses.replace(
    MASE, grid="3 to 4 fraction bits", l1=("0.0178", "0.0223", "0.0307"), row_sum=NOTHING
)
SCORED_LENGTHS = (64, 256, 1024)


def latencies(cfg: Config) -> list[int]:
    """Cycles from first input to last output beat of a row alone in the core, by length."""
    cycles = []
    with Simulator(cfg) as simulator:
        for length in LENGTHS:
            rows = Rows.of([[0] * length])
            result = simulator.run(rows)
            cycles.append(int(result.latency[0]))
            predicted = timing.predict(cfg, result.last_in, rows.beats(cfg.lanes))[1]
            assert predicted[0] == result.last_out[0], "the timing model is wrong"
    return cycles


def best_possible(p: npt.NDArray[np.float64], cfg: Config, lengths: npt.NDArray[np.int64]) -> float:
    """Mean L1 of exact probabilities, only rounded to the format; float64 throughout."""
    starts = np.cumsum(lengths) - lengths
    scale = np.full(len(lengths), float(cfg.m))
    if cfg.row_exp:
        top = np.maximum.reduceat(p, starts)
        scale *= 2.0 ** np.clip(np.floor(np.log2((cfg.m + 0.5) / cfg.m / top)), 0, 15)
    each = np.repeat(scale, lengths)
    return float(np.abs(np.rint(p * each) / each - p).sum() / len(lengths))


def accuracy(name: str) -> list[str]:
    """Cells of one configuration: L1 at each length, the best its format allows, worst, row sum."""
    cfg = configs.load(name)
    cells, largest = [], 0.0
    with Simulator(cfg) as simulator:
        for length in SCORED_LENGTHS:
            scores = np.random.default_rng(SEED).normal(0, SIGMA, (ROWS, length))
            codes = quantise(scores, None, cfg)
            offsets = np.arange(ROWS + 1, dtype=np.int64) * length
            rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
            results, golden = simulator.run(rows), softmax(cfg, rows)
            assert np.array_equal(results.y, golden.y), "RTL and golden model differ"
            assert np.array_equal(results.exponent, golden.exponent), "row exponents differ"
            exact = reference.of_quantised(cfg, rows)
            lsb = np.ldexp(1 / cfg.m, -results.exponent.astype(np.int32))
            output = results.y * np.repeat(lsb, length)
            errors = metrics.Errors()
            errors.update(exact, output, rows.keep, offsets, lsb)
            found = errors.result()
            best = best_possible(exact, cfg, rows.lengths)
            cells.append(f"{found['l1']:.3g} ({best:.3g})")
            largest = max(largest, found["max_lsb"])
    return [*cells, f"{largest:.3g}", f"{found['row_sum_mean']:.3f}"]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def timed_peers(lanes: int) -> list[list[str]]:
    """Lines of the latency table that are not measured here."""
    peers = [
        [peer.name, *(peer.latency(length, lanes) for length in LENGTHS)]
        for peer in (ITA, SOFTEX, MASE)
    ]
    return [
        *peers,
        ["*two passes through the port*", *(str(2 * -(-n // lanes) - 1) for n in LENGTHS)],
    ]


def scored_peers() -> list[list[str]]:
    """Lines of the accuracy table that are not measured here."""
    return [
        [peer.name.removesuffix(", at best"), peer.grid, *peer.l1, NOTHING, peer.row_sum]
        for peer in (ITA, SOFTEX, MASE, MASE_COARSE)
    ]


def page(
    commit: str, timed: Mapping[int, Mapping[str, list[int]]], scored: Mapping[str, list[str]]
) -> str:
    """The page.

    Args:
        commit: that was measured.
        timed: latencies of our configurations, by lanes and name.
        scored: cells of the accuracy table, by name.
    """
    parts = [
        "# The core beside its peers",
        f"Written by `python -m benchmarks.peers`; our figures measured at commit `{commit}` "
        "through the RTL under Verilator, which equals the golden model in every element. The "
        "peers' were measured the same way, on the input grid that the table of accuracies names.",
    ]
    for lanes, cells in timed.items():
        rows = [[f"`{name}`", *map(str, cycles)] for name, cycles in cells.items()]
        parts += [
            f"## Latency at {lanes} lanes\n\nLast output beat minus first input beat, idle core, "
            "no stalls. MAX_LEN 4096. SoftEx's and MASE's cells are their formulas, where those "
            "hold; ITA takes 64 rows at once.",
            table(["cycles at L =", *map(str, LENGTHS)], rows + timed_peers(lanes)),
        ]
    lengths = [f"L1 at {n}" for n in SCORED_LENGTHS]
    parts += [
        "## Accuracy\n\nMean L1 of a row, logits N(0,2). For our configurations: "
        f"{ROWS} rows a length, against float64 softmax of the quantised scores, and in brackets "
        "the least L1 that the output format allows: the exact softmax, rounded. For the peers: "
        "against float softmax of the logits. Input is the number grid of the scores.",
        table(
            ["", "input", *lengths, "max error, LSB", "row sum at 1024"],
            [[f"`{name}`", grid(name), *cells] for name, cells in scored.items()] + scored_peers(),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def grid(name: str) -> str:
    """The number grid of a configuration's scores."""
    cfg = configs.load(name)
    return f"Q{cfg.in_w - cfg.frac}.{cfg.frac}" + (", recentred" if cfg.recentre else "")


def main() -> int:
    """Measure and write the page."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    timed: dict[int, dict[str, list[int]]] = {8: {}, 16: {}}
    for lanes, cells in timed.items():
        for name in TIMED:
            cells[name] = latencies(configs.load(name).replace(lanes=lanes, max_len=4096))
            print(lanes, name, *cells[name], flush=True)
    scored = {}
    for name in SCORED:
        scored[name] = accuracy(name)
        print(name, *scored[name], flush=True)
    with atomic_file(OUT) as temporary:
        temporary.write_text(page(commit, timed, scored), encoding="utf-8")
    print(f"wrote {OUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
