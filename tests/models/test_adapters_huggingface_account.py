"""Every softmax of a transformers model: attention of any kind is reached, the rest is named."""

import threading

import numpy as np
import pytest

from softmax_cosim.account import MissedSoftmax
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from softmax_cosim.adapters import huggingface, torch_module  # noqa: E402

IDS = torch.arange(5, 37).reshape(2, 16)
PICTURE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
TEXT = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT |= {"intermediate_size": 48, "initializer_range": 0.3}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
PAIR = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 4}
PAIR |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION |= {"intermediate_size": 48, "image_size": 64, "patch_size": 16}
SPECIAL = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")


def resnet():
    return transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )


def mixtral():
    config = transformers.MixtralConfig(**TEXT, num_key_value_heads=2, num_local_experts=2)
    return transformers.MixtralForCausalLM(config), {"input_ids": IDS}, 2, ["gate", "gate"]


def modernbert():
    special = {name: number for number, name in enumerate(SPECIAL)}
    config = transformers.ModernBertConfig(**TEXT, **special)
    return transformers.ModernBertModel(config), {"input_ids": IDS}, 2, []


def siglip():
    """The pooling head is an nn.MultiheadAttention."""
    model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**VISION))
    return model, {"pixel_values": PICTURE}, 3, []


def longt5():
    config = transformers.LongT5Config(
        vocab_size=99, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, local_radius=3
    )
    return transformers.LongT5EncoderModel(config), {"input_ids": IDS}, 2, []


def bigbird():
    """Five softmaxes in its encoder's layer: of the first, second, middle and last blocks."""
    config = transformers.BigBirdPegasusConfig(
        **PAIR, vocab_size=99, block_size=1, num_random_blocks=1
    )
    model = transformers.BigBirdPegasusModel(config)
    return model, {"input_ids": IDS, "decoder_input_ids": IDS}, 5 + 2 * 2, []


def detr():
    config = transformers.DetrConfig(**PAIR, backbone_config=resnet(), num_queries=5)
    return transformers.DetrForObjectDetection(config), {"pixel_values": PICTURE}, 1 + 2 * 2, []


def deformable():
    """Its sampling weights are a softmax of one linear layer."""
    config = transformers.DeformableDetrConfig(
        **PAIR, backbone_config=resnet(), num_queries=5, num_feature_levels=3
    )
    model = transformers.DeformableDetrForObjectDetection(config)
    return model, {"pixel_values": PICTURE}, 1 + 2 * 2, []


def bloom():
    """Outside of the interface."""
    config = transformers.BloomConfig(hidden_size=32, n_layer=2, n_head=4, vocab_size=99)
    return transformers.BloomModel(config), {"input_ids": IDS}, 2, []


def gemma2():
    """Soft capping comes before the softmax."""
    config = transformers.Gemma2Config(**TEXT, **GROUPED, attn_logit_softcapping=0.5)
    return transformers.Gemma2Model(config), {"input_ids": IDS}, 2, []


def gpt_oss():
    """Rows have one score more, the sink."""
    small = {"num_local_experts": 2, "num_experts_per_tok": 1, "pad_token_id": 0}
    model = transformers.GptOssModel(transformers.GptOssConfig(**TEXT, **GROUPED, **small))
    return model, {"input_ids": IDS}, 2, ["router", "router"]


def clip():
    """Text and vision, each with an implementation of its own."""
    text = transformers.CLIPTextConfig(**TEXT, eos_token_id=2)
    config = transformers.CLIPConfig(
        text_config=text.to_dict(), vision_config=VISION, projection_dim=16
    )
    model = transformers.CLIPModel(config)
    model.text_model.config._attn_implementation = "eager"
    model.vision_model.config._attn_implementation = "sdpa"
    return model, {"input_ids": IDS, "pixel_values": PICTURE}, 4, []


MODELS = (mixtral, modernbert, siglip, longt5, bigbird, detr, deformable)
MODELS += (bloom, gemma2, gpt_oss, clip)


@pytest.fixture(params=MODELS, ids=lambda make: make.__name__)
def ready(request):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, inputs, softmaxes, others = request.param()
    model = model.eval()

    def run():
        with torch.no_grad():
            return model(**inputs, return_dict=True)[0]

    return model, run, softmaxes, others


def settings(model):
    return [c._attn_implementation for m in model.modules() if (c := getattr(m, "config", None))]


