"""``cosim eval TASK --record FILE``: the scores of a task as a trace."""

from pathlib import Path

import pytest

from softmax_cosim.cli import main
from softmax_cosim.trace import Trace

FAKES = Path(__file__).parent / "fakes.py"


def recorded(tmp_path, *words, task="make_clipping"):
    path = tmp_path / "scores.safetensors"
    code = main(["eval", f"{FAKES}:{task}", "--record", str(path), *words])
    return code, path


def test_what_each_softmax_was_given_is_a_trace(tmp_path, capsys):
    """40 examples are asked for, 7 at a time: a large row each time, and a small one each."""
    code, path = recorded(tmp_path, "--limit", "40")
    assert code == 0
    trace = Trace(path)
    names = trace.metadata["layers"].split(", ")
    assert (names[:8], len(names)) == (["large", *["small"] * 7], 46)
    assert [layer.scores.shape[-1] for layer in trace.layers()][:8] == [4, *[8] * 7]
    assert "the first 40 examples of cosim eval" in trace.source
    assert f"wrote {path}: 46 tensors, 46 rows" in capsys.readouterr().out
    assert main(["score", str(path), "--config", "split_uint8", "--out", str(tmp_path / "o")]) == 0


def test_some_softmaxes_and_few_examples_will_do(tmp_path):
    assert recorded(tmp_path, "--record-layers", "lar")[0] == 0
    assert Trace(tmp_path / "scores.safetensors").metadata["layers"] == "large, large"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--record-layers", "cross"],
            "no softmax of clipping has 'cross' in its name; there are:",
        ),
        (["--config", "split_uint8"], "--record evaluates nothing"),
        (["--engine", "rtl"], "--record evaluates nothing"),
    ],
)
def test_what_makes_no_trace_is_said(tmp_path, capsys, words, said):
    code, path = recorded(tmp_path, *words)
    assert code == 2
    assert said in capsys.readouterr().err
    assert not path.exists()


def test_an_unwritable_file_is_said_before_anything_runs(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    assert main(["eval", f"{FAKES}:make", "--record", str(tmp_path / "folder")]) == 2
    assert "folder" in capsys.readouterr().err


def test_a_trace_is_of_one_task(tmp_path, capsys):
    tasks = [f"{FAKES}:make", f"{FAKES}:make_clipping"]
    assert main(["eval", *tasks, "--record", str(tmp_path / "x.safetensors")]) == 2
    assert "--record wants one task and got 2" in capsys.readouterr().err
