"""The stream format, defined once: ragged rows to AXI4-Stream beats and back, vectorised.

Lane 0 holds the first element of a beat and lies in the low bits. A wide ``tdata`` is an array of
32-bit words, lowest first, the form in which SystemVerilog hands bit vectors to C.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows

__all__ = ["Beat", "Beats", "Probabilities", "malformed", "pack", "unpack", "unpack_probabilities"]

#: One beat as Python integers: tdata, tkeep, tuser, tlast.
Beat = tuple[int, int, int, int]

#: ``m_axis_tuser``: the error flag in bit 0, the row exponent above it.
ERROR_BIT = 1
EXPONENT_SHIFT = 1


@dataclass(frozen=True)
class Beats:
    """Beats of one stream, in order; a row ends where ``tlast`` is set."""

    tdata: npt.NDArray[np.uint32]
    """Shape [beats, words]."""
    tkeep: npt.NDArray[np.uint32]
    """One bit a lane, shape [beats]."""
    tuser: npt.NDArray[np.uint32]
    """In: one bit a lane, set where masked. Out: the row's status. Shape [beats]."""
    tlast: npt.NDArray[np.bool_]
    """Shape [beats]."""

    def __len__(self) -> int:
        return len(self.tlast)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """Index of each row's first beat, shape [rows].

        Raises:
            ValueError: the last row does not end.
        """
        ends = np.flatnonzero(self.tlast)
        if len(self) and not self.tlast[-1]:
            raise ValueError("the last row has no tlast")
        return np.concatenate([np.zeros(min(len(ends), 1), np.int64), ends[:-1] + 1])

    def to_ints(self) -> list[Beat]:
        """The beats one by one, as a driver puts them on the pins."""
        raw, size = self.tdata.tobytes(), 4 * self.tdata.shape[1]
        data = [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]
        flags = (self.tkeep.tolist(), self.tuser.tolist(), self.tlast.astype(int).tolist())
        return list(zip(data, *flags, strict=True))

    @classmethod
    def from_ints(cls, beats: Iterable[Sequence[int]], width: int) -> Beats:
        """Undo :meth:`to_ints` for a ``tdata`` of ``width`` bits."""
        beats = list(beats)
        data, keep, user, last = zip(*beats, strict=True) if beats else ((), (), (), ())
        words = _words(width)
        raw = b"".join(value.to_bytes(4 * words, "little") for value in data)
        return cls(
            np.frombuffer(raw, np.uint32).reshape(-1, words),
            np.array(keep, np.uint32),
            np.array(user, np.uint32),
            np.array(last, np.bool_),
        )


