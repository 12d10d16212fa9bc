"""Which digits are where? A small Conditional DETR of our own, on scenes that were made up.

The model is trained by ``training/detection.py``; it shows what a softmax does to a detection
Transformer, and refutes nothing that is said of DETR on COCO. Scenes, digits and pixels under test
were not trained on.
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


def make() -> Task:
    """Draw the scenes and look for the model.

    Raises:
        UsageError: digits, photographs or torch are not installed.
    """
    return Digits()


class Digits:
    """See :class:`.eval.Task`. A prediction is a list of detections, the surest first."""

    name = "detection"
    title = "a small DETR of our own: digits on photographs, not COCO"
    batch = 10

    def __init__(self) -> None:
        """Draw the scenes and look for the model."""
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
        return [[list(one) for one in scene] for scene in found]

    def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
        """Detections that both make, out of those that either makes."""
        return agreement(ours, float_)

    @cached_property
    def _detector(self) -> Detector:
        return Detector(MODEL)
