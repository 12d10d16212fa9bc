"""ONNX models whose weights are many, elsewhere, or not there."""

import numpy as np
import pytest

from softmax_cosim.adapters import onnx_file
from softmax_cosim.adapters.onnx_graph import OnnxModel
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import numpy_helper, parser  # noqa: E402

RNG = np.random.default_rng(6)
TEXT = """<ir_version: 8, opset_import: ["" : 17]>
weights (int64[L] ids, float[L,8] x) => (float[L,8] y) {
  e = Gather (table, ids)
  h = Add (e, x)
  turned = Transpose (h)
  products = MatMul (h, turned)
  s = Add (products, bias)
  exps = Exp (s)
  sums = ReduceSum (exps, axes)
  p = Div (exps, sums)
  y = MatMul (p, h)
}"""
ROWS = 1000
FEEDS = {"ids": np.array([1, ROWS - 1, 5]), "x": RNG.normal(size=(3, 8)).astype(np.float32)}


def model():
    made = parser.parse_model(TEXT)
    for name, values in {
        "table": RNG.normal(size=(ROWS, 8)).astype(np.float32),
        "bias": np.float32([[0, 1, 2]]),
        "axes": np.array([-1]),
    }.items():
        made.graph.initializer.append(numpy_helper.from_array(values, name))
    return made


def check(graph, feeds=FEEDS):
    """It runs whole, tapped and in stages."""
    assert graph.layers == ("s",)
    (plain,), (heard,) = graph.run(feeds), graph.run(feeds, Recorder())
    np.testing.assert_array_equal(heard, plain)
    (replaced,) = graph.run(feeds, Float64())
    np.testing.assert_allclose(replaced, plain, atol=1e-5)
    return plain


def save(made, path):
    """With every constant outside, the axes too."""
    onnx.save(made, path, save_as_external_data=True, location="w.bin", size_threshold=0)


def test_weights_beside_the_file(tmp_path, monkeypatch):
    made = model()
    save(type(made).FromString(made.SerializeToString()), tmp_path / "m.onnx")
    monkeypatch.chdir(tmp_path.parent)  # they are beside the file, wherever one stands
    expected = check(OnnxModel(made))
    np.testing.assert_array_equal(check(OnnxModel(tmp_path / "m.onnx")), expected)
    relative = (tmp_path / "m.onnx").relative_to(tmp_path.parent)
    np.testing.assert_array_equal(check(OnnxModel(str(relative))), expected)


def test_a_file_of_more_than_2_gb(tmp_path):
    """A table of 75 million rows, all zero and so without blocks on the disk."""
    made = model()
    (table,) = (tensor for tensor in made.graph.initializer if tensor.name == "table")
    rows = 75_000_000
    assert rows * 32 > 2**31
    table.ClearField("raw_data")
    table.dims[0] = rows
    table.data_location = table.EXTERNAL
    for key, value in {"location": "w.bin", "offset": "0", "length": str(rows * 32)}.items():
        table.external_data.add(key=key, value=value)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(rows * 32)
    check(OnnxModel(tmp_path / "m.onnx"), FEEDS | {"ids": np.array([1, rows - 1, 5])})


def test_a_graph_of_more_than_protobuf_writes(monkeypatch):
    """In memory; what is more than protobuf writes is handed over, and the model left as it is."""
    made = model()
    before = made.SerializeToString()
    expected = check(OnnxModel(made))
    monkeypatch.setattr(onnx_file, "LARGEST", 20_000)
    assert made.ByteSize() > 20_000
    large = OnnxModel(made)
    assert large._model.ByteSize() < 2000
    np.testing.assert_array_equal(check(large), expected)
    assert made.SerializeToString() == before


def test_a_graph_that_is_large_without_its_weights(monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST", 100)
    with pytest.raises(UsageError, match=r"'weights' is larger than 2 GB in memory without its"):
        OnnxModel(model())


def test_weights_that_are_missing_or_cut_short(tmp_path):
    save(model(), tmp_path / "m.onnx")
    weights = tmp_path / "w.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    short = rf"m\.onnx has its weights in .*w\.bin, which holds {len(whole) - 1} of {len(whole)} by"
    with pytest.raises(UsageError, match=short):
        OnnxModel(tmp_path / "m.onnx")
    weights.unlink()
    with pytest.raises(UsageError, match=r"m\.onnx has its weights in .*w\.bin, which is not"):
        OnnxModel(tmp_path / "m.onnx")
    loaded = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    with pytest.raises(UsageError, match=r"graph 'weights' has its weights in w\.bin, which is"):
        OnnxModel(loaded)


def test_what_onnxruntime_refuses_is_one_sentence(tmp_path):
    made = model()
    made.graph.node[0].op_type = "Unheard"
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(UsageError, match=r"^onnxruntime cannot run .*m\.onnx: .*Unheard") as caught:
        OnnxModel(tmp_path / "m.onnx").run(FEEDS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["offset", "length", "location"])
@pytest.mark.parametrize("value", ["nan", "-1", "9" * 5_000, "a\0b"])
def test_weights_that_are_nowhere(tmp_path, key, value):
    if key == "location" and "\0" not in value:
        pytest.skip("a name like any other")
    made = model()
    tensor = made.graph.initializer[0]
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key=key, value=value)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(UsageError, match="says of the weights 'table' that they are nowhere"):
        OnnxModel(tmp_path / "m.onnx")


def _no_type(made):
    made.graph.initializer[2].data_type = 99


def _too_few(made):
    made.graph.initializer[2].dims[0] = 7


def _out_of_order(made):
    made.graph.node.append(made.graph.node[0])
    del made.graph.node[0]


def _no_inputs(made):
    del made.graph.node[7].input[:]


def _hangs_on_itself(made):
    made.graph.node.add(op_type="Identity", input=["round"], output=["round"])


def _two_lines(made):
    made.graph.node[0].op_type = "Attention\nand more"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_hangs_on_itself, "breaks a rule of ONNX: Nodes in a graph must be topologically sorted"),
        (_two_lines, r"is 'Attention\\nand more', with the softmax inside"),
        (_no_type, "the weights 'axes' of an ONNX graph cannot be read: 99"),
        (_too_few, "the weights 'axes' of an ONNX graph cannot be read: cannot reshape"),
        (_out_of_order, "breaks a rule of ONNX: Nodes in a graph must be topologically sorted"),
        (_no_inputs, "breaks a rule of ONNX: .*input"),
    ],
)
def test_a_graph_that_breaks_a_rule_is_told_which(change, sentence):
    made = model()
    change(made)
    with pytest.raises(UsageError, match=sentence):
        OnnxModel(made)
