"""Templates are compiled once; what was kept of them and is not right is compiled again."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from softmax_cosim.paths import build_folder
from softmax_cosim.report.compiled import Compiled


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path / "built"))
    return build_folder("templates")


def rendered(text: str, monkeypatch: pytest.MonkeyPatch, *, compiles: bool) -> str:
    """What a template of this text gives; sees whether it had to be compiled."""
    made = jinja2.Environment(loader=jinja2.DictLoader({"t": text}), bytecode_cache=Compiled())
    calls: list[str] = []
    compile_ = made.compile
    monkeypatch.setattr(made, "compile", lambda *words: calls.append("t") or compile_(*words))
    said = made.get_template("t").render(x=3)
    assert bool(calls) == compiles
    return said


def test_the_second_time_it_is_there(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("{{ x + 1 }}", monkeypatch, compiles=True) == "4"
    assert rendered("{{ x + 1 }}", monkeypatch, compiles=False) == "4"
    assert rendered("{{ x + 2 }}", monkeypatch, compiles=True) == "5"
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_what_is_damaged_is_compiled_again(
    damage: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered("{{ x }}", monkeypatch, compiles=True)
    (path,) = kept.iterdir()
    data = path.read_bytes()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:-9], "changed": changed, "empty": b""}[damage])
    assert rendered("{{ x }}", monkeypatch, compiles=True) == "3"
    assert rendered("{{ x }}", monkeypatch, compiles=False) == "3"


def test_nowhere_to_keep_it_is_no_error(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.parent.write_text("a file where the folder would be")
    for _ in range(2):
        assert rendered("{{ x }}", monkeypatch, compiles=True) == "3"
