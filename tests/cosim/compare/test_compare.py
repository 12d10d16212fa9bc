"""``cosim compare A B``."""

import json
import re
import subprocess
from html import escape
from pathlib import Path

import numpy as np
import pytest

import softmax_cosim.commit
from softmax_cosim.cli import main
from softmax_cosim.commit import commit
from softmax_cosim.trace import Layer, write

FAKES = Path(__file__).parents[1] / "eval" / "fakes.py"


@pytest.fixture
def report(tmp_path):
    """Makes a report of some configurations, and changes its JSON."""

    def make(name, *configs, change=lambda found: None, seed=5, rows=6):
        scores = np.random.default_rng(seed).normal(0, 2, (1, 2, rows, 12)).astype(np.float32)
        trace = tmp_path / "small.safetensors"
        write(trace, [Layer(0, scores)], model="a model", source="a test")
        out = tmp_path / name
        assert main(["score", str(trace), "--config", *configs, "--out", str(out)]) == 0
        path = out / "summary.json"
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))
        return str(out)

    return make


def lines_of(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_what_changed_by_how_much_and_from_which_commit(report, capsys):
    def change(found):
        found["commit"] = "0123456789ab-dirty"
        (rexp, split) = found["runs"]
        rexp["total"]["l1"] = 0.5
        rexp["latency"]["p99"] = 40
        rexp["latency"]["formula"] = "5*ceil(L/8) + 1"
        rexp["table_bytes"] += 4
        split["wall_s"] = 99.0

    before = report("a", "rexp_uint8", "split_uint8", "split_uint4")
    after = report("b", "rexp_uint8", "split_uint8", change=change)
    l1 = json.loads((Path(before) / "summary.json").read_text())["runs"][0]["total"]["l1"]
    capsys.readouterr()
    assert main(["compare", before, after]) == 0
    said = lines_of(capsys.readouterr().out)
    assert said[0].startswith(f"A: {before}/summary.json, commit ")
    assert said[1] == f"B: {after}/summary.json, commit 0123456789ab-dirty"
    assert "rexp_uint8" in said
    assert f"total.l1 {l1:.6g} 0.5 {0.5 - l1:+.4g} {100 * (0.5 - l1) / l1:+.3g} %" in said
    assert "table_bytes 264 268 +4 +1.52 %" in said
    assert "latency.p99 – 40" in said
    assert "latency.formula 3*ceil(L/8) + 13 5*ceil(L/8) + 1" in said
    assert "unchanged: 1 of 2" in said
    assert "in A only: split_uint4" in said
    assert not [line for line in said if "wall_s" in line or line == "split_uint8"]
    assert main(["compare", after, before]) == 0
    assert "in B only: split_uint4" in capsys.readouterr().out


def test_the_page_tells_the_same(report, tmp_path, capsys):
    def change(found):
        found["runs"][0]["total"]["l1"] = 0.5
        found["runs"][0]["total"]["top1"] = 1.0

    before = report("a", "rexp_uint8", "split_uint8", "split_uint4")
    after = report("b", "rexp_uint8", "split_uint8", change=change)
    page = tmp_path / "new" / "page.html"
    words = ["compare", before, after, "--out", str(page)]
    assert main([*words, "--fail-on", "delta total.l1 > 0.01"]) == 1
    said = lines_of(capsys.readouterr().out)
    text = page.read_text()
    assert "1 limit does not hold" in text
    for start in ("A: ", "B: ", "in A only: split_uint4", "rexp_uint8: total.l1 is 0.5"):
        (sentence,) = [line for line in said if line.startswith(start)]
        assert escape(sentence, quote=False).replace("'", "&#39;") in text
    row = re.search("<th>total.l1</th>(.*)</tr>", text)
    (line,) = [line for line in said if line.startswith("total.l1 ")]
    assert re.findall('<td class="bad">(.*?)</td>', row[1]) == re.split(r" (?!%)", line)[1:]
    assert '<th>total.top1</th><td class="good">' in text
    assert "split_uint8" not in text.partition("<main>")[2]
    assert "http" not in text
    assert main([*words[:3], "--out", str(page)]) == 0
    assert "1 of 2 changed" in page.read_text()
    assert main(["compare", after, after, "--out", str(page)]) == 0
    assert "Nothing changed" in page.read_text()


def test_a_page_that_cannot_be_written(report, tmp_path, capsys):
    one = report("a", "rexp_uint8")
    assert main(["compare", one, one, "--out", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_report_is_like_itself_by_folder_and_by_file(report, capsys):
    one = report("a", "rexp_uint8")
    capsys.readouterr()
    assert main(["compare", one, f"{one}/summary.json", "--fail-on", "delta total.l1 != 0"]) == 0
    said = capsys.readouterr().out
    assert "unchanged: 1 of 1" in said
    assert "rexp_uint8" not in said


def test_a_limit_on_a_change_is_the_verdict(report, capsys):
    def worse(found):
        found["runs"][0]["total"]["l1"] *= 1.1

    before, after = report("a", "split_uint8"), report("b", "split_uint8", change=worse)
    limits = ["--fail-on", "total.l1 > 1.05x"]
    assert main(["compare", before, after, *limits]) == 1
    assert "split_uint8: total.l1 is" in capsys.readouterr().out
    assert main(["compare", before, after, "--fail-on", "total.l1 > 1.2x"]) == 0
    assert main(["compare", after, before, *limits]) == 0
    assert main(["compare", before, after, "--fail-on", "total.l1 > 1"]) == 0
    assert main(["compare", before, after, "--fail-on", "delta latency.p99 > 0"]) == 1
    capsys.readouterr()
    assert main(["compare", before, after, "--fail-on", "delta total.l2 > 0"]) == 2
    assert "total.l1" in capsys.readouterr().err


def test_a_report_of_an_interrupted_run_is_no_measure(report, capsys):
    whole = report("a", "split_uint8")
    cut = report("b", "split_uint8", change=lambda found: found.update(interrupted=True))
    for words in ([whole, cut], [cut, whole]):
        capsys.readouterr()
        assert main(["compare", *words]) == 0
        assert "interrupted: a part of what was asked for" in capsys.readouterr().out
        assert main(["compare", *words, "--fail-on", "total.l1 > 9"]) == 1
        said = capsys.readouterr().out
        assert "b/summary.json holds a part of a run, so --fail-on cannot be checked" in said


def test_other_traces_are_told(report, capsys):
    before, after = report("a", "split_uint8"), report("b", "split_uint8", seed=6)
    capsys.readouterr()
    assert main(["compare", before, after]) == 0
    assert "traces of the same name that are others: " in capsys.readouterr().out

    def renamed(found):
        found["traces"] = ["elsewhere/small.safetensors"]

    def older(found):
        renamed(found)
        del found["sha256"], found["commit"]

    before = report("c", "split_uint8")
    for name, change, told in (
        ("d", lambda found: None, ""),
        ("e", renamed, ""),
        ("f", older, "elsewhere/small.safetensors in one of the two only"),
    ):
        after = report(name, "split_uint8", change=change)
        capsys.readouterr()
        assert main(["compare", before, after]) == 0
        said = capsys.readouterr().out
        assert ("of the same" in said) == bool(told)
        assert told in said
    assert "commit unknown" in said


def test_evaluations_are_compared_by_task_and_configuration(tmp_path, capsys):
    outs = [tmp_path / name for name in "ab"]
    for out in outs:
        words = ["eval", f"{FAKES}:make", "--config", "rexp_uint4", "split_uint8"]
        assert main([*words, "--out", str(out)]) == 0
    path = outs[1] / "results.json"
    found = json.loads(path.read_text())
    cell = found["tasks"][0]["cells"][0]
    loss = cell["metrics"][0]["loss"]
    cell["metrics"][0]["loss"] = loss + 0.25
    cell["parameters"]["in_w"] = 8
    path.write_text(json.dumps(found))
    words = ["compare", *map(str, outs)]
    capsys.readouterr()
    assert main([*words, "--fail-on", "delta loss > 0.3"]) == 0
    said = lines_of(capsys.readouterr().out)
    assert "rexp_uint4 in largest" in said
    assert [line.split()[0] for line in said if "loss" in line] == ["accuracy.loss", "never"]
    assert "in_w 16 8" in said
    assert "unchanged: 2 of 3" in said
    assert main([*words, "--fail-on", "delta largest.loss > 0.2"]) == 1
    assert "rexp_uint4 in largest: largest.loss is" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "null", "{}", '{"version": 1}', '{"version": 2, "runs": []}',
        '{"version": 1, "runs": 3, "traces": []}', '{"version": 1, "runs": [3], "traces": []}',
        '{"version": 1, "runs": [{"rows": 3}], "traces": []}',
        '{"version": 1, "runs": [{"config": 3}], "traces": []}',
        '{"version": 1, "runs": [{"config": "a"}, {"config": "a"}], "traces": []}',
        '{"version": 1, "runs": [], "traces": ["a"], "sha256": ["b", "c"]}',
        '{"version": 1, "tasks": [{"task": "t"}]}', "[" * 100_000, "\x00", '{"runs": "\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_report_is_one_sentence(tmp_path, capsys, text):
    good = str(tmp_path / "good.json")
    Path(good).write_text('{"version": 1, "runs": [], "traces": []}')
    assert main(["compare", good, good]) == 0
    capsys.readouterr()
    bad = tmp_path / "bad" / "summary.json"
    bad.parent.mkdir()
    bad.write_text(text)
    for words in (["compare", good, str(bad)], ["compare", str(bad.parent), good]):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(bad) in line
    bad.write_bytes(b"\xff\xfe")
    assert main(["compare", good, str(bad)]) == 2
    assert str(bad) in capsys.readouterr().err


def test_what_cannot_be_compared_is_one_sentence(tmp_path, capsys):
    good = str(tmp_path / "good.json")
    Path(good).write_text('{"version": 1, "runs": [], "traces": []}')
    (tmp_path / "empty").mkdir()
    both = tmp_path / "both"
    both.mkdir()
    tasks = '{"version": 1, "tasks": []}'
    for name in ("summary.json", "results.json"):
        (both / name).write_text(tasks)
    capsys.readouterr()
    for other, sentence in (
        (tmp_path / "nowhere", "there is no report"),
        (tmp_path / "empty", "there is no report in"),
        (both, "there are two reports in"),
        (both / "results.json", "compare two of one kind"),
    ):
        assert main(["compare", good, str(other)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert sentence in line
        assert str(other) in line


def test_nan_in_a_report_is_not_known(report, capsys):
    def spoil(found):
        found["runs"][0]["total"]["l1"] = float("nan")

    bad = report("a", "split_uint8", change=spoil)
    assert main(["compare", bad, bad, "--fail-on", "total.l1 > 3"]) == 1
    assert "split_uint8: total.l1 is not known here" in capsys.readouterr().out


def git(*words, cwd):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *words], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(softmax_cosim.commit, "ROOT", tmp_path)
    monkeypatch.setattr(softmax_cosim.commit, "INSTALLED", False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == ""
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "file").write_text("one")
    git("add", "file", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    clean = commit()
    assert git("rev-parse", "HEAD", cwd=tmp_path).startswith(clean)
    assert len(clean) == 12
    (tmp_path / "file").write_text("two")
    assert commit() == f"{clean}-dirty"
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr(softmax_cosim.commit, "ROOT", unpacked)
    assert commit() == ""  # what is there is another project's
    monkeypatch.setattr(softmax_cosim.commit, "ROOT", tmp_path)
    monkeypatch.setattr(softmax_cosim.commit, "INSTALLED", True)
    assert commit() == ""
    monkeypatch.setattr(softmax_cosim.commit, "INSTALLED", False)
    monkeypatch.setenv("PATH", str(unpacked))
    assert commit() == ""


def test_a_summary_tells_the_commit_or_null(report, monkeypatch):
    there = {}
    monkeypatch.setattr("softmax_cosim.replay.command.commit", lambda: "0123-dirty")
    report("a", "split_uint8", change=there.update)
    assert there["commit"] == "0123-dirty"
    monkeypatch.setattr("softmax_cosim.replay.command.commit", lambda: "")
    report("b", "split_uint8", change=there.update)
    assert there["commit"] is None
    assert [len(digits) for digits in there["sha256"]] == [64]
