"""Models of transformers by name: found in a folder or on the hub, loaded whole or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softmax_cosim.adapters import require, sha256
from softmax_cosim.configs import UsageError

__all__ = ["find", "hashes", "load", "load_model", "load_tokenizer"]

SMALL = ("*.json", "*.txt", "*.model", "*.spm")
"""Configuration and vocabulary."""
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""The first kind that is there is taken, as transformers does."""
OPTIONAL = frozenset(
    {
        *("tokenizer_file", "tokenizer_config_file", "target_vocab_file"),
        *("special_tokens_map_file", "added_tokens_file"),
    }
)
"""Files of a tokenizer that it can do without."""


def find(model: str, *, hub: bool) -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a name on the hub.
        hub: it may be downloaded; otherwise it must be a folder, or in the hub's local cache.

    Raises:
        UsageError: it is not there, or has no configuration or no weights.
    """
    folder = Path(model)
    if not folder.is_dir():
        folder = _snapshot(model, hub=hub)
    if not (folder / "config.json").is_file():
        raise UsageError(f"the model {folder} has no config.json; give a folder that has one")
    if not _weights(folder):
        raise UsageError(f"the model {folder} has no weights ({' or '.join(WEIGHTS)})")
    return folder


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that a model is made from, by ``model/`` and its name."""
    small = {path for pattern in SMALL for path in folder.glob(pattern)}
    return {f"model/{path.name}": sha256(path) for path in sorted({*small, *_weights(folder)})}


def load(kind: str, folder: Path, **options: Any) -> Any:
    """Make what is neither model nor tokenizer: a processor, a configuration.

    Args:
        kind: a class of transformers, such as ``AutoImageProcessor``.
        folder: as :func:`find` gave it.
        options: for its ``from_pretrained``.

    Raises:
        UsageError: a file of it is missing or damaged.
    """
    made = getattr(require("transformers", "torch"), kind)
    try:
        return made.from_pretrained(str(folder), local_files_only=True, **options)
    except (ImportError, KeyError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"cannot make {kind} from {folder}: {_sentence(error)}") from None


def load_tokenizer(folder: Path, **options: Any) -> Any:
    """Make a tokenizer; transformers would make one without words where its files are missing.

    Args:
        folder: as :func:`find` gave it.
        options: for its ``from_pretrained``.

    Raises:
        UsageError: a file of it is missing or damaged.
    """
    tokenizer = load("AutoTokenizer", folder, **options)
    files: dict[str, str] = tokenizer.vocab_files_names
    whole = files.get("tokenizer_file")
    if whole is None or not (folder / whole).is_file():
        for key, name in files.items():
            if key not in OPTIONAL and not (folder / name).is_file():
                raise UsageError(
                    f"the model {folder} lacks {name} of its tokenizer, a "
                    f"{type(tokenizer).__name__}; copy it there"
                )
    return tokenizer


def load_model(kind: str, folder: Path, **options: Any) -> Any:
    """Load a model in float32, in evaluation mode, with attention ``eager``.

    Args:
        kind: a class of transformers, such as ``AutoModelForSequenceClassification``.
        folder: as :func:`find` gave it.
        options: for its ``from_pretrained``.

    Raises:
        UsageError: weights are missing, of another shape or damaged, or a file is.
    """
    torch, transformers = require("torch", "torch"), require("transformers", "torch")
    before = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, about = getattr(transformers, kind).from_pretrained(
            str(folder),
            local_files_only=True,
            output_loading_info=True,
            attn_implementation="eager",
            dtype=torch.float32,
            **options,
        )
    except Exception as error:  # of torch, safetensors, pickle: each has its own
        raise UsageError(f"cannot load the model {folder}: {_sentence(error)}") from None
    finally:
        transformers.logging.set_verbosity(before)
        if bars:
            transformers.logging.enable_progress_bar()
    missing = sorted(about["missing_keys"])
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"the model {folder} lacks weights that {type(model).__name__} has: {missing[0]}"
            f"{others}; give a checkpoint of this task"
        )
    return model.eval()


def _weights(folder: Path) -> list[Path]:
    for pattern in WEIGHTS:
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def _snapshot(model: str, *, hub: bool) -> Path:
    """The hub's local copy; with ``hub`` it is made."""
    library = require("huggingface_hub", "torch")

    def snapshot(*patterns: str) -> Path:
        return Path(
            library.snapshot_download(model, local_files_only=not hub, allow_patterns=patterns)
        )

    try:
        folder = snapshot(*SMALL, WEIGHTS[0])
        return folder if _weights(folder) or not hub else snapshot(*SMALL, WEIGHTS[1])
    except (OSError, ValueError) as error:
        if hub:
            raise UsageError(f"cannot download {model}: {_sentence(error)}") from None
        raise UsageError(
            f"{model} is no folder and not in the local cache; give a folder, or allow the "
            "download with --hub"
        ) from None


def _sentence(error: Exception) -> str:
    """The first line of an error, or what kind it is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
