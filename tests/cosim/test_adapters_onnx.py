"""Any ONNX graph: cut at its attention, recorded and replaced."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from softmax_cosim.adapters.onnx_graph import OnnxModel
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Golden, Recorder

RNG = np.random.default_rng(3)
X = RNG.normal(0, 2, (2, 5, 8)).astype(np.float32)
KEEP = np.array([[[True] * 5], [[True, True, True, False, False]]])
FEEDS = {"x": X, "keep": KEEP}
HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
CONSTANTS = {"weight": RNG.normal(0, 0.4, (8, 8)), "pair": [1, 2], "minus_inf": -np.inf}
#: Two layers: a Where mask and the guard that torch exports; an additive mask and types around.
TWO = """
two (float[B,L,8] x, bool[B,1,L] keep) => (float[B,L,8] y, float[B,L,C] classes, float[2] constant)
<float scale = {0.35}, float lowest = {-3.4028234663852886e38}, float zero = {0.0}>
{
  turned = Transpose <perm = [1, 0]> (weight)
  values = MatMul (x, turned)
  keys = Transpose <perm = [0, 2, 1]> (x)
  products = MatMul (x, keys)
  scaled = Mul (products, scale)
  s1 = Where (keep, scaled, minus_inf)
  p1 = Softmax <axis = 2> (s1)
  odd = IsNaN (p1)
  q1 = Where (odd, zero, p1)
  mixed = MatMul (q1, values)
  y1 = Add (mixed, x)
  bias = Where (keep, zero, lowest)
  keys2 = Transpose <perm = [0, 2, 1]> (y1)
  products2 = MatMul (y1, keys2)
  scaled2 = Mul (products2, scale)
  s2 = Add (scaled2, bias)
  p2 = Softmax (s2)
  half = Cast <to = 10> (p2)
  q2 = Cast <to = 1> (half)
  values2 = MatMul (y1, turned)
  mixed2 = MatMul (q2, values2)
  y = Add (mixed2, x)
  classes = Softmax (y)
  constant = Identity (pair)
}
"""


def model():
    """TWO, with the constants that its text cannot hold."""
    made = parser.parse_model(HEAD + TWO)
    for name, values in CONSTANTS.items():
        made.graph.initializer.append(numpy_helper.from_array(np.float32(values), name))
    return made


@pytest.fixture(scope="module")
def two():
    return OnnxModel(model())


def test_the_layers_are_found_and_the_class_softmax_is_none(two):
    assert two.layers == ("s1", "s2")
    assert two.inputs == ("x", "keep")


def test_the_exact_softmax_changes_float_noise_only(two):
    """float32 has 24 bits; values below 50, sums of 8 and 5 terms in another order."""
    plain = two.run(FEEDS)
    softmax = Float64()
    replaced = two.run(FEEDS, softmax)
    assert softmax.count.rows == 2 * 2 * 5
    for a, b in zip(plain, replaced, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, atol=2e-5)
    assert plain[2].tolist() == [1, 2]


def test_recording_changes_no_bit_and_shows_the_scores(two):
    recorder = Recorder()
    for a, b in zip(two.run(FEEDS), two.run(FEEDS, recorder), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [call.layer for call in recorder.calls] == ["s1", "s2"]
    scores = (X.astype(np.float64) @ X.swapaxes(1, 2)) * 0.35
    first = recorder.calls[0].scores
    np.testing.assert_array_equal(np.isneginf(first), ~np.broadcast_to(KEEP, first.shape))
    np.testing.assert_allclose(np.where(KEEP, first, 0), np.where(KEEP, scores, 0), rtol=1e-5)


def test_what_is_masked_in_the_graph_is_masked_for_the_function(two):
    """-inf and the lowest value alike: probabilities are 0 there, and the rows sum to one."""
    recorder = Recorder()
    two.run(FEEDS, recorder)
    for call in recorder.calls:
        probabilities = Golden("split_int16")(call.scores)
        assert not probabilities[~np.broadcast_to(KEEP, probabilities.shape)].any()
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-3)


def test_what_the_function_answers_is_what_the_values_are_weighed_with(two):
    """The first key alone attended: everything follows from the first row of the values."""

    def first(scores, mask):
        answer = np.zeros_like(scores)
        answer[..., 0] = 1
        return answer

    weight = np.float32(CONSTANTS["weight"])
    y1 = (X @ weight.T)[:, :1] + X
    expected = (y1 @ weight.T)[:, :1] + X
    np.testing.assert_allclose(two.run(FEEDS, first)[0], expected, atol=1e-5)


def test_a_function_that_answers_for_some_layers_only(two):
    answers = iter([np.zeros((2, 5, 5)), None])
    with pytest.raises(UsageError, match="for some layers and not for others, such as s2"):
        two.run(FEEDS, lambda scores, mask: next(answers))
    answers = iter([None, np.zeros((2, 5, 5))])
    with pytest.raises(UsageError, match="for some layers and not for others, such as s2"):
        two.run(FEEDS, lambda scores, mask: next(answers))


def test_two_heads_side_by_side_and_a_branch_that_reaches_outside():
    """Two softmaxes of one stage, one of them straight on an input; an If uses outer names."""
    text = """
    side (float[L,L] a, float[L,L] b, float[L,4] v, bool flag) => (float[L,4] y) {
      t = Add (a, b)
      p = Softmax (t)
      q = Softmax (b)
      m = MatMul (p, v)
      n = MatMul (q, v)
      chosen = If (flag) <
        then_branch = yes () => (float[L,4] u) { u = Add (m, v) },
        else_branch = no () => (float[L,4] w) { w = Identity (n) }
      >
      y = Add (chosen, n)
    }"""
    graph = OnnxModel(parser.parse_model(HEAD + text))
    assert graph.layers == ("t", "b")
    feeds = {name: RNG.normal(0, 1, (3, 3)).astype(np.float32) for name in "ab"}
    feeds |= {"v": RNG.normal(0, 1, (3, 4)).astype(np.float32)}
    for flag in (True, False):
        feeds["flag"] = np.array(flag)
        softmax = Float64()
        np.testing.assert_allclose(
            graph.run(feeds, softmax)[0], graph.run(feeds)[0], atol=1e-6, rtol=1e-6
        )
        assert softmax.count.rows == 6


def test_float16_stays_float16():
    text = """
    half (float16[B,L,8] x) => (float16[B,L,8] y) {
      k = Transpose <perm = [0, 2, 1]> (x)
      s = MatMul (x, k)
      p = Softmax (s)
      y = MatMul (p, x)
    }"""
    graph = OnnxModel(parser.parse_model(HEAD + text))
    feeds = {"x": (X / 2).astype(np.float16)}
    (plain,), (replaced,) = graph.run(feeds), graph.run(feeds, Float64())
    assert replaced.dtype == plain.dtype == np.float16
    np.testing.assert_allclose(replaced, plain, atol=4e-3)  # two units in the last place of 2..4


@pytest.mark.parametrize(
    ("head", "softmax", "axis"),
    [
        (HEAD, "Softmax <axis = 1> (s)", 1),
        ('<ir_version: 8, opset_import: ["" : 12]>', "Softmax (s)", 1),
        (HEAD, "Softmax <axis = -2> (s)", -2),
    ],
)
def test_only_the_last_axis(head, softmax, axis):
    text = f"odd (float[B,L,L] s) => (float[B,L,L] y) {{ p = {softmax} y = MatMul (p, s) }}"
    graph = OnnxModel(parser.parse_model(head + text))
    with pytest.raises(UsageError, match=rf"^the softmax of s runs along axis {axis} of 3; only"):
        graph.run({"s": X[:, :, :5]}, Float64())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("y = Softmax (x)", "has no Softmax whose output weighs values"),
        (
            "y = com.microsoft.MultiHeadAttention <num_heads = 2> (x, x, x)",
            "MultiHeadAttention, with the softmax inside",
        ),
        (
            "f = Cast <to = 9> (z) y = If (f) < then_branch = yes () => (float[L,L] u) "
            "{ p = Softmax (x) u = MatMul (p, x) }, else_branch = no () => (float[L,L] w) "
            "{ w = Identity (x) } >",
            r"attention in a branch or loop \(yes\)",
        ),
    ],
)
def test_attention_that_would_be_missed_is_refused(body, sentence):
    text = f"g (float[L,L] x, float z) => (float[L,L] y) {{ {body} }}"
    head = '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>'
    with pytest.raises(UsageError, match=sentence):
        OnnxModel(parser.parse_model(head + text))


def test_functions_are_looked_into():
    text = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    g (float[L,L] x) => (float[L,L] y) { y = own.attend (x) }
    <domain: "own", opset_import: ["" : 17]>
    attend (x) => (y) { p = Softmax (x) y = MatMul (p, x) }"""
    graph = OnnxModel(parser.parse_model(text))
    feeds = {"x": X[0, :, :5]}
    np.testing.assert_allclose(
        graph.run(feeds, Float64())[0], graph.run(feeds)[0], atol=1e-6, rtol=1e-6
    )


def test_bad_input(two, tmp_path):
    with pytest.raises(UsageError, match=r"takes x, keep; it was given x"):
        two.run({"x": X})
    with pytest.raises(UsageError, match=r"cannot read .*none\.onnx: No such file"):
        OnnxModel(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\xff not a graph")
    with pytest.raises(UsageError, match=r"bad.onnx is not an ONNX file"):
        OnnxModel(tmp_path / "bad.onnx")
    onnx.save(model(), tmp_path / "good.onnx")
    assert OnnxModel(tmp_path / "good.onnx").layers == two.layers
