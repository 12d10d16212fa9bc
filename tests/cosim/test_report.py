"""The report is fed a made-up replay: real softmax rows, invented cycles, faults on demand."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.golden.tables import table_bytes
from softmax_cosim.report import (
    Failure,
    Formula,
    Report,
    ReportFolder,
    RowBatch,
    Tally,
    print_report,
)
from softmax_cosim.report.clipping import LayerClipping, clipping_warnings
from softmax_cosim.report.html import render
from softmax_cosim.report.notes import notes
from softmax_cosim.report.plots import latencies
from softmax_cosim.report.rows import RowsWriter
from softmax_cosim.report.summary import summary
from softmax_cosim.report.tally import FAILURES, WORST
from softmax_cosim.report.terminal import print_warnings
from softmax_cosim.report.text import verdict
from tests.cosim.made_up import COMMAND, HEADS, batches, report_of, tally_of


@pytest.fixture(scope="module")
def good() -> Report:
    return report_of(*(tally_of(configs.load(name)) for name in ("rexp_uint8", "lut2d_uint8")))


def broken_batch(batch: RowBatch) -> RowBatch:
    """Three wrong elements in row 5, row 9 lost, row 11 two cycles late."""
    mismatched, lost = batch.mismatched.copy(), batch.lost.copy()
    first_out, last_out = batch.first_out.copy(), batch.last_out.copy()
    mismatched[5] = 3
    lost[9], first_out[9], last_out[9] = True, -1, -1
    last_out[11] += 2
    return replace(batch, mismatched=mismatched, lost=lost, first_out=first_out, last_out=last_out)


@pytest.fixture(scope="module")
def bad() -> Report:
    config = configs.load("rexp_uint8")
    tally = tally_of(config, broken_batch)
    tally.fail(
        Failure(
            trace="traces/poem.safetensors",
            tensor="layer.0.scores",
            row=5,
            batch=0,
            head=0,
            query=5,
            what="mismatch",
            command=COMMAND.format(config.name, 0, 5),
            element=12,
            lane=4,
            expected=93,
            actual=94,
            stage="sum",
        )
    )
    tally.fail(
        Failure(
            trace="traces/poem.safetensors",
            tensor="layer.0.scores",
            row=9,
            batch=0,
            head=0,
            query=9,
            what="lost",
            command=COMMAND.format(config.name, 0, 9),
        )
    )
    return report_of(tally)


@pytest.fixture(scope="module")
def empty() -> Report:
    config = configs.load("rexp_uint8")
    tally = Tally(config, table_bytes=table_bytes(config), formula=Formula(3, 11, config.lanes))
    return replace(report_of(), runs=(tally.result(cycles=0, wall_s=0.0),))


@pytest.fixture(scope="module")
def good_page(good: Report) -> str:
    return render(good)


@pytest.fixture(scope="module")
def bad_page(bad: Report) -> str:
    return render(bad)


@pytest.fixture(scope="module")
def empty_page(empty: Report) -> str:
    return render(empty)


class Page(HTMLParser):
    """What a page shows: the full values behind the numbers of each row, text, and links out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: dict[str, list[float]] = {}
        self.text = ""
        self.links: list[str] = []
        self.ids: list[str] = []
        self._row = ""
        self._silent = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._silent = tag in ("style", "script")
        if tag == "tr":
            self._row = given.get("id", "")
        if tag == "data":
            self.values.setdefault(self._row, []).append(float(given["value"]))
        if "id" in given:
            self.ids.append(given["id"])
        self.links += [given[key] for key in ("src", "href", "xlink:href", "data") if key in given]
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert tag != "script" or not attrs

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text += data


SUMMARY_KEYS = {
    "config": str,
    "method": str,
    "precision": str,
    "lanes": int,
    "in_w": int,
    "frac": int,
    "table_bytes": int,
    "left_out": list,
    "filled_rows": int,
    "added_rows": int,
    "input": str,
    "output": str,
    "promise": str,
    "tolerance": int,
    "kept": bool,
    "rows": int,
    "elements": int,
    "mismatched_elements": int,
    "lost_rows": int,
    "nonfinite_elements": int,
    "nonfinite_rows": int,
    "latency": dict,
    "elements_per_lane_cycle": float,
    "cycles": int,
    "wall_s": float,
    "clipped": int,
    "underflow": int,
    "moved_rows": int,
    "layers": list,
    "datapath": dict,
    "total": dict,
}
LATENCY_KEYS = {"min", "p50", "p99", "max", "formula", "prediction_errors"}
MERIT_KEYS = {"max_lsb", "max_abs", "mean_abs", "l1", "kl", "row_sum_mean", "top1"}


