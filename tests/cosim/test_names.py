"""Names that results are kept under: one for each file, however it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.names import distinct_files, ends
from softmax_cosim.plan import Design


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/a.st"], ["a"]),
        (["/x/a.st", "/x/b.st"], ["a", "b"]),
        (["/x/a.st", "/y/a.st", "/y/b.st"], ["x/a", "y/a", "b"]),
        (["/p/x/a.st", "/q/x/a.st", "/r/a.st"], ["p/x/a", "q/x/a", "r/a"]),
        (["/a.st", "/x/a.st", "/y/x/a.st"], ["a", "x/a", "y/x/a"]),
        (["/x/a.st", "/x/a.safetensors"], ["a.st", "a.safetensors"]),
    ],
)
def test_ends_tell_files_apart(paths: list[str], names: list[str]):
    assert ends([Path(path) for path in paths]) == names


def test_names_are_those_of_files_however_long():
    cfg = configs.load("split_uint8")
    folders = ["ü" * 150, "x" * 249]
    names = ["split_uint8", "a/b%", *(f"{one}{folder}/n" for one in "ab" for folder in folders)]
    files = [Design(cfg, name, name, "replay", "").file for name in names]
    assert files[:2] == ["split_uint8", "a%2Fb%25"]
    assert len(set(files)) == len(files)
    assert all(len(f"{file}.vcd".encode()) < 255 for file in files)
    assert all(file.endswith("%2Fn") for file in files[2:])


def test_a_file_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.st", "b.st"):
        Path(name).write_text(name)
    Path("link.st").symlink_to("a.st")
    kept, again = distinct_files(["a.st", "./a.st", "b.st", "a.st", "link.st"], Path)
    assert kept == ["a.st", "b.st"]
    assert again == [
        "./a.st is the same file as a.st: played once",
        "link.st is the same file as a.st: played once",
    ]
