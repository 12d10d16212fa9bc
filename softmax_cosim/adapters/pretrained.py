"""Models of transformers by name: found in a folder or on the hub, loaded whole or refused."""

from __future__ import annotations

import contextlib
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from softmax_cosim.adapters import checkpoint, require, sha256
from softmax_cosim.configs import UsageError

__all__ = ["encoded", "find", "hashes", "load", "load_model", "load_tokenizer", "sentence"]

SHOWN = 240
"""Characters of what a library says, at most."""
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
        UsageError: it is not there, has no configuration or no weights, or a file is damaged.
    """
    folder = Path(model)
    if not folder.is_dir():
        folder = _snapshot(model, hub=hub)
    if not (folder / "config.json").is_file():
        raise UsageError(f"the model {folder} has no config.json; give a folder that has one")
    if not checkpoint.weights(folder):
        raise UsageError(f"the model {folder} has no weights ({' or '.join(checkpoint.WEIGHTS)})")
    checkpoint.check(folder)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that a model is made from, by ``model/`` and its name."""
    files = {*checkpoint.small(folder), *checkpoint.weights(folder)}
    return {f"model/{path.name}": sha256(path) for path in sorted(files)}


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
        with _offline():
            return made.from_pretrained(str(folder), local_files_only=True, **options)
    except Exception as error:  # of sentencepiece, tokenizers: each has its own
        raise UsageError(f"cannot make {kind} from {folder}: {sentence(error)}") from None


def load_tokenizer(folder: Path, **options: Any) -> Any:
    """Make a tokenizer; transformers would make one without words where its files are missing.

    Args:
        folder: as :func:`find` gave it.
        options: for its ``from_pretrained``.

    Raises:
        UsageError: a file of it is missing or damaged.
    """
    try:
        tokenizer = load("AutoTokenizer", folder, **options)
    except UsageError:
        _check_tokenizer(folder, _tokenizer_class(folder))
        raise
    _check_tokenizer(folder, type(tokenizer))
    return tokenizer


def encoded(folder: Path, encode: Callable[[], Any]) -> Any:
    """What a tokenizer makes of texts.

    Args:
        folder: of the tokenizer, for the sentence.
        encode: has it do so.

    Raises:
        UsageError: it cannot.
    """
    try:
        return encode()
    except Exception as error:  # of tokenizers, which has no other kind
        raise UsageError(f"the tokenizer of {folder} does not work: {sentence(error)}") from None


def _tokenizer_class(folder: Path) -> Any:
    """The class that the folder names, or that goes with its kind of model; None: unknown."""
    module = require("transformers.models.auto.tokenization_auto", "torch")
    try:
        named = module.get_tokenizer_config(str(folder), local_files_only=True)
        kind = load("AutoConfig", folder).model_type
    except (UsageError, OSError, ValueError):
        return None
    name = named.get("tokenizer_class") or module.TOKENIZER_MAPPING_NAMES.get(kind)
    return module.tokenizer_class_from_name(name) if isinstance(name, str) else None


def _check_tokenizer(folder: Path, kind: Any) -> None:
    """Refuse a tokenizer of which a file is missing."""
    files: dict[str, str] = getattr(kind, "vocab_files_names", {})
    whole = files.get("tokenizer_file")
    if whole is None or not (folder / whole).is_file():
        for key, name in files.items():
            if key not in OPTIONAL and not (folder / name).is_file():
                raise UsageError(
                    f"the model {folder} lacks {name} of its tokenizer, a {kind.__name__}; "
                    "copy it there"
                )


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
        with _offline():
            model, about = getattr(transformers, kind).from_pretrained(
                str(folder),
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, with their names
                attn_implementation="eager",
                dtype=torch.float32,
                **options,
            )
    except pickle.UnpicklingError:
        name = checkpoint.weights(folder)[0].name
        raise UsageError(f"{folder / name} is no file of torch with tensors alone") from None
    except Exception as error:  # of torch, safetensors, pickle: each has its own
        raise UsageError(f"cannot load the model {folder}: {sentence(error)}") from None
    finally:
        transformers.logging.set_verbosity(before)
        if bars:
            transformers.logging.enable_progress_bar()
    _check_weights(folder, model, about)
    return model.eval()


def _check_weights(folder: Path, model: Any, about: dict[str, Any]) -> None:
    """Refuse weights that are missing, of another shape or no numbers."""
    other = sorted((name, *map(list, shapes)) for name, *shapes in about["mismatched_keys"])
    if other:
        name, there, wanted = other[0]
        raise UsageError(
            f"the model {folder} has {name} of shape {there}, and its config.json makes it "
            f"{wanted}; they do not belong together"
        )
    missing = sorted(about["missing_keys"])
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"the model {folder} lacks weights that {type(model).__name__} has: {missing[0]}"
            f"{others}; give a checkpoint of this task"
        )
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise UsageError(f"the model {folder} has weights that are no numbers: {name}")


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """What a configuration names is not looked up on the hub either."""
    constants: Any = require("huggingface_hub.constants", "torch")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _snapshot(model: str, *, hub: bool) -> Path:
    """The hub's local copy; with ``hub`` it is made."""
    library = require("huggingface_hub", "torch")

    def snapshot(*patterns: str) -> Path:
        return Path(
            library.snapshot_download(model, local_files_only=not hub, allow_patterns=patterns)
        )

    try:
        safe, pickled = checkpoint.WEIGHTS
        folder = snapshot(*checkpoint.SMALL, safe)
        whole = checkpoint.weights(folder) or not hub
        return folder if whole else snapshot(*checkpoint.SMALL, pickled)
    except (OSError, ValueError) as error:
        if hub:
            raise UsageError(f"cannot download {model}: {sentence(error)}") from None
        raise UsageError(
            f"{model} is no folder and not in the local cache; give a folder, or allow the "
            "download with --hub"
        ) from None


def sentence(error: Exception) -> str:
    """What an error says, in one line of some length, or what kind it is."""
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "its configuration names what is on the hub alone, which is not asked"
    words = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split()
    said = " ".join(words) or type(error).__name__
    return said if len(said) <= SHOWN else f"{said[:SHOWN].rpartition(' ')[0]} ..."