def test_summary_has_exactly_the_promised_keys(good: Report) -> None:
    data = json.loads(json.dumps(summary(good), allow_nan=False))
    assert set(data) == {"version", "commit", "interrupted", "traces", "sha256", "runs"}
    assert data["version"] == 1
    assert data["commit"] is None
    assert data["sha256"] == ["5f" * 32]
    assert data["traces"] == ["traces/poem.safetensors"]
    assert [run["config"] for run in data["runs"]] == ["rexp_uint8", "lut2d_uint8"]
    for run in data["runs"]:
        assert {key: type(value) for key, value in run.items()} == SUMMARY_KEYS
        assert set(run["latency"]) == LATENCY_KEYS
        assert set(run["datapath"]) == set(run["total"]) == MERIT_KEYS
        assert all(type(value) is float for value in run["datapath"].values())


def test_figures_of_nothing_but_outputs_that_are_no_numbers_are_unknown() -> None:
    def change(batch: RowBatch) -> RowBatch:
        return replace(batch, nonfinite=np.ones(len(batch), np.int64))

    config = configs.load("rexp_uint8")
    run = summary(report_of(tally_of(config, change)))["runs"][0]
    assert run["nonfinite_rows"] == run["nonfinite_elements"] == run["rows"] == 320
    assert set(run["total"].values()) == {None}
    assert run["latency"]["min"] is not None


