"""The paper's table, from results made by hand and from a run."""

import json
import math

import pytest

from softmax_cosim import configs, console
from softmax_cosim.cli import main
from softmax_cosim.eval import paper, report
from softmax_cosim.paths import ROOT


def cell(name, loss, low, high):
    metric = {"metric": "m", "value": 0.5, "loss": loss, "interval": [low, high]}
    parameters = report.parameters(configs.load(name))
    return {"config": name, "table_bytes": 5, "parameters": parameters, "metrics": [metric]}


def task(name, cells, unit="%", value=0.5):
    base = {"metric": "accuracy", "unit": unit, "value": value}
    return {"task": name, "title": f"Net: what {name} is", "baseline": [base], "cells": cells}


def folder(root, *tasks):
    root.mkdir(exist_ok=True)
    (root / "results.json").write_text(json.dumps({"tasks": list(tasks)}))
    return str(root)


def rows(*tasks):
    return paper.rows_of({"tasks": list(tasks)}, None)


CELLS = [
    cell("split_uint8", 0.001, -0.002, 0.003),
    cell("lut2d_uint8", 0.008, 0.005, 0.02),
    cell("rexp_uint8", 0.03, 0.02, 0.04),
    cell("rexp_uint8_xs16", 0.02, 0.003, 0.04),
    cell("rexp_int16", None, None, None),
]


def test_rows_stand_in_the_papers_order():
    found = rows(task("similarity", CELLS), task("language", CELLS), task("detection", CELLS))
    assert [row.kind for row in found] == ["object detection"] * 5 + ["semantic equivalence"] * 5
    assert [row.config for row in found[:5]] == [
        *("rexp_int16", "rexp_uint8_xs16", "rexp_uint8", "lut2d_uint8", "split_uint8")
    ]
    assert [row.xs for row in found[1:4]] == [16, 256, 60]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("detection-detr-resnet-50", "object detection"),
        ("translation-pten", "machine translation"),
        ("glue-sst2", "sentiment analysis"),
        ("sentiment-tuned", "sentiment analysis"),
        ("glue-stsb", "semantic equivalence"),
        ("glue-rte", "others of GLUE"),
    ],
)
def test_each_task_is_of_a_kind(name, kind):
    assert [row.kind for row in rows(task(name, CELLS[:1]))] == [kind]


def test_where_the_claim_holds():
    holds = {row.config: row.holds for row in rows(task("sentiment", CELLS))}
    assert holds == {
        "split_uint8": "yes",
        "lut2d_uint8": "yes?",
        "rexp_uint8": "no",
        "rexp_uint8_xs16": "no?",
        "rexp_int16": "–",
    }


def test_points_of_a_percentage_and_percent_of_anything_else():
    (points,) = rows(task("similarity", CELLS[:1]))
    assert (points.loss, points.low, points.high) == pytest.approx((0.1, -0.2, 0.3))
    assert points.metric == "accuracy 50.00 %"
    (percent,) = rows(task("similarity", CELLS[:1], unit="", value=-0.25))
    assert (percent.loss, percent.low, percent.high) == pytest.approx((0.4, -0.8, 1.2))
    assert (percent.metric, percent.holds) == ("accuracy -0.25", "yes?")
    (unknown,) = rows(task("similarity", CELLS[4:]))
    assert math.isnan(unknown.loss)


def test_the_claim_is_of_the_papers_methods_at_8_bits():
    claimed = {row.config for row in rows(task("sentiment", CELLS)) if row.claimed}
    assert claimed == {"lut2d_uint8", "rexp_uint8", "rexp_uint8_xs16"}


def test_one_line_says_where_it_holds():
    found = rows(task("sentiment", CELLS), task("detection", CELLS[1:3]))
    assert paper.conclusion(found) == (
        "At 8 bits the loss is below 1.0 with rexp (XS 256): on no task, not detection, sentiment; "
        "lut2d (XS 60): detection?, sentiment?; rexp (XS 16): on no task, not sentiment?; "
        "split_uint8: sentiment"
    )
    assert "Nothing was measured at uint8" in paper.conclusion(rows(task("sentiment", CELLS[4:])))


