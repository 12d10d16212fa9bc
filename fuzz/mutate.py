"""Inputs that are nearly right: bytes of a seed changed, or values of a tree of plain data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

__all__ = ["NASTY", "data", "tree"]

#: What readers of numbers and names stumble over.
NASTY: Sequence[Any] = (
    *(0, -1, 1, 2, 3, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63)),
    *(
        0.0,
        -0.0,
        0.5,
        1e308,
        5e-324,
        True,
        False,
        None,
        "",
        "0",
        "-1",
        "nan",
        "None",
        "\0",
        "é",
        "😀",
    ),
    *([], {}, [[]], [0], [1, 1, 1, 1], {"a": 1}, "x" * 300, "9" * 5_000, "../..", "/dev/null"),
)
_BYTES = (b"\0", b"\xff", b'"', b"{", b"}", b"[", b"]", b",", b"=", b"\n", b"\\", b"9" * 20)


def data(seed: bytes, rng: random.Random) -> bytes:
    """Bytes with a few places changed, cut, doubled, or taken from elsewhere."""
    found = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        place = rng.randrange(len(found) + 1)
        how = rng.randrange(8)
        if how == 0 and found:
            found[place % len(found)] ^= 1 << rng.randrange(8)
        elif how == 1 and found:
            found[place % len(found)] = rng.randrange(256)
        elif how == 2:
            del found[place : place + rng.choice((1, 1, 4, 40))]
        elif how == 3:
            found[place:place] = found[place : place + rng.choice((1, 4, 40))]
        elif how == 4:
            found[place:place] = rng.choice(_BYTES) * rng.choice((1, 1, 2, 40))
        elif how == 5:
            del found[place:]
        elif how == 6:
            other = rng.randrange(len(found) + 1)
            found[place : place + 8] = found[other : other + 8]
        else:
            found[:8] = rng.choice((0, 1, len(found), 2**31, 2**63, 2**64 - 1)).to_bytes(
                8, "little"
            )
    return bytes(found)


def tree(value: Any, rng: random.Random) -> Any:
    """A copy of nested dictionaries and lists with one value, key or entry another one."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(NASTY)
    if isinstance(value, list):
        place, how = rng.randrange(len(value)), rng.randrange(4)
        if how == 0:
            return value[:place] + value[place + 1 :]
        if how == 1:
            return [*value[:place], value[place], *value[place:]]
        return [*value[:place], tree(value[place], rng), *value[place + 1 :]]
    key, how = rng.choice(list(value)), rng.randrange(6)
    changed = dict(value)
    if how == 0:
        del changed[key]
    elif how == 1:
        changed[str(rng.choice(NASTY))] = changed[key]
    elif how == 2:
        changed[str(key)[:-1] + rng.choice("0s.ä")] = changed.pop(key)
    elif how == 3:
        words = str(key).split(".")
        words[rng.randrange(len(words))] = str(rng.choice(NASTY))
        changed[".".join(words)] = changed.pop(key)
    else:
        changed[key] = tree(value[key], rng)
    return changed
