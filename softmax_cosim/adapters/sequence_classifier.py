"""Any sequence classifier of transformers: one or two sentences to logits."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.adapters import Float, pretrained, require
from softmax_cosim.adapters.huggingface import attention
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
        self._tokenizer = pretrained.load_tokenizer(folder)
        self._model = pretrained.load_model("AutoModelForSequenceClassification", folder)
        self._folder = folder
        config = self._model.config
        self.kind: str = config.model_type
        self._words: int = self._model.get_input_embeddings().num_embeddings
        if len(self._tokenizer) > self._words:
            raise UsageError(
                f"the tokenizer of {folder} has {len(self._tokenizer)} words, its model "
                f"{self._words}; they do not belong together"
            )
        if self._tokenizer.pad_token is None:
            raise UsageError(
                f"the tokenizer of {folder} has no padding token; name one in its "
                "tokenizer_config.json (pad_token)"
            )
        if config.pad_token_id is None:
            config.pad_token_id = self._tokenizer.pad_token_id
        longest = self._tokenizer.model_max_length
        least = 1 + self._tokenizer.num_special_tokens_to_add(pair=True)
        if not isinstance(longest, int | float) or longest < least:
            raise UsageError(
                f"{folder / 'tokenizer_config.json'}: model_max_length is {longest!r}; a number "
                f"from {least} on is wanted"
            )
        positions = getattr(config, "max_position_embeddings", LONGEST)
        self._longest = int(min(LONGEST, longest, positions))
        self.labels: list[str] = [
            " ".join(str(name).split())
            for _, name in sorted(config.id2label.items(), key=lambda item: int(item[0]))
        ]
        """What each logit is called."""

    def check(self, texts: Sequence[tuple[str, ...]]) -> None:
        """Look at the tokens of every example.

        Raises:
            UsageError: the tokenizer does not work, or has tokens that the model does not know.
        """
        made = pretrained.encoded(self._folder, lambda: self._encoded(texts))
        for name, most in (
            ("input_ids", self._words),
            ("token_type_ids", getattr(self._model.config, "type_vocab_size", None)),
        ):
            largest = max((max(ids, default=0) for ids in made.get(name, [])), default=0)
            if most is not None and largest >= most:
                raise UsageError(
                    f"the tokenizer of {self._folder} makes {name} of {largest}, and its model "
                    f"knows those below {most}; they do not belong together"
                )

    def logits(self, texts: Sequence[tuple[str, ...]], softmax: Softmax | None) -> Float:
        """Shape [examples, labels]; None is the model's own softmax."""
        order = sorted(range(len(texts)), key=lambda place: sum(map(len, texts[place])))
        logits = np.zeros((len(texts), len(self.labels)), np.float32)
        replaced = contextlib.nullcontext() if softmax is None else attention(self._model, softmax)
        with self._torch.inference_mode(), replaced:
            for start in range(0, len(order), TOGETHER):
                places = order[start : start + TOGETHER]
                together = [texts[place] for place in places]
                batch = self._encoded(together, padding=True, return_tensors="pt")
                logits[places] = self._model(**batch).logits.numpy()
        return logits

    def _encoded(self, texts: Sequence[tuple[str, ...]], **options: Any) -> Any:
        columns = [list(column) for column in zip(*texts, strict=True)]
        return self._tokenizer(*columns, truncation=True, max_length=self._longest, **options)
