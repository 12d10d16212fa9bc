"""Which digits are where? A small Conditional DETR of our own, on scenes that were made up.

The model is trained by ``training/detection.py``; it shows what a softmax does to a detection
Transformer, and refutes nothing that is said of DETR on COCO. Scenes, digits and pixels under test
were not trained on.

``detection-dc5`` is the same model with the last stage of its backbone dilated, as in DETR-DC5:
four times the keys, nothing trained anew.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from softmax_cosim.adapters import pretrained
from softmax_cosim.adapters.detector import Detector
from softmax_cosim.adapters.scenes import SOURCE, Scenes
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Task
from softmax_cosim.eval.average_precision import Detection, Objects, agreement, metrics
from softmax_cosim.paths import PACKAGE

SCENES = 500
MODEL = PACKAGE / "models" / "detection"


SHIFT = 2.5
"""Pixels to the right and down that boxes are moved with finer cells: positions count cells to
their far ends, and a finer cell ends nearer to what it sees. Of 0 to 4 in halves, this fits the
first 100 scenes of training best (AP 57.1, and 61.3 with coarse cells)."""


def make() -> Task:
    """Draw the scenes and look for the model: rows of up to 144 keys.

    Raises:
        UsageError: digits, photographs or torch are not installed.
    """
    return Digits("detection")


def make_dilated() -> Task:
    """The same with finer cells: rows of up to 576 keys.

    Raises:
        UsageError: digits, photographs or torch are not installed.
    """
    return Digits("detection-dc5", dilated=True)


class Digits:
    """See :class:`.eval.Task`. A prediction is a list of detections, the surest first."""

    batch = 10

    def __init__(self, name: str, *, dilated: bool = False) -> None:
        """Draw the scenes and look for the model.

        Args:
            name: of the task.
            dilated: cells of 4 pixels instead of 8.
        """
        self.name, self._dilated = name, dilated
        kind = "DETR-DC5" if dilated else "DETR"
        self.title = f"a small {kind} of our own: digits on photographs, not COCO"
        self.hashes = pretrained.hashes(MODEL)
        every = Scenes()
        self._scenes = [every.scene("test", number) for number in range(SCENES)]
        self.source = (
            f"Conditional DETR of 0.5 M parameters, trained by training/detection.py; {SOURCE}; "
            f"{SCENES} scenes, {sum(len(scene.classes) for scene in self._scenes):,} digits"
        )
        self.metrics = metrics(
            [
                Objects(scene.boxes, scene.classes, np.zeros(len(scene.classes), np.bool_))
                for scene in self._scenes
            ],
            10,
        )

    def __len__(self) -> int:
        """Scenes."""
        return len(self._scenes)

    def predict(self, examples: range, softmax: Softmax | None) -> list[list[Detection]]:
        """The detections of each scene."""
        found = self._detector.detect([self._scenes[i].pixels for i in examples], softmax)
        by = SHIFT if self._dilated else 0.0
        return [
            [
                [kind, score, round(x + by, 3), round(y + by, 3), *size]
                for kind, score, x, y, *size in scene
            ]
            for scene in found
        ]

    def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
        """Detections that both make, out of those that either makes."""
        return agreement(ours, float_)

    @cached_property
    def _detector(self) -> Detector:
        return Detector(MODEL, dilated=self._dilated)
