"""A translator of the user's own on sentences of the user's own: WMT14, WMT17 or two text files."""

from __future__ import annotations

import numpy as np

from softmax_cosim.adapters import pretrained, sha256
from softmax_cosim.adapters.translator import Translator
from softmax_cosim.configs import UsageError
from softmax_cosim.eval import Source, Task
from softmax_cosim.eval.tasks import bitext
from softmax_cosim.eval.tasks.translation import Translation

SEED = 0
"""Test sets are in the order of documents; the task takes their sentences in a drawn one."""


def make(source: Source) -> Task:
    """Read the sentences and load the model.

    Args:
        source: its variant is the pair of languages, as ``en-de``; empty where the data say it.

    Raises:
        UsageError: files that are missing, damaged or do not match, weights that are missing, a
            sentence that the model cannot take.
    """
    data = bitext.read(source.data, source.variant)
    folder = pretrained.find(source.model, hub=source.hub)
    model = Translator(folder, data.languages)
    for number, wrong in enumerate(model.check([row[0] for row in data.rows]), 1):
        if wrong:
            raise UsageError(f"{data.files[0]}, line {number}: {wrong}")
    order = np.random.default_rng(SEED).permutation(len(data.rows))
    pair = "-".join(data.languages) if data.languages else ""
    task = Translation(
        f"translation-{pair}" if pair else "translation",
        f"{folder.name}: sentences{f', {pair}' if pair else ''}",
        f"{source.model}; {', '.join(path.name for path in data.files)}",
        [data.rows[place] for place in order],
        model.translate,
        target=data.languages[1][:2] if data.languages else "",
    )
    task.hashes = pretrained.hashes(folder) | {f"data/{p.name}": sha256(p) for p in data.files}
    return task
