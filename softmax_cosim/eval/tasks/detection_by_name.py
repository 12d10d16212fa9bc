"""What is where? The user's own DETR, or one like it, on COCO's images or those laid out like them.

Pictures go through the model one by one, so that no answer depends on another picture's padding.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from softmax_cosim.adapters import pretrained, sha256
from softmax_cosim.adapters.detector import Detector, measured, opened
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Source, Task
from softmax_cosim.eval.average_precision import Detection, agreement, metrics
from softmax_cosim.eval.coco import ANNOTATIONS, IMAGES, Coco, Image

NAMED = 5
"""Images that cannot be read are named, at most so many of them."""


def make(source: Source) -> Task:
    """Read the annotations, look at every image, load the model.

    Raises:
        UsageError: the folder is not laid out as COCO's, an annotation is bad, no image can be
            read; the model lacks a file, weights or a category.
    """
    return ByName(source)


class ByName:
    """See :class:`.eval.Task`. A prediction is a list of detections, the surest first."""

    batch = 4

    def __init__(self, source: Source) -> None:
        """Read and look at everything; see :func:`make`."""
        coco = Coco(source.data)
        folder = pretrained.find(source.model, hub=source.hub)
        self._detector = Detector(folder)
        self._category = _categories(coco, self._detector.labels, source.model)
        self._images, unreadable, images = _looked_at(coco)
        if not self._images:
            raise UsageError(
                f"none of the {len(unreadable)} images of {coco.path} can be read in "
                f"{coco.folder}; the first is {unreadable[0]}"
            )
        name = Path(source.model).resolve().name if Path(source.model).is_dir() else source.model
        self.name = re.sub(r"[^\w.-]+", "_", f"detection-{name}")
        self.title = f"{source.model}: objects on the images of {source.data}"
        self.source = (
            f"{source.model} on {source.data} ({ANNOTATIONS}), {len(self._images):,} images"
        )
        if unreadable:
            names = ", ".join(unreadable[:NAMED])
            more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
            self.source += (
                f"; left out, as they cannot be read, {len(unreadable)} of {len(coco.images)}: "
                f"{names}{more}"
            )
        self.hashes = {
            **pretrained.hashes(folder),
            f"data/{ANNOTATIONS}": sha256(coco.path),
            f"data/{IMAGES}/*": images,
        }
        self.metrics = metrics([image.objects for image in self._images], len(coco.categories))

    def __len__(self) -> int:
        """Images that can be read."""
        return len(self._images)

    def predict(self, examples: range, softmax: Softmax | None) -> list[list[Detection]]:
        """The detections of each image; what is no category of the data is dropped."""
        found: list[list[Detection]] = []
        for i in examples:
            (seen,) = self._detector.detect([opened(self._images[i].path.read_bytes())], softmax)
            found.append(
                [[self._category[one[0]], *one[1:]] for one in seen if one[0] in self._category]
            )
        return found

    def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
        """Detections that both make, out of those that either makes."""
        return agreement(ours, float_)


def _categories(coco: Coco, labels: dict[int, str], model: str) -> dict[int, int]:
    """Place of the category that each class of the model stands for.

    By number, if every category has its name under its number; else by name.
    """
    if all(labels.get(number) == name for number, name in coco.categories.items()):
        return {number: place for place, number in enumerate(coco.categories)}
    found = {}
    for place, name in enumerate(coco.categories.values()):
        same = [number for number, label in labels.items() if label == name]
        if len(same) != 1:
            some = ", ".join(list(labels.values())[:NAMED])
            coco.refuse(
                f"categories[{place}]",
                f"the model {model} has {len(same) or 'no'} class{'es' * (len(same) > 1)} called "
                f"{name!r}; its classes are {some}, ...",
            )
        found[same[0]] = place
    return found


def _looked_at(coco: Coco) -> tuple[list[Image], list[str], str]:
    """Images that can be read, the names of those that cannot, and SHA-256 of all that is there."""
    good, bad, digest = [], [], hashlib.sha256()
    for image in coco.images:
        try:
            data = image.path.read_bytes()
            digest.update(data)
            size = measured(data)
        except OSError:
            bad.append(image.path.name)
            continue
        if image.size is not None and image.size != size:
            coco.refuse(
                image.place,
                f"width and height are {image.size[0]} and {image.size[1]}, those of "
                f"{image.path.name} {size[0]} and {size[1]}",
            )
        good.append(image)
    return good, bad, digest.hexdigest()
