"""A model of your own, which this project knows nothing of, from its scores to a verdict.

    python examples/own_model/own_model.py --config split_uint8 rexp_uint8 --engine rtl
    cosim replay own_model.safetensors --config split_uint8 rexp_uint8

The first trains a small Transformer to say which letter of a word occurs most often, dumps its
attention scores as a trace, and reads the same words again with its softmax computed by each
configuration. The second plays the trace. What connects them is the two `with` lines.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

import cosim
from cosim.adapters import torch_module

LETTERS, LENGTH, WORDS = 6, 40, 200


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


def trained(steps: int) -> Model:
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


@torch.no_grad()
def main() -> None:
    """Train, dump, replace, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", nargs="+", default=["split_uint8", "rexp_uint8"])
    parser.add_argument("--engine", choices=("golden", "rtl"), default="golden")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("own_model.safetensors"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    with torch.enable_grad():
        model = trained(args.steps)
    letters, most = words(WORDS, 1)
    exact = model(letters).argmax(dim=1)

    recorder = cosim.Recorder()
    with torch_module.patched(recorder, model.encoder):
        model(letters[:8])
    recorder.write(args.out, model="most frequent letter", source="8 random words, seed 1")

    print(f"{'softmax':20} right   as float  rows     mismatches")
    print(f"{'float':20} {(exact == most).float().mean():.1%}")
    for name in args.config:
        with cosim.engine(name, args.engine) as softmax:
            with torch_module.patched(softmax, model.encoder):
                answer = model(letters).argmax(dim=1)
            right, same = ((answer == other).float().mean() for other in (most, exact))
            count = softmax.count
        print(f"{name:20} {right:.1%}   {same:.1%}     {count.rows:,}  {count.mismatches}")


if __name__ == "__main__":
    main()
