"""``cosim eval`` on tasks without a model: cells, resuming, refusals, and what is written."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.account import Account
from softmax_cosim.cli import main
from softmax_cosim.eval import provenance, run
from softmax_cosim.eval.results import CellResult, Evaluation, TaskResult, verdict

FAKES = Path(__file__).parent / "fakes.py"
CONFIGS = ("rexp_uint4", "split_uint8")
STEPS = 6
"""Of a cell: 40 examples, 7 at a time."""


def command(tmp_path, *words, task="make", configs=CONFIGS):
    return ["eval", f"{FAKES}:{task}", "--config", *configs, "--out", str(tmp_path / "out"), *words]


def cells(tmp_path, task="largest"):
    """Lines of each cell, parsed, by file name."""
    folder = tmp_path / "out" / "cells" / task
    return {
        path.name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(folder.iterdir())
    }


def answers(tmp_path):
    """Predictions of each cell, in order."""
    return {
        name: [
            answer
            for step in sorted(steps, key=lambda step: step["start"])
            for answer in step["predictions"]
        ]
        for name, (_, *steps) in cells(tmp_path).items()
    }


def results(tmp_path):
    return json.loads((tmp_path / "out" / "results.json").read_text())


@pytest.fixture
def calls(tmp_path, monkeypatch):
    path = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(path))
    return lambda: path.read_text().splitlines() if path.is_file() else []


def test_a_users_own_task_from_its_file(tmp_path, capsys):
    assert main(command(tmp_path)) == 0
    found = results(tmp_path)
    (task,) = found["tasks"]
    assert (task["task"], task["examples"], task["out_of"]) == ("largest", 40, 40)
    assert task["baseline"][0]["metric"] == "accuracy"
    assert 0.5 < task["baseline"][0]["value"] < 1
    assert [cell["config"] for cell in task["cells"]] == list(CONFIGS)
    coarse, fine = task["cells"]
    assert (fine["rows"], fine["elements"], fine["table_bytes"]) == (40, 320, 48)
    assert 1 >= fine["agreement"] > coarse["agreement"]
    loss = coarse["metrics"][0]
    assert loss["loss"] == pytest.approx(task["baseline"][0]["value"] - loss["value"])
    assert loss["interval"][0] <= loss["loss"] <= loss["interval"][1]
    assert (found["engine"], found["resamples"]) == ("golden", 1000)
    said = capsys.readouterr().out
    assert "split_uint8" in said
    assert str(tmp_path / "out" / "results.html") in said


def test_the_report_is_written_for_people_too(tmp_path):
    assert main(command(tmp_path)) == 0
    out = tmp_path / "out"
    text = (out / "results.md").read_text()
    value = re.search(r"^\| float \|  \| (.*?) \|$", text, re.MULTILINE)[1]
    page = (out / "results.html").read_text()
    for shown in (value, "rexp_uint4", "split_uint8", "the largest of eight", "drawn at random"):
        assert shown in text
        assert shown in page
    assert "<svg" in page
    assert not re.search(r"(src|href)=\"https?:", page)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows[:5]} == {4}


def test_a_metric_that_is_no_number_has_a_page(tmp_path):
    assert main(command(tmp_path, "--limit", "3", task="make_unmeasured")) == 0
    page = (tmp_path / "out" / "results.html").read_text()
    assert "<svg" in page
    assert not re.search(r'[="\s]nan\b', page[page.index("<svg") : page.index("</svg>")])


def test_what_was_clipped_is_told_by_layer(tmp_path, capsys):
    """A step clips two scores of three, one so low that float gives 0; nothing else is clipped."""
    assert main(command(tmp_path, task="make_clipping")) == 0
    (task,) = results(tmp_path)["tasks"]
    for cell in task["cells"]:
        assert cell["layers"] == {
            "large": {"scores": 3 * STEPS, "clipped": 2 * STEPS, "underflow": STEPS}
            | {"moved_rows": STEPS},
            "small": {"scores": 320, "clipped": 0, "underflow": 0, "moved_rows": 0},
        }
        assert (cell["clipped"], cell["underflow"]) == (2 * STEPS, STEPS)
        assert cell["moved_rows"] == STEPS
    warning = (
        "clipping large: 12 of 18 scores clipped at Q8.8, which moves the probabilities of 6 rows "
        "(rexp_uint4); try recentre = true, or fewer fraction bits (cosim calibrate)"
    )
    out = tmp_path / "out"
    for text in (
        capsys.readouterr().out,
        (out / "results.md").read_text(),
        (out / "results.html").read_text(),
    ):
        assert text.count(warning) == 1
        assert "clipping small" not in text
    assert "| 46 | 12 | 6 |" in (out / "results.md").read_text()


def test_what_was_missed_is_told(tmp_path, capsys):
    assert main(command(tmp_path, task="make_clipping")) == 0
    (task,) = results(tmp_path)["tasks"]
    missed = {"pool": "it runs along another axis"}
    for cell in task["cells"]:
        assert cell["account"]["replaced"] == {"small": STEPS, "large": STEPS}
        assert cell["account"]["missed"] == missed
    sentence = "softmaxes that may be attention and stayed float: pool (it runs along another axis)"
    out = tmp_path / "out"
    for text in (
        capsys.readouterr().out,
        (out / "results.md").read_text(),
        (out / "results.html").read_text(),
    ):
        assert text.count(sentence) == 1


def test_without_clipping_there_is_no_warning(tmp_path, capsys):
    assert main(command(tmp_path)) == 0
    out = tmp_path / "out"
    assert "clipped at" not in capsys.readouterr().out
    assert "Warnings" not in (out / "results.md").read_text()
    assert "Warnings" not in (out / "results.html").read_text()


def test_a_second_run_computes_nothing(tmp_path, calls, capsys):
    assert main(command(tmp_path)) == 0
    assert len(calls()) == 3 * STEPS
    before = results(tmp_path)
    assert "taken over" not in capsys.readouterr().out
    assert main(command(tmp_path)) == 0
    assert "taken over from an earlier run, in whole or in part: 3 of 3" in capsys.readouterr().out
    assert len(calls()) == 3 * STEPS
    assert results(tmp_path)["tasks"] == before["tasks"]


def test_a_further_configuration_joins_the_others(tmp_path, calls):
    assert main(command(tmp_path)) == 0
    assert main(command(tmp_path, configs=(*CONFIGS, "rexp_uint2"))) == 0
    assert len(calls()) == 4 * STEPS
    assert len(results(tmp_path)["tasks"][0]["cells"]) == 3


def test_one_process_or_two_give_the_same(tmp_path):
    assert main(command(tmp_path / "a", "--jobs", "1")) == 0
    assert main(command(tmp_path / "b", "--jobs", "2")) == 0
    assert answers(tmp_path / "a") == answers(tmp_path / "b")


def test_a_killed_run_goes_on(tmp_path):
    """Killed with SIGKILL: workers end too, what is written is kept, the rest is the same."""
    assert main(command(tmp_path / "whole")) == 0
    log = tmp_path / "calls"
    environment = os.environ | {"CALLS": str(log), "STUCK_AT": "4"}
    line = [sys.executable, "-m", "softmax_cosim.cli", *command(tmp_path, "--jobs", "2")]
    root = Path(__file__).parents[3]
    process = subprocess.Popen(line, env=environment, cwd=root, stdout=subprocess.DEVNULL)
    while not log.is_file() or len(log.read_text().splitlines()) < 2 * 4:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    workers = {int(words.split()[2]) for words in log.read_text().splitlines()}
    assert len(workers) == 2
    deadline = time.monotonic() + 300  # how long a busy machine may take
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives the run"
        time.sleep(0.02)

    done = sum(len(steps) - 1 for steps in cells(tmp_path).values())
    assert 0 < done < 3 * STEPS
    log.unlink()
    subprocess.run(line, env=environment | {"STUCK_AT": "0"}, cwd=root, check=True)
    assert len(log.read_text().splitlines()) == 3 * STEPS - done
    assert answers(tmp_path) == answers(tmp_path / "whole")
    assert without_time(results(tmp_path)) == without_time(results(tmp_path / "whole"))


def alive(process):
    """Running, and not a zombie that nobody has waited for."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def without_time(found):
    for task in found["tasks"]:
        for part in (task, *task["cells"]):
            del part["seconds"]
    return found["tasks"]


