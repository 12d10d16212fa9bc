"""Faults that hide: in what registers held before reset, in what rows left behind, after the end.

Whatever a replay finds, the command that it prints shows it again.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli, engines
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.replay.reproduce import fewest
from softmax_cosim.simulation import power_up
from softmax_cosim.trace import Layer, write

SHORT = str(ROOT / "traces" / "ocr_short.safetensors")
OWN = Path(__file__).parent / "data" / "echo" / "echo.toml"
#: What element 1 of a row chooses in ``echo.sv``.
NONE, FLAG, NO_FLAG, SLOW_FLAG, AFTER_0X55, AFTER_FIVE, SURPLUS = range(7)


class Told:
    """What a command said, and left."""

    def __init__(self, code: int, out: str, folder: Path) -> None:
        self.code = code
        self.text = " ".join(out.split())
        self.commands = re.findall(r"with: (cosim replay .*? --waves)", self.text)
        self.run = json.loads((folder / "summary.json").read_text())["runs"][0]
        self.waves = (folder / "echo.vcd").is_file()


@pytest.fixture
def replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs ``cosim replay`` with a fault of the echo, or a whole command that was printed.

    The trace has twelve rows of 16; the first element of row 3 is 0x55.
    """

    def run(words: str | int, *options: object) -> Told:
        if isinstance(words, int):
            scores = np.full((1, 2, 6, 16), 0.5, np.float32)
            scores[0, 0, 3, 0] = 0x55 / 16
            scores[..., 1] = words / 16
            path = tmp_path / f"{words}.safetensors"
            write(path, [Layer(0, scores)], model="m", source="s")
            given = ["replay", str(path), "--config", str(OWN)]
        else:
            given = shlex.split(words)[1:]
        given += [str(option) for option in options]
        code = cli.main([*given, "--out", str(tmp_path / "out")])
        return Told(code, capsys.readouterr().out, tmp_path / "out")

    return run


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("fault", "wrong", "right"), [(FLAG, "ones", "zeros"), (NO_FLAG, "zeros", "ones")]
)
def test_a_register_that_nobody_resets_is_found_from_any_seed(
    fault: int, wrong: str, right: str, seed: int, replay: Callable[..., Told]
):
    found = replay(fault, "--seed", seed, "--jobs", "1", "--rows", "5")
    assert found.code == 1
    assert found.run["power_up"]["rows"] == found.run["power_up"]["unsettled"] == 1
    assert found.run["power_up"]["draws"][:2] == ["zeros", "ones"]
    assert "row 5 (batch 0, head 0, query 5): element 0, lane 0: expected 8" in found.text
    assert f"from power-up draw {wrong}, but not from {right}" in found.text
    assert "1 rows that hang on the power-up draw" in found.text
    assert f"--power-up {wrong} --layers 0 --rows 5 --waves" in found.commands[0]


def test_what_hangs_on_the_power_up_is_shown_again(replay: Callable[..., Told]):
    found = replay(NO_FLAG, "--rows", "0-1")
    assert found.code == 1
    again = replay(found.commands[0])
    assert (again.code, again.run["rows"], again.waves) == (1, 1, True)
    assert replay(NO_FLAG, "--power-up", "ones", "--rows", "5").code == 0


def test_cycles_that_hang_on_the_power_up_are_found(replay: Callable[..., Told]):
    found = replay(SLOW_FLAG, "--rows", "0-1")
    assert found.code == 1
    assert found.run["mismatched_elements"] == 0
    assert "from power-up draw zeros, but not from ones" in found.text
    assert "--power-up zeros,ones" in found.commands[0]
    assert replay(found.commands[0]).code == 1


def test_a_sound_design_is_played_from_several_draws(replay: Callable[..., Told]):
    found = replay(NONE, "--seed", "7", "--jobs", "1")
    assert found.code == 0
    draws = power_up.draws(7)
    assert found.run["power_up"] == {"draws": list(draws), "rows": 12, "unsettled": 0}
    assert f"power-up draws {', '.join(draws)}, 12 rows from each" in found.text


