"""Images and their objects in a folder laid out as COCO 2017's validation set."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from softmax_cosim.configs import UsageError
from softmax_cosim.eval.average_precision import Objects

__all__ = ["ANNOTATIONS", "IMAGES", "Coco", "Image"]

ANNOTATIONS, IMAGES = "annotations/instances_val2017.json", "val2017"


@dataclass(frozen=True)
class Image:
    """One image."""

    path: Path
    size: tuple[int, int] | None
    """Width and height, as annotated, if they are."""
    place: str
    """Of its entry."""
    objects: Objects


class Coco:
    """What is annotated."""

    def __init__(self, folder: Path) -> None:
        """Read the annotations, and nothing else.

        Args:
            folder: holds :data:`ANNOTATIONS` and :data:`IMAGES`.

        Raises:
            UsageError: a file is missing or not as it should be; the first bad entry is named.
        """
        self.path = folder / ANNOTATIONS
        self.folder = folder / IMAGES
        if not self.folder.is_dir():
            raise UsageError(f"there is no folder {self.folder}; {_WANTED}")
        try:
            read = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise UsageError(f"there is no file {self.path}; {_WANTED}") from None
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from None
        except json.JSONDecodeError as error:
            raise UsageError(f"{self.path}, line {error.lineno}: {error.msg}") from None
        except (RecursionError, ValueError) as error:
            raise UsageError(f"{self.path} is no JSON in UTF-8: {error}") from None
        lists = {name: self._list(read, name) for name in ("categories", "images", "annotations")}
        self.categories = self._categories(lists["categories"])
        """Name by number, in the order of the file."""
        self.images = self._images(lists["images"], lists["annotations"])
        """In the order of the file."""

    def refuse(self, place: str, said: str) -> NoReturn:
        """Raise the one sentence that a bad entry is worth."""
        raise UsageError(f"{self.path}, {place}: {said}")

    def _list(self, read: Any, name: str) -> list[dict[str, Any]]:
        entries = read.get(name) if isinstance(read, dict) else None
        if not isinstance(entries, list):
            raise UsageError(f"{self.path} has no list {name!r}; {_WANTED}")
        if not entries and name != "annotations":
            raise UsageError(f"{self.path}: the list {name!r} is empty")
        for i, entry in enumerate(entries):
            if not isinstance(entry, dict):
                self.refuse(f"{name}[{i}]", "is no object with fields")
        return entries

    def _categories(self, entries: Sequence[dict[str, Any]]) -> dict[int, str]:
        found: dict[int, str] = {}
        for i, entry in enumerate(entries):
            place = f"categories[{i}]"
            number, name = self._number(entry, "id", place), self._text(entry, "name", place)
            if number in found or name in found.values():
                self.refuse(place, f"the category {number}, {name!r}, is there twice")
            found[number] = name
        return found

    def _images(
        self, entries: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]
    ) -> list[Image]:
        files: dict[int, tuple[Path, tuple[int, int] | None, str]] = {}
        for i, entry in enumerate(entries):
            place = f"images[{i}]"
            number, name = self._number(entry, "id", place), self._text(entry, "file_name", place)
            if number in files:
                self.refuse(place, f"the image {number} is there twice")
            if Path(name).is_absolute() or ".." in Path(name).parts:
                self.refuse(place, f"file_name is {name!r}; a name within {IMAGES} is wanted")
            size = None
            if "width" in entry and "height" in entry:
                size = self._number(entry, "width", place), self._number(entry, "height", place)
            files[number] = self.folder / name, size, place
        order = {number: place for place, number in enumerate(self.categories)}
        on: dict[int, list[tuple[Sequence[float], int, bool]]] = {number: [] for number in files}
        for i, entry in enumerate(annotations):
            place = f"annotations[{i}]"
            on_image = self._number(entry, "image_id", place)
            if on_image not in files:
                self.refuse(place, f"there is no image {on_image}")
            category = self._number(entry, "category_id", place)
            if category not in order:
                self.refuse(place, f"there is no category {category}")
            crowd = entry.get("iscrowd", 0)
            if crowd not in (0, 1) or not isinstance(crowd, int):
                self.refuse(place, f"iscrowd is {crowd!r}; 0 or 1 is wanted")
            on[on_image].append((self._box(entry, place), order[category], bool(crowd)))
        if all(crowd for boxes in on.values() for _, _, crowd in boxes):
            raise UsageError(f"{self.path}: no annotation is of a single object; nothing to find")
        return [
            Image(
                *image,
                Objects(
                    np.array([box for box, _, _ in on[number]], np.float64).reshape(-1, 4),
                    np.array([category for _, category, _ in on[number]], np.int64),
                    np.array([crowd for _, _, crowd in on[number]], np.bool_),
                ),
            )
            for number, image in files.items()
        ]

    def _box(self, entry: dict[str, Any], place: str) -> list[float]:
        box = entry.get("bbox")
        if isinstance(box, list) and len(box) == 4 and all(map(_finite, box)) and min(box[2:]) >= 0:
            return [float(number) for number in box]
        said = textwrap.shorten(repr(box), 60)
        self.refuse(place, f"bbox is {said}; four numbers are wanted, left, top, size")

    def _number(self, entry: dict[str, Any], field: str, place: str) -> int:
        value = entry.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(place, f"{field} is {value!r}; a whole number is wanted")
        return value

    def _text(self, entry: dict[str, Any], field: str, place: str) -> str:
        value = entry.get(field)
        if not isinstance(value, str) or not value or not value.isprintable():
            self.refuse(place, f"{field} is {value!r}; text is wanted")
        return value


def _finite(value: Any) -> bool:
    try:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


_WANTED = f"give a folder with {ANNOTATIONS} and {IMAGES}/, as COCO's validation set has them"
