"""Method ``custom``: the golden function of a design of the user's own.

The configuration's ``golden`` names it as ``module:function``, a Python file beside the
configuration; it may import files beside itself. It takes the configuration and the rows, and
returns what the hardware must answer, bit by bit: integers of shape [elements], 0 where masked::

    def softmax(cfg: Config, rows: Rows) -> np.ndarray: ...
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.rows import Rows

__all__ = ["path_of", "run"]

Golden = Callable[[Config, Rows], npt.ArrayLike]


def run(
    cfg: Config,
    q: npt.NDArray[np.int32],
    keep: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[Any]]:
    """Stage ``y`` of rows end to end, the only one that is known of somebody else's design.

    Raises:
        UsageError: the function cannot be found, fails, or does not return one output an element.
    """
    rows = Rows(q, keep, np.append(starts, len(q)))
    module, _, function = cfg.golden.partition(":")
    path = path_of(cfg)
    with _blaming(cfg, path), _Beside.of(path.parent) as beside:
        golden: Golden | None = getattr(beside.load(module, path), function, None)
        if callable(golden):
            y = np.asarray(golden(cfg, rows))
    if not callable(golden):
        raise UsageError(f"golden function {cfg.golden!r}: {path} has no function {function!r}")
    if y.shape != q.shape or not np.issubdtype(y.dtype, np.integer):
        raise UsageError(
            f"{cfg.golden} returned {y.dtype} of shape {y.shape}; "
            f"it must return integers of shape {q.shape}"
        )
    if y.min(initial=0) < 0 or y.max(initial=0) > cfg.m:
        raise UsageError(f"{cfg.golden} returned values outside 0..{cfg.m}, the range of an output")
    return {"y": y}


def path_of(cfg: Config) -> Path:
    """The Python file that holds the golden function.

    Raises:
        UsageError: it is not there.
    """
    path = Path(cfg.folder, f"{cfg.golden.partition(':')[0]}.py")
    if not path.is_file():
        raise UsageError(
            f"golden function {cfg.golden!r}: there is no {path}; give module:function"
        )
    return path


@contextlib.contextmanager
def _blaming(cfg: Config, path: Path) -> Iterator[None]:
    """Turn whatever the user's code raises into a sentence with its place."""
    try:
        yield
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).parent == path.parent]
        place = f"{own[-1].filename}, line {own[-1].lineno}" if own else str(path)
        raise UsageError(
            f"golden function {cfg.golden!r} failed with {type(error).__name__}: {error} ({place})"
        ) from error


class _Fresh(SourceFileLoader):
    """Compiles what the file holds now: Python's own cache misses a change within a second."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        code: types.CodeType = self.source_to_code(self.get_data(path), path)
        return code


@dataclass
class _Beside(MetaPathFinder):
    """Python files of one folder, importable by each other while one of them runs.

    They are modules of their own: what another configuration has under the same names, or what is
    installed under them, stays as it is. Modules of Python itself, and those that are imported
    already from elsewhere, come first.
    """

    folder: Path
    modules: dict[str, types.ModuleType]
    """What was loaded from the folder."""
    contents: dict[Path, str]
    """Hashes of the files as they were loaded."""

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path) -> Iterator[_Beside]:
        """One a folder; loaded anew when a file changed that was loaded."""
        with _LOCK:
            beside = _FOLDERS.get(folder)
            if beside is None or not beside.fresh():
                beside = _FOLDERS[folder] = cls(folder, {}, {})
            ours = {
                name: module
                for name, module in beside.modules.items()
                if name not in sys.stdlib_module_names
            }
            elsewhere = {name: sys.modules.get(name) for name in ours}
            sys.modules.update(ours)
            sys.meta_path.insert(0, beside)
            try:
                yield beside
            finally:
                sys.meta_path.remove(beside)
                beside.put_away(elsewhere)

    def fresh(self) -> bool:
        """Whether every file is as it was."""
        return all(path.is_file() and _hash(path) == old for path, old in self.contents.items())

    def put_away(self, elsewhere: dict[str, types.ModuleType | None]) -> None:
        """Take our modules out of everybody's sight."""
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "") in self.contents:
                self.modules[name] = module
                del sys.modules[name]
        sys.modules.update({name: module for name, module in elsewhere.items() if module})

    def load(self, name: str, path: Path) -> types.ModuleType:
        """The module in a file of the folder, whatever else has its name."""
        if name not in self.modules:
            spec = self._spec(name, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules.setdefault(name, module)
            assert spec.loader is not None
            spec.loader.exec_module(module)
            self.modules[name] = module
        return self.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of a file beside, or in a package beside; None for the next finder."""
        folders = [self.folder] if path is None else [Path(entry) for entry in path]
        name = fullname.rpartition(".")[2]
        for folder in folders:
            if not folder.is_relative_to(self.folder) or fullname in sys.stdlib_module_names:
                continue
            for file in (folder / name / "__init__.py", folder / f"{name}.py"):
                if file.is_file():
                    return self._spec(fullname, file)
        return None

    def _spec(self, name: str, path: Path) -> ModuleSpec:
        self.contents[path] = _hash(path)
        inside = [str(path.parent)] if path.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(
            name, path, loader=_Fresh(name, str(path)), submodule_search_locations=inside
        )
        assert spec is not None
        return spec


_LOCK = threading.RLock()
_FOLDERS: dict[Path, _Beside] = {}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
