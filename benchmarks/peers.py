"""The core beside its peers: latency and accuracy, measured through the RTL.

``python -m benchmarks.peers`` writes ``docs/comparison.md``. The peers' columns are facts from
elsewhere: each design under Verilator 5.48, logits N(0,2), on its own number grid.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
#: Peers by latency formula, cycles for a row of L elements at P lanes; ITA takes rows of 64 lanes.
PEERS: dict[str, Callable[[int, int], int]] = {
    "ITA `ita_softmax_top` (ba96519)": lambda length, lanes: 5 * length + 1,
    "SoftEx `softex_wrap` (77f219d), at best": lambda length, lanes: (
        3 * length // lanes + 2 * (lanes.bit_length() - 1) + 47
    ),
    "MASE `fixed_softermax_1d` (ae4660b)": lambda length, lanes: (
        3 * length // lanes + 2 * (lanes.bit_length() - 1) + 21
    ),
}
PEER_L1 = {
    "ITA, int8 to uint8": (0.190, 0.318, 0.489),
    "SoftEx, bf16": (0.0050, 0.0064, 0.0072),
    "MASE, fixed point to Q1.15": (0.0178, 0.0223, 0.0307),
}
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
            exact = reference.softmax_of_quantised(rows, cfg.frac)
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


def main() -> int:
    """Measure and write the page."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    parts = [
        "# The core beside its peers",
        f"Written by `python -m benchmarks.peers` at commit `{commit}`. Our figures are measured "
        "through the RTL under Verilator, which equals the golden model in every element; the "
        "peers' were measured the same way on logits N(0,2), each on its own number grid.",
    ]
    for lanes in (8, 16):
        rows = []
        for name in TIMED:
            cfg = configs.load(name).replace(lanes=lanes, max_len=4096)
            rows.append([f"`{name}`", *map(str, latencies(cfg))])
            print(lanes, *rows[-1], flush=True)
        peers = [
            [peer, *(str(cycles(length, lanes)) for length in LENGTHS)]
            for peer, cycles in PEERS.items()
        ]
        bound = ["*two passes through the port*", *(str(2 * -(-n // lanes) - 1) for n in LENGTHS)]
        head = ["cycles at L =", *map(str, LENGTHS)]
        parts += [
            f"## Latency at {lanes} lanes\n\nFirst input beat to last output beat, idle core, no "
            "stalls. MAX_LEN 4096. The peers' cells are their formulas; ITA takes 64 rows at once.",
            table(head, rows + peers + [bound]),
        ]
    rows = []
    for name in SCORED:
        rows.append([f"`{name}`", *accuracy(name)])
        print(*rows[-1], flush=True)
    peers = [[peer, *(f"{l1:.3g}" for l1 in row), "", ""] for peer, row in PEER_L1.items()]
    head = ["", *(f"L1 at {n}" for n in SCORED_LENGTHS), "max error, LSB", "row sum at 1024"]
    parts += [
        "## Accuracy\n\nMean L1 of a row against float64 softmax, logits N(0,2), "
        f"{ROWS} rows a length. For our configurations the reference is the softmax of the "
        "quantised scores, and in brackets stands the least L1 that the output format allows: "
        "the exact softmax, rounded.",
        table(head, rows + peers),
    ]
    with atomic_file(OUT) as temporary:
        Path(temporary).write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"wrote {OUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
