"""Marian on better prose than a program's messages: the Debian handbook and its translation.

Not among the tasks by name, as the text comes from Debian and not from PyPI: ``make eval-handbook``
fetches the package ``debian-handbook`` where there is apt, and unpacks it into ``build/handbook``.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np

from softmax_cosim.configs import UsageError
from softmax_cosim.eval import Task
from softmax_cosim.eval.tasks.translation import SEED, Pair, marian, prose

FOLDER = Path("build/handbook/usr/share/doc/debian-handbook/html")
PARAGRAPH = re.compile(r'<div class="para">(.*?)</div>', re.DOTALL)
MARKUP = re.compile(r"<[^>]*>")
BETWEEN = re.compile(r"(?<=[.!?]) +(?=[A-ZÀ-Ý])")
"""Two sentences."""
DATA = "the Debian handbook (GPL-2.0+ or CC-BY-SA-3.0)"


def make() -> Task:
    """English to Portuguese.

    Raises:
        UsageError: the handbook is not there, or the model or sacrebleu is not installed.
    """
    return marian("handbook", "enpt", sentences(FOLDER), DATA)


def make_pten() -> Task:
    """Portuguese to English.

    Raises:
        UsageError: the handbook is not there, or the model or sacrebleu is not installed.
    """
    return marian("handbook-pten", "pten", sentences(FOLDER), DATA)


def sentences(folder: Path) -> list[Pair]:
    """Sentences of the handbook in English and Portuguese, in a drawn order.

    The n-th paragraph of a page goes with the n-th of the other language's, and so do their
    sentences, where there are as many; those that were not translated are left out.

    Raises:
        UsageError: there are no pages in the folder.
    """
    pages = sorted((folder / "en-US").glob("*.html"))
    if not pages:
        raise UsageError(f"the handbook is not in {folder}; run: make eval-handbook")
    found = dict[str, str]()
    for page in pages:
        other = folder / "pt-BR" / page.name
        if not other.is_file():
            continue
        both = [PARAGRAPH.findall(path.read_text(encoding="utf-8")) for path in (page, other)]
        if len(both[0]) != len(both[1]):
            continue
        for paragraphs in zip(*both, strict=True):
            english, portuguese = (BETWEEN.split(_text(part)) for part in paragraphs)
            if len(english) == len(portuguese):
                found.update(zip(english, portuguese, strict=True))
    pairs = [pair for pair in sorted(found.items()) if pair[0] != pair[1] and prose(*pair)]
    return [pairs[place] for place in np.random.default_rng(SEED).permutation(len(pairs))]


def _text(markup: str) -> str:
    return " ".join(html.unescape(MARKUP.sub("", markup)).split())
