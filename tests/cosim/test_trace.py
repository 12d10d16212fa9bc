"""The attention-trace format: what goes in comes out, and what is wrong is told in a sentence."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from softmax_cosim import configs
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import atomic_file
from softmax_cosim.trace import Layer, Trace, write

SHAPE = (2, 3, 4, 5)
GOOD = {"format": "attention-trace", "version": "1", "model": "m", "source": "s"}


def scores(dtype="float32", shape=SHAPE):
    return np.random.default_rng(1).normal(0, 4, shape).astype(dtype)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.safetensors"


def foreign(path, tensors, metadata=GOOD):
    """A file written by someone else's writer."""
    save_file(tensors, path, metadata)
    return path


def refusal(path):
    """The sentence with which reading the whole trace is refused; it names the file."""
    with pytest.raises(UsageError) as caught:
        list(Trace(path).layers())
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    return sentence


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_round_trip_keeps_every_bit_and_word(path, dtype):
    mask = np.random.default_rng(2).random((2, 1, 1, 5)) > 0.3
    written = [Layer(11, scores(dtype), mask), Layer(2, scores(dtype, (1, 1, 2, 7)))]
    write(path, written, model="mödel", source="s", metadata={"licence": "MIT"})
    trace = Trace(path)
    assert trace.metadata == GOOD | {"model": "mödel", "licence": "MIT"}
    assert (trace.model, trace.source) == ("mödel", "s")
    assert dict(trace.shapes) == {2: (1, 1, 2, 7), 11: SHAPE}
    assert (trace.rows, trace.longest) == (24 + 2, 7)
    small, large = trace.layers()
    assert (small.index, large.index) == (2, 11)
    assert (small.name, large.name) == ("layer.2.scores", "layer.11.scores")
    assert large.scores.dtype == dtype
    np.testing.assert_array_equal(large.scores, written[0].scores)
    np.testing.assert_array_equal(small.scores, written[1].scores)
    np.testing.assert_array_equal(large.mask, mask)
    assert small.mask is None


def test_safetensors_own_reader_reads_what_is_written(path):
    tensors = {f"layer.{i}.scores": scores(d) for i, d in enumerate(["f2", "f8", "f4"])}
    tensors["layer.1.mask"] = np.ones((1, 1, 4, 5), bool)
    layers = [Layer(i, tensors[f"layer.{i}.scores"]) for i in (0, 2)]
    layers.append(Layer(1, tensors["layer.1.scores"], tensors["layer.1.mask"]))
    write(path, layers, model="m", source="s")
    read = load_file(path)
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


def test_equal_content_gives_equal_bytes(path):
    metadata = {letter: letter for letter in "qwertyuiop"}
    first, second = path.with_name("1"), path.with_name("2")
    write(first, [Layer(0, scores())], model="m", source="s", metadata=metadata)
    write(
        second,
        [Layer(0, scores().transpose(0, 1, 3, 2).copy().transpose(0, 1, 3, 2))],  # strides differ
        model="m",
        source="s",
        metadata=dict(reversed(metadata.items())),
    )
    assert first.read_bytes() == second.read_bytes()


def test_rows_know_where_they_are_from():
    layer = Layer(3, scores())
    rows = layer.flatten()
    assert len(rows) == 24
    for n in range(len(rows)):
        b, h, q = rows.batch[n], rows.head[n], rows.query[n]
        np.testing.assert_array_equal(rows.scores[n], layer.scores[b, h, q])
    assert rows.layer == 3
    assert rows.keep.all()
    some = layer.flatten(np.arange(5, 9))
    np.testing.assert_array_equal(some.scores, rows.scores[5:9])
    np.testing.assert_array_equal(some.head, rows.head[5:9])


