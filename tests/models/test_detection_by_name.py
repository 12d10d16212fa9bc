"""A detector of the user's own, on a folder laid out as COCO's: end to end, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from softmax_cosim.cli import main
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Golden
from softmax_cosim.eval import Source, load

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pictures = pytest.importorskip("PIL.Image")

CATEGORIES = {1: "person", 3: "car", 18: "dog"}
SIZES = [(48, 64), (64, 40), (33, 57)]
"""Height and width."""


def save(path, kind, likely=(), **more):
    """A model of random weights that is not indifferent to what it sees.

    Args:
        path: of the folder.
        kind: its class.
        likely: classes that it would rather see.
        more: of its configuration.
    """
    torch.manual_seed(0)
    backbone = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        layer_type="basic",
        out_features=["stage2"],
    )
    config = kind.config_class(
        use_timm_backbone=False,
        backbone_config=backbone,
        num_queries=12,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        init_std=0.5,
        **more,
    )
    model = kind(config)
    for number in likely:
        model.class_labels_classifier.bias.data[number] = 4.0
    model.save_pretrained(path)
    name = kind.__name__.replace("ForObjectDetection", "ImageProcessor")
    size = {"shortest_edge": 64, "longest_edge": 128}
    (path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": name, "size": size})
    )
    return path


def named(labels):
    return {"id2label": labels, "label2id": {name: i for i, name in labels.items()}}


@pytest.fixture(scope="module")
def detr(tmp_path_factory):
    """Classes by number, as facebook/detr-resnet-50 has them."""
    labels = {i: CATEGORIES.get(i, f"N/A {i}") for i in range(20)}
    path = tmp_path_factory.mktemp("models") / "detr"
    return save(path, transformers.DetrForObjectDetection, CATEGORIES, **named(labels))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """Classes in an order of its own, and one more."""
    labels = dict(enumerate(["dog", "tree", "person", "car"]))
    path = tmp_path_factory.mktemp("models") / "conditional"
    return save(path, transformers.ConditionalDetrForObjectDetection, **named(labels))


@pytest.fixture
def data(tmp_path):
    """Three pictures and five objects."""
    folder = tmp_path / "coco"
    (folder / "val2017").mkdir(parents=True)
    (folder / "annotations").mkdir()
    random = np.random.default_rng(0)
    images = []
    for i, (height, width) in enumerate(SIZES, 1):
        pixels = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
        picture = pictures.fromarray(pixels).resize((width, height))
        if i == 3:
            picture = picture.convert("L")
        picture.save(folder / "val2017" / f"{i:012}.jpg")
        images.append({"id": i, "file_name": f"{i:012}.jpg", "height": height, "width": width})
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 40, 30], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [30, 10, 20, 20], "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 18, "bbox": [5, 5, 30, 50], "iscrowd": 0},
        {"id": 4, "image_id": 2, "category_id": 18, "bbox": [0, 0, 40, 64], "iscrowd": 1},
        {"id": 5, "image_id": 3, "category_id": 1, "bbox": [10, 2, 30, 30], "iscrowd": 0},
    ]
    write(
        folder,
        {
            "categories": [{"id": number, "name": name} for number, name in CATEGORIES.items()],
            "images": images,
            "annotations": annotations,
        },
    )
    return folder


def file(folder):
    return folder / "annotations" / "instances_val2017.json"


def write(folder, found):
    file(folder).write_text(json.dumps(found))


def edit(folder, change):
    found = json.loads(file(folder).read_text())
    change(found)
    write(folder, found)


def test_the_command_line_from_folder_to_result(detr, data, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--config", "rexp_uint8", "split_uint8", "--jobs", "1", "--out", str(out)]
    assert main(["eval", "detection", "--model", str(detr), "--data", str(data), *words]) == 0
    (task,) = json.loads((out / "results.json").read_text())["tasks"]
    assert task["task"] == "detection-detr"
    assert (task["examples"], task["out_of"]) == (3, 3)
    assert [figure["metric"] for figure in task["baseline"]] == ["AP", "AP50", "AP75"]
    assert [cell["rows"] > 0 for cell in task["cells"]] == [True, True]
    assert set(task["hashes"]) == {
        "model/config.json",
        "model/model.safetensors",
        "model/preprocessor_config.json",
        "data/annotations/instances_val2017.json",
        "data/val2017/*",
    }


def test_answers_are_those_of_transformers(detr, data):
    """Image by image, by its own processor."""
    task = load("detection", Source(str(detr), data))
    model = transformers.DetrForObjectDetection.from_pretrained(detr).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(detr, backend="pil")
    predictions = task.predict(range(3), None)
    place = {number: i for i, number in enumerate(CATEGORIES)}
    some = 0
    for i, predicted in enumerate(predictions, 1):
        picture = pictures.open(data / "val2017" / f"{i:012}.jpg").convert("RGB")
        inputs = processor(picture, return_tensors="pt")
        with torch.no_grad():
            output = model(**inputs)
        (found,) = processor.post_process_object_detection(
            output, threshold=0, target_sizes=[picture.size[::-1]]
        )
        wanted = [
            [place[int(label)], float(score), *map(float, box[:2]), *map(float, box[2:] - box[:2])]
            for score, label, box in zip(
                found["scores"], found["labels"], found["boxes"].numpy(), strict=True
            )
            if int(label) in place
        ]
        wanted.sort(key=lambda one: -one[1])
        np.testing.assert_allclose(predicted, np.array(wanted).reshape(len(wanted), 6), atol=2e-3)
        some += len(wanted)
    assert some


def test_the_exact_softmax_changes_float_noise_only_and_another_one_counts(conditional, data):
    task = load("detection", Source(str(conditional), data))
    own = task.predict(range(3), None)
    softmax = Float64()
    for ours, theirs in zip(task.predict(range(3), softmax), own, strict=True):
        ours, theirs = np.array(sorted(ours)), np.array(sorted(theirs))
        np.testing.assert_allclose(ours, theirs, atol=2e-2)
    assert softmax.count.rows > 0
    assert task.predict(range(3), Golden("rexp_uint4")) != own
    assert task.predict(range(1, 2), None) == own[1:2]


def test_classes_by_name_in_another_order(conditional, data):
    """The class tree is no category: such detections are dropped."""
    task = load("detection", Source(str(conditional), data))
    found = task.predict(range(3), None)
    assert {one[0] for image in found for one in image} == {0, 1, 2}
    assert all(0 < len(image) < 12 * 4 for image in found)


def test_pictures_that_cannot_be_read_are_counted_and_named(detr, data):
    whole = load("detection", Source(str(detr), data))
    cut = data / "val2017" / "000000000002.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    task = load("detection", Source(str(detr), data))
    assert len(task) == 2
    assert "left out, as they cannot be read, 1 of 3: 000000000002.jpg" in task.source
    assert task.hashes["data/val2017/*"] != whole.hashes["data/val2017/*"]
    (data / "val2017" / "000000000001.jpg").unlink()
    task = load("detection", Source(str(detr), data))
    assert "2 of 3: 000000000001.jpg, 000000000002.jpg" in task.source
    (data / "val2017" / "000000000003.jpg").write_text("no picture")
    with pytest.raises(UsageError, match=r"^none of the 3 images .* the first is 000000000001.jpg"):
        load("detection", Source(str(detr), data))


def refused(detr, data):
    with pytest.raises(UsageError) as caught:
        load("detection", Source(str(detr), data))
    said = str(caught.value)
    assert "\n" not in said
    return said


BAD = {
    "a category of an annotation": (
        lambda found: found["annotations"][2].update(category_id=99),
        "annotations[2]: there is no category 99",
    ),
    "an image of an annotation": (
        lambda found: found["annotations"][1].update(image_id=7),
        "annotations[1]: there is no image 7",
    ),
    "a box": (
        lambda found: found["annotations"][4].update(bbox=[1, 2, 3]),
        "annotations[4]: bbox is [1, 2, 3]; four numbers are wanted",
    ),
    "no box": (
        lambda found: found["annotations"][4].pop("bbox"),
        "annotations[4]: bbox is None; four numbers are wanted",
    ),
    "a box without size": (
        lambda found: found["annotations"][0].update(bbox=[1, 2, -3, 4]),
        "annotations[0]: bbox is [1, 2, -3, 4]; four numbers",
    ),
    "a box of truth": (
        lambda found: found["annotations"][0].update(bbox=[True, 1, 2, 3]),
        "annotations[0]: bbox is [True, 1, 2, 3]; four numbers",
    ),
    "a box beyond every float": (
        lambda found: found["annotations"][0].update(bbox=[1, 1, 2, 10**400]),
        "annotations[0]: bbox is [1, 1, 2, [...]; four numbers",
    ),
    "a crowd in quotes": (
        lambda found: found["annotations"][0].update(iscrowd="0"),
        "annotations[0]: iscrowd is '0'; 0 or 1 is wanted",
    ),
    "crowds alone": (
        lambda found: [one.update(iscrowd=1) for one in found["annotations"]],
        None,
    ),
    "an image of another size": (
        lambda found: found["images"][1].update(width=640),
        "images[1]: width and height are 640 and 64, those of 000000000002.jpg 40 and 64",
    ),
    "a size that is none": (
        lambda found: found["images"][1].update(width="40"),
        "images[1]: width is '40'; a whole number is wanted",
    ),
    "an image elsewhere": (
        lambda found: found["images"][0].update(file_name="../annotations/a.jpg"),
        "images[0]: file_name is '../annotations/a.jpg'; a name within val2017 is wanted",
    ),
    "an image that no file can be": (
        lambda found: found["images"][0].update(file_name="a\0.jpg"),
        "images[0]: file_name is 'a\\x00.jpg'; text is wanted",
    ),
    "an image without a file": (
        lambda found: found["images"][1].pop("file_name"),
        "images[1]: file_name is None; text is wanted",
    ),
    "an image twice": (
        lambda found: found["images"][2].update(id=1),
        "images[2]: the image 1 is there twice",
    ),
    "a category without a number": (
        lambda found: found["categories"][0].update(id="one"),
        "categories[0]: id is 'one'; a whole number is wanted",
    ),
    "a category twice": (
        lambda found: found["categories"][2].update(name="car"),
        "categories[2]: the category 18, 'car', is there twice",
    ),
    "an entry that is none": (
        lambda found: found["annotations"].insert(1, 5),
        "annotations[1]: is no object with fields",
    ),
    "an unknown category": (
        lambda found: found["categories"].append({"id": 77, "name": "axolotl"}),
        "categories[3]: the model",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_entry_is_named(detr, data, kind):
    change, sentence = BAD[kind]
    edit(data, change)
    wanted = ": no annotation is of a single object; nothing to find"
    assert refused(detr, data).startswith(f"{file(data)}{f', {sentence}' if sentence else wanted}")


def test_an_unknown_category_is_told_with_those_that_are_known(conditional, data):
    edit(data, lambda found: found["categories"].append({"id": 77, "name": "axolotl"}))
    assert "has no class called 'axolotl'; its classes are dog, tree" in refused(conditional, data)


@pytest.mark.parametrize("name", ["categories", "images", "annotations"])
def test_a_list_that_is_missing(detr, data, name):
    edit(data, lambda found: found.pop(name))
    assert refused(detr, data).startswith(f"{file(data)} has no list '{name}'; give a folder with")


def test_files_that_are_missing_or_broken(detr, data):
    file(data).write_text('{"images": [\n{"id": 1},\n]}')
    assert refused(detr, data).startswith(f"{file(data)}, line 3: ")
    file(data).write_text("[" * 200_000)
    assert refused(detr, data).startswith(f"{file(data)} is no JSON in UTF-8: ")
    file(data).write_bytes(b"\xff\xfe{}")
    assert refused(detr, data).startswith(f"{file(data)} is no JSON in UTF-8: ")
    file(data).unlink()
    assert refused(detr, data).startswith(f"there is no file {file(data)}; give a folder with")
    (data / "val2017").rename(data / "train2017")
    assert refused(detr, data).startswith(f"there is no folder {data / 'val2017'}; give a folder")


def test_sizes_need_not_be_annotated_and_a_byte_order_mark_does_no_harm(detr, data):
    edit(data, lambda found: [image.pop("width") for image in found["images"]])
    file(data).write_bytes(b"\xef\xbb\xbf" + file(data).read_bytes())
    assert len(load("detection", Source(str(detr), data))) == 3


@pytest.mark.parametrize("size", [(1, 40), (3, 40), (40, 3), (1, 1)])
def test_a_narrow_picture_is_not_taken_for_one_of_other_channels(detr, data, size):
    edit(data, lambda found: found["images"][0].update(height=size[0], width=size[1]))
    pictures.new("RGB", size[::-1]).save(data / "val2017" / "000000000001.jpg")
    task = load("detection", Source(str(detr), data))
    assert len(task.predict(range(1), None)) == 1


def test_a_picture_that_the_processor_cannot_take(detr, data):
    """Its shorter side would be less than a pixel."""
    edit(data, lambda found: found["images"][0].update(height=1, width=2000))
    pictures.new("RGB", (2000, 1)).save(data / "val2017" / "000000000001.jpg")
    task = load("detection", Source(str(detr), data))
    with pytest.raises(UsageError, match=r"does not work for a picture of 2000 x 1 pixels: "):
        task.predict(range(1), None)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("size", {"shortest_edge": "x", "longest_edge": "y"}, "does not work for a picture of"),
        ("image_mean", [0.5], "does not work for a picture of 64 x 48 pixels: "),
        ("image_std", [0, 0, 0], "picture"),
    ],
)
def test_a_processor_that_does_not_work(detr, data, tmp_path, field, value, sentence):
    folder = tmp_path / "model"
    shutil.copytree(detr, folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    said = refused(folder, data)
    assert said.startswith(str(path))
    assert sentence in said


def test_a_model_without_some_weights(conditional, data, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "cut"
    folder.mkdir()
    for path in conditional.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    del tensors["class_labels_classifier.bias"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "class_labels_classifier.bias" in refused(folder, data)
    (folder / "preprocessor_config.json").unlink()
    assert (
        refused(folder, data) == f"the model {folder} lacks preprocessor_config.json; copy it there"
    )


def test_a_model_that_is_no_detector(data, tmp_path):
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor"}'
    )
    assert "is no detector: ViTImageProcessor" in refused(tmp_path / "vit", data)


def test_a_detr_of_full_size(data, tmp_path):
    """As facebook/detr-resnet-50 is built and prepared: 18 attentions, rows of some 900 keys."""
    labels = {i: CATEGORIES.get(i, f"N/A {i}") for i in range(91)}
    backbone = transformers.ResNetConfig(out_features=["stage4"])
    torch.manual_seed(0)
    model = transformers.DetrForObjectDetection(
        transformers.DetrConfig(use_timm_backbone=False, backbone_config=backbone, **named(labels))
    )
    for number in CATEGORIES:
        model.class_labels_classifier.bias.data[number] = 4.0
    model.save_pretrained(tmp_path / "full")
    (tmp_path / "full" / "preprocessor_config.json").write_text(
        '{"image_processor_type": "DetrImageProcessor", '
        '"size": {"shortest_edge": 800, "longest_edge": 1333}}'
    )
    task = load("detection", Source(str(tmp_path / "full"), data))
    seen = []

    def watched(scores, mask):
        seen.append(scores.shape)
        return Float64()(scores, mask)

    (own,) = task.predict(range(1), None)
    (ours,) = task.predict(range(1), watched)
    assert 0 < len(own) <= 100
    assert len(seen) == 18
    assert max(shape[-1] for shape in seen) == 25 * 34  # 48 x 64 becomes 800 x 1066
    np.testing.assert_allclose([one[1] for one in ours], [one[1] for one in own], atol=1e-4)
