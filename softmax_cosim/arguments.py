"""Types of command-line arguments."""

from __future__ import annotations

__all__ = ["count", "numbers"]


def numbers(text: str) -> tuple[int, ...]:
    """Numbers from 0 up, separated by commas."""
    found = tuple(int(word) for word in text.split(","))
    if min(found) < 0:
        raise ValueError
    return found


def count(text: str) -> int:
    """A number from 1 up."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# argparse names the type in its error.
numbers.__name__ = "list of numbers"
count.__name__ = "positive number"
