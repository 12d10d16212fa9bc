"""Rows as a design takes them: filled up to its length, and in blocks.

A design of somebody's own may take rows of one length alone, or whole beats, or several rows at a
time. What is driven is then *framed*: a row is filled up with elements that take no part (with the
score ``fill``, if the design is not told which take part), rows are filled up to a block, and the
elements of a block are put in the order in which they go in. On the stream a block is one row.

The lowest score takes no part in a softmax. In another function it may: :func:`check` asks for a
``fill`` before what comes out is taken for that function of the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.rows import Raw, Results, Rows

__all__ = ["Frame", "Order", "check", "check_length", "driven_lengths", "frame", "is_framed"]

Ints = npt.NDArray[np.int64]


def is_framed(cfg: Config) -> bool:
    """Whether rows may be driven otherwise than they are."""
    return not cfg.mask or bool(cfg.length) or cfg.rows_per_block > 1 or _whole_beats(cfg)


@dataclass(frozen=True)
class Order:
    """The order of elements in blocks of rows of one length each."""

    rows_per_block: int
    lanes: int
    kind: str

    @classmethod
    def of(cls, cfg: Config) -> Order:
        """That of a configuration."""
        return cls(cfg.rows_per_block, cfg.lanes, cfg.block_order)

    def places(self, offsets: Ints) -> Ints:
        """Where each driven element is in the rows one after the other, shape [elements].

        ``offsets`` are those of blocks, shape [blocks + 1].
        """
        if self.kind == "rows" or self.rows_per_block == 1:
            return np.arange(offsets[-1])
        sizes = np.diff(offsets)
        blocks = np.repeat(np.arange(len(sizes)), sizes)
        at = np.arange(offsets[-1]) - offsets[blocks]
        run = self.lanes if self.kind == "beats" else 1
        turn, within = at // run, at % run
        row, part = turn % self.rows_per_block, turn // self.rows_per_block
        places: Ints = (
            offsets[blocks] + row * (sizes[blocks] // self.rows_per_block) + part * run + within
        )
        return places


@dataclass(frozen=True)
class Frame:
    """How rows of a batch are driven."""

    filled: Rows
    """Rows filled up, blocks too, in their own order: what the golden model sees."""
    driven: Rows
    """What goes in: a row is a block."""
    source: Ints
    """Place in ``filled`` of each element of the batch, shape [elements]."""
    places: Ints
    """Place in ``filled`` of each driven element."""
    rows: int
    rows_per_block: int

    def outputs(self, y: Raw) -> Raw:
        """Of what is known of each filled element, what belongs to the batch; shape [elements]."""
        return y[self.source]

    def results(self, results: Results) -> Results:
        """What belongs to rows of what came out of blocks; a row has its block's cycles."""
        y = np.empty_like(results.y)
        y[self.places] = results.y
        block = np.arange(self.rows) // self.rows_per_block
        per_row = ("error", "exponent", "first_in", "last_in", "first_out", "last_out")
        return replace(
            results,
            y=self.outputs(y),
            **{name: getattr(results, name)[block] for name in per_row},
        )


def frame(cfg: Config, rows: Rows) -> Frame:
    """How the design of a configuration takes these rows."""
    size = cfg.rows_per_block
    added = np.zeros(-len(rows) % size, np.int64)
    lengths = np.concatenate([_filled(cfg, rows.lengths), added])
    # The rows of a block are of one length, the longest's.
    lengths = np.repeat(lengths.reshape(-1, size).max(axis=1), size)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    shift = offsets[: len(rows)] - rows.offsets[:-1]
    source = np.arange(len(rows.q)) + np.repeat(shift, rows.lengths)
    q = np.full(offsets[-1], cfg.fill_code, np.int32)
    q[source] = rows.q
    keep = np.zeros(offsets[-1], np.bool_)
    keep[source] = rows.keep
    if not cfg.mask:
        q[~keep] = cfg.fill_code
        keep[:] = True
    filled = Rows(q, keep, offsets)
    blocks = offsets[::size]
    places = Order.of(cfg).places(blocks)
    driven = Rows(q[places], keep[places], blocks)
    return Frame(filled, driven, source, places, len(rows), size)


def check(cfg: Config, rows: Rows) -> None:
    """Refuse elements that take no part and would count, as nobody says with which score.

    Raises:
        UsageError: naming the length of a row, or that elements are masked.
    """
    if not _counts(cfg):
        return
    for length in np.unique(rows.lengths):
        check_length(cfg, int(length))
    if not rows.keep.all():
        raise UsageError(
            f"{cfg.name}: elements are masked, which the design is not told, and {cfg.reference} "
            "is no softmax, to which the lowest score is nothing; say which score they have: "
            "fill = SCORE"
        )


def check_length(cfg: Config, length: int) -> None:
    """As :func:`check`, of rows of this length.

    Raises:
        UsageError: they would be filled up.
    """
    if _counts(cfg) and (filled := int(_filled(cfg, np.array([length]))[0])) > length:
        raise UsageError(
            f"{cfg.name}: rows of {length} elements would be filled up to {filled}, and "
            f"{cfg.reference} is no softmax, to which the lowest score is nothing; say which score "
            f"fills them: fill = SCORE, or give rows of {filled}"
        )


def _counts(cfg: Config) -> bool:
    """Whether what fills rows up is part of what is computed, and nobody says what it is."""
    return not cfg.mask and cfg.fill == "" and cfg.reference != "softmax"


def driven_lengths(cfg: Config, lengths: Ints) -> Ints:
    """Elements that go in with each of some rows, all of one length, a block being a row; [rows].

    Args:
        cfg: the configuration.
        lengths: of the rows, [rows].
    """
    return _filled(cfg, lengths) * cfg.rows_per_block


def _filled(cfg: Config, lengths: Ints) -> Ints:
    """Elements of rows that are filled up."""
    if cfg.length:
        lengths = np.full_like(lengths, cfg.length)
    return -(-lengths // cfg.lanes) * cfg.lanes if _whole_beats(cfg) else lengths


def _whole_beats(cfg: Config) -> bool:
    """Whether the design is not told how much of a row's last beat counts."""
    ports = cfg.design.ports if cfg.design else None
    return ports is not None and not ports.in_keep and not ports.in_length
