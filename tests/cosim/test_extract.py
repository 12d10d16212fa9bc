"""``cosim extract``, with a model of three numbers in the place of a real one."""

import shutil

import numpy as np
import pytest

from softmax_cosim import adapters, cli, extract
from softmax_cosim.adapters import Batch, sha256
from softmax_cosim.configs import UsageError
from softmax_cosim.trace import Trace


class Lengths:
    """Scores are the lengths of the lines, plus the layer's and the key's number."""

    model, source = "lengths", "here"
    example = "minilm_short.txt"
    about = {"licence": "none"}  # noqa: RUF012

    def __init__(self):
        self.passes = []
        self.factor = 1.0

    def prepare(self, lines):
        lengths = np.array([[len(line)] for line in lines])
        return Batch(lengths, (lengths > np.arange(4))[:, None, None, :])

    def forward(self, batch, *, tap=True):
        assert batch.mask is None or len(batch.mask) == len(batch)
        self.passes.append(len(batch))
        base = np.broadcast_to(batch.inputs[:, :, None, None], (len(batch), 2, 3, 4))
        taps = [(self.factor * (base + 100 * i + np.arange(4))).astype("f4") for i in (0, 1)]
        return batch.inputs, taps


@pytest.fixture
def model(monkeypatch):
    model = Lengths()
    monkeypatch.setattr(adapters, "load", lambda name: model)
    return model


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("".join("x" * n + "\n\n" for n in range(1, 12)))  # blank lines between
    return path


def arguments(*words):
    import argparse

    parser = argparse.ArgumentParser()
    extract.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.mark.parametrize("dtype", extract.DTYPES)
def test_a_trace_holds_every_line_of_every_layer(model, text, tmp_path, capsys, dtype):
    out = tmp_path / "new" / "a.safetensors"
    words = ("lengths", "--text", text, "--out", out, "--dtype", dtype)
    assert extract.run(arguments(*words)) == 0
    assert model.passes == [8, 3]
    assert "2 layers, 132 rows of 4 keys" in capsys.readouterr().out
    for i, layer in enumerate(Trace(out).layers()):
        assert layer.scores.dtype == dtype
        expected = np.arange(1, 12)[:, None, None, None] + 100 * i + np.arange(4)
        np.testing.assert_array_equal(layer.scores, np.broadcast_to(expected, (11, 2, 3, 4)))
        assert layer.mask.sum() == 1 + 2 + 3 + 8 * 4


def test_a_trace_tells_where_it_is_from(model, text, tmp_path):
    trace = extract.extract("lengths", tmp_path / "a.safetensors", text=text, limit=3)
    about = trace.metadata
    assert (trace.model, trace.source) == ("lengths", "here; 3 lines of in.txt")
    assert about["licence"] == "none"
    assert about["text_sha256"] == sha256(text)
    assert about["input_sha256"] == sha256(np.array([[1], [2], [3]]).tobytes())
    assert about["command"] == (
        "cosim extract lengths --text in.txt --dtype float32 --limit 3 --out a.safetensors"
    )
    assert trace.shapes[0][0] == 3


def test_without_text_the_example_is_taken(model, tmp_path):
    trace = extract.extract("lengths", tmp_path / "a")
    assert trace.metadata["text"] == "traces/minilm_short.txt"


def test_scores_that_float16_cannot_hold(model, text, tmp_path):
    model.factor = 80_000
    with pytest.raises(UsageError, match="layer 0 has scores too large for float16; use float32"):
        extract.extract("lengths", tmp_path / "a", text=text, dtype="float16")
    assert not (tmp_path / "a").exists()
    extract.extract("lengths", tmp_path / "a", text=text)


def test_masked_scores_are_none_that_float16_cannot_hold(model, text, tmp_path, monkeypatch):
    """A model that writes its masks into the scores."""
    forward = model.forward

    def masking(batch, tap=True):
        output, taps = forward(batch, tap=tap)
        taps[0][..., 1], taps[1][..., 2] = np.finfo(np.float32).min, -np.inf
        return output, taps

    monkeypatch.setattr(model, "forward", masking)
    trace = extract.extract("lengths", tmp_path / "a", text=text, dtype="float16")
    first, second = (layer.flatten().keep for layer in trace.layers())
    assert first[-1].tolist() == [True, False, True, True]
    assert second[-1].tolist() == [True, True, False, True]


def test_an_interrupted_extraction_leaves_nothing(model, text, tmp_path, monkeypatch):
    def interrupted(batch, tap=True):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract.extract("lengths", tmp_path / "a", text=text)
    assert list(tmp_path.iterdir()) == [text]


