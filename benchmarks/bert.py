"""A full-size BERT of random weights and a few sentences, laid out as SST-2: what does it cost?

``python -m benchmarks.bert COUNT FOLDER`` writes ``model`` and ``SST-2/dev.tsv`` into the folder;
then ``cosim eval glue:sst2 --model FOLDER/model --data FOLDER``. Answers are by chance, costs not.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification

from softmax_cosim.adapters import minilm, package_file
from softmax_cosim.eval.tasks.sentiment import reviews


def main() -> int:
    """Write both."""
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    torch.manual_seed(0)
    labels = {0: "negative", 1: "positive"}
    model = folder / "model"
    BertForSequenceClassification(BertConfig(id2label=labels)).save_pretrained(model)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(package_file(minilm.PACKAGE, minilm.VERSION, name), model)
    sentences, kind = reviews()
    lines = ["sentence\tlabel"]
    for sentence, label in zip(sentences[:count], kind, strict=False):
        lines.append(f"{sentence}\t{int(label)}")
    (folder / "SST-2").mkdir(exist_ok=True)
    (folder / "SST-2" / "dev.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
