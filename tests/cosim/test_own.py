"""A design of the user's own gets what ours get; the example in ``examples/`` is one."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from softmax_cosim import cli, configs
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.design import Design
from softmax_cosim.golden.reference import of_scores
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT

EXAMPLE = ROOT / "examples" / "distance"
SHORT = str(ROOT / "traces" / "ocr_short.safetensors")


def replay(config: Path, out: Path, *words: str) -> int:
    return cli.main(["replay", SHORT, "--config", str(config), "--out", str(out), *words])


def test_the_golden_function_by_hand():
    cfg = configs.load(str(EXAMPLE / "distance.toml"))
    rows = Rows.of([[3, 1, -128, 5], [-9, 7]], [[True, True, True, True], [True, False]])
    assert softmax(cfg, rows).y.tolist() == [253, 251, 122, 255, 255, 0]


@pytest.mark.parametrize("transport", ["bulk", "signal"])
def test_it_is_replayed_scored_and_timed(transport: str, tmp_path: Path):
    words = ["--transport", transport, "--max-rows", "400"]
    assert replay(EXAMPLE / "distance.toml", tmp_path, *words) == 0
    (run,) = json.loads((tmp_path / "summary.json").read_text())["runs"]
    assert (run["method"], run["rows"], run["mismatched_elements"]) == ("custom", 400, 0)
    assert run["latency"]["formula"] is None
    # Rows of 5 beats, back to back: two passes and ingress, maximum, output.
    assert (run["latency"]["min"], run["latency"]["max"]) == (2 * 5 + 3, 2 * 5 + 3)
    assert (tmp_path / "report.html").is_file()


def test_what_it_gets_wrong_is_found(example: Path, tmp_path: Path):
    design = example / "distance_top.sv"
    design.write_text(design.read_text().replace("OutW'(M - 32'(", "OutW'(M + 1 - 32'("))
    out = tmp_path / "out"
    assert replay(example / "distance.toml", out, "--max-rows", "50") == 1
    rows = pq.read_table(out / "rows.parquet").to_pydict()
    assert all(rows["mismatched"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("distance:distance", "distance:nothing"), "has no function 'nothing'"),
        (("distance:distance", "elsewhere:distance"), "there is no"),
        (('"distance_top.sv"', '"missing.sv"'), "the source missing.sv does not exist"),
        (('top = "distance_top"\n', ""), "sources without top; name the top module"),
        (
            ('top = "distance_top"', 'top = "distance_top"\nmethod = "rexp"'),
            "top goes with a design of your own",
        ),
        (('top = "distance_top"', 'top = "nobody"'), "no source has a module of this name"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_a_sentence(
    change: tuple[str, str],
    sentence: str,
    example: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    toml = example / "distance.toml"
    assert change[0] in toml.read_text()
    toml.write_text(toml.read_text().replace(*change))
    assert replay(toml, tmp_path / "out", "--max-rows", "5") == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("cosim: ")


def test_functions_are_looked_for_before_anything_is_built(
    example: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr("softmax_cosim.replay.shard.Pool", None)
    toml = example / "distance.toml"
    toml.write_text('reference = "distance:nothing"\n' + toml.read_text())
    assert replay(toml, tmp_path / "out", "--max-rows", "5") == 2
    assert "reference function 'distance:nothing': " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return rows.q * 1j", "must return integers, or real numbers, of shape (2,)"),
        ("return rows.q[:1]", "must return integers, or real numbers, of shape (2,)"),
        ("return rows.q * 0 + 256", "outside 0..255"),
        ("return rows.q * float('nan')", "returned NaN, first for element 0; it must return numb"),
    ],
)
def test_a_golden_function_that_returns_nonsense(body: str, sentence: str, tmp_path: Path):
    (tmp_path / "mine.py").write_text(f"def golden(cfg, rows):\n    {body}\n")
    cfg = Config(
        "mine",
        "custom",
        "uint8",
        design=Design(str(tmp_path / "mine.toml"), golden="mine:golden"),
    )
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        softmax(cfg, Rows.of([[1, 2]]))


def golden_files(folder: Path, **files: str) -> Config:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return Config(
        "mine",
        "custom",
        "uint8",
        design=Design(str(folder / "mine.toml"), golden="mine:golden"),
    )


MINE = "def golden(cfg, rows):\n    return rows.q * 0 + {}\n"
ROWS = Rows.of([[1, 2]])


def test_a_golden_function_may_use_up_its_arguments(tmp_path: Path):
    """What is driven, and measured, stays what it was."""
    body = "    y = rows.q & 255\n    rows.q[:], rows.keep[:] = 0, False\n    return y\n"
    cfg = golden_files(tmp_path, mine=f"def golden(cfg, rows):\n{body}")
    rows = Rows.of([[1, 2]])
    assert softmax(cfg, rows).y.tolist() == softmax(cfg, rows).y.tolist() == [1, 2]
    assert rows.keep.all()
    scores = "    p = scores * 0\n    scores[:], keep[:] = 9, False\n    return p\n"
    golden_files(tmp_path, mine=f"def golden(scores, keep, offsets):\n{scores}")
    assert cfg.design is not None
    cfg = cfg.replace(design=dataclasses.replace(cfg.design, reference="mine:golden"))
    given = np.ones(2), np.ones(2, bool), np.array([0, 2])
    assert of_scores(cfg, *given).tolist() == [0, 0]
    assert given[0].all()
    assert given[1].all()


def test_a_golden_function_that_changes_is_another(tmp_path: Path):
    """Within a second, of one length: Python's own cache of bytecode would take it for the same."""
    cfg = golden_files(tmp_path, mine=MINE.format(1))
    assert softmax(cfg, ROWS).y.tolist() == [1, 1]
    golden_files(tmp_path, mine=MINE.format(2))
    assert softmax(cfg, ROWS).y.tolist() == [2, 2]


