"""A made-up replay: real softmax rows, invented cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.metrics import TableHits, row_errors
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.reference import of_quantised, softmax_of_scores
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.golden.tables import table_bytes
from softmax_cosim.report import (
    AttentionMap,
    Formula,
    Report,
    RowBatch,
    RowDetail,
    Tally,
    TraceInfo,
)

HEADS, QUERIES = 4, 40
COMMAND = "cosim replay traces/poem.safetensors --config {} --layers {} --rows {} --waves"


def batches(config: Config, *, layers: int = 2, seed: int = 0) -> Iterator[RowBatch]:
    """One batch a layer; layer ``n`` has rows of ``40 + 30 n`` keys, the last fifth padding."""
    random = np.random.default_rng(seed)
    cycle = 0
    for layer in range(layers):
        keys = QUERIES + 30 * layer
        near = -0.12 * np.abs(np.arange(QUERIES)[:, None] - np.arange(keys)[None, :])
        scores = random.normal(0, 1.6, (HEADS, QUERIES, keys)) + near
        keep = np.broadcast_to(np.arange(keys) < keys * 4 // 5, scores.shape)
        quantised = quantise(scores, keep, config)
        count = HEADS * QUERIES
        offsets = np.arange(count + 1, dtype=np.int64) * keys
        rows = Rows(quantised.q.ravel(), quantised.keep.ravel(), offsets)
        outputs = softmax(config, rows)
        hits = TableHits()
        hits.update(config, rows, outputs)
        hardware = outputs.y / config.m
        floats = softmax_of_scores(scores.ravel(), rows.keep, offsets)
        exact = of_quantised(config, rows)
        beats = -(-keys // config.lanes)
        first_in = cycle + np.arange(count) * beats
        cycle = int(first_in[-1]) + 10 * beats
        queued = np.minimum(np.arange(count), 6) * (beats // 2)
        last_out = first_in + 3 * beats + 11 + queued
        yield RowBatch(
            trace="traces/poem.safetensors",
            model="poet-tiny",
            tensor=f"layer.{layer}.scores",
            row=np.arange(count),
            batch=np.zeros(count, np.int64),
            head=np.arange(count) // QUERIES,
            query=np.arange(count) % QUERIES,
            length=rows.lengths,
            active=np.add.reduceat(rows.keep, offsets[:-1], dtype=np.int64),
            first_in=first_in,
            last_in=first_in + beats - 1,
            first_out=last_out - beats + 1,
            last_out=last_out,
            predicted_first_out=last_out - beats + 1,
            predicted_last_out=last_out.copy(),
            mismatched=np.zeros(count, np.int64),
            nonfinite=np.zeros(count, np.int64),
            lost=np.zeros(count, np.bool_),
            error=np.zeros(count, np.bool_),
            clipped=quantised.clipped,
            underflow=quantised.underflow,
            moved=quantised.clipping.moved,
            hits=hits,
            datapath=row_errors(exact, hardware, rows.keep, offsets, 1 / config.m),
            total=row_errors(floats, hardware, rows.keep, offsets, 1 / config.m),
            detail=detailer(config, layer, floats, hardware, keys),
        )


def detailer(
    config: Config, layer: int, floats: np.ndarray, hardware: np.ndarray, keys: int
) -> Callable[[int], RowDetail]:
    def detail(i: int) -> RowDetail:
        part = slice(i * keys, (i + 1) * keys)
        command = COMMAND.format(config.name, layer, i)
        return RowDetail(floats[part], hardware[part], command)

    return detail


def tally_of(config: Config, change: Callable[[RowBatch], RowBatch] = lambda b: b) -> Tally:
    tally = Tally(config, table_bytes=table_bytes(config), formula=Formula(3, 11, config.lanes))
    for batch in batches(config):
        tally.add(change(batch))
    attention = next(batches(config))
    details = [attention.detail(i) for i in range(QUERIES)]
    tally.show(
        AttentionMap(
            trace=attention.trace,
            model=attention.model,
            tensor=attention.tensor,
            batch=0,
            head=0,
            reference=np.stack([detail.reference for detail in details]),
            hardware=np.stack([detail.hardware for detail in details]),
        )
    )
    return tally


def report_of(*tallies: Tally) -> Report:
    return Report(
        command="cosim replay traces/poem.safetensors --config rexp_uint8 lut2d_uint8",
        date=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        versions={"cosim": "0.1.0", "Verilator": "5.048", "cocotb": "2.1.0", "Python": "3.11.2"},
        transport="signal",
        stalls="none",
        seed=1,
        traces=(
            TraceInfo(
                path="traces/poem.safetensors",
                sha256="5f" * 32,
                model="poet-tiny",
                source="poet-tiny 1.0 from PyPI",
                metadata={"text": "So much depends upon <a red wheelbarrow>", "licence": "MIT"},
            ),
        ),
        runs=tuple(tally.result(cycles=20_000, wall_s=1.25) for tally in tallies),
    )
