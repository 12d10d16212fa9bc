from types import SimpleNamespace

import pytest
from cocotb.types import Logic, LogicArray

from softmax_cosim.tb.signal import ProtocolError, StreamMonitor
from softmax_cosim.tb.transactions import StreamRow

PINS = ("tvalid", "tready", "tdata", "tkeep", "tuser", "tlast")


class Watcher(StreamMonitor):
    """A monitor whose pins are set by hand, without a simulator."""

    def __init__(self) -> None:
        self.name = "m_axis"
        self.rows: list[StreamRow] = []
        self.now = 0
        self._cycle = lambda: self.now
        self._recv = self.rows.append
        self.beats_seen = 0
        self.look(True)

    def see(self, text: str) -> None:
        """One cycle: valid, ready, data, keep, user, last, as bits."""
        values = [Logic(bits) if len(bits) == 1 else LogicArray(bits) for bits in text.split()]
        pins = {name: SimpleNamespace(value=v) for name, v in zip(PINS, values, strict=True)}
        self.bus = SimpleNamespace(**pins)
        self.observe()
        self.now += 1


def test_rows_come_with_the_cycles_of_their_first_and_last_beat() -> None:
    watcher = Watcher()
    for pins in ("0 1 00 11 00 0", "1 1 01 11 00 0", "1 0 10 11 00 1", "1 1 10 11 00 1"):
        watcher.see(pins)
    watcher.see("1 1 11 01 10 1")
    assert watcher.rows == [
        StreamRow(1, 3, [(1, 3, 0, 0), (2, 3, 0, 1)]),
        StreamRow(4, 4, [(3, 1, 2, 1)]),
    ]


@pytest.mark.parametrize("bit", ["X", "Z", "U", "-"])
@pytest.mark.parametrize("pin", PINS)
def test_an_unknown_bit_at_a_handshake_raises(pin: str, bit: str) -> None:
    watcher = Watcher()
    pins = dict(zip(PINS, ("1", "1", "00", "00", "00", "1"), strict=True))
    watcher.see(" ".join(pins.values()))
    pins[pin] = pins[pin][:-1] + bit
    with pytest.raises(ProtocolError, match=f"m_axis_{pin} is .*{bit} in cycle 1"):
        watcher.see(" ".join(pins.values()))


def test_an_unknown_valid_raises_and_unknown_data_of_an_idle_stream_does_not() -> None:
    watcher = Watcher()
    watcher.see("0 X XX XX XX X")
    with pytest.raises(ProtocolError, match="tvalid"):
        watcher.see("X 1 00 00 00 0")


@pytest.mark.parametrize(
    ("then", "complaint"),
    [
        ("0 0 01 11 00 0", "fell while stalled"),
        ("0 1 01 11 00 0", "fell while stalled"),
        ("1 1 11 11 00 0", "changed while stalled"),
        ("1 0 01 10 00 0", "changed while stalled"),
        ("1 0 01 11 01 0", "changed while stalled"),
        ("1 1 01 11 00 1", "changed while stalled"),
    ],
)
def test_a_stalled_beat_must_hold(then: str, complaint: str) -> None:
    watcher = Watcher()
    watcher.see("1 0 01 11 00 0")
    watcher.see("1 0 01 11 00 0")
    with pytest.raises(ProtocolError, match=complaint):
        watcher.see(then)


def test_reset_forgets_the_row_under_way() -> None:
    watcher = Watcher()
    watcher.see("1 1 01 11 00 0")
    watcher.see("1 0 01 11 00 1")
    assert watcher.inside_row
    watcher.look(False)
    watcher.look(True)
    assert not watcher.inside_row
    watcher.see("0 1 00 00 00 0")
    watcher.see("1 1 10 11 00 1")
    assert watcher.rows == [StreamRow(3, 3, [(2, 3, 0, 1)])]
