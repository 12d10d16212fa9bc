"""Types of command-line arguments."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["count", "numbers", "spans"]


def numbers(text: str) -> tuple[int, ...]:
    """Numbers from 0 up, and ranges of them (``3-7``), separated by commas."""
    found: list[int] = []
    for word in text.split(","):
        first, dash, last = word.partition("-")
        low, high = int(first), int(last if dash else first)
        if not 0 <= low <= high:
            raise ValueError
        found += range(low, high + 1)
    return tuple(found)


def spans(numbers: Iterable[int]) -> str:
    """Rising numbers as :func:`numbers` reads them, neighbours as ranges."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def count(text: str) -> int:
    """A number from 1 up."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# argparse names the type in its error.
numbers.__name__ = "list of numbers"
count.__name__ = "positive number"
