"""SolTranNet, a molecule Transformer that predicts solubility: 8 layers of 2 heads.

A line is a molecule in SMILES; each of its atoms and one dummy is a key, and molecules are padded
to the largest. The package's model and its atom features are used as they are; its ``__init__`` is
not run, since it wants ``pkg_resources``, which setuptools no longer has.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import numpy as np

from softmax_cosim.adapters import (
    Adapter,
    Batch,
    Float,
    package_file,
    require,
    sha256,
    torch_module,
)
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Recorder, Softmax

PACKAGE, VERSION = "soltrannet", "1.0.0"
LAYERS, FEATURES = 8, 28
"""Attention layers; features of an atom, the one that marks the dummy included."""


def make() -> Adapter:
    """Load model and features.

    Raises:
        UsageError: torch, rdkit or the package is not installed.
    """
    return SolTranNet()


class SolTranNet:
    """The molecule Transformer; see :class:`.adapters.Adapter`."""

    example = "soltrannet.txt"

    def __init__(self) -> None:
        """Load model and features."""
        self._torch = require("torch", "torch")
        self._torch.set_num_threads(1)  # the sums of a run then have one order
        self._chemistry = require("rdkit.Chem", "chemistry")
        require("rdkit.RDLogger", "chemistry").DisableLog("rdApp.*")
        weights = package_file(PACKAGE, VERSION, "soltrannet_aqsol_trained.weights")
        self.model = "SolTranNet (soltrannet_aqsol_trained)"
        self.source = f"PyPI {PACKAGE}=={VERSION} (Apache-2.0)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "Apache-2.0",
            "weights_sha256": sha256(weights),
            "layers": ", ".join(f"encoder.layers.{index}.self_attn" for index in range(LAYERS)),
        }
        self._features = _module("data_utils").featurize_mol
        self._model = _module("transformer").make_model().eval()
        self._model.load_state_dict(self._torch.load(weights, map_location="cpu"))

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Features and, beside them, neighbours of each atom, [lines, atoms, 28 + atoms]."""
        molecules = [self._chemistry.MolFromSmiles(line) for line in lines]
        for number, (line, molecule) in enumerate(zip(lines, molecules, strict=True), 1):
            if molecule is None or not molecule.GetNumAtoms():
                raise UsageError(f"line {number} is no molecule in SMILES: {line!r}")
        graphs = [self._features(molecule, True) for molecule in molecules]
        keys = max(len(features) for features, _ in graphs)
        inputs = np.zeros((len(lines), keys, FEATURES + keys), np.float32)
        for place, (features, neighbours) in zip(inputs, graphs, strict=True):
            place[: len(features), :FEATURES] = features
            place[: len(features), FEATURES : FEATURES + len(features)] = neighbours
        return Batch(inputs, np.any(inputs[:, None, None, :, :FEATURES], axis=-1))

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Logarithm of the solubility in mol/l, [lines, 1], and the scores of the 8 layers."""
        assert batch.mask is not None
        recorder = Recorder(softmax)
        heard = recorder if tap else softmax
        parts = self._torch.from_numpy(batch.inputs).split([FEATURES, batch.inputs.shape[1]], -1)
        atoms = self._torch.from_numpy(batch.mask[:, 0, 0])
        with (
            self._torch.no_grad(),
            torch_module.patched(_masked(heard, batch.mask), within=self._model)
            if heard
            else nullcontext(),
        ):
            output: Float = self._model(parts[0], atoms, parts[1], None).numpy()
        return output, [call.scores for call in recorder.calls]


def _masked(softmax: Softmax, mask: Any) -> Softmax:
    """Tell the softmax what is hidden: the model itself writes -1e12 there, which is no mask."""
    return lambda scores, _: softmax(np.where(mask, scores, np.float32(0)), mask)


@functools.cache
def _module(name: str) -> ModuleType:
    """A module of the package, by itself."""
    path = package_file(PACKAGE, VERSION, f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"{PACKAGE}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