@pytest.mark.parametrize("shape", [SHAPE, (2, 1, 1, 5), (1, 3, 4, 1), (4, 5), (5,), ()])
def test_masks_broadcast(path, shape):
    mask = np.random.default_rng(3).random(shape) > 0.5
    foreign(path, {"layer.0.scores": scores(), "layer.0.mask": np.asarray(mask)})
    (layer,) = Trace(path).layers()
    expected = np.broadcast_to(mask, SHAPE).reshape(-1, 5)
    np.testing.assert_array_equal(layer.flatten().keep, expected)
    np.testing.assert_array_equal(layer.flatten(np.arange(7, 20)).keep, expected[7:20])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_scores_that_mask_themselves_and_huge_ones_are_good(path, dtype):
    x = scores(dtype)
    x[0, 0, 0, 1] = -np.inf
    x[0, 0, 0, 2] = np.finfo(dtype).min
    x[0, 0, 1, :] = -np.inf
    x[0, 0, 2, :] = np.finfo(dtype).min
    huge = 60_000 if dtype == "float16" else 80_000
    x[0, 0, 3, :2] = huge, -huge
    foreign(path, {"layer.0.scores": x})
    (layer,) = Trace(path).layers()
    keep = layer.flatten().keep
    assert keep[0].tolist() == [True, False, False, True, True]
    assert not keep[1:3].any()
    assert keep[3:].all()
    np.testing.assert_array_equal(layer.scores, x)


def test_the_lowest_value_of_a_narrower_type_is_a_mask(path):
    """As half-precision models write it, and others widen it."""
    x = scores("float64")
    x[0, 0, 0, :4] = -65504.0, -3.3895313892515355e38, np.finfo(np.float32).min, -1e4
    foreign(path, {"layer.0.scores": x, "layer.1.scores": x.astype(np.float32)})
    for layer in Trace(path).layers():
        assert layer.flatten().keep[0].tolist() == [False, False, False, True, True]
        assert layer.flatten().keep[1:].all()


def test_masked_arrays_of_numpy_are_written_masked(path):
    x = np.ma.array(scores(), mask=np.random.default_rng(3).random(SHAPE) > 0.5)
    x.data[x.mask] = np.nan
    write(path, [Layer(0, x)], model="m", source="s")
    (layer,) = Trace(path).layers()
    np.testing.assert_array_equal(layer.flatten().keep, ~x.mask.reshape(-1, 5))
    np.testing.assert_array_equal(layer.scores[~x.mask], x.data[~x.mask])


def test_a_row_may_be_masked_whole(path):
    foreign(path, {"layer.0.scores": scores(), "layer.0.mask": np.zeros((1, 1, 1, 5), bool)})
    (layer,) = Trace(path).layers()
    assert not layer.flatten().keep.any()


def test_layers_are_chosen_by_index(path):
    foreign(path, {f"layer.{i}.scores": scores() for i in (0, 2, 10)})
    trace = Trace(path)
    assert [layer.index for layer in trace.layers([10, 0, 10])] == [0, 10]
    with pytest.raises(UsageError, match=r"has no layer 1; it has layers 0, 2, 10$"):
        list(trace.layers([1]))


def test_other_tensors_are_left_alone(path):
    foreign(path, {"layer.0.scores": scores(), "layer.0.values": np.arange(3), "tokens": scores()})
    assert list(Trace(path).shapes) == [0]


@pytest.mark.parametrize(
    "name", ["layer.01.scores", "Layer.1.scores", "layer.0.masks", "layers.0.mask", "layer.1.score"]
)
def test_what_is_nearly_a_name_of_ours_is_refused(path, name):
    """A mask that is not heeded gives other scores, a layer that is not seen gives none."""
    foreign(path, {"layer.0.scores": scores(), name: scores()})
    assert f"the tensor {name} is nearly one of ours; call it layer.<i>.scores" in refusal(path)


# --- bad input ---------------------------------------------------------------------------------


def test_no_such_file(path):
    assert "does not exist" in refusal(path)


