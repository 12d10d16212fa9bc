"""Object detectors of transformers: DETR and those like it, from a folder."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.adapters import huggingface, pretrained, require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["Detector", "measured", "opened"]

Bytes = npt.NDArray[np.uint8]
BEST = 100
"""Detections of a picture, the surest."""
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
PROBE = np.zeros((48, 64, 3), np.uint8)


class Detector:
    """A model and the processor of its pictures, which also reads its answers."""

    def __init__(self, folder: Path, *, dilated: bool = False) -> None:
        """Load both.

        Args:
            folder: as :func:`.pretrained.find` gave it.
            dilated: let the last stage of a ResNet dilate its kernels where it would halve the
                picture, as DETR-DC5 does: four times the keys.

        Raises:
            UsageError: a file is missing or damaged, weights are missing, or it is no detector.
        """
        self._torch = require("torch", "torch")
        require("PIL.Image", "onnx")
        if not any((folder / name).is_file() for name in PROCESSOR):
            raise UsageError(f"the model {folder} lacks {PROCESSOR[0]}; copy it there")
        self._processor = pretrained.load("AutoImageProcessor", folder, backend="pil")
        if not hasattr(self._processor, "post_process_object_detection"):
            raise UsageError(
                f"the model {folder} is no detector: {type(self._processor).__name__} makes no "
                "boxes; give a DETR or one like it"
            )
        self._folder = folder
        if not np.isfinite(self._prepared([PROBE])["pixel_values"].numpy()).all():
            raise UsageError(
                f"{folder / 'preprocessor_config.json'}: what is made of a picture is no number"
            )
        self._model = pretrained.load_model("AutoModelForObjectDetection", folder)
        if dilated:
            _dilate(self._model)
        self.labels: dict[int, str] = dict(self._model.config.id2label)
        """What the model calls its classes."""

    def detect(
        self, pictures: Sequence[Bytes], softmax: Softmax | None
    ) -> list[list[tuple[int, float, float, float, float, float]]]:
        """Find what is on some pictures.

        Args:
            pictures: [height, width, 3] each. They are padded to one size, on which the answers
                of a DETR depend.
            softmax: takes the place of every attention softmax; None is the model's own.

        Returns:
            The surest detections of each, at most :data:`BEST`: number of the class, score, and
            box: left, top, width and height in pixels.

        Raises:
            UsageError: the processor can make nothing of a picture.
        """
        inputs = self._prepared(pictures)
        if "pixel_mask" not in inspect.signature(self._model.forward).parameters:
            inputs.pop("pixel_mask", None)
        with (
            self._torch.no_grad(),
            huggingface.attention(self._model, softmax) if softmax else contextlib.nullcontext(),
        ):
            output = self._model(**inputs)
        sizes = [picture.shape[:2] for picture in pictures]
        found = self._processor.post_process_object_detection(
            output, threshold=0.0, target_sizes=sizes
        )
        return [_listed(one) for one in found]

    def _prepared(self, pictures: Sequence[Bytes]) -> Any:
        try:
            return self._processor(
                list(pictures), input_data_format="channels_last", return_tensors="pt"
            )
        except Exception as error:  # of numpy, Pillow, transformers
            sizes = ", ".join(f"{picture.shape[1]} x {picture.shape[0]}" for picture in pictures)
            raise UsageError(
                f"{self._folder / 'preprocessor_config.json'} does not work for a picture of "
                f"{sizes} pixels: {pretrained.sentence(error)}"
            ) from None


def _dilate(model: Any) -> None:
    """The last stage without its stride, and what comes after it in the stage twice as wide."""
    torch = require("torch", "torch")
    for module in model.model.backbone.model.encoder.stages[-1].modules():
        if isinstance(module, torch.nn.Conv2d):
            if module.stride == (2, 2):
                module.stride = (1, 1)
            elif module.kernel_size == (3, 3):
                module.dilation = module.padding = (2, 2)


def _listed(found: dict[str, Any]) -> list[tuple[int, float, float, float, float, float]]:
    """Of one picture, the surest first."""
    scores = found["scores"].numpy().astype(np.float64)
    order = np.argsort(-scores, kind="stable")[:BEST]
    corners = found["boxes"].numpy().astype(np.float64)[order]
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).round(3)
    return [
        (int(label), float(score), *map(float, box))  # type: ignore[misc]
        for label, score, box in zip(
            found["labels"].numpy()[order], scores[order], boxes, strict=True
        )
    ]


def opened(data: bytes) -> Bytes:
    """Decode a picture to [height, width, 3].

    Raises:
        OSError: it cannot be read to its end.
    """
    with _picture(data) as picture:
        pixels: Bytes = np.asarray(picture.convert("RGB"))
        return pixels


def measured(data: bytes) -> tuple[int, int]:
    """Width and height of a picture, decoded as coarsely as its format allows.

    Raises:
        OSError: it cannot be read to its end.
    """
    with _picture(data) as picture:
        width, height = picture.size
        picture.draft("RGB", (1, 1))
        picture.convert("RGB")
        return width, height


@contextlib.contextmanager
def _picture(data: bytes) -> Iterator[Any]:
    image = require("PIL.Image", "onnx")
    try:
        with image.open(io.BytesIO(data)) as picture:
            yield picture
    except (SyntaxError, ValueError, image.DecompressionBombError) as error:  # of broken PNG
        raise OSError(str(error)) from None
