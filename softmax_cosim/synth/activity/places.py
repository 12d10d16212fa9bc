"""Which stage of a design a cell of its flat netlist belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

__all__ = ["places"]

Path = tuple[str, ...]


def places(instances: Collection[str], cells: Sequence[str]) -> list[str]:
    """The stage of each cell; empty for what stands in the top module itself.

    A stage is an instance within the top module, with all that is in it; those of one name in
    generated blocks are one. One with more than half of all cells is opened: the instances within
    it are stages, and it is the stage of what is left.

    Args:
        instances: names, as the flat netlist has them.
        cells: likewise.
    """
    known = {_plain(name) for name in instances}
    paths = [_path(_plain(name), known) for name in cells]
    opened: Path = ()
    while largest := _largest(paths, opened):
        opened = largest
    return ["/".join(path[: _shared(path, opened) + 1]) for path in paths]


def _plain(name: str) -> str:
    r"""``$flatten\a.\b.$x`` as ``a.b.$x``."""
    return name.replace("$flatten", "").replace("\\", "")


def _path(name: str, instances: Collection[str]) -> Path:
    """The instances around a cell, without the generated blocks between them."""
    found: list[str] = []
    words = name.split(".")
    for count in range(1, len(words)):
        if ".".join(words[:count]) in instances:
            found.append(words[count - 1])
    return tuple(found)


def _largest(paths: Sequence[Path], opened: Path) -> Path:
    """The instance in ``opened`` with more than half of all cells; empty if there is none."""
    depth = len(opened) + 1
    counts = Counter(path[:depth] for path in paths if path[: depth - 1] == opened)
    return next(
        (path for path, count in counts.items() if len(path) == depth and 2 * count > len(paths)),
        (),
    )


def _shared(path: Path, opened: Path) -> int:
    """How many of the opened instances are around a cell."""
    count = 0
    while count < min(len(path), len(opened)) and path[count] == opened[count]:
        count += 1
    return count