def test_a_folder(tmp_path):
    assert "cannot be read: it is a folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"PK\x03\x04 not at all safetensors, but long enough", b"\xff" * 64, b"{" * 64],
)
def test_not_a_safetensors_file(path, content):
    path.write_bytes(content)
    assert "is not one: a trace is a safetensors file" in refusal(path)


@pytest.mark.parametrize("left", [9, 40, -1, -400])
def test_a_truncated_file(path, left):
    write(path, [Layer(0, scores())], model="m", source="s")
    path.write_bytes(path.read_bytes()[:left])
    assert "is truncated or damaged" in refusal(path)


def test_a_damaged_header(path):
    write(path, [Layer(0, scores())], model="m", source="s")
    path.write_bytes(path.read_bytes().replace(b'"dtype"', b'"dtyqe"'))
    assert "is truncated or damaged" in refusal(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "pt"}, "metadata format is 'pt'; it must be 'attention-trace'"),
        ({"format": None}, "metadata format is missing; it must be 'attention-trace'"),
        ({"version": "2"}, "metadata version is '2'; it must be '1'"),
        ({"version": None}, "metadata version is missing; it must be '1'"),
        ({"model": None}, "metadata model is missing; say which model the scores are from"),
        ({"source": ""}, "metadata source is missing; say which source the scores are from"),
    ],
)
def test_wrong_metadata(path, change, sentence):
    metadata = {key: value for key, value in (GOOD | change).items() if value is not None}
    foreign(path, {"layer.0.scores": scores()}, metadata)
    assert refusal(path).endswith(sentence)


def test_no_metadata(path):
    foreign(path, {"layer.0.scores": scores()}, None)
    assert refusal(path).endswith("metadata format is missing; it must be 'attention-trace'")


BAD_TENSORS = [
    ({}, "has no scores; store each layer as layer.<i>.scores"),
    ({"layer.0.score": scores()}, "layer.0.score is nearly one of ours; call it layer.<i>.scores"),
    ({"layer.00.scores": scores()}, "without zeros before the number"),
    ({f"layer.{'9' * 5_000}.scores": scores()}, "the number, which is below a billion"),
    ({f"layer.{10**9}.mask": np.ones(SHAPE, bool)}, "the number, which is below a billion"),
    (
        {"layer.0.scores": scores(), "layer.1.mask": np.ones(SHAPE, bool)},
        "layer.1.mask has no layer.1.scores; add it",
    ),
    ({"layer.0.scores": scores(shape=(3, 4, 5))}, "layer.0.scores has rank 3 (shape [3, 4, 5])"),
    ({"layer.0.scores": scores(shape=(1, 1, 3, 4, 5))}, "layer.0.scores has rank 5"),
    ({"layer.0.scores": np.float32(3)}, "layer.0.scores has rank 0"),
    (
        {"layer.0.scores": scores(shape=(2, 3, 4, 0))},
        "layer.0.scores is empty (shape [2, 3, 4, 0])",
    ),
    ({"layer.0.scores": scores(shape=(0, 3, 4, 5))}, "layer.0.scores is empty"),
    (
        {"layer.0.scores": scores("int32")},
        "layer.0.scores has dtype I32; store one of F16, F32, F64",
    ),
    (
        {"layer.0.scores": scores(), "layer.0.mask": np.ones(SHAPE, np.uint8)},
        "layer.0.mask has dtype U8; a mask is BOOL",
    ),
    (
        {"layer.0.scores": scores(), "layer.0.mask": np.ones((2, 1, 1, 4), bool)},
        "layer.0.mask of shape [2, 1, 1, 4] does not broadcast to the scores' shape [2, 3, 4, 5]",
    ),
    (
        {"layer.0.scores": scores(), "layer.0.mask": np.ones((1, *SHAPE), bool)},
        "layer.0.mask of shape [1, 2, 3, 4, 5] does not broadcast",
    ),
    (
        {"layer.0.scores": scores(shape=(1, 3, 4, 5)), "layer.0.mask": np.ones(SHAPE, bool)},
        "does not broadcast to the scores' shape [1, 3, 4, 5]",
    ),
]