def test_a_golden_function_imports_what_stands_beside_it(tmp_path: Path):
    """Under names that are taken: of a folder of ours, a package of ours, a module of Python."""
    mine = (
        "import random\nimport golden as helper\nfrom reports import number\n"
        "def golden(cfg, rows):\n    import late\n    assert random.random\n"
        "    return rows.q * 0 + helper.ONE + number.TEN + late.HUNDRED\n"
    )
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("")
    (tmp_path / "reports" / "number.py").write_text("TEN = 10\n")
    cfg = golden_files(
        tmp_path, mine=mine, golden="ONE = 1\n", late="HUNDRED = 100\n", random="1 / 0\n"
    )
    before = dict(sys.modules)
    assert softmax(cfg, ROWS).y.tolist() == [111, 111]
    assert dict(sys.modules) == before
    (tmp_path / "late.py").write_text("HUNDRED = 200\n")
    assert softmax(cfg, ROWS).y.tolist() == [211, 211]
    (tmp_path / "reports" / "number.py").write_text("TEN = 20\n")
    assert softmax(cfg, ROWS).y.tolist() == [221, 221]
    assert dict(sys.modules) == before


def test_a_golden_function_in_a_file_named_as_a_module_of_python(tmp_path: Path):
    golden_files(tmp_path, random=MINE.format(4))
    about = Design(str(tmp_path / "mine.toml"), golden="random:golden")
    cfg = Config("mine", "custom", "uint8", design=about)
    before = sys.modules["random"]
    assert softmax(cfg, ROWS).y.tolist() == [4, 4]
    assert softmax(cfg, ROWS).y.tolist() == [4, 4]
    assert sys.modules["random"] is before


def test_neighbours_of_one_name_in_two_folders(tmp_path: Path):
    mine = "import helper\ndef golden(cfg, rows):\n    return rows.q * 0 + helper.VALUE\n"
    cfgs = []
    for value in (1, 2):
        folder = tmp_path / str(value)
        folder.mkdir()
        cfgs.append(golden_files(folder, mine=mine, helper=f"VALUE = {value}\n"))
    for value in (0, 1, 0):
        assert softmax(cfgs[value], ROWS).y.tolist() == [value + 1] * 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def golden(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("def golden(cfg, rows):\n    return 1 // 0\n", "ZeroDivisionError: .*mine.py, line 2"),
        ("def golden(cfg):\n    return 1\n", "TypeError"),
    ],
)
def test_a_golden_function_that_fails_is_named(text: str, sentence: str, tmp_path: Path):
    cfg = golden_files(tmp_path, mine=text)
    with pytest.raises(UsageError, match=f"^golden function 'mine:golden' failed with {sentence}"):
        softmax(cfg, ROWS)
    golden_files(tmp_path, mine=MINE.format(3))
    assert softmax(cfg, ROWS).y.tolist() == [3, 3]
