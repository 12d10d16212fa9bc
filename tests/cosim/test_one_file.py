"""A method as one file, as ``docs/field.md`` has it, and golden functions that are installed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.configs import UsageError
from softmax_cosim.golden import own
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT

SHORT = str(ROOT / "traces" / "ocr_short.safetensors")
GUIDE = (ROOT / "docs" / "field.md").read_text(encoding="utf-8").partition("## A method of your")[2]
BLOCK = '# /// cosim\n# input = "q8.8"\n# output = "uq0.8"\n# ///\n'
BODY = "def softmax(cfg, rows):\n    return rows.q & 255\n"


@pytest.fixture
def triangle(tmp_path: Path) -> Path:
    """The file of the guide."""
    found = re.search(r"`(\w+\.py)`.*?```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    (tmp_path / found[1]).write_text(found[2])
    return tmp_path / found[1]


def test_the_guides_method_by_hand(triangle: Path):
    cfg = configs.load(str(triangle))
    assert (cfg.name, str(cfg.inputs), str(cfg.outputs)) == ("triangle", "q8.8", "uq0.8")
    y = softmax(cfg, Rows.of([[0, -1024, -4000, 9999]], [[True, True, True, False]])).y
    assert y.tolist() == [170, 85, 0, 0]


def test_it_is_scored_beside_others(
    triangle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = [str(triangle), "field/ibert", "split_uint8"]
    words = ["--config", *given, "--max-rows", "50", "--out", str(tmp_path / "out")]
    assert cli.main(["score", SHORT, *words]) == 0
    runs = json.loads((tmp_path / "out" / "summary.json").read_text())["runs"]
    assert [run["config"] for run in runs] == ["triangle", "ibert", "split_uint8"]
    assert [run["rows"] for run in runs] == [50] * 3
    files = {Path(run["design"]["functions"][0]["path"]).name for run in runs[:2]}
    assert files == {"triangle.py", "ibert.py"}
    assert "Scored: the golden model alone; no hardware was run" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["field/ibert", "triangle.py"])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["replay", SHORT, "--config"], "is a golden model without RTL; measure it with cosim sc"),
        (["verify"], "is a golden model without RTL, so there is nothing to verify"),
        (["synth"], "is a golden model without RTL; there is nothing to synthesise"),
        (
            ["eval", "solubility", "--engine", "rtl", "--config"],
            "is a golden model without RTL; leave --engine rtl out",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_wants_rtl_refuses_it_in_a_sentence(
    name: str,
    words: list[str],
    sentence: str,
    triangle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(triangle.parent)
    assert cli.main([*words, name]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("cosim: ")
    assert said.count("\n") == 1
    assert [path.name for path in triangle.parent.iterdir()] == ["triangle.py"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BODY, "has no block of configuration; give one: a line '# /// cosim'"),
        (BLOCK + BODY + BLOCK, "has 2 blocks of configuration; give one"),
        (BLOCK.replace('"q8.8"', "q8.8") + BODY, "is not TOML"),
        (BLOCK.replace("input", "inputs") + BODY, "unknown key 'inputs'"),
        (BLOCK.replace('"q8.8"', '"q9"') + BODY, "input = 'q9'; give a number format"),
    ],
)
def test_a_block_that_is_wrong(text: str, sentence: str, tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=re.escape(sentence)):
        configs.load(str(file))


@pytest.mark.parametrize(
    ("golden", "sentence"),
    [
        ("mine:nothing", "has no function 'nothing'"),
        ("no.such:softmax", "there is no module no.such; give module:function"),
        ("softmax_cosim.golden.nobody:softmax", "there is no module softmax_cosim.golden.nobody"),
        ("softmax_cosim.golden.field.ibert:nobody", "ibert.py has no function 'nobody'"),
        ("...:softmax", "there is no module ...; give module:function"),
        ("a..b:softmax", "there is no module a..b; give module:function"),
    ],
)
def test_a_golden_function_that_is_not_there(golden: str, sentence: str, tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text(BLOCK.replace("# ///\n", f'# golden = "{golden}"\n# ///\n', 1) + BODY)
    with pytest.raises(UsageError, match=re.escape(sentence)):
        own.check(configs.load(str(file)))


def test_names_of_the_field_are_told():
    with pytest.raises(UsageError, match=r"unknown configuration 'ibert'; .*, field/ibert, "):
        configs.load("ibert")
