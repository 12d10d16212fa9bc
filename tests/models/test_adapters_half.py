"""Half precision: its range and its rounding are the model's, and not the hardware's."""

import numpy as np
import pytest

from softmax_cosim.engines import Float64, Recorder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from torch.nn import functional  # noqa: E402

from softmax_cosim.adapters import huggingface, torch_module  # noqa: E402

HALVES = [torch.bfloat16, torch.float16]
IDS = torch.arange(5, 23).reshape(2, 9)
WAYS = {
    "interface": huggingface.attention,
    "operators": lambda model, softmax: torch_module.patched(softmax, model),
}


def llama(own, dtype, gain=1):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        initializer_range=0.3,
        attn_implementation=own,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    for layer in model.model.layers:
        layer.self_attn.q_proj.weight.data.mul_(gain)
        layer.self_attn.k_proj.weight.data.mul_(gain)
    return model.to(dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("own", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_masks_stay_masks_and_recording_changes_no_bit(dtype, own, way):
    model = llama(own, dtype)
    recorder = Recorder()
    with torch.no_grad():
        plain = model(IDS).logits
        with WAYS[way](model, recorder):
            assert torch.equal(model(IDS).logits, plain)
    assert len(recorder.calls) == 2
    for call in recorder.calls:
        assert call.scores.dtype == np.float32
        assert (np.broadcast_to(call.mask, call.scores.shape) == np.tri(9, dtype=bool)).all()


@pytest.mark.parametrize("way", WAYS)
def test_scores_beyond_the_range_of_float16(way):
    """Finite in the model's own fused attention, which adds up in float32."""
    model = llama("sdpa", torch.float16, gain=100)
    recorder = Recorder(Float64())
    with torch.no_grad():
        plain = model(IDS).logits
        with WAYS[way](model, recorder):
            replaced = model(IDS).logits
    assert plain.isfinite().all()
    assert max(np.abs(call.scores).max() for call in recorder.calls) > 65504
    assert all(
        np.isfinite(call.scores[call.mask & np.ones_like(call.scores, bool)]).all()
        for call in recorder.calls
    )
    assert (replaced - plain).abs().max() < 0.02 * plain.abs().max()


@pytest.mark.parametrize("own", ["eager", "sdpa"])
def test_autocast_is_the_models_own_affair(own):
    """It has the products of attention in half precision where the model wrote them so."""
    model = llama(own, torch.float32, gain=8)
    recorder, exact = Recorder(), Recorder(Float64())
    with torch.no_grad():
        true = model(IDS).logits
        with torch.autocast("cpu", torch.bfloat16):
            plain = model(IDS).logits
            with huggingface.attention(model, recorder):
                assert torch.equal(model(IDS).logits, plain)
            with huggingface.attention(model, exact):
                replaced = model(IDS).logits
    scores = torch.from_numpy(exact.calls[0].scores)
    assert not torch.equal(scores.bfloat16().float(), scores)
    errors = [(one - true).square().mean().sqrt() for one in (replaced, plain)]
    assert errors[0] < 1.2 * errors[1]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_the_error_is_no_larger_than_torchs_own(dtype):
    """Against float64 on the same inputs, rounded as the output has to be."""
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 64, 32).to(dtype) for _ in range(3))
    true = functional.scaled_dot_product_attention(query.double(), key.double(), value.double())
    own = functional.scaled_dot_product_attention(query, key, value)
    ours, probabilities = torch_module.attend(Float64(), "x", query, key, value)
    assert ours.dtype == probabilities.dtype == dtype
    errors = [(one.double() - true).square().mean().sqrt() for one in (ours, own, true.to(dtype))]
    assert errors[0] <= min(errors[1], 1.01 * errors[2])


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_the_lowest_of_a_half_type_masks_in_a_wider_one(dtype, kind):
    """A mask of that type, and a score that was widened."""
    if torch.finfo(dtype).bits == 16:
        kind = dtype
    lowest = torch.finfo(kind).min
    hidden = torch.arange(6) > 3
    scores = torch.linspace(-1, 1, 6).expand(3, 6).to(dtype)
    mask = torch.zeros(6, dtype=dtype).masked_fill(hidden, lowest)
    eye = torch.eye(6, dtype=dtype)
    recorder = Recorder(Float64())
    output, _ = torch_module.attend(recorder, "x", scores, eye, eye, mask=mask, scale=1.0)
    with torch_module.patched(recorder):
        soft = scores.masked_fill(hidden, lowest).softmax(-1)
    for answer, call in zip((output, soft), recorder.calls, strict=True):
        assert (np.broadcast_to(call.mask, (3, 6)) == ~hidden.numpy()).all()
        assert not answer[:, 4:].any()
        np.testing.assert_allclose(answer.double().sum(-1), 1, atol=0.02)


def test_a_large_negative_number_stays_a_score():
    recorder = Recorder(Float64())
    with torch_module.patched(recorder):
        torch.tensor([[0.0, -1e4, -1e9]]).softmax(-1)
    assert recorder.calls[0].mask is None
