"""A translator of transformers by name: Marian, T5, M2M, NLLB or another that goes text to text.

The likeliest token at each step, as the model itself says, whatever it was released with. What
language is meant is told in the way of the model: a token before the sentence or the translation,
or a phrase.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from softmax_cosim.adapters import huggingface, pretrained, require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax

__all__ = ["Translator"]

KEPT = (
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"),
    *("forced_bos_token_id", "forced_eos_token_id", "bad_words_ids"),
    *("suppress_tokens", "begin_suppress_tokens"),
)
"""What is taken of a model's configuration of generation; how it searches is not."""
NAMES = {"en": "English", "de": "German", "fr": "French", "ro": "Romanian"}
"""Languages that T5 was taught to translate, as it calls them."""
NLLB = {
    **{"cs": "ces_Latn", "de": "deu_Latn", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn"},
    **{"fi": "fin_Latn", "fr": "fra_Latn", "gu": "guj_Gujr", "ha": "hau_Latn", "hi": "hin_Deva"},
    **{"is": "isl_Latn", "it": "ita_Latn", "iu": "iku_Cans", "ja": "jpn_Jpan", "kk": "kaz_Cyrl"},
    **{"km": "khm_Khmr", "lt": "lit_Latn", "lv": "lvs_Latn", "nl": "nld_Latn", "pl": "pol_Latn"},
    **{"ps": "pbt_Arab", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl", "ta": "tam_Taml"},
    **{"tr": "tur_Latn", "uk": "ukr_Cyrl", "zh": "zho_Hans"},
}
"""What NLLB calls the languages of WMT."""


class Translator:
    """A model, its tokenizer, and how it is told the languages."""

    def __init__(self, folder: Path, languages: tuple[str, str] | None) -> None:
        """Load the model.

        Args:
            folder: as :func:`.adapters.pretrained.find` gave it.
            languages: codes of the sentences' language and of the translations'; None: unknown.

        Raises:
            UsageError: a file is missing or damaged, weights are missing, or the model must know
                the languages, or another language.
        """
        self._folder = folder
        self._torch = require("torch", "torch")
        self._torch.set_num_threads(1)  # the sums of a run then have one order
        self._tokenizer = pretrained.load_tokenizer(folder)
        self._model = pretrained.load_model("AutoModelForSeq2SeqLM", folder)
        self.longest: int | None = getattr(self._model.config, "max_position_embeddings", None)
        """Tokens of a sentence and of a translation; None for no end."""
        self._greedy = self._model.generation_config = self._tokens_alone()
        self._prefix = ""
        if languages is None:
            self._unspecified()
        else:
            self._say(*languages)

    def check(self, lines: Sequence[str]) -> Iterator[str]:
        """What is wrong with each line; nothing with most.

        Raises:
            UsageError: the tokenizer does not work.
        """
        words = self._model.get_input_embeddings().num_embeddings
        for ids in pretrained.encoded(self._folder, lambda: self._encoded(lines))["input_ids"]:
            if self.longest is not None and len(ids) > self.longest:
                yield f"{len(ids)} tokens; the model {self._folder} takes {self.longest}"
            elif max(ids, default=0) >= words:
                yield (
                    f"the tokenizer of {self._folder} makes token {max(ids)} of it, and the model "
                    f"has {words}; they do not belong together"
                )
            else:
                yield ""

    def translate(self, lines: Sequence[str], softmax: Softmax | None = None) -> list[str]:
        """The translation of each line; the lines are padded to one length.

        A translation ends at twice the longest line's tokens and 32, whatever comes.
        """
        inputs = self._encoded(lines, padding=True, return_tensors="pt")
        greedy = copy.copy(self._greedy)
        greedy.max_new_tokens = 2 * inputs["input_ids"].shape[1] + 32
        if self.longest is not None:
            greedy.max_new_tokens = min(greedy.max_new_tokens, self.longest - 1)
        replaced = nullcontext() if softmax is None else huggingface.attention(self._model, softmax)
        with self._torch.no_grad(), replaced:
            tokens = self._model.generate(**inputs, generation_config=greedy)
        if greedy.forced_bos_token_id is not None:  # a language: not all tokenizers take it away
            said = tokens == greedy.forced_bos_token_id
            tokens = tokens.masked_fill(said, self._tokenizer.pad_token_id)
        texts: list[str] = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _tokens_alone(self) -> Any:
        """Greedy, with what the model's own configuration of generation says of tokens."""
        own = self._model.generation_config
        start = own.decoder_start_token_id
        if start is None:
            start = own.bos_token_id
        words = self._model.get_output_embeddings().out_features
        if not isinstance(start, int) or not 0 <= start < words:
            raise UsageError(
                f"{self._folder / 'generation_config.json'}: decoder_start_token_id is {start}; "
                f"one of the model's {words} tokens is wanted, with which a translation begins"
            )
        kept = {name: getattr(own, name) for name in KEPT}
        config = require("transformers", "torch").GenerationConfig
        return config(**kept, num_beams=1, do_sample=False)

    def _encoded(self, lines: Sequence[str], **options: Any) -> Any:
        return self._tokenizer([self._prefix + line for line in lines], **options)

    def _say(self, source: str, target: str) -> None:
        """Have the model know the languages, if it is one that has several."""
        if hasattr(self._tokenizer, "src_lang"):
            self._tokenizer.src_lang = self._code(source)[0]
            self._greedy.forced_bos_token_id = self._code(target)[1]
        elif self._phrases:
            self._prefix = self._phrase(source, target)
        elif self._marks:
            self._prefix = f">>{target}<< "
            if self._prefix.strip() not in self._marks:
                raise self._unknown(target)

    def _unspecified(self) -> None:
        """Refuse a model that has several languages."""
        if hasattr(self._tokenizer, "src_lang") or self._phrases or self._marks:
            raise UsageError(
                f"the model {self._folder} has several languages, and the data do not say which; "
                "write them behind the task, as in translation:en-de"
            )

    @property
    def _marks(self) -> Sequence[str]:
        """What a Marian of several languages wants before a sentence, of each language."""
        marks: Sequence[str] = getattr(self._tokenizer, "supported_language_codes", [])
        return marks

    @property
    def _phrases(self) -> bool:
        return self._model.config.model_type in ("t5", "mt5", "umt5")

    def _phrase(self, source: str, target: str) -> str:
        """What stands before a sentence for T5: its configuration knows, or it is as always."""
        tasks = getattr(self._model.config, "task_specific_params", None) or {}
        known: str | None = tasks.get(f"translation_{source}_to_{target}", {}).get("prefix")
        if known is not None:
            return known
        for language in (source, target):
            if language not in NAMES:
                raise self._unknown(language)
        return f"translate {NAMES[source]} to {NAMES[target]}: "

    def _code(self, language: str) -> tuple[str, int]:
        """The model's code of a language, and the number of its token."""
        for token in (f"__{language}__", NLLB.get(language, language)):
            number = self._tokenizer.convert_tokens_to_ids(token)
            if "_" in token and number not in (None, self._tokenizer.unk_token_id):
                return token.strip("_"), number
        raise self._unknown(language)

    def _unknown(self, language: str) -> UsageError:
        return UsageError(f"the model {self._folder} does not know the language {language!r}")
