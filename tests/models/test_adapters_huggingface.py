"""Hugging Face models: tiny ones with random weights, of every shape of attention."""

import numpy as np
import pytest
import torch
import transformers

from softmax_cosim import configs
from softmax_cosim.adapters import huggingface
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Golden, Recorder, Rtl, current_layer

TINY = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 3}
TINY |= {"intermediate_size": 48, "vocab_size": 60, "initializer_range": 0.5}
PAIR = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "vocab_size": 60}
PAIR |= {"encoder_attention_heads": 4, "decoder_attention_heads": 2}
PAIR |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "init_std": 0.3}
PAIR |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": None}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2}
T5 |= {"num_heads": 4, "vocab_size": 60, "initializer_factor": 1.0, "eos_token_id": None}
TOKENS = torch.arange(2, 20).reshape(2, 9)
KEEP = torch.tensor([[1] * 9, [1] * 6 + [0] * 3])
NEW = 5


def made(kind, config, own):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    config._attn_implementation = own
    return kind(config).eval()


def bert(own):
    model = made(transformers.BertModel, transformers.BertConfig(**TINY), own)
    return model, {"input_ids": TOKENS, "attention_mask": KEEP}, None


def llama(own):
    config = transformers.LlamaConfig(**TINY, num_key_value_heads=2, eos_token_id=None)
    model = made(transformers.LlamaForCausalLM, config, own)
    return model, {"input_ids": TOKENS}, None


def mistral(own):
    """Left padding, and a window of four keys."""
    config = transformers.MistralConfig(**TINY, num_key_value_heads=1, sliding_window=4)
    config.eos_token_id, config.pad_token_id = None, 0
    model = made(transformers.MistralForCausalLM, config, own)
    inputs = {"input_ids": TOKENS, "attention_mask": KEEP.flip(1)}
    return model, inputs, {"max_new_tokens": NEW}


def bart(own):
    config = transformers.BartConfig(**PAIR, decoder_start_token_id=1, forced_eos_token_id=None)
    model = made(transformers.BartForConditionalGeneration, config, own)
    return model, {"input_ids": TOKENS, "attention_mask": KEEP}, {"max_new_tokens": NEW}


def whisper(own):
    config = transformers.WhisperConfig(
        **PAIR, decoder_start_token_id=1, num_mel_bins=8, max_source_positions=20
    )
    model = made(transformers.WhisperForConditionalGeneration, config, own)
    sound = torch.randn(1, 8, 40, generator=torch.Generator().manual_seed(2))
    return model, {"input_features": sound}, {"max_new_tokens": NEW}


def t5(own):
    config = transformers.T5Config(**T5, decoder_start_token_id=0, pad_token_id=0)
    model = made(transformers.T5ForConditionalGeneration, config, own)
    return model, {"input_ids": TOKENS, "attention_mask": KEEP}, {"max_new_tokens": NEW}


ATTENTIONS = ("attn", "attention.self", "SelfAttention", "EncDecAttention")
MODELS = {f.__name__: f for f in (bert, llama, mistral, bart, whisper, t5)}
#: Attention softmaxes of a run: encoder layers, then own and cross attention of each decoder layer
#: for each token that is generated.
CALLS = {
    "bert": 3,
    "llama": 3,
    "mistral": 3 * NEW,
    "bart": 2 + 2 * 3 * NEW,
    "whisper": 2 + 2 * 3 * NEW,
    "t5": 2 + 2 * 2 * NEW,
}


