"""AP against pycocotools, and agreement by hand."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from softmax_cosim.eval.average_precision import Objects, agreement, metrics, terms
from softmax_cosim.eval.statistics import Baseline

IMAGES, CATEGORIES = 24, 5
SIDE = 100.0


def drawn(seed: int, *, crowds: bool) -> tuple[list[Objects], list[list[list[float]]]]:
    """Images of some objects, and detections: near an object, in its stead, or anywhere.

    Scores have few values, so that many are equal; some images have more than 100 detections, some
    have nothing, and the last category has no object.
    """
    random = np.random.default_rng(seed)
    images, found = [], []
    for _ in range(IMAGES):
        count = random.integers(0, 8)
        boxes = np.concatenate(
            [random.uniform(0, 60, (count, 2)), random.uniform(5, 40, (count, 2))], axis=1
        )
        categories = random.integers(0, CATEGORIES - 1, count)
        crowd = random.random(count) < (0.3 if crowds else 0)
        images.append(Objects(boxes, categories, crowd))
        guesses = []
        for box, category in zip(boxes, categories, strict=True):
            for _ in range(random.integers(0, 5)):
                near = box + random.normal(0, 2, 4)
                said = category if random.random() < 0.8 else random.integers(CATEGORIES)
                guesses.append([int(said), int(random.integers(1, 9)) / 8, *np.maximum(near, 0)])
        for _ in range(random.choice([0, 3, 130])):
            anywhere = [*random.uniform(0, 60, 2), *random.uniform(5, 40, 2)]
            guesses.append([int(random.integers(CATEGORIES)), random.random() / 2, *anywhere])
        random.shuffle(guesses)
        found.append([[float(number) for number in guess] for guess in guesses])
    return images, found


def by_pycocotools(images: list[Objects], found: list[list[list[float]]]) -> list[float]:
    """AP, AP50 and AP75."""
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    truth: dict[str, Any] = {
        "images": [{"id": i, "width": SIDE, "height": SIDE} for i in range(len(images))],
        "categories": [{"id": k, "name": str(k)} for k in range(CATEGORIES)],
        "annotations": [],
    }
    for i, image in enumerate(images):
        for box, category, crowd in zip(image.boxes, image.categories, image.crowd, strict=True):
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": i,
                    "category_id": int(category),
                    "bbox": box.tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": int(crowd),
                }
            )
    # The surest 100 of an image, whatever they are, as a detector gives them.
    results = [
        {"image_id": i, "category_id": int(kind), "score": score, "bbox": box}
        for i, guesses in enumerate(found)
        for kind, score, *box in sorted(guesses, key=lambda guess: -guess[1])[:100]
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        ours = coco.COCO()
        ours.dataset = truth
        ours.createIndex()
        run = evaluation.COCOeval(ours, ours.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(value) for value in run.stats[:3]]


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_ap_is_that_of_pycocotools(seed: int, crowds: bool) -> None:
    images, found = drawn(seed, crowds=crowds)
    expected = by_pycocotools(images, found)
    for metric, wanted in zip(metrics(images, CATEGORIES), expected, strict=True):
        rows = np.array([metric.terms(i, guesses) for i, guesses in enumerate(found)])
        assert metric.value(rows) == pytest.approx(wanted, abs=1e-9)
    assert 0.05 < expected[0] < expected[1] < 1


def test_ap_of_drawn_images_is_that_of_as_many_images() -> None:
    images, found = drawn(9, crowds=True)
    draws = np.random.default_rng(0).integers(IMAGES, size=(3, IMAGES))
    for place, metric in enumerate(metrics(images, CATEGORIES)):
        rows = np.array([metric.terms(i, guesses) for i, guesses in enumerate(found)])
        assert metric.resampled is not None
        values = metric.resampled(rows, draws)
        for draw, value in zip(draws, values, strict=True):
            again = by_pycocotools([images[i] for i in draw], [found[i] for i in draw])
            assert value == pytest.approx(again[place], abs=0.02)  # equal scores come in any order
            assert value == pytest.approx(metric.value(rows[draw]), abs=0.02)


def test_draws_of_unequal_scores_are_exact() -> None:
    images, found = drawn(3, crowds=True)
    random = np.random.default_rng(0)
    found = [[[g[0], float(random.random()), *g[2:]] for g in guesses] for guesses in found]
    draws = random.integers(IMAGES, size=(2, IMAGES))
    for place, metric in enumerate(metrics(images, CATEGORIES)):
        rows = np.array([metric.terms(i, guesses) for i, guesses in enumerate(found)])
        assert metric.resampled is not None
        for draw, value in zip(draws, metric.resampled(rows, draws), strict=True):
            again = by_pycocotools([images[i] for i in draw], [found[i] for i in draw])
            assert value == pytest.approx(again[place], abs=1e-9)


def test_every_object_found_and_nothing_else_is_1_and_nothing_found_is_0() -> None:
    images, _ = drawn(1, crowds=False)
    everything = [
        [[int(kind), 0.9, *box] for kind, box in zip(i.categories, i.boxes, strict=True)]
        for i in images
    ]
    for metric in metrics(images, CATEGORIES):
        rows = np.array([metric.terms(i, found) for i, found in enumerate(everything)])
        assert metric.value(rows) == pytest.approx(1)
        assert metric.value(np.array([metric.terms(i, []) for i in range(IMAGES)])) == 0


def test_without_objects_there_is_no_figure() -> None:
    empty = Objects(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_))
    for metric in metrics([empty], CATEGORIES):
        rows = np.array([metric.terms(0, [[0, 0.5, 1, 1, 5, 5]])])
        assert np.isnan(metric.value(rows))


def test_terms_are_as_many_for_every_image() -> None:
    images, found = drawn(2, crowds=True)
    assert {len(terms(f, i, CATEGORIES)) for f, i in zip(found, images, strict=True)} == {
        CATEGORIES + 400
    }


def test_losses_are_of_the_same_draws() -> None:
    images, found = drawn(5, crowds=False)
    few = metrics(images, CATEGORIES)

    class Drawn:
        metrics = few

        def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
            return agreement(ours, float_)

    baseline = Baseline(Drawn(), found)  # type: ignore[arg-type]
    assert all(figure.low < figure.value < figure.high for figure in baseline.figures)
    for loss in baseline.losses(found):
        assert (loss.absolute, loss.low, loss.high) == (0, 0, 0)
    assert baseline.agreement(found) == 1
    nothing: list[list[float]] = [[] for _ in found]
    assert [loss.absolute for loss in baseline.losses(nothing)] == pytest.approx(
        [figure.value for figure in baseline.figures]
    )
    assert baseline.agreement(nothing) == 0


A, B, WEAK = [1, 0.9, 10, 10, 20, 20], [2, 0.8, 50, 50, 20, 20], [1, 0.2, 70, 10, 20, 20]
A_ASIDE, A_FAR, A_OTHER = (
    [1, 0.7, 12, 10, 20, 20],
    [1, 0.9, 40, 10, 20, 20],
    [3, 0.9, 10, 10, 20, 20],
)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        ([A, B], [B, A], (4, 4)),
        ([A, B], [A], (2, 3)),
        ([A], [A_ASIDE], (2, 2)),
        ([A], [A_FAR], (0, 2)),
        ([A], [A_OTHER], (0, 2)),
        ([A, A_ASIDE], [A], (2, 3)),
        ([A, WEAK], [A], (2, 2)),
        ([WEAK], [], (0, 0)),
        ([], [A], (0, 1)),
    ],
)
def test_agreement_by_hand(
    ours: list[list[float]], other: list[list[float]], expected: tuple[int, int]
) -> None:
    assert agreement(ours, other) == expected
