"""The built-in detection tasks: what the small detector answers, and how it is trained."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from softmax_cosim.adapters.detector import Detector  # noqa: E402
from softmax_cosim.engines import Float64, Golden  # noqa: E402
from softmax_cosim.eval import hashes, load  # noqa: E402
from softmax_cosim.eval.tasks.detection import MODEL  # noqa: E402

NAMES = ("detection", "detection-dc5")
FEW = range(40)


@pytest.fixture(scope="module")
def tasks():
    return {name: load(name) for name in NAMES}


@pytest.fixture(scope="module")
def own(tasks):
    """Predictions with the model's own softmax."""
    return {
        name: [
            one
            for start in range(0, len(FEW), task.batch)
            for one in task.predict(range(start, start + task.batch), None)
        ]
        for name, task in tasks.items()
    }


@pytest.mark.parametrize(("name", "wanted"), [("detection", 0.633), ("detection-dc5", 0.591)])
def test_the_float_ap_of_the_first_scenes(tasks, own, name, wanted):
    metric = tasks[name].metrics[0]
    terms = np.array([metric.terms(i, found) for i, found in enumerate(own[name])])
    assert metric.value(terms) == pytest.approx(wanted, abs=0.01)
    assert json.loads(json.dumps(own[name])) == own[name]


@pytest.mark.parametrize(("name", "keys"), [("detection", 144), ("detection-dc5", 576)])
def test_the_exact_softmax_changes_nothing_that_counts(tasks, own, name, keys):
    softmax, seen = Float64(), set()

    def watched(scores, mask):
        seen.add(scores.shape[-1])
        return softmax(scores, mask)

    task = tasks[name]
    ours = task.predict(range(task.batch), watched)
    pairs = [task.agreement(a, b) for a, b in zip(ours, own[name], strict=False)]
    assert all(agreeing == out_of for agreeing, out_of in pairs)
    assert sum(out_of for _, out_of in pairs) > task.batch
    assert seen == {16, keys}
    assert task.predict(range(task.batch), Golden("rexp_uint4")) != ours


def test_answers_are_those_of_transformers_padding_hidden(tasks, own):
    """With the mask of the pixels: a model that sees the padding answers otherwise."""
    model = transformers.AutoModelForObjectDetection.from_pretrained(MODEL, dtype=torch.float32)
    processor = transformers.AutoImageProcessor.from_pretrained(MODEL, backend="pil")
    scenes = [scene.pixels for scene in tasks["detection"]._scenes[:10]]
    inputs = processor(scenes, return_tensors="pt")
    assert not inputs["pixel_mask"].all()
    with torch.no_grad():
        output = model.eval()(**inputs)
    found = processor.post_process_object_detection(
        output, threshold=0, target_sizes=[scene.shape[:2] for scene in scenes]
    )
    for ours, theirs in zip(own["detection"], found, strict=False):
        corners = theirs["boxes"].numpy()
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
        scores = theirs["scores"].numpy()
        np.testing.assert_allclose([one[1] for one in ours], scores, atol=1e-5)
        np.testing.assert_allclose([one[2:] for one in ours][:16], boxes[:16], atol=0.02)


def test_finer_cells_hold_the_coarse_ones():
    """Every other cell of the dilated backbone is one of the backbone as trained."""
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        coarse, fine = (
            Detector(MODEL, dilated=dilated)._model.model.backbone.model(picture).feature_maps[-1]
            for dilated in (False, True)
        )
    assert coarse.shape[-2:] == (12, 12)
    assert fine.shape[-2:] == (24, 24)
    torch.testing.assert_close(fine[..., ::2, ::2], coarse, atol=1e-4, rtol=1e-4)


def test_scenes_and_weights_are_told(tasks):
    for task in tasks.values():
        assert len(task) == 500
        assert set(hashes(task)) == {
            "model/config.json",
            "model/model.safetensors",
            "model/preprocessor_config.json",
        }
        assert "not COCO" in task.title
    assert (MODEL / "model.safetensors").stat().st_size < 1_100_000


def test_training_repeats_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    detection = pytest.importorskip("training.detection")
    monkeypatch.setattr(detection, "BACKBONE_STEPS", 1)
    monkeypatch.setattr(detection, "KEPT_EVERY", 2)

    def weights(name, steps=3):
        words = ["--steps", str(steps), "--out", str(tmp_path / name)]
        detection.main([*words, "--checkpoint", str(tmp_path / f"{name}.pt")])
        return (tmp_path / name / "model.safetensors").read_bytes()

    straight = weights("straight")
    assert weights("straight") == straight  # from step 2 on
    assert weights("again") == straight
    assert weights("longer", steps=5) != straight


def test_a_checkpoint_of_another_number_of_steps_is_refused(tmp_path, monkeypatch, capsys):
    """Its rates were others: the weights would be those of neither."""
    detection = pytest.importorskip("training.detection")
    monkeypatch.setattr(detection, "BACKBONE_STEPS", 1)
    monkeypatch.setattr(detection, "KEPT_EVERY", 1)
    checkpoint = tmp_path / "kept.pt"

    def train(steps, name):
        words = ["--steps", str(steps), "--out", str(tmp_path / name)]
        detection.main([*words, "--checkpoint", str(checkpoint)])

    def refused(steps):
        with pytest.raises(SystemExit) as left:
            train(steps, "others")
        assert left.value.code == 2
        assert not (tmp_path / "others").exists()
        return capsys.readouterr().err.splitlines()[-1].partition("error: ")[2]

    train(1, "one")
    assert refused(2) == (
        f"{checkpoint} was begun for 1 steps and cannot go on for 2, as the rates differ; remove "
        "it or name another with --checkpoint"
    )
    state = torch.load(checkpoint)
    del state["steps"]
    torch.save(state, checkpoint)
    assert "was begun for an unknown number of steps" in refused(1)
