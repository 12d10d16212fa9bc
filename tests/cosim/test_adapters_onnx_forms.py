"""However a graph writes its softmaxes: each is replaced, or named with the reason why not."""

import numpy as np
import pytest

from softmax_cosim.account import MissedSoftmax
from softmax_cosim.adapters.onnx_graph import OnnxModel
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder
from softmax_cosim.trace import Trace

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import parser

RNG = np.random.default_rng(0)
SHAPES = {"s": (2, 3, 4, 5), "t": (2, 3, 4, 5), "v": (2, 3, 5, 6), "w": (3, 3, 1, 1)}
FEEDS = {name: RNG.normal(0, 2, shape).astype(np.float32) for name, shape in SHAPES.items()}
FEEDS["flag"] = np.array(True)
CONSTANTS = (
    "float scale = {0.01}, uint8 zero = {0}, float one = {1.0}, float two = {2.0}, "
    "float tiny = {1e-9}, float minus = {-1.0}, int64[1] axes = {-1}, int64[1] third = {2}, "
    "int64[4] shape = {2, 3, 4, 1}, float[1,3,1,1] heads = {1, 0.5, 1}, bool[1] seen = {1}"
)
HEAD = '<ir_version: 8, opset_import: ["" : {}, "com.microsoft" : 1, "own" : 1]>'


def graph(body, *, plain=True, version=17):
    """A graph with a plain attention, unless it is to have none, and another of scores ``t``."""
    first, outputs = "", "float[A,B,C,D] z"
    if plain:
        first, outputs = "p = Softmax <axis = -1> (s) y = MatMul (p, v)", f"float y, {outputs}"
    inputs = ", ".join(f"float[{','.join(name + n for n in 'abcd')}] {name}" for name in SHAPES)
    text = f"g ({inputs}, bool flag) => ({outputs}) <{CONSTANTS}> {{ {first} {body} }}"
    return OnnxModel(parser.parse_model(HEAD.format(version) + text))


EXP = "a = Exp (t) "
SUM = EXP + "b = ReduceSum (a, axes) "
SHIFTED = "m = ReduceMax <axes = [-1]> (t) u = Sub (t, m) a = Exp (u) b = ReduceSum (a, axes) "
REPLACED = {
    "quantised": "a = Softmax (t) b = QuantizeLinear (a, scale, zero) "
    "c = DequantizeLinear (b, scale, zero)",
    "head mask": "a = Softmax (t) c = Mul (a, heads)",
    "scale after": "a = Softmax (t) c = Mul (two, a)",
    "divided": "a = Softmax (t) c = Div (a, two)",
    "dropout": "a = Softmax (t) c = Dropout (a)",
    "masked and normalised again": "a = Softmax (t) m = Mul (a, heads) b = ReduceSum (m, axes) "
    "e = Add (b, tiny) c = Div (m, e)",
    "guarded": "a = Softmax (t) c = Where (seen, a, one)",
    "over its sum": SUM + "c = Div (a, b)",
    "over its sum and something tiny": SUM + "e = Add (b, tiny) c = Div (a, e)",
    "over its sum, held above something tiny": SUM + "e = Clip (b, tiny) c = Div (a, e)",
    "without its maximum": SHIFTED + "c = Div (a, b)",
    "times a reciprocal": SUM + "r = Reciprocal (b) c = Mul (r, a)",
    "times one over": SUM + "r = Div (one, b) c = Mul (a, r)",
    "times a power": SUM + "r = Pow (b, minus) c = Mul (a, r)",
    "sum brought back": EXP + "b = ReduceSum <keepdims = 0> (a, axes) e = Unsqueeze (b, axes) "
    "c = Div (a, e)",
    "sum reshaped": EXP + "b = ReduceSum <keepdims = 0> (a, axes) e = Reshape (b, shape) "
    "c = Div (a, e)",
    "norm of order 1": EXP + "b = ReduceL1 <axes = [-1]> (a) c = Div (a, b)",
    "a constant axis": "k = Constant <value = int64[1] {3}> () " + EXP + "b = ReduceSum (a, k) "
    "c = Div (a, b)",
    "an axis as a number": "k = Constant <value_ints = [3]> () " + EXP + "b = ReduceSum (a, k) "
    "c = Div (a, b)",
    "times one as a number over": "k = Constant <value_float = 1.0> () " + SUM + "r = Div (k, b) "
    "c = Mul (a, r)",
    "an operator for order 1": EXP + "c = LpNormalization <axis = -1, p = 1> (a)",
    "cast": EXP + "h = Cast <to = 1> (a) b = ReduceSum (h, axes) c = Div (h, b)",
    "logarithm and back": "a = LogSoftmax (t) c = Exp (a)",
    "logarithm of the sum": SUM + "l = Log (b) d = Sub (t, l) c = Exp (d)",
    "logarithm, shifted": SHIFTED + "l = Log (b) d = Sub (u, l) c = Exp (d)",
    "logarithm and maximum": SHIFTED + "l = Log (b) k = Add (m, l) d = Sub (t, k) c = Exp (d)",
    "log-sum-exp": "l = ReduceLogSumExp <axes = [-1]> (t) d = Sub (t, l) c = Exp (d)",
}