@pytest.mark.parametrize(
    ("content", "limit", "sentence"),
    [
        (None, None, "cannot read the text .*: No such file"),
        (b"", None, "has no lines; write one text a line"),
        (b"\n  \n", None, "has no lines"),
        (b"\xff\xfe\x00", None, "is not UTF-8; convert it"),
        (b"a\n", 0, "--limit 0 leaves no lines; give 1 or more"),
    ],
)
def test_unusable_text(model, tmp_path, content, limit, sentence):
    text = tmp_path / "in.txt"
    if content is not None:
        text.write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        extract.extract("lengths", tmp_path / "a", text=text, limit=limit)


@pytest.mark.parametrize("words", [(), ("lengths",), ("--out", "a")])
def test_incomplete_options(words):
    with pytest.raises(UsageError, match=r"name an adapter \(.*minilm, .*\) and --out FILE, or"):
        extract.run(arguments(*words))


def test_bad_input_is_exit_code_2(capsys):
    assert cli.main(["extract", "bert", "--out", "a"]) == 2
    there = ", ".join(adapters.ADAPTERS)
    assert capsys.readouterr().err == f"cosim: unknown adapter 'bert'; there are: {there}\n"


# --- making committed traces again ---------------------------------------------------------------


@pytest.fixture
def folder(model, tmp_path):
    """A folder as ``traces/`` is, with one trace and its hash."""
    folder = tmp_path / "traces"
    trace = extract.extract("lengths", folder / "a.safetensors", dtype="float16", limit=5)
    (folder / extract.HASHES).write_text(f"{sha256(trace.path)}  a.safetensors\n")
    return folder


def test_the_same_bytes_agree(folder, capsys):
    assert extract.regenerate(folder)
    assert capsys.readouterr().out == "agrees  a.safetensors: the same bytes\n"


@pytest.mark.parametrize(("factor", "agrees"), [(1 + 2**-11, True), (1 + 2**-9, False)])
def test_scores_agree_within_a_rounding_step(model, folder, capsys, factor, agrees):
    model.factor = factor
    assert extract.regenerate(folder) is agrees
    out = capsys.readouterr().out
    assert out.startswith("agrees  a.safe" if agrees else "DIFFERS  a.safe")
    assert "scores differ by" in out


def test_another_shape_or_mask_differs(model, folder, capsys, monkeypatch):
    prepare = model.prepare
    monkeypatch.setattr(
        model, "prepare", lambda lines: Batch(prepare(lines).inputs, ~prepare(lines).mask)
    )
    assert not extract.regenerate(folder)
    monkeypatch.setattr(model, "prepare", lambda lines: prepare(lines[:4]))
    assert not extract.regenerate(folder)
    out = capsys.readouterr().out
    assert "DIFFERS  a.safetensors: scores differ by 0 at most; masks differ" in out
    assert "DIFFERS  a.safetensors: shapes were" in out


@pytest.mark.parametrize("line", ["", "0" * 64 + "  a.safetensors\n"])
def test_a_file_without_its_hash_differs(folder, capsys, line):
    (folder / extract.HASHES).write_text(line)
    assert not extract.regenerate(folder)
    assert "DIFFERS  a.safetensors: not the file whose hash stands in" in capsys.readouterr().out


def test_a_lost_file_differs(folder, capsys):
    shutil.copy(folder / "a.safetensors", folder / "b.safetensors")
    with (folder / extract.HASHES).open("a") as hashes:
        hashes.write(f"{sha256(folder / 'b.safetensors')}  b.safetensors\n")
    (folder / "b.safetensors").unlink()
    assert not extract.regenerate(folder)
    assert "DIFFERS  b.safetensors" in capsys.readouterr().out


def test_committed_traces_of_another_model_are_exit_code_1(model, capsys):
    assert cli.main(["extract", "--regenerate"]) == 1
    assert capsys.readouterr().out.count("DIFFERS") >= 2


def test_nothing_to_make_again(tmp_path):
    with pytest.raises(UsageError, match="holds no traces to regenerate"):
        extract.regenerate(tmp_path)


def test_a_trace_of_another_maker_is_refused(folder):
    from softmax_cosim.trace import Layer, write

    scores = np.zeros((1, 1, 1, 1), np.float32)
    write(folder / "b.safetensors", [Layer(0, scores)], model="m", source="s")
    with pytest.raises(UsageError, match=r"does not say how it was made \(metadata adapter"):
        extract.regenerate(folder)


def test_an_unwritable_place_is_said_before_the_work(tmp_path, monkeypatch):
    def load(name):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(adapters, "load", load)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write .*file/t\.safetensors"):
        extract.extract("ocr", tmp_path / "file" / "t.safetensors")