def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    log = tmp_path / "calls"
    environment = os.environ | {"CALLS": str(log), "STUCK_AT": "4"}
    process = subprocess.Popen(
        [sys.executable, "-m", "softmax_cosim.cli", *command(tmp_path)],
        env=environment,
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not log.is_file() or len(log.read_text().splitlines()) < 4:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == run.INTERRUPTED
    assert said == "interrupted; the same command goes on from here\n"
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_was_cut_short_is_dropped(tmp_path, calls, cut):
    assert main(command(tmp_path)) == 0
    before = answers(tmp_path)
    path = tmp_path / "out" / "cells" / "largest" / "split_uint8.golden.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert main(command(tmp_path)) == 0
    assert len(calls()) == 3 * STEPS + 1
    assert answers(tmp_path) == before


@pytest.mark.parametrize("line", [1, 3, STEPS])
def test_a_line_that_was_changed_is_made_again_and_the_others_stay(tmp_path, calls, line):
    assert main(command(tmp_path)) == 0
    before = answers(tmp_path)
    path = tmp_path / "out" / "cells" / "largest" / "split_uint8.golden.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    place = lines[line].index(b'"predictions":[') + 15
    other = b"7" if lines[line][place : place + 1] != b"7" else b"6"
    lines[line] = lines[line][:place] + other + lines[line][place + 1 :]
    path.write_bytes(b"".join(lines))
    assert main(command(tmp_path)) == 0
    assert len(calls()) == 3 * STEPS + 1
    assert answers(tmp_path) == before


@pytest.mark.parametrize("line", [b"{}\n", b'{"start":0}\n', b"\xff\n", b'["start"]\n', b"\n"])
def test_a_line_that_is_no_step_is_dropped(tmp_path, calls, line):
    assert main(command(tmp_path)) == 0
    path = tmp_path / "out" / "cells" / "largest" / "split_uint8.golden.jsonl"
    path.write_bytes(path.read_bytes() + line)
    assert main(command(tmp_path)) == 0
    assert len(calls()) == 3 * STEPS
    assert line not in path.read_bytes().splitlines(keepends=True)


def test_a_cell_made_from_something_else_is_begun_again(tmp_path, calls, capsys):
    assert main(command(tmp_path)) == 0
    assert main(command(tmp_path, "--limit", "10")) == 0
    assert "begun again" in capsys.readouterr().out
    assert len(calls()) == 3 * STEPS + 3 * 2
    assert all(len(part) == 10 for part in answers(tmp_path).values())
    assert results(tmp_path)["tasks"][0]["examples"] == 10
    assert main(command(tmp_path, "--limit", "10", task="make_other")) == 0
    assert len(calls()) == 3 * STEPS + 2 * 3 * 2


def test_another_configuration_of_the_same_name_is_begun_again(tmp_path, calls):
    config = tmp_path / "mine.toml"
    config.write_text('method = "rexp"\nprecision = "uint8"\n')
    assert main(command(tmp_path, configs=(str(config),))) == 0
    config.write_text('method = "rexp"\nprecision = "uint8"\nxs = 16\n')
    assert main(command(tmp_path, configs=(str(config),))) == 0
    assert len(calls()) == 2 * STEPS + STEPS
    assert results(tmp_path)["tasks"][0]["cells"][0]["table_bytes"] == 24


def test_code_that_changed_is_told(tmp_path, monkeypatch):
    from softmax_cosim.eval import load

    task = load(f"{FAKES}:make")
    before = provenance.code(task, "golden")
    assert provenance.code(task, "golden") == before != provenance.code(task, "rtl")
    monkeypatch.setattr(provenance, "SOURCES", provenance.SOURCES[1:])
    assert provenance.code(task, "golden") != before


def test_what_a_users_task_imports_is_its_code(tmp_path, monkeypatch):
    """Beside its file: with another one, what was computed before is of something else."""
    from softmax_cosim.eval import load

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_task.py").write_text(f"import own_helper\n{FAKES.read_text()}")
    helper = tmp_path / "own_helper.py"
    helper.write_text("")
    task = load("own_task:make")
    before = provenance.code(task, "golden")
    (tmp_path / "unrelated.py").write_text("1")
    assert provenance.code(task, "golden") == before
    helper.write_text("ONE = 1")
    assert provenance.code(task, "golden") != before
    for name in ("own_task", "own_helper"):
        monkeypatch.delitem(sys.modules, name)


def test_a_mismatch_fails(tmp_path, capsys):
    assert main(command(tmp_path, task="make_mismatching")) == 1
    said = capsys.readouterr().out
    assert "row 4: expected 1, got 2" in said
    assert "Not exact: 6 of 80 rows differ" in said
    assert [cell["mismatches"] for cell in results(tmp_path)["tasks"][0]["cells"]] == [3, 3]
    assert "row 4: expected 1, got 2" in (tmp_path / "out" / "results.html").read_text()


def test_a_task_that_replaces_nothing_loses_nothing_and_says_so(tmp_path, capsys):
    assert main(command(tmp_path, task="make_deaf", configs=("split_uint8",))) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing was replaced in deaf (split_uint8): the model asked for no softmax" in said
    page = (tmp_path / "out" / "results.html").read_text()
    assert "<title>Nothing was replaced" in page


@pytest.mark.parametrize(
    ("golden", "sentence"),
    [
        ("", "280 rows through the RTL: mine was held against no golden model"),
        ("golden = 'm:f'\ntolerance = 2\n", "280 rows .*: mine is within 2 LSB of its golden mod"),
        ("golden = 'm:f'\n", "Exact: every one of 280 rows through the RTL equals the golden mod"),
    ],
)
def test_the_verdict_says_what_the_rtl_was_held_against(tmp_path, golden, sentence):
    (tmp_path / "m.py").write_text("")
    (tmp_path / "m.sv").write_text("")
    mine = tmp_path / "mine.toml"
    mine.write_text(f"top = 'm'\nsources = ['m.sv']\nprecision = 'uint8'\n{golden}")
    config = configs.load(str(mine))
    none = None if not config.golden else 0
    cell = CellResult(config, (), 1.0, 280, 2240, 9, none, "", {}, Account(), 1.0)
    task = TaskResult("t", "t", "s", {}, 1, 1, (), 1.0, (cell,))
    found = Evaluation("", datetime.now(UTC), "", {}, "rtl", 1.0, (task,))
    assert re.match(sentence, verdict(found))
    assert found.exact


def test_through_the_rtl(tmp_path):
    configs = ("split_uint8",)
    assert main(command(tmp_path, configs=configs)) == 0
    assert main(command(tmp_path, "--engine", "rtl", configs=configs)) == 0
    found = answers(tmp_path)
    assert found["split_uint8.rtl.jsonl"] == found["split_uint8.golden.jsonl"]
    (cell,) = results(tmp_path)["tasks"][0]["cells"]
    assert (cell["rows"], cell["mismatches"]) == (40, 0)
    # A row of 8 is one beat on 8 lanes; each row is a batch of its own and waits for nobody.
    assert cell["cycles"] == 40 * (2 * 1 + 14 + 1)
    text = (tmp_path / "out" / "results.md").read_text()
    assert "Exact: every one of 40 rows through the RTL" in text
    assert "| mismatches | cycles |" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonesuch"], r"unknown task 'nonesuch'; there are: sentiment, .*file.py:factory"),
        (["nofile.py:make"], r"task 'nofile.py:make': there is no file nofile.py"),
        (["softmax_cosim.nonesuch:make"], r"cannot import softmax_cosim.nonesuch"),
        ([f"{FAKES}:nothing"], r"has no function nothing"),
        ([f"{FAKES}:make", "--config", "nonesuch"], r"unknown configuration 'nonesuch'"),
        ([f"{FAKES}:make_unnamed"], r"its name is '../escape'; use letters and digits"),
        ([f"{FAKES}:make_stepless"], r"40 examples in steps of 0; give 1 or more"),
        ([f"{FAKES}:make_short"], r"6 predictions for the 7 examples from \d+ on"),
        ([f"{FAKES}:make_not_json"], r"a prediction cannot be kept as JSON"),
        ([f"{FAKES}:make", f"{FAKES}:make_other"], r"are both called largest"),
        ([f"{FAKES}:make", "--out", "/dev/null/x"], r"cannot write to the folder /dev/null/x"),
    ],
)
def test_bad_input(tmp_path, capsys, words, sentence):
    out = [] if "--out" in words else ["--out", str(tmp_path / "out")]
    assert main(["eval", *words, *out]) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said)
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("words", [("--limit", "0"), ("--engine", "gpu"), ("--jobs", "-1")])
def test_bad_options(tmp_path, capsys, words):
    with pytest.raises(SystemExit) as exit_:
        main(command(tmp_path, *words))
    assert exit_.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_two_configurations_of_one_name(tmp_path, capsys):
    config = tmp_path / "split_uint8.toml"
    config.write_text('method = "rexp"\nprecision = "uint8"\n')
    assert main(command(tmp_path, configs=("split_uint8", str(config)))) == 2
    assert "two configurations are called split_uint8" in capsys.readouterr().err


