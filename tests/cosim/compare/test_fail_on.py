"""``--fail-on`` on ``cosim score``, ``replay`` and ``eval``: sentences, exit codes, refusals."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim.cli import main
from softmax_cosim.compare.check import broken
from softmax_cosim.compare.limit import parse
from softmax_cosim.compare.subjects import Subject, of_summary, replayed
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer, write

FAKES = Path(__file__).parents[1] / "eval" / "fakes.py"
CONFIGS = ("rexp_uint8", "split_uint8")


@pytest.fixture
def trace(tmp_path):
    scores = np.random.default_rng(5).normal(0, 2, (1, 2, 6, 12)).astype(np.float32)
    path = tmp_path / "small.safetensors"
    write(path, [Layer(0, scores)], model="a model", source="a test")
    return path


def score(trace, *limits, verb="score", configs=CONFIGS):
    words = [word for limit in limits for word in ("--fail-on", limit)]
    out = trace.parent / "out"
    return main([verb, str(trace), "--config", *configs, "--out", str(out), *words])


def figures(trace):
    runs = json.loads((trace.parent / "out" / "summary.json").read_text())["runs"]
    return {run["config"]: run for run in runs}


def test_a_limit_that_holds_changes_nothing(trace, capsys):
    assert score(trace, "total.l1 > 1.5", "rexp_uint8: table_bytes != 264") == 0
    assert "never so: total.l1 > 1.5, rexp_uint8: table_bytes != 264" in capsys.readouterr().out


def test_a_limit_that_breaks_names_design_figure_value_and_limit(trace, capsys):
    assert score(trace, "total.l1 > 0.1", "table_bytes > 10000") == 1
    l1 = figures(trace)["rexp_uint8"]["total"]["l1"]
    assert figures(trace)["split_uint8"]["total"]["l1"] < 0.1 < l1
    said = capsys.readouterr().out
    assert f"rexp_uint8: total.l1 is {l1!r}; --fail-on 'total.l1 > 0.1'\n" in said
    assert said.count("--fail-on") == 1


def test_a_limit_may_be_of_one_design(trace, capsys):
    assert score(trace, "split_uint8: total.l1 > 0.1") == 0
    assert score(trace, "rexp_uint8: total.l1 > 0.1") == 1
    capsys.readouterr()


def test_what_cannot_be_checked_fails_and_says_so(trace, capsys):
    assert score(trace, "split_uint8: latency.p99 > 300") == 1
    assert (
        "split_uint8: latency.p99 is not known here, so --fail-on "
        "'split_uint8: latency.p99 > 300' cannot be checked, and fails\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ("total.l2 > 0", ["total.l1"]),
        ("l1 > 0", ["datapath.l1", "total.l1"]),
        ("p99 > 1", ["latency.p99"]),
        ("lost_row > 0", ["lost_rows"]),
        ("latency > 0", ["latency."]),
        ("latency.formula > 0", ["latency."]),
        ("config > 0", []),
        ("split_uint4: total.l1 > 0", ["split_uint8"]),
        ("delta total.l1 > 0", ["cosim compare"]),
        ("total.l1 > 1.05x", ["cosim compare"]),
        ("total.l1 >", ["total.l1 > 0.02"]),
    ],
)
@pytest.mark.parametrize("verb", ["score", "replay"])
def test_nonsense_is_refused_before_anything_is_played(trace, capsys, limit, names, verb):
    assert score(trace, "total.l1 > 1.5", limit, verb=verb) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cosim: --fail-on")
    assert all(name in line for name in names)
    assert not (trace.parent / "out").exists()


def test_every_figure_of_a_replay_can_be_limited(trace, capsys):
    """The names that are known beforehand are those that a replay tells, and all of them."""
    assert score(trace, verb="replay", configs=["split_uint8"]) == 0
    run = figures(trace)["split_uint8"]
    (subject,) = of_summary({"runs": [run]})
    assert set(subject.figures) == set(replayed())
    assert None not in subject.figures.values()
    assert subject["latency.p99"] == run["latency"]["p99"]
    every = [f"{name} < 0" for name in replayed()]
    assert score(trace, *every, verb="replay", configs=["split_uint8"]) == 0
    assert score(trace, *every, "rows == 12", verb="replay", configs=["split_uint8"]) == 1
    assert "split_uint8: rows is 12; --fail-on 'rows == 12'" in capsys.readouterr().out


def test_table_bytes_that_nobody_knows_fail(trace, capsys):
    own = str(ROOT / "examples" / "distance" / "distance.toml")
    assert score(trace, "table_bytes > 700", configs=[own]) == 1
    assert "distance: table_bytes is not known here" in capsys.readouterr().out


def evaluate(tmp_path, *limits, task="make"):
    words = [word for limit in limits for word in ("--fail-on", limit)]
    out = tmp_path / "out"
    task = f"{FAKES}:{task}"
    return main(["eval", task, "--config", "rexp_uint4", "split_uint8", "--out", str(out), *words])


def test_limits_of_a_task(tmp_path, capsys):
    assert evaluate(tmp_path) == 0
    (task,) = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]
    losses = {cell["config"]: cell["metrics"][0]["loss"] for cell in task["cells"]}
    bound = max(losses.values())
    worst = max(losses, key=lambda name: losses[name])
    held = [f"{name} > {bound!r}" for name in ("loss", "largest.loss", "accuracy.loss")]
    assert evaluate(tmp_path, *held, "largest.accuracy.interval.high > 1", "agreement < 0") == 0
    capsys.readouterr()
    for name in ("loss", "largest.loss", "accuracy.loss", "largest.accuracy.loss"):
        assert evaluate(tmp_path, f"{worst}: {name} >= {bound!r}") == 1
        assert f"{worst} in largest: {name} is {bound!r}; --fail-on" in capsys.readouterr().out
    assert evaluate(tmp_path, "float: value < 2") == 1
    assert evaluate(tmp_path, "float: loss < 2") == 1
    assert "nothing of float has loss in the report" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ("losses > 0", "loss"),
        ("bleu.loss > 0", "accuracy.loss"),
        ("split: loss > 0", "split_uint8"),
    ],
)
def test_nonsense_about_a_task_is_refused_before_it_runs(tmp_path, capsys, limit, name):
    assert evaluate(tmp_path, limit) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"there (is|are) .*{name}", line)
    assert not (tmp_path / "out").exists()


def test_a_mismatch_and_a_limit_are_both_told(tmp_path, capsys):
    assert evaluate(tmp_path, "rows > 0", task="make_mismatching") == 1
    said = capsys.readouterr().out
    assert "row 4: expected 1, got 2" in said
    assert "--fail-on 'rows > 0'" in said


def subject(design, **known):
    return Subject(design, known, {})


def test_changes_are_of_the_designs_of_both_reports():
    before = [subject("a", l1=1.0), subject("b", l1=None), subject("gone", l1=9.0)]
    after = [subject("a", l1=1.5), subject("b", l1=1.0), subject("new", l1=9.0)]
    assert broken(parse("delta l1 > 0.4"), after, before) == [
        "a: l1 is 1.5, before 1.0; --fail-on 'delta l1 > 0.4'",
        "b: l1 is not known before, so --fail-on 'delta l1 > 0.4' cannot be checked, and fails",
    ]
    assert not broken(parse("a: l1 > 1.5x"), after, before)
    assert broken(parse("a: l1 >= 1.5x"), after, before)
    for name in ("gone", "new"):
        assert broken(parse(f"{name}: delta l1 > 100"), after, before) == [
            f"nothing of {name} has l1 in both reports, so --fail-on '{name}: delta l1 > 100' fails"
        ]
    assert broken(parse("gone: l1 > 100"), after, before)
    assert not broken(parse("new: l1 > 100"), after, before)
