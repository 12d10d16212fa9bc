"""Configurations that no reader of TOML takes, in ways of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError


@pytest.mark.parametrize(
    "text", ["xs = " + "9" * 5_000, "xs = " + "[" * 5_000 + "]" * 5_000, "xs = 1\x00"]
)
def test_what_is_no_toml_is_one_sentence(tmp_path: Path, text: str):
    path = tmp_path / "bad.toml"
    path.write_text(f'method = "rexp"\nprecision = "uint8"\n{text}\n')
    with pytest.raises(UsageError, match=r"bad\.toml is not TOML: "):
        configs.load(str(path))