def test_a_task_file_that_fails(tmp_path, capsys):
    own = tmp_path / "own.py"
    own.write_text("import nonesuch_module\n")
    assert main(["eval", f"{own}:make", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{own} failed: ModuleNotFoundError" in said
    assert len(said.splitlines()) == 1


def test_one_run_at_a_time_in_a_folder(tmp_path, capsys):
    with run._locked(tmp_path / "out"):
        assert main(command(tmp_path)) == 2
    assert "another cosim eval works in the folder" in capsys.readouterr().err


def test_a_results_file_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "out" / "results.json").mkdir(parents=True)
    assert main(command(tmp_path)) == 2
    assert "results.json" in capsys.readouterr().err


def test_every_default_configuration_is_there():
    from softmax_cosim import configs

    assert len(run.CONFIGS) == 17
    assert set(run.CONFIGS) <= set(configs.names())


def test_a_design_of_ones_own_is_evaluated_anew(tmp_path):
    """Files that its golden function imports are its inputs, and nobody has a list of them."""
    (tmp_path / "own.toml").write_text(
        'method = "custom"\nprecision = "uint8"\nmax_len = 64\ntop = "t"\nsources = ["t.sv"]\n'
        'golden = "mine:golden"\n'
    )
    (tmp_path / "t.sv").write_text("")
    (tmp_path / "mine.py").write_text(
        "import neighbour\ndef golden(cfg, rows):\n    return neighbour.values(rows)\n"
    )
    (tmp_path / "neighbour.py").write_text("def values(rows):\n    return rows.q * 0 + 1\n")
    own = str(tmp_path / "own.toml")
    assert main(command(tmp_path, configs=[own])) == 0
    before = answers(tmp_path)
    (tmp_path / "neighbour.py").write_text(
        "def values(rows):\n    return rows.keep * (rows.q - rows.q.min()) % 251\n"
    )
    assert main(command(tmp_path, configs=[own])) == 0
    after = answers(tmp_path)
    assert after["own.golden.jsonl"] != before["own.golden.jsonl"]
    assert after["float.jsonl"] == before["float.jsonl"]
