"""Any torch module: whatever way it takes to its softmax."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from softmax_cosim import configs
from softmax_cosim.adapters import torch_module
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Golden, Recorder, Rtl


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


X = seeded(2, 7, 16)
PADDED = torch.arange(7).expand(2, 7) >= torch.tensor([[7], [4]])
CAUSAL = nn.Transformer.generate_square_subsequent_mask(7)


class ByHand(nn.Module):
    """Attention as people write it; the classifier's softmax is not attention."""

    def __init__(self, softmax):
        super().__init__()
        self.attention = nn.ModuleDict({"mix": _Mix(softmax)})
        self.classes = nn.Sequential(nn.Linear(16, 3), nn.Softmax(dim=-1))

    def forward(self, x):
        return self.classes(self.attention["mix"](x))


class _Mix(nn.Module):
    def __init__(self, softmax):
        super().__init__()
        self.key = nn.Linear(16, 16)
        self.softmax = softmax

    def forward(self, x):
        scores = x @ self.key(x).transpose(1, 2) / 4
        return self.softmax(scores.masked_fill(PADDED[:, None], -torch.inf)) @ x


WAYS = {
    "torch.softmax": lambda s: torch.softmax(s, -1),
    "Tensor.softmax": lambda s: s.softmax(dim=2),
    "functional.softmax": lambda s: functional.softmax(s, dim=-1, dtype=torch.float32),
    "nn.Softmax": nn.Softmax(dim=-1),
}


def attend(module, **options):
    return lambda: module(X, X, X, **options)[0]


def cases():
    """Name to a call and the number of softmaxes in it."""
    torch.manual_seed(3)
    made = {name: (partial(ByHand(way).eval(), X), 2) for name, way in WAYS.items()}
    mha = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    made["mha"] = attend(mha), 1
    made["mha, padded"] = attend(mha, key_padding_mask=PADDED), 1
    made["mha, causal, no weights"] = attend(mha, attn_mask=CAUSAL, need_weights=False), 1
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    made["encoder layer"] = partial(layer, X), 1
    encoder = nn.TransformerEncoder(layer, 3).eval()
    made["encoder"] = partial(encoder, X), 3
    made["encoder, causal"] = partial(encoder, X, mask=CAUSAL, is_causal=True), 3
    both = nn.Transformer(16, 4, 2, 2, 32, batch_first=True).eval()
    made["transformer"] = partial(both, X, X[:, :5]), 6
    sdpa = functional.scaled_dot_product_attention
    heads = X.view(2, 7, 4, 4).transpose(1, 2)
    made["sdpa"] = partial(sdpa, heads, heads, heads), 1
    made["sdpa, causal"] = partial(sdpa, heads, heads, heads, is_causal=True), 1
    made["sdpa, masked"] = partial(sdpa, heads, heads, heads, ~PADDED[:, None, None]), 1
    made["sdpa, biased"] = partial(sdpa, heads, heads, heads, 3 * seeded(7, 7)), 1
    made["sdpa, scaled"] = partial(sdpa, heads, heads, heads, scale=0.3), 1
    made["sdpa, grouped"] = partial(sdpa, heads, heads[:, :2], heads[:, :2], enable_gqa=True), 1
    made["sdpa, one head"] = partial(sdpa, X, X, X), 1
    return made


CASES = cases()


@pytest.fixture(params=list(CASES))
def case(request):
    torch.set_num_threads(1)
    call, softmaxes = CASES[request.param]

    def run():
        with torch.no_grad():
            return call().numpy()

    return run, softmaxes


def test_dumping_changes_no_bit_and_hears_every_softmax(case):
    run, softmaxes = case
    plain = run()
    recorder = Recorder()
    with torch_module.patched(recorder):
        np.testing.assert_array_equal(run(), plain)
    assert len(recorder.calls) == softmaxes
    np.testing.assert_array_equal(run(), plain)
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_exact_softmax_changes_float_noise_only(case):
    """Sums of float32 in another order, of values around 1: eight of their last places."""
    run, softmaxes = case
    plain = run()
    recorder = Recorder(Float64())
    with torch_module.patched(recorder):
        np.testing.assert_allclose(run(), plain, atol=2e-6)
    assert len(recorder.calls) == softmaxes


def test_the_answer_for_each_softmax_counts(case):
    """Zeros for one of them at a time; the others are left to the module."""
    run, softmaxes = case
    plain = run()
    for which in range(softmaxes):
        calls = iter(range(softmaxes))
        zeros = lambda s, m, w=which, c=calls: np.zeros_like(s) if next(c) == w else None  # noqa: E731
        with torch_module.patched(zeros):
            assert np.abs(run() - plain).max() > 0.01


def test_the_scores_are_those_before_softmax_and_masked_ones_show():
    torch.manual_seed(3)
    mha = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    for weights in (True, False):
        recorder = Recorder()
        with torch.no_grad(), torch_module.patched(recorder, mha):
            mha(X, X, X, key_padding_mask=PADDED, need_weights=weights)
            _, own = mha(X, X, X, key_padding_mask=PADDED, average_attn_weights=False)
        call = recorder.calls[0]
        ours = Float64()(call.scores, call.mask).reshape(2, 4, 7, 7)
        np.testing.assert_allclose(ours, own.numpy(), atol=1e-6)
        assert not ours[1, :, :, 4:].any()
        assert call.layer == "MultiheadAttention"


