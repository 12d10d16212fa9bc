"""COCO's average precision, in terms of each image, so that images can be drawn again.

Equal to ``pycocotools`` (boxes, all areas, 100 detections a class and image), which a test holds.
What an image adds is fixed once its detections are matched with its objects: how many objects there
are of each category, and of each detection its score, its category, and at which thresholds of
intersection over union (IoU) it found an object, or one of a crowd, which counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.eval import Floats, Metric

__all__ = ["LIMIT", "Detection", "Objects", "agreement", "metrics", "terms"]

Bools = npt.NDArray[np.bool_]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
LIMIT = 100
"""Detections of an image that count, the surest."""
FIELDS = 4
"""Numbers of a detection: score, category, where it found an object, where one of a crowd."""
AT_ONCE = 100
"""Draws that are computed side by side."""
SURE, SAME = 0.3, 0.5
"""Detections with at least this score agree, if their boxes have at least this IoU."""

Detection = Sequence[float]
"""Category, score, and box: left, top, width, height in pixels."""


@dataclass(frozen=True)
class Objects:
    """What is on an image."""

    boxes: Floats
    """[objects, 4]: left, top, width, height, pixels."""
    categories: npt.NDArray[np.int64]
    """[objects], from 0 on."""
    crowd: Bools
    """[objects]: one box around many of them, to be found or not."""


def metrics(images: Sequence[Objects], categories: int) -> tuple[Metric, ...]:
    """AP over all ten thresholds, and at .50 and .75; predictions are lists of detections."""
    last: dict[int, tuple[Any, Floats]] = {}

    def known(image: int, found: Any) -> Floats:
        """The terms; each metric asks for those of all images, one after the other."""
        if image not in last or last[image][0] is not found:
            last[image] = found, terms(found, images[image], categories)
        return last[image][1]

    def metric(name: str, chosen: Sequence[int]) -> Metric:
        def resampled(terms: Floats, draws: npt.NDArray[np.int64]) -> Floats:
            return _resampled(terms, draws, categories, chosen)

        def value(terms: Floats) -> float:
            return float(resampled(terms, np.arange(len(terms))[None])[0])

        return Metric(name, "higher", "%", known, value, resampled)  # type: ignore[arg-type]

    everywhere = range(len(THRESHOLDS))
    return metric("AP", everywhere), metric("AP50", everywhere[:1]), metric("AP75", everywhere[5:6])


def terms(found: Sequence[Detection], image: Objects, categories: int) -> Floats:
    """Numbers of one image: objects of each category, then :data:`FIELDS` a detection, padded."""
    numbers = np.full((LIMIT, FIELDS), -1.0)
    order = np.argsort([-detection[1] for detection in found], kind="stable")[:LIMIT]
    best = np.array([found[place] for place in order], np.float64).reshape(-1, 6)
    for category in set(best[:, 0].tolist()):
        ours, theirs = best[:, 0] == category, image.categories == category
        hit, spared = _matched(best[ours, 2:], image.boxes[theirs], image.crowd[theirs])
        bits = 2.0 ** np.arange(len(THRESHOLDS))
        numbers[np.flatnonzero(ours)] = np.stack(
            [best[ours, 1], best[ours, 0], bits @ hit, bits @ spared], axis=1
        )
    counts = np.bincount(image.categories[~image.crowd], minlength=categories)
    return np.concatenate([counts.astype(np.float64), numbers.ravel()])


def _matched(found: Floats, boxes: Floats, crowd: Bools) -> tuple[Bools, Bools]:
    """Which detections of one category, surest first, find an object, and which one of a crowd.

    Each takes the object that it overlaps most of those that are left, crowds last; a crowd is
    never used up.

    Returns:
        Two of shape [thresholds, detections].
    """
    hit = np.zeros((len(THRESHOLDS), len(found)), np.bool_)
    spared = np.zeros_like(hit)
    order = np.argsort(crowd, kind="stable")
    crowd, overlaps = crowd[order], _overlaps(found, boxes[order], crowd[order])
    worth = np.flatnonzero((overlaps >= THRESHOLDS[0]).any(axis=1))
    for place, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(crowd), np.bool_)
        for detection in worth:
            best, most = -1, min(threshold, 1 - 1e-10)
            for candidate in np.flatnonzero(free):
                if best >= 0 and crowd[candidate] and not crowd[best]:
                    break
                if overlaps[detection, candidate] >= most:
                    best, most = int(candidate), overlaps[detection, candidate]
            if best >= 0:
                (spared if crowd[best] else hit)[place, detection] = True
                free[best] = crowd[best]
    return hit, spared


def _overlaps(a: Floats, b: Floats, crowd: Bools) -> Floats:
    """IoU, [boxes of a, boxes of b]; with a crowd, the share of the box of a that is in it."""
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[:, :2] + b[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=-1)
    area, other = a[:, 2:].prod(axis=1)[:, None], b[:, 2:].prod(axis=1)
    union = np.where(crowd, area, area + other - common)
    share: Floats = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    return share


def _resampled(
    terms: Floats, draws: npt.NDArray[np.int64], categories: int, chosen: Sequence[int]
) -> Floats:
    """AP of each draw: the mean over thresholds and over those categories that have objects.

    Args:
        terms: [images, terms].
        draws: [draws, images], numbers of images.
        categories: how many there are.
        chosen: which thresholds.
    """
    counts = terms[:, :categories]
    numbers = terms[:, categories:].reshape(-1, FIELDS)
    image = np.repeat(np.arange(len(terms)), LIMIT)
    order = np.argsort(-numbers[:, 0], kind="stable")
    order = order[numbers[order, 1] >= 0]
    numbers, image = numbers[order], image[order]
    bits = 1 << np.array(chosen)[:, None]
    hit = (numbers[:, 2].astype(np.int64) & bits) > 0
    counting = (numbers[:, 3].astype(np.int64) & bits) == 0
    values = np.full((len(draws), categories, len(chosen)), np.nan)
    for start in range(0, len(draws), AT_ONCE):
        part = draws[start : start + AT_ONCE]
        weights = np.array([np.bincount(draw, minlength=len(terms)) for draw in part], np.float64)
        objects = weights @ counts
        for category in np.flatnonzero(objects.any(axis=0)):
            own = np.flatnonzero(numbers[:, 1] == category)
            drawn = weights[:, image[own]]
            total = np.cumsum(drawn, axis=1)
            for place in range(len(chosen)):
                right, fair = hit[place, own], counting[place, own]
                before = total if fair.all() else np.cumsum(drawn * fair, axis=1)
                values[start : start + AT_ONCE, category, place] = _areas(
                    drawn[:, right], before[:, right], objects[:, category]
                )
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(known, values, 0).sum(axis=(1, 2)) / known.sum(axis=(1, 2))
    return means


def _areas(hits: Floats, before: Floats, objects: Floats) -> Floats:
    """Mean precision at 101 recalls, of each draw; NaN where there are no objects.

    Precision is only wanted where recall rises: the best from there on is found at such places.

    Args:
        hits: [draws, detections that found an object], surest first: how often each was drawn.
        before: of the same shape: how many detections were drawn up to there, right or wrong.
        objects: [draws], how many there are.
    """
    right = np.cumsum(hits, axis=1)
    precision = right / (before + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    areas = np.full(len(hits), np.nan)
    for draw in np.flatnonzero(objects):
        places = np.searchsorted(right[draw] / objects[draw], RECALLS)
        areas[draw] = best[draw, places].mean()
    return areas


def agreement(ours: Sequence[Detection], other: Sequence[Detection]) -> tuple[float, float]:
    """How many detections two answers have in common, out of how many: F1's two halves.

    Those with a score of :data:`SURE` count. Surest first, each of ours takes the one of the
    others', of its category, that it overlaps most, if their IoU is :data:`SAME` or more.
    """
    a, b = (
        np.array([one for one in sorted(found, key=lambda one: -one[1]) if one[1] >= SURE])
        .astype(np.float64)
        .reshape(-1, 6)
        for found in (ours, other)
    )
    overlaps = _overlaps(a[:, 2:], b[:, 2:], np.zeros(len(b), np.bool_))
    overlaps[a[:, :1] != b[:, 0]] = 0
    common = 0
    for row in overlaps:
        if row.size and row.max() >= SAME:
            common += 1
            overlaps[:, row.argmax()] = 0
    return 2 * common, len(a) + len(b)
