import numpy as np
import pytest

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.tb.pack import Beat, Beats, pack
from softmax_cosim.tb.scoreboard import Scoreboard
from softmax_cosim.tb.stimulus import MALFORMED, malformed_row, rows
from softmax_cosim.tb.transactions import StreamRow

CFG = Config("board", "rexp", "uint8", lanes=4, max_len=20)
LENGTHS = [1, 4, 5, 20, 3, 8]


def split(beats: list[Beat]) -> list[StreamRow]:
    ends = [n + 1 for n, beat in enumerate(beats) if beat[3]]
    return [
        StreamRow(start, end - 1, beats[start:end])
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def exchange(drawn: Rows, cfg: Config = CFG) -> tuple[list[StreamRow], list[StreamRow]]:
    """What a perfect design takes and gives."""
    taken, model = pack(drawn, cfg), softmax(cfg, drawn)
    answer = Rows(model.y.astype(np.int32), drawn.keep, drawn.offsets)
    out_format = cfg.replace(in_w=cfg.out_w, frac=0)
    status = np.repeat(model.exponent << 1, drawn.beats(cfg.lanes)).tolist()
    given = [
        (data, keep, user, last)
        for (data, keep, _, last), user in zip(
            pack(answer, out_format).to_ints(), status, strict=True
        )
    ]
    return split(taken.to_ints()), split(given)


@pytest.fixture
def good() -> tuple[list[StreamRow], list[StreamRow]]:
    return exchange(rows(CFG, np.random.default_rng(5), LENGTHS, scores="attention", mask="none"))


def judge(sent: list[StreamRow], received: list[StreamRow]) -> str:
    found = Scoreboard(CFG).judge(sent, received)
    return found.text if found else ""


def change(row: StreamRow, beat: int, **fields: int) -> StreamRow:
    names = ("data", "keep", "user", "last")
    beats = list(row.beats)
    beats[beat] = tuple(fields.get(n, v) for n, v in zip(names, beats[beat], strict=True))  # type: ignore[assignment]
    return StreamRow(row.first, row.last, beats)


def test_exact_rows_pass(good: tuple[list[StreamRow], list[StreamRow]]) -> None:
    assert judge(*good) == ""
    assert judge([], []) == ""


def test_a_swapped_lane_is_named(good: tuple[list[StreamRow], list[StreamRow]]) -> None:
    sent, received = good
    data = received[2].beats[0][0]
    lanes = [data >> (8 * lane) & 0xFF for lane in range(4)]
    low = next(n for n in range(3) if lanes[n] != lanes[n + 1])
    lanes[low], lanes[low + 1] = lanes[low + 1], lanes[low]
    received[2] = change(received[2], 0, data=sum(v << (8 * n) for n, v in enumerate(lanes)))
    text = judge(sent, received)
    assert text.startswith(f"row 2 (5 elements): element {low} (beat 0, lane {low}): expected")
    assert f"got {lanes[low]} ({lanes[low] / 255:.6f})" in text
    assert "golden stages: max" in text


@pytest.mark.parametrize("row", range(len(LENGTHS)))
def test_a_dropped_row_is_noticed(good: tuple[list[StreamRow], list[StreamRow]], row: int) -> None:
    sent, received = good
    assert judge(sent, received[:row] + received[row + 1 :]).startswith(f"row {row} ")


def test_the_last_row_missing_is_lost(good: tuple[list[StreamRow], list[StreamRow]]) -> None:
    sent, received = good
    assert judge(sent, received[:-1]) == "row 5 is lost: it went in and never came out"


def test_a_row_twice_is_noticed(good: tuple[list[StreamRow], list[StreamRow]]) -> None:
    sent, received = good
    assert "nobody sent it" in judge(sent, [*received, received[-1]])
    assert judge(sent, [received[0], *received]).startswith("row 1 ")


@pytest.mark.parametrize(("field", "value"), [("keep", 0b0111), ("user", 1), ("user", 2)])
def test_a_wrong_frame_is_noticed(
    good: tuple[list[StreamRow], list[StreamRow]], field: str, value: int
) -> None:
    sent, received = good
    received[3] = change(received[3], 1, **{field: value})
    assert judge(sent, received).startswith("row 3 (20 elements): it is well formed")


def test_a_wrong_row_exponent_is_noticed() -> None:
    cfg = Config("board", "split", "uint8", lanes=4, max_len=20, row_exp=True)
    sent, received = exchange(rows(cfg, np.random.default_rng(5), LENGTHS, mask="none"), cfg)
    assert Scoreboard(cfg).judge(sent, received) is None
    assert len({row.beats[0][2] for row in received}) > 1
    row = received[3]
    for beat in range(len(row.beats)):
        row = change(row, beat, user=row.beats[beat][2] ^ 0b10)
    found = Scoreboard(cfg).judge(sent, [*received[:3], row, *received[4:]])
    assert found is not None
    assert found.text.startswith("row 3 (20 elements): element 0 ")
    one_beat = change(received[3], 2, user=received[3].beats[2][2] ^ 0b10)
    found = Scoreboard(cfg).judge(sent, [*received[:3], one_beat, *received[4:]])
    assert found is not None
    assert found.text.startswith("row 3 (20 elements): it is well formed")


def test_the_first_wrong_element_wins_over_a_later_frame(
    good: tuple[list[StreamRow], list[StreamRow]],
) -> None:
    sent, received = good
    received[1] = change(received[1], 0, data=received[1].beats[0][0] ^ 1)
    received[4] = change(received[4], 0, keep=1)
    assert judge(sent, received).startswith("row 1 (4 elements): element 0 ")


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_row_must_give_one_error_beat(
    good: tuple[list[StreamRow], list[StreamRow]], kind: str
) -> None:
    sent, received = good
    (bad,) = split(malformed_row(kind, CFG, np.random.default_rng(1)))
    sent.insert(2, bad)
    error = StreamRow(0, 0, [(0, 0, 1, 1)])
    assert judge(sent, [*received[:2], error, *received[2:]]) == ""
    for wrong in ((0, 0, 0, 1), (1, 0, 1, 1), (0, 1, 1, 1), (0, 0, 3, 1)):
        answer = [*received[:2], StreamRow(0, 0, [wrong]), *received[2:]]
        assert "it is malformed, so one error beat must come out" in judge(sent, answer)
    assert judge(sent, received).startswith("row 2 ")


def test_rows_are_counted_from_the_last_reset(
    good: tuple[list[StreamRow], list[StreamRow]],
) -> None:
    sent, received = good
    board = Scoreboard(CFG)
    assert board.judge(sent, received) is None
    found = board.judge(sent, received[:-1])
    assert found is not None
    assert found.row == 11
    assert found.sent is sent[5]
    board.reset()
    assert board.judge(sent, received[:-1]).row == 5  # type: ignore[union-attr]


def test_the_input_monitor_decides_what_is_expected() -> None:
    """Not the stimulus: what comes out must fit the beats that were taken."""
    sent, received = exchange(Rows.of([[0, 0, 0, 0]]))
    taken = Beats.from_ints(sent[0].beats, CFG.lanes * CFG.in_w)
    assert taken.to_ints() == list(sent[0].beats)
    sent[0] = change(sent[0], 0, data=0x7FFF)
    assert judge(sent, received).startswith("row 0 (4 elements): element 0 ")
