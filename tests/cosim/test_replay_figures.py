"""``--figures``: what is measured, and that nothing else changes with it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from softmax_cosim import cli
from softmax_cosim.golden.metrics import AGREE, TIE, WRONG
from softmax_cosim.report.rows import FURTHER, SCHEMA
from softmax_cosim.trace import Layer, write


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("trace") / "trace.safetensors"
    random = np.random.default_rng(3)
    layers = [Layer(i, random.normal(0, 2, (1, 2, 20, 24)).astype(np.float16)) for i in range(2)]
    write(path, layers, model="m", source="s")
    return path


def run(verb, trace, out, figures):
    words = [verb, str(trace), "--config", "rexp_uint8", "--figures", figures]
    assert cli.main([*words, "--out", str(out)]) == 0
    (found,) = json.loads((out / "summary.json").read_text())["runs"]
    del found["wall_s"]
    return found, pq.read_table(out / "rows.parquet"), (out / "report.html").read_text()


def test_exact_measures_no_errors_and_all_the_rest(trace: Path, tmp_path: Path):
    exact, few, page = run("replay", trace, tmp_path / "exact", "exact")
    errors, rows, whole = run("replay", trace, tmp_path / "errors", "errors")
    assert exact["kept"]
    for reference in ("datapath", "total"):
        assert set(exact.pop(reference).values()) == {None}
        assert None not in errors.pop(reference).values()
    assert exact == errors
    assert few.schema == rows.schema == SCHEMA
    figures = ["max_lsb", "l1", "kl", "l1_total"]
    for name in SCHEMA.names:
        assert few[name].null_count == len(few) if name in figures else few[name] == rows[name]
    assert "Worst rows" in whole
    assert "Worst rows" not in page


def test_full_adds_every_figure_of_a_row(trace: Path, tmp_path: Path):
    errors, rows, _ = run("score", trace, tmp_path / "errors", "errors")
    full, more, _ = run("score", trace, tmp_path / "full", "full")
    assert full == errors
    assert more.column_names == [*SCHEMA.names, *FURTHER.names]
    assert more.select(SCHEMA.names) == rows
    assert all(more[name].null_count == 0 for name in FURTHER.names)
    columns = {name: more[name].to_numpy() for name in FURTHER.names}
    assert columns["max_lsb_total"].max() == full["total"]["max_lsb"]
    assert columns["max_abs"].max() == full["datapath"]["max_abs"]
    assert columns["row_sum"].mean() == pytest.approx(full["total"]["row_sum_mean"])
    assert columns["kl_total"].mean() == pytest.approx(full["total"]["kl"])
    assert set(columns["top1_total"]) <= {WRONG, TIE, AGREE}
    assert (columns["top1_total"] == AGREE).mean() == pytest.approx(full["total"]["top1"])


@pytest.mark.parametrize(
    ("verb", "more", "sentence"),
    [
        ("replay", ["--fail-on", "total.l1 > 0.1"], "--figures exact measures no errors"),
        ("score", [], "--figures exact leaves cosim score nothing to say"),
    ],
)
def test_what_exact_cannot_say_is_refused(verb, more, sentence, trace, tmp_path, capsys):
    words = [verb, str(trace), "--config", "rexp_uint8", "--figures", "exact", *more]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
