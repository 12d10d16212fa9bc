"""Any sequence classifier of transformers: one or two sentences to logits."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from softmax_cosim.adapters import Float, require
from softmax_cosim.adapters.huggingface import attention
from softmax_cosim.adapters.pretrained import load_model, load_tokenizer
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["LONGEST", "SequenceClassifier"]

LONGEST = 128
"""Tokens of an example, as BERT is fine-tuned to GLUE; what is beyond is cut off."""
TOGETHER = 16
"""Examples of a forward pass: of about one length, so that little is padding."""


class SequenceClassifier:
    """A tokenizer and a model of one folder."""

    def __init__(self, folder: Path) -> None:
        """Load both.

        Raises:
            UsageError: a file or weights are missing, or tokenizer and model do not belong
                together.
        """
        self._torch = require("torch", "torch")
        self._tokenizer = load_tokenizer(folder)
        self._model = load_model("AutoModelForSequenceClassification", folder)
        config = self._model.config
        self.kind: str = config.model_type
        words = self._model.get_input_embeddings().num_embeddings
        if len(self._tokenizer) > words:
            raise UsageError(
                f"the tokenizer of {folder} has {len(self._tokenizer)} words, its model {words}; "
                "they do not belong together"
            )
        if self._tokenizer.pad_token is None:
            raise UsageError(
                f"the tokenizer of {folder} has no padding token; name one in its "
                "tokenizer_config.json (pad_token)"
            )
        longest = getattr(config, "max_position_embeddings", LONGEST)
        self._longest = min(LONGEST, self._tokenizer.model_max_length, longest)
        self.labels: list[str] = [
            str(name) for _, name in sorted(config.id2label.items(), key=lambda item: int(item[0]))
        ]
        """What each logit is called."""

    def logits(self, texts: Sequence[tuple[str, ...]], softmax: Softmax | None) -> Float:
        """Shape [examples, labels]; None is the model's own softmax."""
        order = sorted(range(len(texts)), key=lambda place: sum(map(len, texts[place])))
        logits = np.zeros((len(texts), len(self.labels)), np.float32)
        replaced = contextlib.nullcontext() if softmax is None else attention(self._model, softmax)
        with self._torch.inference_mode(), replaced:
            for start in range(0, len(order), TOGETHER):
                places = order[start : start + TOGETHER]
                sentences = zip(*(texts[place] for place in places), strict=True)
                batch = self._tokenizer(
                    *(list(column) for column in sentences),
                    padding=True,
                    truncation=True,
                    max_length=self._longest,
                    return_tensors="pt",
                )
                logits[places] = self._model(**batch).logits.numpy()
        return logits
