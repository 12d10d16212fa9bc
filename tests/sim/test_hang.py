"""Designs that break off on purpose: an error that says where, and never a hang."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden.rows import Rows
from softmax_cosim.simulation.simulator import Broken, NoProgress, Simulator, Stopped

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
DESIGN = [Path(__file__).parent / "designs" / "hanging_top.sv"]
PATIENCE = 300
MODES = {"signal": ("signal", False), "stock": ("bulk", False), "run-ahead": ("bulk", True)}
STOP_TAKING, SWALLOW, STOP_GIVING, REPEAT, CRASH = range(-1, -6, -1)


def simulator(mode: str, waves: Path | None = None) -> Simulator:
    transport, run_ahead = MODES[mode]
    return Simulator(
        CONFIG,
        transport,
        run_ahead=run_ahead,
        patience=PATIENCE,
        sources=DESIGN,
        optimise="test",
        waves=waves,
    )


@pytest.fixture(scope="module")
def simulators() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {mode: stack.enter_context(simulator(mode)) for mode in MODES}


def rows(code: int, row: int, beat: int) -> Rows:
    """Rows of 1, 2, 3 and 2 beats, one of which says what the design shall do."""
    scores = [[n] * length for n, length in enumerate([8, 12, 24, 9], start=1)]
    scores[row][beat * CONFIG.lanes] = code
    return Rows.of(scores)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("code", "row", "beat", "where"),
    [
        (STOP_TAKING, 0, 0, "the input of row 0 stands before its beat 0; 0 of 4 rows went in"),
        (STOP_TAKING, 2, 1, "the input of row 2 stands before its beat 1; 2 of 4 rows went in"),
        (SWALLOW, 2, 1, "the output of row 2 stands before its beat 1; 4 of 4 rows went in"),
        (STOP_GIVING, 2, 2, "the output of row 2 stands before its beat 2; 3 of 4 rows went in"),
    ],
)
def test_hang_names_row_direction_and_handshakes_and_keeps_results(
    simulators: dict[str, Simulator], mode: str, code: int, row: int, beat: int, where: str
) -> None:
    batch, good = rows(code, row, beat), rows(0, row, beat)
    for _ in range(2):  # the simulator goes on: the next batch starts from reset
        with pytest.raises(NoProgress, match=f"no progress for {PATIENCE} cycles") as caught:
            simulators[mode].run(batch)
        message, results = str(caught.value), caught.value.results
        assert where in message
        assert f"s_axis tvalid={int(code != SWALLOW)} tready={int(code == SWALLOW)}" in message
        assert "m_axis tvalid=0 tready=1" in message
        assert list(results.lost) == [n >= row for n in range(4)]
        end = batch.offsets[row]
        np.testing.assert_array_equal(results.y[:end], batch.q[:end])
        assert not results.y[end:].any()
        for stamps in (results.first_out, results.last_out):
            np.testing.assert_array_equal(stamps >= 0, ~results.lost)
        np.testing.assert_array_equal(simulators[mode].run(good).y, good.q)


@pytest.mark.parametrize("mode", MODES)
def test_output_that_no_row_accounts_for(simulators: dict[str, Simulator], mode: str) -> None:
    batch = rows(REPEAT, 3, 1)
    with pytest.raises(Broken) as caught:
        simulators[mode].run(batch)
    assert not isinstance(caught.value, NoProgress)
    assert not caught.value.results.lost.any()


def test_a_fatal_error_of_the_design_is_named_and_the_next_call_works(
    simulators: dict[str, Simulator],
) -> None:
    batch = rows(CRASH, 3, 0)
    with pytest.raises(Stopped, match="stepped on a score of -5"):
        simulators["run-ahead"].run(batch)
    good = batch.slice(0, 3)
    np.testing.assert_array_equal(simulators["run-ahead"].run(good).y, good.q)


def test_a_hang_leaves_a_waveform_on_request(tmp_path: Path) -> None:
    waves = tmp_path / "hang.vcd"
    with simulator("run-ahead", waves) as sim, pytest.raises(NoProgress):
        sim.run(rows(STOP_TAKING, 1, 0))
    text = waves.read_text()
    assert "s_axis_tready" in text
    assert int(re.findall(r"^#(\d+)$", text, re.MULTILINE)[-1]) >= PATIENCE * 10_000