def test_every_attention_is_heard_and_the_rest_named(ready):
    """Recording changes no bit, the exact softmax float noise, and nothing of the model stays."""
    model, run, softmaxes, others = ready
    before = settings(model)
    plain = run()
    recorder = Recorder()
    with huggingface.attention(model, recorder) as account:
        assert torch.equal(run(), plain)
    assert len(recorder.calls) == account.left.total() == softmaxes
    exact = Float64()
    with huggingface.attention(model, exact) as account:
        np.testing.assert_allclose(run(), plain, atol=1e-5 * max(1, plain.abs().max()))
    assert account.replaced.total() == softmaxes
    assert [name.rpartition(".")[2] for name in account.other] == others
    assert not account.missed
    assert settings(model) == before
    torch.testing.assert_close(run(), plain, atol=0, rtol=0)


def test_the_function_decides_the_output(ready):
    model, run, _, _ = ready
    plain = run()
    with huggingface.attention(model, lambda s, m: np.zeros_like(s)):
        assert (run() - plain).abs().max() > 1e-4


def test_what_an_argument_may_say_without_effect():
    """An argument that the attention function does not take."""
    model, inputs, _, _ = mixtral()
    model.eval()
    with torch.no_grad():
        plain = model(**inputs, output_router_logits=False, made_up=1).logits
        with huggingface.attention(model, Float64()) as account:
            got = model(**inputs, output_router_logits=False, made_up=1).logits
    np.testing.assert_allclose(got, plain, atol=1e-5)
    assert account.replaced.total() == 2


def test_an_attention_function_that_is_not_plain_keeps_what_it_does(monkeypatch):
    """One of a user's own; the product with the scores' sign would be lost in a standard one."""

    def odd(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
        scores = torch.matmul(query, key.transpose(2, 3)) / scaling - kwargs.get("shift", 3)
        weights = torch.nn.functional.softmax(scores + attention_mask, dim=-1)
        return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights

    from transformers.models.llama import modeling_llama

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", odd)
    config = transformers.LlamaConfig(**TEXT, num_key_value_heads=4, attn_implementation="eager")
    model = transformers.LlamaModel(config).eval()
    with torch.no_grad():
        plain = model(IDS)[0]
        with huggingface.attention(model, Float64()) as account:
            np.testing.assert_allclose(model(IDS)[0], plain, atol=1e-5)
    assert account.replaced.total() == 2


def test_a_model_without_attention_is_refused():
    model = transformers.ResNetModel(resnet()).eval()
    said = "no softmax of ResNetModel was replaced or recorded although it ran: none was heard"
    with pytest.raises(UsageError, match=said), huggingface.attention(model, Float64()):
        model(PICTURE)


def test_one_that_weighs_values_but_looks_like_no_attention_is_named():
    class Pool(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.score = torch.nn.Linear(32, 1)

        def forward(self, x):
            return self.score(x).softmax(1).mT @ x

    class Model(transformers.BertModel):
        def __init__(self, config):
            super().__init__(config)
            self.pool = Pool()

        def forward(self, ids):
            return self.pool(super().forward(ids)[0])

    model = Model(transformers.BertConfig(**TEXT)).eval()
    with (
        pytest.warns(MissedSoftmax, match="softmax of pool stayed float: .* weigh values; name"),
        torch.no_grad(),
        huggingface.attention(model, Float64()) as account,
    ):
        model(IDS)
    assert account.replaced.total() == 2
    with torch.no_grad(), torch_module.patched(Float64(), model.pool) as account:
        model(IDS)
    assert account.replaced == {"Pool": 1}


def test_sampling_is_accounted_for_as_outside():
    model, inputs, _, _ = mixtral()
    with huggingface.attention(model.eval(), Float64()) as account:
        model.generate(
            **inputs, do_sample=True, max_new_tokens=2, pad_token_id=0, eos_token_id=None
        )
    assert account.replaced.total() == 4
    assert "outside of the module" in account.other


def test_generation_in_another_thread():
    """As a streamer's user does it."""
    model, inputs, _, _ = mixtral()
    options = {"do_sample": False, "max_new_tokens": 3, "pad_token_id": 0, "eos_token_id": None}
    model.eval()
    with huggingface.attention(model, Float64()) as account:
        thread = threading.Thread(target=lambda: model.generate(**inputs, **options))
        thread.start()
        thread.join()
    assert account.replaced.total() == 2 * 3
    assert len(account.other) == 2


def test_inference_mode():
    model, inputs, _, _ = siglip()
    model.eval()
    with torch.inference_mode():
        plain = model(**inputs)[0]
        with huggingface.attention(model, Recorder()) as account:
            assert torch.equal(model(**inputs)[0], plain)
    assert account.left.total() == 3


def test_settings_are_kept_after_an_error():
    model, inputs, _, _ = clip()
    before = settings(model)
    assert set(before) == {"eager", "sdpa"}
    with pytest.raises(ZeroDivisionError), huggingface.attention(model.eval(), lambda s, m: 1 // 0):
        model(**inputs)
    assert settings(model) == before
