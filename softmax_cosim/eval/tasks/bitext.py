"""Sentences and their translations in a folder of text files, a sentence a line.

As sacrebleu lays out a test set (``wmt14/wmt14.en-de.src`` and ``.ref``, or ``.ref-0``, ``.ref-1``
where there are several; ``wmt14/en-de.en`` and ``en-de.de`` before its version 2), or ``src.txt``
and ``ref.txt``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import UsageError

__all__ = ["Bitext", "read"]

PLAIN = ("src.txt", "ref.txt")
PAIR = re.compile(r"[A-Za-z_]+-[A-Za-z_]+")


@dataclass(frozen=True)
class Bitext:
    """Sentences, each with its translations, and where they stand."""

    files: tuple[Path, ...]
    """That of the sentences first."""
    languages: tuple[str, str] | None
    """Of sentences and translations, if it is known."""
    rows: list[tuple[str, ...]]
    """A sentence and its translations, one or more."""


def read(folder: Path, pair: str = "") -> Bitext:
    """Read a folder.

    Args:
        folder: that holds the files.
        pair: of languages, as ``en-de``; empty for the only one there.

    Raises:
        UsageError: no such files, several pairs, a file that is no text, or files of which one
            has more lines than another.
    """
    if pair and not PAIR.fullmatch(pair):
        raise UsageError(f"{pair!r} is no pair of languages; write it as en-de")
    there = _sets(folder)
    plain = tuple(folder / name for name in PLAIN)
    if not there and all(path.is_file() for path in plain):
        there = {pair: plain}
    if not there:
        raise UsageError(
            f"{folder} holds no test set: no NAME.en-de.src with NAME.en-de.ref, no en-de.en with "
            f"en-de.de, no {PLAIN[0]} with {PLAIN[1]}"
        )
    if pair not in there and (pair or len(there) > 1):
        known = ", ".join(there)
        wanted = f"not {pair}" if pair else "choose one, as in translation:" + next(iter(there))
        raise UsageError(f"{folder} holds the pairs {known}; {wanted}")
    pair, files = (pair, there[pair]) if pair else next(iter(there.items()))
    texts = [_lines(path) for path in files]
    for path, lines in zip(files[1:], texts[1:], strict=True):
        _same_length(files[0], len(texts[0]), path, len(lines))
        _both_say_something(files[0], texts[0], path, lines)
    if not any(texts[0]):
        raise UsageError(f"{files[0]} is empty; give a sentence a line")
    source, _, target = pair.partition("-")
    return Bitext(files, (source, target) if pair else None, list(zip(*texts, strict=True)))


def _sets(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Files of each pair, those of the sentences first."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.glob("*.*-*.src")):
        stem = path.name.removesuffix(".src")
        pair = stem.rpartition(".")[2]
        references = [folder / f"{stem}.ref", *sorted(folder.glob(f"{stem}.ref-*"))]
        references = [reference for reference in references if reference.is_file()]
        if not references:
            raise UsageError(f"{path} has no {stem}.ref beside it, nor {stem}.ref-0")
        if pair in found:
            raise UsageError(
                f"{folder} holds two test sets of {pair}: {found[pair][0].name}, {path.name}; "
                "give a folder with one"
            )
        found[pair] = (path, *references)
    for path in sorted(folder.glob("*-*.*")):
        source, _, target = path.stem.partition("-")
        if PAIR.fullmatch(path.stem) and path.suffix == f".{source}":
            reference = path.with_suffix(f".{target}")
            if not reference.is_file():
                raise UsageError(f"{path} has no {reference.name} beside it")
            found.setdefault(path.stem, (path, reference))
    return found


def _lines(path: Path) -> list[str]:
    """The lines of a file, which end at line feeds alone, without blanks or a byte-order mark."""
    lines: list[str] = []
    try:
        with path.open("rb") as file:
            for line in file:
                lines.append(line.decode("utf-8" if lines else "utf-8-sig").strip())
    except UnicodeDecodeError:
        raise UsageError(f"{path}, line {len(lines) + 1}: not UTF-8; convert the file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return lines


def _both_say_something(path: Path, lines: list[str], other: Path, others: list[str]) -> None:
    for number, (line, text) in enumerate(zip(lines, others, strict=True), 1):
        if bool(line) != bool(text):
            blank, full = (path, other) if text else (other, path)
            raise UsageError(f"{blank}, line {number}: blank, and that of {full.name} is not")


def _same_length(path: Path, count: int, other: Path, others: int) -> None:
    if count != others:
        short, lines = (path, count) if count < others else (other, others)
        long, more = (other, others) if count < others else (path, count)
        raise UsageError(
            f"{long} has {more} lines and {short} {lines}: line {lines + 1} of {long.name} has "
            "nothing beside it"
        )
