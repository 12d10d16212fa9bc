"""``cosim verify`` finds what is wrong with a design, and says how to see it again."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.cli import main
from softmax_cosim.verify.catalogue import Case, catalogue

DESIGN = Path(__file__).parents[1] / "sim" / "designs" / "faulty"
FAULTS = {
    "an element off by one": (1, "streams.lengths/length=max_len", "element 15 (beat 15, lane 0)"),
    "the last row kept back": (2, "streams.lengths/length=one", "is lost"),
    "the maximum of the row before": (3, "streams.lengths/length=few_short", "element"),
    "a value that nobody reset": (4, "power_up", "power-up ones"),
    "a cycle that nobody reset": (5, "power_up", "hangs on what registers held before reset"),
    "an offer withdrawn": (6, "stalls.crossed/source=none/sink=heavy", "stalled"),
    "an assertion of the design": (7, "streams.lengths/length=max_len", "a_never_full"),
    "a row after reset": (8, "reset", ""),
}

#: State that outlives a row.
WITH_WAVEFORM = "the maximum of the row before"


class Folder:
    """One copy of the design, so one build, whatever is wrong with it."""

    def __init__(self, path: Path) -> None:
        shutil.copytree(DESIGN, path, dirs_exist_ok=True)
        self.path = path
        self.toml = path / "faulty.toml"
        self.set(0)

    def set(self, fault: int, **values: str) -> None:
        (self.path / "fault.hex").write_text(f"{fault}\n")
        text = (DESIGN / "faulty.toml").read_text()
        for key, value in values.items():
            text = re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE)
            text = (f"{key} = {value}\n" if value else "") + text
        self.toml.write_text(text)

    def verify(self, *words: str) -> int:
        return main(["verify", str(self.toml), *words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("faulty"))


@pytest.fixture(autouse=True)
def failures_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not among those of other tests."""
    kept = lambda kind: tmp_path / kind  # noqa: E731
    monkeypatch.setattr("softmax_cosim.simulation.regression.build_folder", kept)
    monkeypatch.setattr("softmax_cosim.verify.play.build_folder", kept)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_shown_again(
    name: str, folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    fault, case, says = FAULTS[name]
    folder.set(fault)
    assert folder.verify("--case", case, "--most", "1") == 1
    out = capsys.readouterr().out
    assert says in out
    command = re.search(r"shows it again: cosim (.+)", out)
    assert command, out
    assert main(shlex.split(command[1])) == 1
    again = capsys.readouterr().out
    if name == WITH_WAVEFORM:
        assert main([*shlex.split(command[1]), "--waves"]) == 1
        waveform = re.search(r"^waveform: (.+)$", capsys.readouterr().out, re.MULTILINE)
        assert waveform
        changes = Path(waveform[1]).read_text()
        last = re.search(r"\$var wire +1 (\S+) out_last ", changes)
        assert last
        assert changes.splitlines().count(f"1{last[1]}") > 1, "the row before it is there as well"
    folder.set(0)
    assert main(shlex.split(command[1])) == 0, f"{out}\n{again}"


def test_a_good_design_passes_every_case_and_says_what_it_left_out(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.set(0, latency='"2*L - 1"')
    assert folder.verify("--jobs", "2") == 0
    out = capsys.readouterr().out
    ran = re.findall(r"^passed +[\d.]+ s (\S+)$", out, re.MULTILINE)
    left_out = re.findall(r"^left out +(\S+): .+$", out, re.MULTILINE)
    every = [case.name for case in catalogue(configs.load(str(folder.toml)))]
    assert sorted(ran + left_out) == sorted(every)
    assert "power_up.from_every_draw" in ran
    assert "latency.idle_core" in ran
    assert "masks/mask=random" in " ".join(left_out)
    assert re.search(rf"^{len(ran)} cases passed, {len(left_out)} left out", out, re.MULTILINE)


def test_a_formula_that_is_wrong_is_a_failure(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.set(0, latency='"2*L + 1"')
    assert folder.verify("--case", "latency", "--most", "1") == 1
    assert re.search(r"took \d+ cycles; 2\*L \+ 1 is \d+", capsys.readouterr().out)


@pytest.mark.parametrize(("fault", "case"), [(3, "streams.lengths/length=few_short"), (4, "power")])
def test_without_a_golden_model_a_row_must_give_what_it_gives_alone(
    fault: int, case: str, folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.set(fault, golden="")
    assert folder.verify("--case", f"{case}*", "--most", "1") == 1
    out = capsys.readouterr().out
    assert "played alone from reset it was" in out or "hangs on what registers held" in out
    command = re.search(r"shows it again: cosim (.+)", out)
    assert command, out
    folder.set(0, golden="")
    capsys.readouterr()
    assert main(shlex.split(command[1])) == 0
    assert folder.verify("--case", "streams", "power_up") == 0
    assert "no golden model" in capsys.readouterr().out


def test_failures_end_the_run(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.set(3)
    assert folder.verify("--case", "streams", "--most", "2", "--jobs", "1") == 1
    out = capsys.readouterr().out
    assert len(re.findall("^FAILED", out, re.MULTILINE)) == 2
    assert re.search(r"\d+ not played after 2 failures", out)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["verify", "no_such"], "unknown configuration"),
        (["verify", "rexp_uint8", "--case", "nothing"], "there is no case 'nothing'"),
        (["verify", "rexp_uint8", "--replay", "/no/such/file"], "is no failure that cosim verify"),
        (["verify", "rexp_uint8", "--power-up", "some"], "unknown power-up draw"),
        (["verify", "rexp_uint8", "--waves"], "--waves goes with --replay"),
    ],
)
def test_bad_input_is_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_golden_function_that_fails_is_bad_input(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.set(0, golden='"faulty:no_such"')
    assert folder.verify() == 2
    assert "no function" in capsys.readouterr().err


REASONS = {
    "reset": ("rst_n", "reset.", "no reset"),
    "out_ready": ("out_ready", "stalls.crossed/source=none/sink=heavy", "backpressure"),
}


@pytest.mark.parametrize("key", REASONS)
def test_a_port_that_is_not_there_leaves_cases_out(key: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "copy")
    port, name, reason = REASONS[key]
    text = folder.toml.read_text().replace(f'{key} = "{port}"', f'{key} = ""')
    folder.toml.write_text(text)
    cases = catalogue(configs.load(str(folder.toml)))
    assert all(reason in case.left_out for case in cases if case.name.startswith(name))


def test_every_case_is_for_our_core() -> None:
    assert not [case for case in catalogue(configs.load("split_uint8")) if case.left_out]


def test_one_length_and_blocks_leave_cases_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "copy")
    folder.set(0, length="8", rows_per_block="2")
    cases = catalogue(configs.load(str(folder.toml)))
    left_out = {case.name: case.left_out for case in cases if case.left_out}
    lengths = [case for case in cases if case.name.startswith("streams.lengths")]
    assert [case for case in lengths if not case.left_out] == [
        Case("streams.lengths/length=max_len", "", next(c.place for c in lengths if not c.left_out))
    ]
    assert "in blocks of 2" in left_out["identities.every_row_keeps_its_name"]


def test_cases_are_items_of_pytest(folder: Folder) -> None:
    folder.set(1)
    words = ["--cosim", "faulty.toml", "-q", "-p", "no:randomly", "-rs"]
    choice = ["-k", "max_len or padding or few_short"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *choice],
        cwd=folder.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed, 1 skipped" in done.stdout
    assert "left out: the design takes no mask" in done.stdout
    assert "element 15 (beat 15, lane 0)" in done.stdout
    assert "shows it again: cosim verify" in done.stdout
