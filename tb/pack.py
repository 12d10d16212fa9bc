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
from softmax_cosim.golden import framing
from softmax_cosim.golden.rows import Raw, Rows

__all__ = ["Beat", "Beats", "Probabilities", "malformed", "pack", "unpack", "unpack_probabilities"]

#: One beat as Python integers: tdata, tkeep, tuser, tlast.
Beat = tuple[int, int, int, int]

#: Bits of a beat: uint32, or Python integers where there are more than 32 lanes.
Flags = npt.NDArray[np.uint32] | npt.NDArray[np.object_]

#: ``m_axis_tuser``: the error flag in bit 0, the row exponent above it.
ERROR_BIT = 1
EXPONENT_SHIFT = 1


@dataclass(frozen=True)
class Beats:
    """Beats of one stream, in order; a row ends where ``tlast`` is set."""

    tdata: npt.NDArray[np.uint32]
    """Shape [beats, words]."""
    tkeep: Flags
    """One bit a lane, shape [beats]."""
    tuser: Flags
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
            _flags(keep),
            _flags(user),
            np.array(last, np.bool_),
        )


def _words(bits: int) -> int:
    return -(-bits // 32)


def _flags(values: Sequence[int]) -> Flags:
    """Bits of beats given as integers."""
    narrow = max(values, default=0) < 2**32
    return np.array(values, np.uint32) if narrow else np.array(values, np.object_)


def _pack_lanes(values: npt.NDArray[np.integer], width: int) -> npt.NDArray[np.uint32]:
    """Low ``width`` bits of each lane, side by side: [beats, lanes] to [beats, words]."""
    beats, lanes = values.shape
    if width in _PLAIN:
        dense = values.astype(_PLAIN[width]).view(np.uint8)
    else:
        raw = values.astype("<u4").view(np.uint8).reshape(beats, lanes, 4)
        bits = np.unpackbits(raw, axis=2, count=width, bitorder="little")
        dense = np.packbits(bits.reshape(beats, lanes * width), axis=1, bitorder="little")
    padded = np.zeros((beats, 4 * _words(lanes * width)), np.uint8)
    padded[:, : dense.shape[1]] = dense
    return padded.view(np.uint32)


def _unpack_lanes(
    words: npt.NDArray[np.uint32], lanes: int, width: int, *, signed: bool
) -> npt.NDArray[np.int64]:
    """Undo :func:`_pack_lanes`: [beats, words] to [beats, lanes]."""
    size = -(-lanes * width // 8)
    dense = np.ascontiguousarray(np.ascontiguousarray(words).view(np.uint8)[:, :size])
    if width in _PLAIN:
        values = dense.view(_PLAIN[width]).astype(np.int64)
    else:
        bits = np.unpackbits(dense, axis=1, count=lanes * width, bitorder="little")
        raw = np.packbits(bits.reshape(-1, lanes, width), axis=2, bitorder="little")
        wide = np.zeros((*raw.shape[:2], 4), np.uint8)
        wide[:, :, : raw.shape[2]] = raw
        values = wide.view("<u4")[:, :, 0].astype(np.int64)
    sign = np.int64(1 << (width - 1)) if signed else np.int64(0)
    return (values ^ sign) - sign


#: Lanes that are whole numbers of the machine.
_PLAIN = {8: np.uint8, 16: np.uint16, 32: np.uint32}


def _pack_bits(bits: npt.NDArray[np.integer]) -> Flags:
    """One bit a lane: [beats, lanes] to [beats]."""
    words = _pack_lanes(bits, 1)
    if words.shape[1] == 1:
        return words[:, 0]
    return np.array([int.from_bytes(beat.tobytes(), "little") for beat in words], np.object_)


def _unpack_bits(bits: Flags, lanes: int) -> npt.NDArray[np.bool_]:
    """Undo :func:`_pack_bits`."""
    if bits.dtype == np.object_:
        size = -(-lanes // 8)
        raw = np.array([list(int(beat).to_bytes(size, "little")) for beat in bits], np.uint8)
        return np.unpackbits(raw, axis=1, count=lanes, bitorder="little").astype(np.bool_)
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
    keep, mask = (_pack_bits(flag.reshape(-1, cfg.lanes)) for flag in flags)
    return Beats(_pack_lanes(lanes.reshape(-1, cfg.lanes), cfg.in_w), keep, mask, last)


def malformed(beats: Beats, cfg: Config) -> npt.NDArray[np.bool_]:
    """Which rows of ``s_axis`` break the stream's rules, shape [rows].

    A row is too long, or has a hole in ``tkeep``, a partial beat before its last, or a last beat
    without an element.
    """
    keep = _unpack_bits(beats.tkeep, cfg.lanes)
    hole = (keep[:, 1:] & ~keep[:, :-1]).any(axis=1)
    bad_beat = np.where(beats.tlast, hole | ~keep[:, 0], ~keep.all(axis=1))
    starts = beats.starts
    elements = np.add.reduceat(np.count_nonzero(keep, axis=1), starts)
    bad: npt.NDArray[np.bool_] = np.logical_or.reduceat(bad_beat, starts)
    return bad | (elements > _longest(cfg))


def _longest(cfg: Config) -> int:
    """Elements of the longest row of the stream; a block of rows is one."""
    longest = cfg.max_len
    if cfg.design is not None and framing.is_framed(cfg):
        longest = -(-longest // cfg.lanes) * cfg.lanes
    return longest * cfg.rows_per_block


def unpack(beats: Beats, cfg: Config) -> Rows:
    """Undo :func:`pack`.

    Raises:
        ValueError: a row is malformed, or the last one does not end.
    """
    if malformed(beats, cfg).any():
        raise ValueError("a malformed row has no elements")
    present = _unpack_bits(beats.tkeep, cfg.lanes)
    signed = cfg.inputs.lowest < 0 or cfg.in_w == 32  # a pattern of 32 bits is kept as int32
    lanes = _unpack_lanes(beats.tdata, cfg.lanes, cfg.in_w, signed=signed)
    masked = _unpack_bits(beats.tuser, cfg.lanes)
    return Rows(lanes[present].astype(np.int32), ~masked[present], _offsets(beats, cfg.lanes))


def _offsets(beats: Beats, lanes: int) -> npt.NDArray[np.int64]:
    present = np.count_nonzero(_unpack_bits(beats.tkeep, lanes), axis=1)
    lengths = np.add.reduceat(present, beats.starts)
    return np.concatenate([[0], np.cumsum(lengths)])


@dataclass(frozen=True)
class Probabilities:
    """Rows of ``m_axis``, end to end; a row with its error flag set has no elements."""

    y: Raw
    """Raw outputs, shape [elements]."""
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
        empty = np.zeros(0, cfg.raw)
        return Probabilities(empty, np.zeros(1, np.int64), empty > 0, empty.astype(np.uint8))
    status = beats.tuser[starts].astype(np.uint32)
    if (np.repeat(status, np.diff([*starts, len(beats)])) != beats.tuser).any():
        raise ValueError("m_axis_tuser changes within a row")
    lanes = _unpack_lanes(beats.tdata, cfg.lanes, cfg.out_w, signed=False)
    return Probabilities(
        lanes[_unpack_bits(beats.tkeep, cfg.lanes)].astype(cfg.raw),
        _offsets(beats, cfg.lanes),
        (status & ERROR_BIT).astype(np.bool_),
        (status >> EXPONENT_SHIFT).astype(np.uint8),
    )