@pytest.mark.parametrize(("tensors", "sentence"), BAD_TENSORS, ids=[s for _, s in BAD_TENSORS])
def test_wrong_tensors(path, tensors, sentence):
    foreign(path, {name: np.asarray(tensor) for name, tensor in tensors.items()})
    assert sentence in refusal(path)


def test_a_dtype_that_numpy_has_not(path):
    write(path, [Layer(0, scores("float16"))], model="m", source="s")
    path.write_bytes(
        path.read_bytes()
        .replace(b'"dtype":"F16"', b'"dtype":"BF16"')
        .replace(*_longer_by_one(path))
    )
    assert "layer.0.scores has dtype BF16; store one of F16, F32, F64" in refusal(path)


def _longer_by_one(path: Path) -> tuple[bytes, bytes]:
    """Old and new header length, for a header grown by one byte."""
    old = path.read_bytes()[:8]
    return old, (int.from_bytes(old, "little") + 1).to_bytes(8, "little")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "+inf")])
def test_scores_that_are_no_numbers(path, dtype, value, name):
    x = scores(dtype)
    x[1, 2, 0, 3] = x[1, 2, 3, 4] = value
    foreign(path, {"layer.0.scores": scores(dtype), "layer.7.scores": x})
    assert re.search(rf"layer\.7\.scores: {re.escape(name)} at index \[1, 2, 0, 3\]", refusal(path))


def config(max_len):
    return Config(name="mine", method="rexp", precision="uint8", max_len=max_len)


def test_rows_too_long_for_a_configuration(path):
    foreign(path, {"layer.0.scores": scores(), "layer.1.scores": scores(shape=(1, 1, 1, 900))})
    trace = Trace(path)
    trace.check_fits(config(900))
    with pytest.raises(UsageError) as caught:
        trace.check_fits(config(899))
    assert "layer.1.scores have 900 elements, but configuration mine stores at most 899" in str(
        caught.value
    )
    named = str(caught.value).partition("these configurations fit: ")[2].split(", ")
    assert named == [n for n in configs.names() if configs.load(n).max_len >= 900]
    assert "rexp_uint8" in named


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [(4096, "none fits; add one with max_len = 4096"), (4097, "max_len ends at 4096")],
)
def test_rows_too_long_for_all(path, keys, remedy, monkeypatch):
    monkeypatch.setattr(configs, "names", lambda: ["rexp_uint8"])
    foreign(path, {"layer.0.scores": scores(shape=(1, 1, 1, keys))})
    with pytest.raises(UsageError, match=remedy):
        Trace(path).check_fits(config(1024))


# --- writing -----------------------------------------------------------------------------------


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write .*file/a: .*; choose another place"):
        write(tmp_path / "file" / "a", [Layer(0, scores())], model="m", source="s")
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path, [Layer(0, scores())], model="m", source="s")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(28, "No space left"), UsageError), (KeyError("k"), KeyError)]
)
def test_a_failure_leaves_the_old_file_and_nothing_else(path, error, raised):
    path.write_text("old")
    with pytest.raises(raised), atomic_file(path) as temporary:  # noqa: PT012
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "bad",
    [
        Layer(0, scores("int32")),
        Layer(0, scores(shape=(3, 4, 5))),
        Layer(0, scores(), np.ones(SHAPE)),
        Layer(0, scores(), np.ones((4, 4), bool)),
    ],
)
def test_what_the_format_does_not_allow_is_not_written(path, bad):
    with pytest.raises(ValueError, match=r"layer.0"):
        write(path, [bad], model="m", source="s")
    assert not path.exists()


def test_tensors_are_aligned(path):
    layers = [Layer(0, scores("float16", (1, 1, 1, 3))), Layer(1, scores("float64"))]
    write(path, layers, model="m", source="s")
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    for name, width in (("layer.0.scores", 2), ("layer.1.scores", 8)):
        assert header[name]["data_offsets"][0] % width == 0
