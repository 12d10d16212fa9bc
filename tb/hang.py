"""What to say of a design that stands still; the same for every transport."""

from __future__ import annotations

__all__ = ["describe"]


def describe(
    patience: int,
    *,
    rows: int,
    taken: tuple[int, int],
    given: tuple[int, int],
    handshakes: str,
) -> str:
    """Name the direction, the row and the handshakes at which a batch stands.

    As long as the design owes output of a row it took whole, the output is what stands: it may
    well stop taking more.

    Args:
        patience: cycles without a beat in either direction.
        rows: of the batch.
        taken: rows the design took whole, and beats of the next one.
        given: rows that came out whole, and beats of the next one.
        handshakes: valid and ready of both streams.
    """
    owes = given[0] < taken[0]
    direction, (row, beat) = ("output", given) if owes else ("input", taken)
    return (
        f"no progress for {patience} cycles: the {direction} of row {row} stands before its "
        f"beat {beat}; {taken[0]} of {rows} rows went in, {given[0]} came out; {handshakes}"
    )
