"""The files of a model, looked at before any of them is used: whole, and what they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from softmax_cosim.adapters import require
from softmax_cosim.configs import UsageError

__all__ = ["SMALL", "check", "small", "weights"]

SMALL = ("*.json", "*.txt", "*.model", "*.spm")
"""Configuration and vocabulary."""
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""The first kind that is there is taken, as transformers does."""
NEVER_EMPTY = frozenset({".json", ".model", ".spm", ".safetensors", ".bin"})
OBJECTS = frozenset(
    {
        *("config.json", "generation_config.json", "preprocessor_config.json"),
        *("tokenizer_config.json", "tokenizer.json", "vocab.json", "special_tokens_map.json"),
        *("added_tokens.json", "model.safetensors.index.json", "pytorch_model.bin.index.json"),
    }
)
"""What transformers reads as a JSON object; other files are nobody's business."""
POINTER = b"version https://git-lfs.github.com/spec/"


def small(folder: Path) -> set[Path]:
    """The files of configuration and vocabulary."""
    return {path for pattern in SMALL for path in folder.glob(pattern) if path.is_file()}


def weights(folder: Path) -> list[Path]:
    """The files of the weights."""
    for pattern in WEIGHTS:
        if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
            return found
    return []


def check(folder: Path) -> None:
    """Look at every file.

    Raises:
        UsageError: one cannot be read, is empty, a pointer of Git LFS, no JSON or cut short.
    """
    for path in sorted({*small(folder), *weights(folder)}):
        try:
            with path.open("rb") as file:
                head = file.read(len(POINTER))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        if not head and path.suffix in NEVER_EMPTY:
            raise UsageError(f"{path} is empty; copy the model's own file there")
        if head == POINTER:
            raise UsageError(
                f"{path} is a pointer of Git LFS and not the file; get that with git lfs pull"
            )
        if path.name in OBJECTS:
            _object(path)
        elif path.suffix == ".safetensors":
            _tensors(path)


def _object(path: Path) -> None:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise UsageError(f"{path} is no JSON in UTF-8: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}, line 1: a JSON object is wanted, in braces")


def _tensors(path: Path) -> None:
    library = require("safetensors", "torch")
    try:
        with library.safe_open(str(path), "np"):
            pass
    except (OSError, library.SafetensorError) as error:
        raise UsageError(f"{path} is no whole file of safetensors: {error}") from None