def _words(bits: int) -> int:
    return -(-bits // 32)


def _pack_lanes(values: npt.NDArray[np.int32], width: int) -> npt.NDArray[np.uint32]:
    """Low ``width`` bits of each lane, side by side: [beats, lanes] to [beats, words]."""
    beats, lanes = values.shape
    if width in (8, 16):
        dense = values.astype(np.uint8 if width == 8 else np.uint16).view(np.uint8)
    else:
        half = values.astype(np.uint16).view(np.uint8).reshape(beats, lanes, 2)
        bits = np.unpackbits(half, axis=2, count=width, bitorder="little")
        dense = np.packbits(bits.reshape(beats, lanes * width), axis=1, bitorder="little")
    padded = np.zeros((beats, 4 * _words(lanes * width)), np.uint8)
    padded[:, : dense.shape[1]] = dense
    return padded.view(np.uint32)


def _unpack_lanes(
    words: npt.NDArray[np.uint32], lanes: int, width: int, *, signed: bool
) -> npt.NDArray[np.int32]:
    """Undo :func:`_pack_lanes`: [beats, words] to [beats, lanes]."""
    size = -(-lanes * width // 8)
    dense = np.ascontiguousarray(np.ascontiguousarray(words).view(np.uint8)[:, :size])
    if width in (8, 16):
        values = dense.view(np.uint8 if width == 8 else np.uint16).astype(np.int32)
    else:
        bits = np.unpackbits(dense, axis=1, count=lanes * width, bitorder="little")
        half = np.packbits(bits.reshape(-1, lanes, width), axis=2, bitorder="little")
        wide = np.zeros((*half.shape[:2], 2), np.uint8)
        wide[:, :, : half.shape[2]] = half
        values = wide.view(np.uint16)[:, :, 0].astype(np.int32)
    sign = np.int32(1 << (width - 1)) if signed else np.int32(0)
    return (values ^ sign) - sign


def _unpack_bits(bits: npt.NDArray[np.uint32], lanes: int) -> npt.NDArray[np.bool_]:
    """One bit a lane: [beats] to [beats, lanes]."""
    return ((bits[:, None] >> np.arange(lanes, dtype=np.uint32)) & 1).astype(np.bool_)


def pack(rows: Rows, cfg: Config) -> Beats:
    """Rows as the beats of ``s_axis``; the lanes behind a row's end are zero."""
    beats = rows.beats(cfg.lanes)
    ends = np.cumsum(beats)
    total = int(ends[-1]) if len(ends) else 0
    # A row's elements move up by what the partial last beats before it left empty.
    shift = (ends - beats) * cfg.lanes - rows.offsets[:-1]
    place = np.arange(len(rows.q)) + np.repeat(shift, rows.lengths)
    lanes = np.zeros(total * cfg.lanes, np.int32)
    lanes[place] = rows.q
    flags = np.zeros((2, total * cfg.lanes), np.int32)
    flags[0, place] = 1
    flags[1, place] = ~rows.keep
    last = np.zeros(total, np.bool_)
    last[ends - 1] = True
    keep, mask = (_pack_lanes(flag.reshape(-1, cfg.lanes), 1)[:, 0] for flag in flags)
    return Beats(_pack_lanes(lanes.reshape(-1, cfg.lanes), cfg.in_w), keep, mask, last)


def malformed(beats: Beats, cfg: Config) -> npt.NDArray[np.bool_]:
    """Which rows of ``s_axis`` break the stream's rules, shape [rows].

    A row is too long, or has a hole in ``tkeep``, a partial beat before its last, or a last beat
    without an element.
    """
    keep, full = beats.tkeep, np.uint32(2**cfg.lanes - 1)
    hole = (keep & (keep + np.uint32(1))) != 0
    bad_beat = np.where(beats.tlast, hole | (keep == 0), keep != full)
    starts = beats.starts
    elements = np.add.reduceat(np.bitwise_count(keep).astype(np.int64), starts)
    bad: npt.NDArray[np.bool_] = np.logical_or.reduceat(bad_beat, starts)
    return bad | (elements > cfg.max_len)


def unpack(beats: Beats, cfg: Config) -> Rows:
    """Undo :func:`pack`.

    Raises:
        ValueError: a row is malformed, or the last one does not end.
    """
    if malformed(beats, cfg).any():
        raise ValueError("a malformed row has no elements")
    present = _unpack_bits(beats.tkeep, cfg.lanes)
    lanes = _unpack_lanes(beats.tdata, cfg.lanes, cfg.in_w, signed=True)
    masked = _unpack_bits(beats.tuser, cfg.lanes)
    return Rows(lanes[present], ~masked[present], _offsets(beats))


def _offsets(beats: Beats) -> npt.NDArray[np.int64]:
    lengths = np.add.reduceat(np.bitwise_count(beats.tkeep).astype(np.int64), beats.starts)
    return np.concatenate([[0], np.cumsum(lengths)])


@dataclass(frozen=True)
class Probabilities:
    """Rows of ``m_axis``, end to end; a row with its error flag set has no elements."""

    y: npt.NDArray[np.uint16]
    """Raw probabilities, shape [elements]."""
    offsets: npt.NDArray[np.int64]
    """Start of each row, and the end of the last; shape [rows + 1]."""
    error: npt.NDArray[np.bool_]
    """Shape [rows]."""
    exponent: npt.NDArray[np.uint8]
    """Shape [rows]."""


def unpack_probabilities(beats: Beats, cfg: Config) -> Probabilities:
    """The rows that ``m_axis`` carried.

    Raises:
        ValueError: the last row does not end, or a row's status changes within it.
    """
    starts = beats.starts
    if len(starts) == 0:
        empty = np.zeros(0, np.uint16)
        return Probabilities(empty, np.zeros(1, np.int64), empty > 0, empty.astype(np.uint8))
    status = beats.tuser[starts]
    if (np.repeat(status, np.diff([*starts, len(beats)])) != beats.tuser).any():
        raise ValueError("m_axis_tuser changes within a row")
    lanes = _unpack_lanes(beats.tdata, cfg.lanes, cfg.out_w, signed=False)
    return Probabilities(
        lanes[_unpack_bits(beats.tkeep, cfg.lanes)].astype(np.uint16),
        _offsets(beats),
        (status & ERROR_BIT).astype(np.bool_),
        (status >> EXPONENT_SHIFT).astype(np.uint8),
    )