def test_only_what_runs_within_a_module_and_layers_have_its_names():
    torch.manual_seed(3)
    model = ByHand(WAYS["torch.softmax"]).eval()
    recorder = Recorder()
    with torch_module.patched(recorder, model.attention["mix"]):
        model(X)
    assert [call.layer for call in recorder.calls] == ["_Mix"]
    recorder = Recorder()
    with torch_module.patched(recorder, model):
        model(X)
    assert [call.layer for call in recorder.calls] == ["attention.mix", "classes.1"]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_padding_of_an_encoder_is_all_that_differs():
    """Without its fused kernels it does not zero what the padding mask hides."""
    torch.manual_seed(3)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    with torch.no_grad():
        plain = model(X, src_key_padding_mask=PADDED)
        with torch_module.patched(Recorder()):
            assert torch.equal(model(X, src_key_padding_mask=PADDED), plain)
        with torch_module.patched(Float64()):
            replaced = model(X, src_key_padding_mask=PADDED)
    assert not plain[PADDED].any()
    np.testing.assert_allclose(replaced[~PADDED], plain[~PADDED], atol=2e-6)


def test_the_rtl_in_the_loop():
    config = configs.load("rexp_uint8").replace(max_len=64)
    call, softmaxes = CASES["transformer"]
    golden = Golden(config)
    with Rtl(config, jobs=1, optimise="test") as rtl, torch.no_grad():
        with torch_module.patched(rtl):
            hardware = call()
        with torch_module.patched(golden):
            assert torch.equal(call(), hardware)
    assert rtl.count.mismatches == 0
    assert rtl.count.rows == golden.count.rows == 2 * 4 * (2 * 7 + 2 * 2 * 5)
    assert softmaxes == 6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_returns_as_it_came(dtype):
    """The lowest value of the type masks; the scores come widened, and the mask beside them."""
    scores = seeded(3, 4, 6).to(dtype)
    hidden = scores.masked_fill(torch.arange(6) > 3, torch.finfo(dtype).min)
    recorder = Recorder(Float64())
    with torch_module.patched(recorder):
        got = hidden.softmax(-1)
    assert got.dtype == dtype
    assert recorder.calls[0].scores.dtype == np.float32
    assert (recorder.calls[0].mask == (np.arange(6) <= 3)).all()
    np.testing.assert_allclose(got.float(), hidden.softmax(-1).float(), atol=4e-3)
    nothing = torch.full((2, 3), torch.finfo(dtype).min, dtype=dtype)
    with torch_module.patched(recorder):
        assert not nothing.softmax(-1).any()


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_along_any_axis(axis):
    recorder = Recorder(Float64())
    with torch_module.patched(recorder):
        got = X.softmax(axis)
    np.testing.assert_allclose(got, X.softmax(axis), atol=1e-6)
    assert recorder.calls[0].scores.shape[-1] == X.shape[axis]


def test_dropout_is_refused():
    mha = nn.MultiheadAttention(16, 4, dropout=0.1, batch_first=True).train()
    for weights in (True, False):
        with (
            pytest.raises(UsageError, match=r"MultiheadAttention drops .* call model\.eval\(\)"),
            torch_module.patched(Float64(), mha),
        ):
            mha(X, X, X, need_weights=weights)


def test_inference_mode():
    """Modules are heard; a function outside of any is refused."""
    torch.set_num_threads(1)
    call, softmaxes = CASES["transformer"]
    with torch.inference_mode():
        plain = call()
        recorder = Recorder()
        with torch_module.patched(recorder):
            assert torch.equal(call(), plain)
        assert len(recorder.calls) == softmaxes
        refused = pytest.raises(UsageError, match=r"inference_mode.*; use torch\.no_grad\(\)")
        with refused, torch_module.patched(Float64()):
            X.softmax(-1)


def test_attention_that_is_not_known_is_refused():
    from torch.backends import mha

    layer = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    refused = pytest.raises(UsageError, match="operator aten::_native_multi_head_attention")
    with refused, torch.no_grad(), torch_module.patched(Float64()):
        mha.set_fastpath_enabled(True)
        layer(X, X, X)
    assert mha.get_fastpath_enabled()


def test_nothing_stays_behind_after_an_error():
    forward = nn.MultiheadAttention.forward
    mha = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    with (
        pytest.raises(ZeroDivisionError),
        torch.no_grad(),
        torch_module.patched(lambda s, m: 1 // 0, mha),
    ):
        mha(X, X, X)
    assert nn.MultiheadAttention.forward is forward
    assert torch.backends.mha.get_fastpath_enabled()
    assert not mha._forward_hooks


def test_attend_by_the_definition():
    q, k, v = seeded(2, 4, 3, 8), seeded(2, 2, 5, 8, 1)[..., 0], seeded(2, 2, 5, 6, 1)[..., 0]
    keep = torch.arange(5).expand(3, 5) < torch.tensor([[2], [5], [4]])
    bias = seeded(4, 3, 5)
    output, probabilities = torch_module.attend(
        Float64(), "x", q, k, v, mask=keep, scale=0.5, bias=bias
    )
    for b in range(2):
        for h in range(4):
            scores = (q[b, h] @ k[b, h // 2].T * 0.5 + bias[h]).double()
            e = scores.exp() * keep
            p = e / e.sum(-1, keepdim=True)
            np.testing.assert_allclose(probabilities[b, h], p, atol=1e-6)
            np.testing.assert_allclose(output[b, h], p.float() @ v[b, h // 2], atol=1e-5)
    assert math.isclose(float(probabilities.sum()), 2 * 4 * 3, rel_tol=1e-5)
