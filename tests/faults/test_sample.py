"""A few trials, inputs and batches of ``make faults``, ``make fuzz`` and ``make soak``."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

import numpy as np
import pytest

from faults.run import trials
from faults.subject import SUBJECTS
from faults.trial import FAULTS, Failed, tried, undisturbed
from fuzz import registers, targets
from fuzz import run as fuzz
from fuzz.targets import TARGETS, Target
from soak.rows import attention
from soak.run import Soak
from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.simulation.simulator import Simulator
from tests.sim.parameter_sets import REGISTER_SETS

#: Of a replay and of an evaluation, one whose end is forced and one whose files are.
SAMPLE = {"replay": ("kill", "files damaged"), "eval": ("hang", "full disk")}


@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_disturbed_goes_on(name: str, tmp_path: Path, request: pytest.FixtureRequest):
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    (tmp_path / "whole").mkdir()
    whole, seconds = undisturbed(subject, tmp_path / "whole")
    for fault in SAMPLE[name]:
        (tmp_path / fault).mkdir()
        seed = request.config.getoption("seed")
        assert "taken over" in tried(subject, fault, tmp_path / fault, whole, seconds, seed)


def test_a_report_that_is_another_one_is_seen(tmp_path: Path):
    subject = next(subject for subject in SUBJECTS if subject.name == "eval")
    (tmp_path / "whole").mkdir()
    whole, seconds = undisturbed(subject, tmp_path / "whole")
    whole["results.json"] = {}
    (tmp_path / "trial").mkdir()
    with pytest.raises(Failed, match=r"results\.json is not that of an undisturbed run"):
        tried(subject, "two runs", tmp_path / "trial", whole, seconds, 1)


def test_every_fault_befalls_every_command():
    drawn = trials(seed=1)
    pairs = [next(drawn)[:2] for _ in range(len(SUBJECTS) * len(FAULTS) - 2)]
    assert len({(subject.name, fault) for subject, fault in pairs}) == len(pairs)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_are_nearly_right(name: str, tmp_path: Path):
    if name == "onnx":
        pytest.importorskip("onnxruntime")
    finds, refused, taken = fuzz.fuzzed(name, range(300), keep=tmp_path)
    assert finds == []
    assert refused > 30
    assert taken > 5


def bad(data: bytes) -> None:
    if data == b"3":
        raise KeyError(data)
    if data == b"5":
        while True:
            pass
    if data == b"7":
        bytearray(2**33)
    if data == b"8":
        faulthandler.disable()  # pytest's, which would print where
        os.abort()
    if data == b"9":
        raise UsageError("one line\nand another")


def test_what_is_no_sentence_is_a_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    monkeypatch.setattr(fuzz, "_rng", lambda seed, name, number: number)
    made = Target(lambda number: str(number).encode(), bad)
    monkeypatch.setattr(targets, "TARGETS", {"bad": lambda folder: made})
    monkeypatch.setattr(fuzz, "TARGETS", targets.TARGETS)
    finds, refused, taken = fuzz.fuzzed("bad", range(12), keep=tmp_path)
    said = {number: what.strip().splitlines()[-1] for number, what in finds}
    assert said == {
        3: "KeyError: b'3'",
        5: "fuzz.run.Slow: more than 0.2 s",
        7: "MemoryError",
        8: "the process ended with -6",
        9: "and another",
    }
    assert (refused, taken) == (0, 7)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"bad-1-{n}" for n in said]


def test_accesses_that_are_nearly_right():
    sets = {"split": REGISTER_SETS["split"]}
    finds, refused, taken = registers.fuzzed(range(500), sets=sets)
    assert finds == []
    assert refused > 100
    assert taken > 100
    assert refused + taken >= 500


def test_a_wrong_answer_to_an_access_is_a_find(monkeypatch: pytest.MonkeyPatch):
    cfg, loadable = REGISTER_SETS["split"]
    core = registers.built(cfg, top="softmax_axil", parameters={"LOADABLE": int(loadable)})
    monkeypatch.setattr(registers, "built", lambda *args, **options: core)
    sets = {"of another build": (cfg.replace(max_len=cfg.max_len - 1), loadable)}
    last = 3 * registers.SESSION
    ((number, what),), refused, taken = registers.fuzzed(range(last - 5_000, last), sets=sets)
    assert number == last - registers.SESSION
    assert "channel r" in what
    assert f"data={cfg.max_len}" in what
    assert (refused, taken) == (0, 0)


@pytest.fixture
def soak() -> Soak:
    return Soak(configs.load("rexp_uint8"), seed=3)


def test_a_short_soak(soak: Soak):
    layers = attention()
    try:
        for _ in range(9):
            soak.play(layers)
    finally:
        soak.close()
    assert soak.counts["elements"] > 4e5
    for some in ("resets in flight", "too long", "rows in their cycle"):
        assert soak.counts[some] > 0


def test_a_soak_sees_one_wrong_element(soak: Soak, monkeypatch: pytest.MonkeyPatch):
    run = Simulator.run

    def wrong(simulator: Simulator, rows: Rows, stalls: str, seed: int):
        results = run(simulator, rows, "none", seed)
        results.y[np.flatnonzero(np.repeat(~results.error, rows.lengths))[-1]] ^= 1
        return results

    monkeypatch.setattr(Simulator, "run", wrong)
    with pytest.raises(AssertionError, match="1 elements differ"):
        soak.play(attention())
    soak.close()


def test_a_soak_sees_memory_that_grows(soak: Soak):
    soak.memory["driver"] = [2**28] * 8
    soak.close()
    soak.memory["simulator"] = [2**28] * 7 + [2**28 + 2**25]
    with pytest.raises(AssertionError, match="the simulator grew by"):
        soak.close()
