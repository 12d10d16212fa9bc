"""Tasks whose model and data the user names: options and refusals."""

import pytest

from softmax_cosim import eval as tasks
from softmax_cosim.cli import main
from softmax_cosim.eval import Source, hashes, load


@pytest.fixture
def refused(tmp_path, capsys):
    """The one sentence that a command line is refused with; nothing is written."""

    def refused(*words):
        out = tmp_path / "out"
        assert main(["eval", *words, "--out", str(out)]) == 2
        assert not out.exists()
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        return line.removeprefix("cosim: ")

    return refused


def test_options_that_do_not_go_together(refused, tmp_path):
    data = str(tmp_path)
    assert refused("glue:sst2", "--hub").startswith("--hub allows a download, but of what?")
    assert refused("glue:sst2", "--data", data).startswith("--data is given without --model")
    assert refused("glue:sst2", "--model", "m").startswith("--model is given without --data")
    wanted = "--model and --data want a task: detection, translation, glue:NAME"
    assert refused("--model", "m", "--data", data) == wanted
    assert refused("glue:sst2", "--model", "m", "--data", "no/such") == (
        "there is no folder no/such; give one with --data"
    )


@pytest.mark.parametrize("task", ["sentiment", "glue", "detection:large", "file.py:make", "what"])
def test_a_task_that_has_its_own_model(refused, tmp_path, task):
    said = refused(task, "--model", "m", "--data", str(tmp_path))
    assert said == (
        f"task {task} takes no model and data; those that do: detection, translation, glue:NAME"
    )


def test_a_task_that_needs_a_model(refused):
    assert refused("glue:sst2").startswith("task glue:sst2 needs a model and data: cosim eval glue")


def test_the_factory_gets_what_was_named(tmp_path, monkeypatch):
    module = tmp_path / "own.py"
    module.write_text("def make(source):\n    return source\n")
    monkeypatch.setitem(tasks.BY_NAME, "glue", f"{module}:make")
    source = Source("model", tmp_path, hub=True)
    assert load("glue:sst2", source) == Source("model", tmp_path, True, "sst2")


def test_hashes_of_a_task_without_any():
    assert hashes(object()) == {}
