"""Scenes of digits on photographs: always the same, and what is tested was never trained on."""

import numpy as np
import pytest

from softmax_cosim.adapters import scenes, sha256
from softmax_cosim.configs import UsageError

FIRST_SHA256 = "46ef1d3911b072b0b367065625ff20b37f3510e0716cc434196b561a42512178"


@pytest.fixture(scope="module")
def made():
    try:
        return scenes.Scenes()
    except UsageError as error:
        pytest.skip(str(error))


def test_the_first_test_scenes_are_always_the_same(made):
    drawn = [made.scene("test", number) for number in range(20)]
    found = b"".join(
        scene.pixels.tobytes() + scene.boxes.tobytes() + scene.classes.tobytes() for scene in drawn
    )
    assert sha256(found) == FIRST_SHA256


def test_a_scene_depends_on_split_and_number_alone(made):
    first = made.scene("train", 5)
    made.scene("train", 6)
    again = made.scene("train", 5)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.boxes, again.boxes)
    other = made.scene("test", 5)
    assert first.pixels.shape != other.pixels.shape or (first.pixels != other.pixels).any()


def test_boxes_are_within_the_picture_and_few_are_hidden(made):
    for number in range(50):
        scene = made.scene("test", number)
        height, width = scene.pixels.shape[:2]
        assert scenes.LEAST <= min(height, width) <= max(height, width) <= scenes.SIDE
        assert 1 <= len(scene.boxes) == len(scene.classes) <= scenes.MOST
        assert (scene.boxes[:, :2] >= 0).all()
        assert (scene.boxes[:, :2] + scene.boxes[:, 2:] <= [width, height]).all()
        assert (scene.boxes[:, 3] >= scenes.SMALLEST).all()
        assert (scene.boxes[:, 3] <= scenes.TALLEST).all()


def test_no_digit_and_no_column_is_in_both_splits(made):
    """Told by what each split draws from, as every scene is made of nothing else."""
    digits = {
        split: [{ink.tobytes() for ink in of_class} for of_class in made._digits[split]]
        for split in ("train", "test")
    }
    for train, test in zip(digits["train"], digits["test"], strict=True):
        assert (len(train), len(test)) == (scenes.TRAINED, 100)
        assert not train & test
    for train, test in zip(made._photos["train"], made._photos["test"], strict=True):
        assert train.shape[1] + test.shape[1] == 640
        assert not np.shares_memory(train[:, : scenes.BORDER], test)


def test_digits_are_seen(made):
    """Under its box a scene differs from its photograph, in the digit's shape."""
    bare = scenes.Scenes()
    bare._digits = {
        split: [np.zeros_like(inks) for inks in made._digits[split]] for split in ("train", "test")
    }
    for of_class, inks in zip(bare._digits["test"], made._digits["test"], strict=True):
        of_class[:] = np.where(inks > 64, 65, 0)  # the same box, hardly any ink
    for number in range(5):
        scene, plain = made.scene("test", number), bare.scene("test", number)
        assert np.array_equal(scene.boxes, plain.boxes)
        for left, top, width, height in scene.boxes.astype(int):
            part = np.s_[top : top + height, left : left + width]
            difference = np.abs(scene.pixels[part].astype(int) - plain.pixels[part])
            assert difference.max() > 40