def test_results_of_several_runs(tmp_path, capsys):
    first = folder(tmp_path / "a", task("sentiment", CELLS), task("ocr", CELLS))
    second = folder(tmp_path / "b", task("detection", CELLS))
    out = tmp_path / "table.md"
    assert main(["paper", first, second, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.index("object detection: Net, detection") < said.index("sentiment analysis: Net")
    assert "At 8 bits the loss is below 1.0 with" in said.replace("\n", " ")
    lines = [line for line in out.read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 10
    assert {line.count("|") for line in lines} == {12}
    wanted = (
        "| sentiment analysis | Net, sentiment | accuracy 50.00 % | uint8 | `rexp_uint8` | 256 "
    )
    assert lines[9] == f"{wanted}| 5 | < 1.0 | +3.00 | +2.00 … +4.00 | no |"


def test_a_narrow_terminal_cuts_no_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(console, "WIDTH", 40)
    assert main(["paper", folder(tmp_path, task("sentiment", CELLS))]) == 0
    assert "+2.00 … +4.00" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "make it with cosim eval --out"),
        ("{", "is not what cosim eval writes; run it again"),
        ('{"tasks": 3}', "is not what cosim eval writes; run it again"),
        ('{"tasks": []}', "is of the paper's kinds: object detection"),
    ],
)
def test_a_folder_without_results(tmp_path, capsys, text, sentence):
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    out = tmp_path / "table.md"
    assert main(["paper", str(tmp_path), "--out", str(out)]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_results_of_an_older_version(tmp_path, capsys):
    old = {key: value for key, value in CELLS[0].items() if key != "parameters"}
    where = folder(tmp_path / "old", task("sentiment", [old]))
    assert main(["paper", where, "--out", str(tmp_path / "table.md")]) == 2
    assert "was written by an older version; run the same cosim eval again" in (
        capsys.readouterr().err
    )


def test_options_of_a_run_without_one(tmp_path, capsys):
    assert main(["paper", "--limit", "3"]) == 2
    assert "go with --evaluate" in capsys.readouterr().err
    assert main(["paper", "a", "b", "--evaluate"]) == 2
    assert "give one folder" in capsys.readouterr().err


def test_a_run_takes_the_papers_tasks_and_ends_in_the_table(tmp_path, monkeypatch, capsys):
    """What is asked of cosim eval; running it has tests of its own."""
    from softmax_cosim.eval import run as evaluation

    asked = []

    def evaluate(args):
        asked.append(args)
        folder(args.out, task("sentiment", CELLS))
        return 0

    monkeypatch.setattr(evaluation, "run", evaluate)
    out = tmp_path / "table.md"
    line = ["paper", str(tmp_path / "results"), "--evaluate", "--limit", "3", "--jobs", "1"]
    assert main([*line, "--out", str(out)]) == 0
    (args,) = asked
    assert (args.limit, args.jobs, args.engine, args.model) == (3, 1, "golden", None)
    assert {"sentiment", "similarity"} <= set(args.tasks)
    assert not {"language", "ocr"} & set(args.tasks)
    assert {"rexp_int16", "rexp_uint8_xs16", "lut2d_uint8", "split_uint4"} <= set(args.config)
    assert "rexp_uint2" not in args.config
    assert out.exists()
    monkeypatch.setattr(evaluation, "run", lambda args: 130)
    assert main([*line, "--out", str(tmp_path / "no.md")]) == 130


def test_what_eval_writes_is_read(tmp_path, monkeypatch):
    from tests.cosim.eval.test_run import FAKES

    monkeypatch.setitem(paper.KINDS, "object detection", "largest")
    out = tmp_path / "out"
    line = ["eval", f"{FAKES}:make", "--config", "rexp_uint8", "split_uint8", "--out", str(out)]
    assert main([*line, "--jobs", "1"]) == 0
    table = tmp_path / "table.md"
    assert main(["paper", str(out), "--out", str(table)]) == 0
    assert "| `rexp_uint8` | 256 | 264 | < 1.0 |" in table.read_text()


def test_parameters_do_not_say_where_files_stand_and_go_into_json():
    distance = str(ROOT / "examples" / "distance" / "distance.toml")
    for name in ("rexp_uint8", distance):
        parameters = report.parameters(configs.load(name))
        assert json.loads(json.dumps(parameters))["lanes"] == 8
        assert distance not in json.dumps(parameters)