def test_figures_equal_those_of_all_rows_at_once(good: Report) -> None:
    config = configs.load("rexp_uint8")
    run = summary(good)["runs"][0]
    whole = list(batches(config))
    joined = {
        name: np.concatenate([getattr(batch, name) for batch in whole])
        for name in ("length", "latency", "active")
    }
    l1 = np.concatenate([batch.total.l1 for batch in whole])
    latency = np.sort(joined["latency"])
    assert run["rows"] == len(latency) == 320
    assert run["elements"] == joined["length"].sum()
    assert run["latency"]["min"] == latency[0]
    assert run["latency"]["p50"] == latency[len(latency) // 2 - 1]
    assert run["latency"]["p99"] == latency[math.ceil(0.99 * len(latency)) - 1]
    assert run["latency"]["max"] == latency[-1]
    assert run["latency"]["formula"] == "3*ceil(L/8) + 11"
    assert run["total"]["l1"] == pytest.approx(l1.mean())
    assert run["total"]["mean_abs"] == pytest.approx(l1.sum() / joined["active"].sum())
    assert run["elements_per_lane_cycle"] == pytest.approx(joined["length"].sum() / 8 / 20_000)
    assert good.runs[0].distribution.total.sum() == 320
    assert good.runs[0].latency.pairs[:, 2].sum() == 320


def test_warnings_are_of_each_layer_and_format_once() -> None:
    """The configuration of a format whose rows move most speaks; where none moves, nobody does."""
    wide, narrow, fine = (
        configs.load(name) for name in ("rexp_uint8", "rexp_uint4", "split_int16")
    )
    other = wide.replace(in_w=8, frac=4, recentre=True)
    found = [
        LayerClipping("a", narrow, 100, 30, 2, 3),
        LayerClipping("a", wide, 100, 30, 2, 4),
        LayerClipping("a", other, 100, 1, 0, 1),
        LayerClipping("b", wide, 100, 0, 7, 1),
        LayerClipping("c", fine, 100, 50, 50, 0),
    ]
    assert clipping_warnings(found) == [
        "a: 30 of 100 scores clipped at Q8.8, which moves the probabilities of 4 rows "
        "(rexp_uint8); try recentre = true, or fewer fraction bits (cosim calibrate)",
        "a: 1 of 100 scores clipped at Q4.4, which moves the probabilities of 1 row (rexp_uint8); "
        "try fewer fraction bits (cosim calibrate)",
        "b: 7 of 100 scores held at the lowest code at Q8.8, which moves the probabilities of "
        "1 row (rexp_uint8); try recentre = true, or fewer fraction bits (cosim calibrate)",
    ]


def test_the_terminal_shows_the_first_warnings_and_how_many_there_are() -> None:
    console = Console(file=io.StringIO(), width=100)
    print_warnings([f"[bold]layer {i}[/]" for i in range(7)], console)
    assert console.file.getvalue().splitlines() == [
        *(f"[bold]layer {i}[/]" for i in range(5)),
        "and 2 more such warnings, in the report",
    ]


def test_percentiles_are_nearest_ranks_over_all_batches() -> None:
    config = configs.load("rexp_uint8")
    tally = Tally(config, table_bytes=1, formula=Formula(3, 11, config.lanes))
    first, second = batches(config)
    for start, batch in ((160, first), (0, second)):
        tally.add(replace(batch, last_out=batch.first_in + start + np.arange(160) + 1))
    latency = tally.result(cycles=1, wall_s=1.0).latency
    assert (latency.min, latency.p50, latency.p99, latency.max) == (1, 160, 317, 320)


def test_worst_rows_are_the_worst_of_each_head(good: Report) -> None:
    worst = good.runs[0].worst
    of_head: dict[tuple[str, int], tuple[float, int]] = {}
    for batch in batches(configs.load("rexp_uint8")):
        for head in range(HEADS):
            rows = np.flatnonzero(batch.head == head)
            row = int(rows[np.argmax(batch.total.l1[rows])])
            of_head[batch.tensor, head] = (float(batch.total.l1[row]), row)
    expected = sorted(of_head.values(), reverse=True)[:WORST]
    assert [(row.l1, row.row) for row in worst] == expected
    assert worst[0].detail.command.endswith(f"--rows {worst[0].row} --waves")
    assert np.abs(worst[0].detail.hardware - worst[0].detail.reference).sum() == pytest.approx(
        worst[0].l1
    )


def test_order_and_size_of_batches_do_not_matter(good: Report) -> None:
    config = configs.load("rexp_uint8")
    tally = Tally(config, table_bytes=table_bytes(config), formula=Formula(3, 11, config.lanes))
    for batch in reversed(list(batches(config))):
        tally.add(batch)
    backward = summary(report_of(tally))["runs"][0]
    forward = summary(good)["runs"][0]
    for part in ("datapath", "total"):
        assert backward.pop(part) == pytest.approx(forward[part])
    assert backward == {key: forward[key] for key in backward}


def test_faults_are_counted_and_kept_out_of_the_figures(bad: Report, good: Report) -> None:
    run, fine = bad.runs[0], good.runs[0]
    assert (run.mismatched_elements, run.mismatched_rows, run.lost_rows) == (6, 2, 2)
    assert run.latency.prediction_errors == 2
    assert run.latency.predicted == 318
    assert run.latency.pairs[:, 2].sum() == run.distribution.total.sum() == 318
    came_out = [np.delete(batch.total.l1, 9) for batch in batches(run.config)]
    assert run.total.l1 == pytest.approx(np.concatenate(came_out).mean(), rel=1e-12)
    assert run.rows == fine.rows
    assert not run.exact
    assert not bad.exact
    assert fine.exact
    assert good.exact


def test_only_the_first_failures_are_kept() -> None:
    tally = tally_of(configs.load("rexp_uint8"))
    failure = Failure("t", "layer.0.scores", 0, 0, 0, 0, "lost", "cosim replay t")
    for row in range(FAILURES + 5):
        assert tally.enough_failures == (row >= FAILURES)
        tally.fail(replace(failure, row=row))
    kept = tally.result(cycles=1, wall_s=1.0).failures
    assert [failure.row for failure in kept] == list(range(FAILURES))


def test_a_failure_says_everything(bad: Report) -> None:
    mismatch, lost = map(str, bad.runs[0].failures)
    assert mismatch == (
        "traces/poem.safetensors layer.0.scores row 5 (batch 0, head 0, query 5): element 12, "
        "lane 4: expected 93, got 94, first differing stage sum; replay it with: "
        "cosim replay traces/poem.safetensors --config rexp_uint8 --layers 0 --rows 5 --waves"
    )
    assert "row 9" in lost
    assert ": lost; replay it with: cosim replay" in lost


@pytest.mark.parametrize("kind", ["good_page", "bad_page", "empty_page"])
def test_page_needs_nothing_from_outside(kind: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(kind)
    page = Page(text)
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
    assert "http://" not in text
    assert "https://" not in text
    assert not re.findall(r"@import|url\((?!#)", text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "#0102" not in text  # every placeholder colour became a variable


def test_page_shows_the_numbers_of_the_summary(good: Report, good_page: str) -> None:
    page = Page(good_page)
    for run in summary(good)["runs"]:
        main = page.values[f"run-{run['config']}"]
        counts = ("lanes", "table_bytes", "rows", "elements", "mismatched_elements", "lost_rows")
        latency = [run["latency"][key] for key in ("min", "p50", "p99", "max", "prediction_errors")]
        assert main[:11] == [run[key] for key in counts] + latency
        assert main[11] == run["elements_per_lane_cycle"]
        for part in ("datapath", "total"):
            shown = page.values[f"{part}-{run['config']}"]
            assert shown[0] == run[part]["max_lsb"]
            assert shown[2:7] == [
                run[part][key] for key in ("max_abs", "mean_abs", "l1", "kl", "row_sum_mean")
            ]
            assert shown[9] == run[part]["top1"]
        assert run["latency"]["formula"] in page.text
        assert f"{run['elements']:,}" in page.text


def test_page_escapes_what_it_is_given(good_page: str) -> None:
    assert "&lt;a red wheelbarrow&gt;" in good_page
    assert "<a red" not in good_page


def test_good_page_is_green(good: Report, good_page: str) -> None:
    assert '<h1 class="verdict good">Exact' in good_page
    assert "What went wrong" not in good_page
    assert good.runs[0].worst[0].detail.command in Page(good_page).text


def test_bad_page_is_red(bad: Report, bad_page: str) -> None:
    assert '<h1 class="verdict bad">Not exact: 6 mismatched elements, 2 lost rows' in bad_page
    assert '<td class="bad"><data value="6">' in bad_page
    assert '<td class="warn"><data value="2">' in bad_page
    assert "What went wrong" in bad_page
    assert bad.runs[0].failures[0].command in Page(bad_page).text


def test_page_without_rows_is_red(empty_page: str) -> None:
    assert '<h1 class="verdict bad">Nothing was compared' in empty_page


def test_flagged_rows_and_forgotten_configurations_are_not_exact(good: Report) -> None:
    def flag(batch: RowBatch) -> RowBatch:
        return replace(batch, error=batch.row == 3)

    flagged = report_of(tally_of(configs.load("rexp_uint8"), flag))
    assert not flagged.exact
    assert "2 rows with the error flag" in verdict(flagged)

    config = configs.load("lut2d_uint8")
    idle = Tally(config, table_bytes=1, formula=Formula(3, 11, 8)).result(cycles=0, wall_s=0)
    partial = replace(good, runs=(*good.runs, idle))
    assert not partial.exact
    assert "no rows for lut2d_uint8" in verdict(partial)


def test_rows_that_hang_on_the_power_up_are_not_exact() -> None:
    config = configs.load("rexp_uint8")

    def told(unsettled: int) -> Report:
        tally = Tally(config, table_bytes=1, formula=None, draws=("zeros", "ones", "17"))
        for batch in batches(config):
            tally.add(batch)
        tally.compare(rows=300, unsettled=unsettled)
        tally.compare(rows=20, unsettled=0)
        return report_of(tally)

    fine, hanging = told(0), told(2)
    assert fine.exact
    assert not hanging.exact
    assert verdict(hanging) == "Not exact: 2 rows that hang on the power-up draw"
    assert summary(hanging)["runs"][0]["power_up"] == {
        "draws": ("zeros", "ones", "17"),
        "rows": 320,
        "unsettled": 2,
    }
    console = Console(file=io.StringIO(), width=100)
    print_report(fine, console)
    for text in (console.file.getvalue(), Page(render(fine)).text):  # type: ignore[attr-defined]
        assert "power-up draws zeros, ones, 17, 320 rows from each" in text


def test_a_run_that_broke_the_rules_is_not_exact() -> None:
    tally = tally_of(configs.load("rexp_uint8"))
    tally.breaks()
    broken = report_of(tally)
    assert not broken.exact
    assert verdict(broken) == "Not exact: 1 batches that broke the stream's rules"


def test_a_failure_says_the_draws_and_what_the_command_is_for() -> None:
    failure = Failure("t", "layer.0.scores", 4, 0, 0, 4, "lost", "cosim replay t")
    told = replace(failure, draw="ones", unlike="zeros", advice="it takes 2 rows; replay them with")
    assert str(told).endswith(
        ": lost, from power-up draw ones, but not from zeros; it takes 2 rows; replay them with: "
        "cosim replay t"
    )
    tally = tally_of(configs.load("rexp_uint8"))
    tally.fail(told)
    page = " ".join(Page(render(report_of(tally))).text.split())
    assert "from power-up draw ones, but not from zeros; it takes 2 rows; replay them with" in page


def test_without_rows_figures_are_null_not_zero(empty: Report) -> None:
    run = json.loads(json.dumps(summary(empty), allow_nan=False))["runs"][0]
    assert set(run["total"].values()) == {None}
    assert run["latency"]["p50"] is None
    assert run["elements_per_lane_cycle"] is None


def test_golden_alone_has_no_latency_and_says_so(tmp_path: Path) -> None:
    def unsimulated(batch: RowBatch) -> RowBatch:
        never = np.full(len(batch), -1)
        return replace(
            batch,
            first_in=never,
            last_in=never,
            first_out=never,
            last_out=never,
            predicted_first_out=never,
            predicted_last_out=never,
        )

    scored = replace(report_of(tally_of(configs.load("rexp_uint8"), unsimulated)), transport="none")
    assert scored.exact
    assert scored.runs[0].latency.predicted == 0
    assert scored.runs[0].latency.min is None
    text = render(scored)
    assert "golden model alone" in text
    assert "Exact: " not in text
    assert "Scored: the golden model alone" in text
    assert "Latency against row length" not in text


def test_folder_holds_all_files_or_none(tmp_path: Path, good: Report, empty: Report) -> None:
    out = tmp_path / "reports" / "one"
    with ReportFolder(out) as folder:
        for batch in batches(configs.load("rexp_uint8")):
            folder.rows.write("rexp_uint8", batch)
        (folder.staging / "outputs.safetensors").write_bytes(b"outputs")
        assert [path.name for path in out.iterdir()] == [folder.staging.name]
        folder.finish(good)
    assert {path.name for path in out.iterdir()} == {
        "summary.json",
        "rows.parquet",
        "report.html",
        "outputs.safetensors",
    }
    before = {path: path.read_bytes() for path in out.iterdir()}

    with contextlib.suppress(KeyboardInterrupt), ReportFolder(out) as folder:
        folder.rows.write("rexp_uint8", next(batches(configs.load("rexp_uint8"))))
        raise KeyboardInterrupt
    assert {path: path.read_bytes() for path in out.iterdir()} == before

    with ReportFolder(out) as folder:
        folder.finish(empty)
    assert "outputs.safetensors" not in {path.name for path in out.iterdir()}


def test_folder_sweeps_up_after_a_killed_run_but_not_after_a_living_one(
    tmp_path: Path, empty: Report
) -> None:
    (tmp_path / ".unfinished-killed").mkdir()
    (tmp_path / ".unfinished-killed" / "rows.parquet").write_bytes(b"half")
    with ReportFolder(tmp_path) as living:
        with ReportFolder(tmp_path) as folder:
            folder.finish(empty)
        assert living.staging.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {
        "summary.json",
        "rows.parquet",
        "report.html",
    }


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"cannot write to the folder .*file/out: .*--out"):
        ReportFolder(tmp_path / "file" / "out")


def test_rows_are_all_there_and_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softmax_cosim.report.rows.ROW_GROUP", 200)
    config = configs.load("rexp_uint8")
    whole = [broken_batch(batch) for batch in batches(config, layers=4)]
    with RowsWriter(tmp_path / "rows.parquet") as writer:
        for batch in whole:
            writer.write(config.name, batch)
    stored = pq.ParquetFile(tmp_path / "rows.parquet")
    assert stored.metadata.num_row_groups > 1
    table: dict[str, list[Any]] = stored.read().to_pydict()
    assert set(table["config"]) == {"rexp_uint8"}
    assert table["tensor"] == [batch.tensor for batch in whole for _ in range(len(batch))]
    for name in ("row", "head", "query", "length", "active", "mismatched", "lost", "first_in"):
        assert table[name] == np.concatenate([getattr(batch, name) for batch in whole]).tolist()
    without = np.concatenate([batch.lost | batch.error for batch in whole])
    assert without.any()
    for name, part in (("l1", "datapath"), ("l1_total", "total")):
        figures = np.concatenate([getattr(batch, part).l1 for batch in whole])
        assert table[name] == [None if no else l1 for no, l1 in zip(without, figures, strict=True)]
    assert all((kl is None) == no for no, kl in zip(without, table["kl"], strict=True))
    assert table["last_out"][9] is table["latency"][9] is None
    assert table["latency"][11] == whole[0].last_out[11] - whole[0].first_in[11]


@pytest.mark.parametrize("following", ["write", "close"])
def test_what_keeps_rows_from_being_written_is_told_by_the_next_call(
    following: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softmax_cosim.report.rows.ROW_GROUP", 1)

    def refused() -> contextlib.AbstractContextManager[None]:
        raise UsageError("the disk is full")

    batch = next(batches(configs.load("rexp_uint8")))
    writer = RowsWriter(tmp_path / "rows.parquet", refused)
    writer.write("c", batch)
    with pytest.raises(UsageError, match="the disk is full"):
        writer.write("c", batch) if following == "write" else writer.close()


def test_rows_with_nothing_kept_are_no_perfect_rows(tmp_path: Path) -> None:
    """They have no distribution to be near to."""
    config = configs.load("rexp_uint8")
    batch = next(batches(config))
    nothing = replace(batch, active=np.where(np.arange(len(batch)) < 7, 0, batch.active))
    tally = Tally(config, table_bytes=0, formula=None)
    tally.add(nothing)
    run = tally.result(cycles=1, wall_s=1.0)
    assert run.distribution.total.sum() == run.distribution.datapath.sum() == len(batch) - 7
    assert {row.row for row in run.worst}.isdisjoint(range(7))
    with RowsWriter(tmp_path / "rows.parquet") as writer:
        writer.write("c", nothing)
    kl = pq.read_table(tmp_path / "rows.parquet")["kl"].to_pylist()
    assert [one is None for one in kl] == [True] * 7 + [False] * (len(batch) - 7)


def test_an_interrupted_run_is_no_verdict(good: Report) -> None:
    cut = replace(good, interrupted=True)
    assert not cut.exact
    page = render(cut)
    assert "<title>Interrupted" in page
    assert f"Interrupted: only {good.rows:,} rows were finished. Exact: every output" in page
    assert 'class="verdict bad"' in page
    assert summary(cut)["interrupted"] is True
    assert summary(good)["interrupted"] is False


def test_what_a_design_warned_of_is_told(good: Report) -> None:
    run = replace(good.runs[0], warnings=(("mine.sv:7: saturated", 1234), ("odd", 1)))
    said = "the design warned 1,235 times while it ran: mine.sv:7: saturated"
    assert f"rexp_uint8: {said}" in notes(replace(good, runs=(run,)))
    assert said in render(replace(good, runs=(run,)))


def test_names_are_no_mathematics(good: Report) -> None:
    run = replace(good.runs[0], name=r"a$\frac$ b")
    for runs in ([run], [run] * 4):
        assert r"a$\frac$ b" in render(replace(good, runs=tuple(runs)))


def test_commands_keep_every_space(good: Report) -> None:
    """Whoever copies one from the page gets what was tried."""
    command = "cosim replay 'two  spaces.safetensors' --rows 1"
    run = replace(
        good.runs[0], failures=(Failure("t", "layer.0.scores", 1, 0, 0, 1, "lost", command),)
    )
    page = render(replace(good, runs=(run,)))
    assert "<span>&#39;two  spaces.safetensors&#39;</span>" in page
    assert "white-space: pre-wrap" in page


def test_terminal_table_fits_100_columns(good: Report, bad: Report, empty: Report) -> None:
    def printed(report: Report) -> str:
        console = Console(file=io.StringIO(), width=100)
        print_report(report, console, Path("reports/one"))
        return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]

    huge = replace(
        good.runs[0], config=configs.load("lut2d_uint8_in8"), rows=12_345_678, lost_rows=4_321
    )
    text = printed(replace(good, runs=(*good.runs, huge)))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert "12,345,678" in text
    assert "Exact" in printed(good)
    assert "reports/one/report.html" in printed(good)
    assert bad.runs[0].failures[0].command in printed(bad)
    assert "Not exact" in printed(bad)
    assert "Nothing was compared" in printed(empty)


def test_many_points_do_not_make_a_large_drawing(good: Report) -> None:
    random = np.random.default_rng(3)
    length = random.integers(1, 1024, 100_000)
    pairs = np.column_stack([length, 400 + length + random.integers(0, 900, 100_000), length])
    crowded = replace(good.runs[0], latency=replace(good.runs[0].latency, pairs=pairs))
    assert len(latencies([crowded] * 4)) < 400_000
