"""Names of files, told apart: what results are kept under must mean one thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

__all__ = ["distinct_files", "ends"]


def distinct_files(
    given: Iterable[str], path_of: Callable[[str], Path] = Path
) -> tuple[list[str], list[str]]:
    """The first word for each file, and a sentence for each other word for the same file."""
    found: dict[Path, str] = {}
    again = []
    for word in dict.fromkeys(given):
        first = found.setdefault(path_of(word).resolve(), word)
        if first != word:
            again.append(f"{word} is the same file as {first}: played once")
    return list(found.values()), again


def ends(paths: Sequence[Path]) -> list[str]:
    """Names of different files: of each the end of its path that no other one has.

    Without suffix, unless the suffix alone tells two of them apart.
    """
    bare = [path.resolve().with_suffix("") for path in paths]
    if len(set(bare)) < len(bare):
        bare = [path.resolve() for path in paths]
    kept = [1] * len(bare)
    while True:
        names = ["/".join(path.parts[1:][-n:]) for path, n in zip(bare, kept, strict=True)]
        times = Counter(names)
        if len(times) == len(names):
            return names
        kept = [n + (times[name] > 1) for name, n in zip(names, kept, strict=True)]