def run(model, inputs, generation):
    """Every number of the output: hidden states or logits, and the tokens that follow."""
    with torch.no_grad():
        if generation is None:
            return model(**inputs)[0].numpy()
        out = model.generate(
            **inputs,
            **generation,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    return np.stack([logits.numpy() for logits in out.logits], axis=1)


@pytest.fixture(params=[(name, own) for name in MODELS for own in ("eager", "sdpa")], ids="-".join)
def ready(request):
    name, own = request.param
    return name, own, MODELS[name](own)


def test_dumping_changes_no_bit_and_hears_every_layer(ready):
    name, own, model = ready
    plain = run(*model)
    recorder = Recorder()
    with huggingface.attention(model[0], recorder):
        np.testing.assert_array_equal(run(*model), plain)
    np.testing.assert_array_equal(run(*model), plain)
    assert len(recorder.calls) == CALLS[name]
    assert model[0].config._attn_implementation == own
    attentions = {n for n, _ in model[0].named_modules() if n.endswith(ATTENTIONS)}
    assert {call.layer for call in recorder.calls} == attentions


def test_the_exact_softmax_changes_float_noise_only(ready):
    """Sums of float32 in another order: 1e-5 at most was measured, of values up to 10, and the
    models' own two implementations differ by as much."""
    _, _, model = ready
    plain = run(*model)
    softmax = Float64()
    with huggingface.attention(model[0], softmax):
        replaced = run(*model)
    np.testing.assert_allclose(replaced, plain, atol=5e-5)
    assert softmax.count.rows > 0
    recorder = Recorder()
    with huggingface.attention(model[0], recorder):
        run(*model)
    assert softmax.count.elements == sum(call.scores.size for call in recorder.calls)


@pytest.mark.parametrize("name", ["bert", "llama", "bart", "t5"])
def test_the_scores_are_those_of_the_models_own_attention(name):
    model, inputs, _ = MODELS[name]("eager")
    if name in ("bart", "t5"):
        inputs |= {"decoder_input_ids": TOKENS[:, :4]}
    recorder = Recorder()
    with torch.no_grad(), huggingface.attention(model, recorder):
        out = model(**inputs, output_attentions=True)
    lists = ("attentions", "encoder_attentions", "decoder_attentions", "cross_attentions")
    theirs = [a.numpy() for key in lists for a in (out.get(key) or ())]
    softmax = Float64()
    ours = [softmax(call.scores, call.mask) for call in recorder.calls]
    if "decoder_input_ids" in inputs:
        ours = [*ours[:2], *ours[2::2], *ours[3::2]]
    assert len(ours) == len(theirs) == len(recorder.calls) >= 3
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("own", ["eager", "sdpa"])
def test_scores_come_unmasked_and_the_mask_beside_them(own):
    recorders = []
    for case in (bert, llama, mistral):
        recorder = Recorder()
        model = case(own)
        with huggingface.attention(model[0], recorder):
            run(*model)
        assert all(np.abs(call.scores).max() < 1e4 for call in recorder.calls)
        recorders.append(recorder)
    padded, causal, window = (r.calls[0] for r in recorders)
    shape = padded.scores.shape
    assert (np.broadcast_to(padded.mask, shape) == KEEP.bool().numpy()[:, None, None, :]).all()
    assert (np.broadcast_to(causal.mask, shape) == np.tri(9, dtype=bool)).all()
    near = np.tri(9, dtype=bool) & ~np.tri(9, k=-4, dtype=bool)
    near = near & KEEP.flip(1).bool().numpy()[:, None, None, :]
    real = KEEP.flip(1).bool().numpy()[:, None, :, None]
    assert (np.broadcast_to(window.mask, shape) & real == near & real).all()


def test_bfloat16_reaches_the_function_as_float32_and_returns():
    model, inputs, _ = bert("sdpa")
    model = model.bfloat16()
    plain = model(**inputs)[0]
    recorder = Recorder(Float64())
    with torch.no_grad(), huggingface.attention(model, recorder):
        replaced = model(**inputs)[0]
    assert replaced.dtype == torch.bfloat16
    assert recorder.calls[0].scores.dtype == np.float32
    kept = KEEP.bool()
    assert (replaced - plain)[kept].abs().max() < 0.1  # 8 bits of values below 4, three layers


def test_the_answer_for_each_layer_counts(ready):
    """Zeros for one layer at a time; the others are left to the model."""
    _, _, model = ready
    plain = run(*model)
    recorder = Recorder()
    with huggingface.attention(model[0], recorder):
        run(*model)
    for layer in {call.layer for call in recorder.calls}:

        def zeros(scores, mask, this=layer):
            return np.zeros_like(scores) if current_layer.get() == this else None

        with huggingface.attention(model[0], zeros):
            assert np.abs(run(*model) - plain).max() > 1e-3, layer


def test_one_layer_may_be_left_to_the_model():
    model, inputs, generation = bert("sdpa")
    plain = run(model, inputs, generation)
    exact, layers = Float64(), iter([True, False, True])
    with huggingface.attention(model, lambda s, m: exact(s, m) if next(layers) else None):
        np.testing.assert_allclose(run(model, inputs, generation), plain, atol=1e-4)
    assert exact.count.rows == 2 * 2 * 4 * 9


def test_the_rtl_in_the_loop():
    """Every row of encoder, decoder and cross attention through the simulator."""
    config = configs.load("split_uint8").replace(max_len=64)
    with Rtl(config, jobs=1, optimise="test") as rtl:
        model = bart("sdpa")
        with huggingface.attention(model[0], rtl):
            hardware = run(*model)
        golden = Golden(config)
        with huggingface.attention(model[0], golden):
            np.testing.assert_array_equal(run(*model), hardware)
    assert rtl.count.mismatches == 0
    assert rtl.count.rows == golden.count.rows == 2 * (2 * 4 * 9 + NEW * 3 * 2 * 2)
    assert rtl.count.cycles > 0


def test_nothing_of_the_model_is_changed():
    for own in ("eager", "sdpa"):
        model, inputs, _ = llama(own)
        with huggingface.attention(model, Recorder()):
            assert model.config._attn_implementation == own
            run(model, inputs, None)


def test_two_models_at_a_time():
    (one, inputs, _), (two, others, _) = bert("sdpa"), llama("eager")
    first, second = Float64(), Float64()
    with huggingface.attention(one, first), huggingface.attention(two, second):
        run(one, inputs, None)
        run(two, others, None)
    assert (first.count.rows, second.count.rows) == (3 * 2 * 4 * 9, 3 * 2 * 4 * 9)


def test_nothing_stays_behind():
    before = transformers.AttentionInterface.get_interface
    model, inputs, _ = bert("sdpa")
    with pytest.raises(ZeroDivisionError), huggingface.attention(model, lambda s, m: 1 // 0):
        run(model, inputs, None)
    assert transformers.AttentionInterface.get_interface is before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.config._attn_implementation == "sdpa"


def test_dropout_is_refused():
    model, inputs, _ = bert("sdpa")
    model.train()
    with (
        pytest.raises(UsageError, match=r"layer\.0\.attention\.self drops .* call model\.eval"),
        huggingface.attention(model, Float64()),
    ):
        model(**inputs)


def test_what_is_no_transformers_model_is_refused():
    sentence = r"^Linear is no transformers model; use .*torch_module\.patched"
    with (
        pytest.raises(UsageError, match=sentence),
        huggingface.attention(torch.nn.Linear(2, 2), Float64()),
    ):
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_kernel_is_refused_with_advice_that_can_be_followed():
    model, inputs, _ = bert("sdpa")
    plain = run(model, inputs, None)
    model.set_attn_implementation("flex_attention")
    with (
        pytest.raises(UsageError, match=r"self is flex_attention.*set_attn_implementation\('sdpa'"),
        huggingface.attention(model, Float64()),
    ):
        run(model, inputs, None)
    model.set_attn_implementation("sdpa")
    with huggingface.attention(model, Float64()):
        np.testing.assert_allclose(run(model, inputs, None), plain, atol=5e-5)
