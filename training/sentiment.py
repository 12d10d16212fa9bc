"""Fine-tune MiniLM on movie-review sentences by LoRA: ``python -m training.sentiment``.

The sentences are those of the task ``sentiment``: its 1,000 tested ones are left alone, the next
400 are for a look at the end, the others are trained on. Every draw comes from one seed and all is
computed in one thread: the same versions on the same kind of machine give the same weights.
They go to :data:`.minilm_sentiment.WEIGHTS` as float16: the two factors of each layer's change, the
scale among them, and the head.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import BertModel

from softmax_cosim.adapters import minilm, minilm_sentiment, package_file
from softmax_cosim.adapters.minilm_sentiment import LINEARS, MiniLMSentiment
from softmax_cosim.eval.tasks.sentiment import TESTED, reviews

RANK, SCALE = 16, 2.0
WATCHED = 400
SEED, BATCH, EPOCHS = 0, 32, 1
RATE, HEAD_RATE, WARM_UP = 4e-4, 5e-3, 40
POOL = 16 * BATCH
"""Sentences among which those of about one length are found."""


class Adapted(nn.Module):
    """A linear layer and a change of low rank beside it."""

    def __init__(self, linear: nn.Linear) -> None:
        """Begin without a change."""
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.empty(RANK, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, RANK))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape [..., in] to [..., out]."""
        y: torch.Tensor = self.linear(x) + SCALE * (x @ self.down.T @ self.up.T)
        return y


class Classifier(nn.Module):
    """MiniLM with changes of low rank, and a head on the mean of a sentence's tokens."""

    def __init__(self) -> None:
        """Load MiniLM; only the changes and the head are trained."""
        super().__init__()
        folder = package_file(minilm.PACKAGE, minilm.VERSION, "model.safetensors").parent
        self.encoder = BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.encoder.requires_grad_(False)
        for name in LINEARS:
            parent, _, own = name.rpartition(".")
            module = self.encoder.get_submodule(parent)
            setattr(module, own, Adapted(getattr(module, own)))
        self.head = nn.Linear(self.encoder.config.hidden_size, 1)

    def forward(self, tokens: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Log odds [sentences] that a sentence is kind."""
        x = self.encoder(tokens, attention_mask=kept).last_hidden_state
        mean = (x * kept[..., None]).sum(dim=1) / kept.sum(dim=1, keepdim=True)
        odds: torch.Tensor = self.head(mean)[:, 0]
        return odds

    def weights(self) -> dict[str, torch.Tensor]:
        """What was trained, in float16."""
        found = {"head.weight": self.head.weight, "head.bias": self.head.bias}
        for name in LINEARS:
            layer: Any = self.encoder.get_submodule(name)
            found |= {f"{name}.down": layer.down, f"{name}.up": SCALE * layer.up}
        return {name: value.detach().half().contiguous() for name, value in found.items()}


def drawn(
    places: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], random: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Batches of places, each place once: of about one length, so that little is padding."""
    batches = []
    for pool in _cut(random.permutation(places), POOL):
        batches += _cut(pool[np.argsort(lengths[pool], kind="stable")], BATCH)
    for place in random.permutation(len(batches)):
        yield batches[place]


def _cut(places: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    return [places[start : start + size] for start in range(0, len(places), size)]


def train(sentences: Sequence[str], kind: npt.NDArray[np.bool_], steps: int | None) -> Classifier:
    """Fine-tune on all sentences but those tested and those watched.

    Args:
        sentences: as :func:`reviews` gives them; likewise the next.
        kind: which of them are kind.
        steps: end after so many; None: after :data:`EPOCHS`.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    model, words = Classifier(), minilm.MiniLM()
    trained = np.arange(TESTED + WATCHED, len(sentences))
    random = np.random.default_rng(SEED)
    lengths = np.array([len(sentence) for sentence in sentences])
    batches = [batch for _ in range(EPOCHS) for batch in drawn(trained, lengths, random)]
    count = len(batches)
    changes = [value for name, value in model.encoder.named_parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": changes, "lr": RATE}, {"params": model.head.parameters(), "lr": HEAD_RATE}]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM_UP, (count - step) / (count - WARM_UP))
    )
    model.train()
    for step, places in enumerate(batches[:steps], 1):
        batch = words.prepare([sentences[place] for place in places])
        assert batch.mask is not None
        odds = model(torch.tensor(batch.inputs), torch.tensor(batch.mask[:, 0, 0]).long())
        target = torch.tensor(kind[places], dtype=torch.float32)
        loss = nn.functional.binary_cross_entropy_with_logits(odds, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 25 == 0:
            print(f"{step} of {count}: loss {loss:.3f}, {time.process_time():.0f} s", flush=True)
    return model


def main(argv: Sequence[str] | None = None) -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--out", type=Path, default=minilm_sentiment.WEIGHTS, metavar="FILE", help="%(default)s")
    add("--steps", type=int, metavar="N", help="end after so many, to try it out")
    args = parser.parse_args(argv)
    sentences, kind = reviews()
    model = train(sentences, kind, args.steps)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.weights(), args.out)
    tuned = MiniLMSentiment(args.out)
    right = 0
    for place in range(TESTED, TESTED + WATCHED):
        odds, _ = tuned.forward(tuned.prepare([sentences[place]]), tap=False)
        right += bool(odds[0, 0] > 0) == kind[place]
    print(f"{right} of {WATCHED} watched sentences are right; wrote {args.out}")


if __name__ == "__main__":
    main()