def test_a_row_that_fails_after_one_other_is_shown_with_it(replay: Callable[..., Told]):
    """Alone it is right: the command that was printed for it said Exact."""
    found = replay(AFTER_0X55, "--stalls", "light", "--seed", "2", "--rows", "0-5")
    assert found.code == 1
    assert "row 4" in found.text
    assert replay(AFTER_0X55, "--rows", "4").code == 0
    assert "it takes a row before it; replay them with" in found.text
    assert "--rows 3-4 --waves" in found.commands[0]
    assert "--rows 3,5 --waves" in found.commands[1]
    again = replay(found.commands[1])
    assert (again.code, again.run["rows"], again.waves) == (1, 2, True)


@pytest.mark.parametrize("transport", ["bulk", "signal"])
def test_a_row_that_fails_after_many_is_shown_with_them(
    transport: str, replay: Callable[..., Told]
):
    found = replay(AFTER_FIVE, "--transport", transport, "--rows", "0-6")
    assert found.code == 1
    assert "it takes 5 rows before it; replay them with" in found.text
    assert "--rows 0-5 --waves" in found.commands[0]
    assert "--rows 1-6 --waves" in found.commands[1]
    again = replay(found.commands[1])
    assert (again.code, again.run["rows"], again.waves) == (1, 6, True)
    assert replay(found.commands[1].replace("--rows 1-6 --waves", "--rows 2-6")).code == 0


def test_a_beat_after_the_last_row_is_no_exact_run(replay: Callable[..., Told]):
    """Every row came out whole and right before it."""
    found = replay(SURPLUS)
    assert found.code == 1
    assert found.run["mismatched_elements"] == found.run["lost_rows"] == 0
    assert "batches that broke the stream's rules" in found.text
    assert "output that no input row accounts for" in found.text
    assert replay(found.commands[0]).code == 1


def test_an_engine_plays_from_several_draws():
    scores = np.full((2, 16), 0.5)
    scores[:, 1] = NO_FLAG / 16
    with engines.Rtl(str(OWN), jobs=1, seed=3) as softmax:
        for _ in range(power_up.FEWEST):
            softmax(scores)
        assert 2 <= softmax.count.mismatches < 6
        assert softmax.count.first.endswith("expected 8, got 247 (power-up draw zeros)")


def test_draws_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["replay", SHORT, "--config", "rexp_uint8", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--power-up", "zeros,often"]) == 2
    assert "unknown power-up draw 'often'; give zeros, ones or a number" in capsys.readouterr().err
    for draw in ("0", "-1", "2147483647", ""):
        with pytest.raises(UsageError):
            power_up.check(draw)


def test_seeds_lead_to_different_draws():
    assert power_up.draws(1, 2) == ("zeros", "ones")
    many = [draw for seed in range(50) for draw in power_up.draws(seed, 6)[2:]]
    assert len(set(many)) == len(many)
    assert power_up.draws(4, 5) == power_up.draws(4, 6)[:5]


class Design:
    """Rows that fail as a rule says, and how often they were played from a fresh start."""

    def __init__(self, rule: Callable[[list[int]], bool]) -> None:
        self.rule, self.fresh, self.warm = rule, 0, 0

    def __call__(self, places: Sequence[int], fresh: bool) -> bool:
        self.fresh += fresh
        self.warm += not fresh
        return self.rule(list(places))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (lambda rows: True, [1000]),
        (lambda rows: 123 in rows, [123, 1000]),
        (lambda rows: len(rows) > 20, list(range(980, 1001))),
        (lambda rows: {7, 9} <= set(rows), list(range(7, 1001))),
        (lambda rows: len(rows) == 1001, list(range(1001))),
        (lambda rows: False, None),
    ],
)
def test_the_fewest_rows(rule: Callable[[list[int]], bool], found: list[int] | None):
    design = Design(rule)
    assert fewest(1000, design) == found
    assert design.fresh <= (1 if found else 2)
    assert design.warm <= 13


def test_the_fewest_rows_of_a_failure_that_does_not_survive_a_fresh_start():
    calls = []

    def fails(places: Sequence[int], fresh: bool) -> bool:
        calls.append(fresh)
        return not fresh or len(places) == 9

    assert fewest(8, fails) == list(range(9))
