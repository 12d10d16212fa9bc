"""Configurations that no reader of TOML takes, in ways of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.configs import UsageError


@pytest.mark.parametrize(
    "text", ["xs = " + "9" * 5_000, "xs = " + "[" * 5_000 + "]" * 5_000, "xs = 1\x00"]
)
def test_what_is_no_toml_is_one_sentence(tmp_path: Path, text: str):
    path = tmp_path / "bad.toml"
    path.write_text(f'method = "rexp"\nprecision = "uint8"\n{text}\n')
    with pytest.raises(UsageError, match=r"bad\.toml is not TOML: "):
        configs.load(str(path))


@pytest.mark.parametrize(
    "name", ["q0.1024", "uq0." + "9" * 300, "q9999.9999", "unorm" + "9" * 5_000]
)
def test_a_number_format_that_is_far_too_wide(tmp_path: Path, name: str):
    path = tmp_path / "bad.toml"
    path.write_text(f'golden = "m:f"\ninput = "q8.8"\noutput = "{name}"\n')
    with pytest.raises(UsageError, match=r"output = .*(bits; give|give a number format)"):
        configs.load(str(path))


@pytest.mark.parametrize("name", ["n" * 300 + ".sv", "a\\u0000b.sv"])
@pytest.mark.parametrize("key", ["sources", "include_dirs"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str, key: str):
    path = tmp_path / "bad.toml"
    (tmp_path / "m.sv").write_text("")
    other = "" if key == "sources" else 'sources = ["m.sv"]\n'
    path.write_text(f'top = "m"\nprecision = "uint8"\n{other}{key} = ["{name}"]\n')
    with pytest.raises(UsageError, match=r"bad\.toml"):
        configs.load(str(path))


@pytest.mark.parametrize(
    "words",
    [
        ["score", "t.safetensors", "--config", "n" * 300],
        ["score", "t" * 300, "--config", "rexp_uint8"],
        ["score", "t.safetensors", "--config", "rexp_uint8", "--out", "o" * 300],
        ["compare", "a" * 300, "b"],
        ["eval", "t" * 300 + ".py:make"],
        ["paper", "--from", "p" * 300],
    ],
)
def test_a_name_on_the_command_line_that_no_file_can_have(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(words)
    except SystemExit as error:  # argparse's own
        code = error.code
    assert code == 2
    assert "should not happen" not in capsys.readouterr().err