@pytest.mark.parametrize("form", REPLACED)
def test_it_is_replaced(form):
    """Scores as they are before the maximum goes; and recording changes no bit."""
    model = graph(REPLACED[form] + " z = MatMul (c, v)")
    assert sorted(model.layers) == ["s", "t"]
    recorder, softmax = Recorder(), Float64()
    plain = model.run(FEEDS)
    for a, b in zip(plain, model.run(FEEDS, recorder), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.account.left == {"s": 1, "t": 1}
    assert recorder.account == model.account
    heard = {call.layer: call.scores for call in recorder.calls}
    np.testing.assert_array_equal(heard["t"], FEEDS["t"])
    tolerance = 2e-4 if form == "divided" else 1e-5
    for a, b in zip(plain, model.run(FEEDS, softmax), strict=True):
        np.testing.assert_allclose(b, a, atol=tolerance)
    assert softmax.account.replaced == {"s": 1, "t": 1}
    assert not softmax.account.missed
    assert not softmax.account.other


@pytest.mark.parametrize("form", REPLACED)
def test_what_is_answered_is_what_weighs(form):
    """Without it the graph would compute its own again."""
    model = graph(REPLACED[form] + " z = MatMul (c, v)")
    y, z = model.run(FEEDS, lambda scores, mask: np.zeros_like(scores))
    assert not y.any()
    assert not z.any()


@pytest.mark.parametrize(
    ("version", "form"),
    [
        (12, EXP + "b = ReduceSum <axes = [3], keepdims = 1> (a) c = Div (a, b)"),
        (12, "a = Softmax <axis = 3> (t) c = Mul (a, heads)"),
        (12, "a = LogSoftmax <axis = 3> (t) c = Exp (a)"),
        (
            18,
            "m = ReduceMax (t, axes) u = Sub (t, m) "
            + SUM.replace("(t)", "(u)")
            + "c = Div (a, b)",
        ),
    ],
)
def test_versions_of_the_operators(version, form):
    model = graph(form + " z = MatMul (c, v)", version=version)
    for a, b in zip(model.run(FEEDS), model.run(FEEDS, Float64()), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    assert model.account.replaced == {"s": 1, "t": 1}


MISSED = {
    "one more in the sum": (SUM + "e = Add (b, one) c = Div (a, e)", "written out"),
    "masked inside": (EXP + "d = Mul (a, heads) b = ReduceSum (d, axes) c = Div (d, b)", "written"),
    "base two": ("a = Pow (two, t) b = ReduceSum (a, axes) c = Div (a, b)", "written out"),
    "mean": (EXP + "b = ReduceMean <axes = [-1]> (a) c = Div (a, b)", "written out"),
    "two axes": (EXP + "b = ReduceSum (a) c = Div (a, b)", "written out"),
    "sharpened": ("a = LogSoftmax (t) d = Mul (a, two) c = Exp (d)", "changed before Exp"),
    "running sum": (
        EXP
        + "k = Constant <value_int = 3> () d = CumSum (a, k) four = Constant <value_ints = [4]> () "
        "five = Constant <value_ints = [5]> () b = Slice (d, four, five, axes) c = Div (a, b)",
        "written out",
    ),
    "average": (EXP + "b = AveragePool <kernel_shape = [1, 5]> (a) c = Div (a, b)", "written out"),
    "of e": (
        "e = Constant <value_float = 2.718282> () a = Pow (e, t) b = ReduceSum (a, axes) "
        "c = Div (a, b)",
        "written out",
    ),
    "through several": (
        "a = Softmax (t) b = Sqrt (a) d = Abs (b) e = Ceil (d) c = Relu (e)",
        "reaches a product through Sqrt, Abs, Ceil, Relu",
    ),
    "through Relu": ("a = Softmax (t) c = Relu (a)", "reaches a product through Relu"),
    "through Conv": ("a = Softmax (t) c = Conv (a, w)", "reaches a product through Conv"),
}


@pytest.mark.parametrize("form", MISSED)
def test_it_is_named_as_missed(form):
    body, why = MISSED[form]
    model = graph(body + " z = MatMul (c, v)")
    softmax = Float64()
    with pytest.warns(MissedSoftmax, match=rf"^the softmax of t stayed float: .*{why}"):
        outputs = model.run(FEEDS, softmax)
    np.testing.assert_array_equal(outputs[1], model.run(FEEDS)[1])
    assert softmax.account.replaced == {"s": 1}
    assert list(softmax.account.missed) == ["t"]


LATE = {
    "product": "d = MatMul (a, v) z = Div (d, b)",
    "product, times a reciprocal": "d = MatMul (a, v) r = Reciprocal (b) z = Mul (r, d)",
    "multiplied and added up": "d = Mul (a, s) e = ReduceSum (d, axes) z = Div (e, b)",
}


@pytest.mark.parametrize("form", LATE)
def test_values_weighed_before_the_division_are_missed(form):
    model = graph(SUM + LATE[form])
    assert model.layers == ("s",)
    assert list(model.account.missed) == ["t"]
    assert "weighed before its sum divides" in model.account.missed["t"]


def test_exponentials_of_scores_whose_sum_is_not_found_are_missed():
    scores = "k = Transpose <perm = [0, 1, 3, 2]> (t) m = MatMul ({}) a = Exp (m) "
    halves = "f, g = Split <axis = 3> (a) b = Sum (f, g) c = Concat <axis = 3> (b, b) "
    missed = graph(scores.format("t, k") + halves + "z = MatMul (c, t)").account.missed
    assert list(missed) == ["m"]
    assert missed["m"].startswith("its exponentials weigh values")
    weights = "w2 = ConstantOfShape (shape) "
    for form in (
        weights + scores.format("t, w2") + "z = MatMul (a, v)",
        "a = Exp (t) z = MatMul (a, v)",
        scores.format("t, k") + "z = Add (a, a)",
    ):
        assert not graph(form).account.missed


def test_inputs_that_the_graph_does_not_take_are_one_sentence():
    feeds = FEEDS | {"t": FEEDS["t"].astype(np.float64)}
    for softmax in (None, Float64()):
        with pytest.raises(UsageError, match=r"cannot run the graph on these inputs: .*double"):
            graph("a = Softmax (t) z = MatMul (a, v)").run(feeds, softmax)


def test_a_trace_tells_the_account(tmp_path):
    model = graph("a = Softmax (t) c = Relu (a) k = Softmax (v) z = MatMul (c, v)")
    recorder = Recorder()
    with pytest.warns(MissedSoftmax):
        model.run(FEEDS, recorder)
    recorder.write(tmp_path / "t.safetensors", model="m", source="s")
    assert Trace(tmp_path / "t.safetensors").metadata["account"] == (
        "1 left to the model (1 calls), 1 not attention: v, "
        "1 MISSED: t (it reaches a product through Relu)"
    )


@pytest.mark.parametrize("form", MISSED)
def test_alone_it_is_refused(form):
    body, why = MISSED[form]
    with pytest.raises(UsageError, match=rf"no softmax that can be replaced: t \(.*{why}"):
        graph(body + " z = MatMul (c, v)", plain=False)


OTHER = {
    "classes": "z = Softmax (t)",
    "log-probabilities": "z = LogSoftmax (t)",
    "probabilities of a LogSoftmax": "a = LogSoftmax (t) z = Exp (a)",
    "written out": SUM + "z = Div (a, b)",
    "the best": "a = Softmax (t) c, i = TopK (a, axes) z = MatMul (c, v)",
    "a gate": "a = Softmax (t) z = Mul (a, s)",
    "a branch": "z = If (flag) < then_branch = yes () => (float[E,F,G,H] u) { u = Softmax (t) }, "
    "else_branch = no () => (float[I,J,K,L] x) { x = Identity (t) } >",
}


@pytest.mark.parametrize("form", [form for form in OTHER if form != "the best"])
def test_what_weighs_nothing_stays(form):
    model = graph(OTHER[form])
    softmax = Float64()
    np.testing.assert_array_equal(model.run(FEEDS, softmax)[1], model.run(FEEDS)[1])
    assert softmax.account.replaced == {"s": 1}
    assert list(softmax.account.other) == ["t"]
    assert "weighs no values" in softmax.account.other["t"]
    assert not softmax.account.missed


@pytest.mark.parametrize("form", OTHER)
def test_alone_it_is_said_why(form):
    with pytest.raises(UsageError, match=r"no Softmax whose output weighs values: t \(.*weighs no"):
        graph(OTHER[form], plain=False)


@pytest.mark.parametrize("axis", [-1, 2])
def test_pooling_by_product_and_sum_along_any_axis(axis):
    axes = {-1: "axes", 2: "third"}[axis]
    body = f"a = Softmax <axis = {axis}> (t) c = Mul (a, s) z = ReduceSum (c, {axes})"
    model = graph(body)
    recorder = Recorder(Float64())
    for a, b in zip(model.run(FEEDS), model.run(FEEDS, recorder), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    assert model.account.replaced == {"s": 1, "t": 1}
    heard = {call.layer: call.scores for call in recorder.calls}
    np.testing.assert_array_equal(heard["t"], np.moveaxis(FEEDS["t"], axis, -1))


BRANCH = (
    "= If (flag) < then_branch = yes () => (float[E,F,G,H] u) {{ {} }}, "
    "else_branch = no () => (float[I,J,K,L] x) {{ x = Identity ({}) }} >"
)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (f"c {BRANCH.format('u = Softmax (t)', 't')} z = MatMul (c, v)", r"branch or loop \(yes\)"),
        (f"c {BRANCH.format('l = LogSoftmax (t) u = Exp (l)', 't')} z = MatMul (c, v)", "branch"),
        (f"z {BRANCH.format('p2 = Softmax (t) u = MatMul (p2, v)', 'v')}", "softmax of t"),
        (
            "c = Loop (one_more, flag, t) < body = again (int64 i, bool go, float[E,F,G,H] x) => "
            "(bool on, float[I,J,K,L] u) { on = Identity (go) u = Softmax (x) } > "
            "z = MatMul (c, v)",
            r"branch or loop \(again\)",
        ),
        (
            "c = Loop (one_more, flag, t) < body = again (int64 i, bool go, float[E,F,G,H] x) => "
            "(bool on, float[I,J,K,L] u) { on = Identity (go) r = MatMul (x, v) "
            "u = Softmax (t) } > z = Identity (c)",
            r"branch or loop \(again\), the softmax of t",
        ),
        ("a = com.microsoft.QLinearSoftmax (t) z = MatMul (a, v)", "QLinearSoftmax, with the soft"),
        ("z = com.microsoft.GroupQueryAttention (t, t, t)", "GroupQueryAttention, with the soft"),
        ("z = Attention (t, t, t)", "Attention, with the softmax inside"),
        ("a = own.FastSoftmax (t) z = MatMul (a, v)", "FastSoftmax, with the softmax inside"),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_what_is_out_of_reach_is_refused_by_name(body, sentence, plain):
    """Also beside an attention that could be replaced."""
    one_more = "one_more = Constant <value = int64 {1}> () "
    with pytest.raises(UsageError, match=sentence):
        graph(one_more + body, plain=plain)


def test_a_softmax_outside_and_its_product_in_a_branch():
    body = f"a = Softmax (t) z {BRANCH.format('u = MatMul (a, v)', 'v')}"
    model = graph(body)
    for flag in (True, False):
        feeds = FEEDS | {"flag": np.array(flag)}
        softmax = Float64()
        for a, b in zip(model.run(feeds), model.run(feeds, softmax), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-5)
        assert softmax.account.replaced == {"s": 1, "t": 1}


def test_into_an_operator_that_nobody_knows():
    """It may weigh values."""
    model = graph("a = Softmax (t) z = own.Mixed (a, v)")
    assert model.layers == ("s",)
    assert model.account.missed == {"t": "it goes into Mixed, and nobody knows what that is"}


def test_calls_without_rows():
    model = graph("a = Softmax (t) c = Mul (a, heads) z = MatMul (c, v)")
    feeds = {name: x[:0] if name in "stv" else x for name, x in FEEDS.items()}
    softmax = Float64()
    for a, b in zip(model.run(feeds), model.run(feeds, softmax), strict=True):
        assert b.shape == a.shape
        assert b.shape[0] == 0
    assert (softmax.count.rows, softmax.count.elements) == (0, 0)
