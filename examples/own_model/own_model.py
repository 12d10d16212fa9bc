"""A model of your own, which this project knows nothing of: docs/tutorial.md takes it to a verdict.

A small Transformer says which letter of a word occurs most often. Run as a program this trains it
and dumps its attention scores as a trace; `task` is what `cosim eval` calls. What connects model
and hardware are the two lines with `torch_module.patched`.
"""

from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn

import softmax_cosim as cosim
from softmax_cosim.adapters import torch_module
from softmax_cosim.eval import Metric, mean

LETTERS, LENGTH, WORDS = 6, 40, 200
WEIGHTS, TRACE = Path("own_model.pt"), Path("own_model.safetensors")


def words(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Letters as numbers, [count, LENGTH], and the most frequent one of each word."""
    letters = torch.randint(LETTERS, (count, LENGTH), generator=torch.Generator().manual_seed(seed))
    counts = nn.functional.one_hot(letters, LETTERS).sum(dim=1) * LETTERS
    return letters, (counts - torch.arange(LETTERS)).argmax(dim=1)  # of two, the earlier letter


class Model(nn.Module):
    """Two layers of four heads; the answer stands at the first letter."""

    def __init__(self) -> None:
        """Start at random."""
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.classes = nn.Linear(32, LETTERS)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        """[words, LENGTH] to [words, LETTERS]."""
        answer: torch.Tensor = self.classes(self.encoder(self.embedding(letters))[:, 0])
        return answer


def trained(steps: int = 300) -> Model:
    """The model, after so many steps of 64 words."""
    torch.manual_seed(1)
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(steps):
        letters, most = words(64, 1000 + step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(letters), most).backward()
        optimizer.step()
    return model.eval()


class Letters:
    """The model's own task, as `softmax_cosim.eval.Task` wants it. A prediction is a letter."""

    name = "letters"
    title = "Most frequent letter of a word"
    source = f"{WORDS} random words of {LENGTH} letters"
    batch = 50

    def __init__(self) -> None:
        """Load what was trained."""
        self.model = Model().eval()
        self.model.load_state_dict(torch.load(WEIGHTS))
        self.letters, self.most = words(WORDS, 1)
        self.metrics = (Metric("accuracy", "higher", "%", self.right, mean),)

    def __len__(self) -> int:
        """Words."""
        return WORDS

    def predict(self, examples: range, softmax: cosim.Softmax | None) -> list[int]:
        """The letter of each word; with `softmax` None the model computes its own."""
        inside = torch_module.patched(softmax, self.model.encoder) if softmax else nullcontext()
        with torch.no_grad(), inside:
            answer = self.model(self.letters[examples.start : examples.stop])
        return [int(letter) for letter in answer.argmax(dim=1)]

    def agreement(self, ours: int, float_: int) -> tuple[float, float]:
        """Whether both say the same."""
        return ours == float_, 1

    def right(self, example: int, letter: int) -> tuple[float]:
        """1 if the answer is right."""
        return (float(letter == self.most[example]),)


task = Letters


def main() -> None:
    """Train, keep the weights, dump the scores of eight words."""
    torch.set_num_threads(1)
    model = trained()
    torch.save(model.state_dict(), WEIGHTS)
    recorder = cosim.Recorder()
    with torch.no_grad(), torch_module.patched(recorder, model.encoder):
        model(words(8, 1)[0])
    recorder.write(TRACE, model="most frequent letter", source="8 random words, seed 1")
    print(f"wrote {WEIGHTS} and {TRACE}")


if __name__ == "__main__":
    main()
