"""The golden function of a design of somebody's own.

The configuration's ``golden`` names it as ``module:function``, a Python file beside the
configuration, which may import files beside itself, or with dots a module that is installed
(``softmax_cosim.golden.field.ibert:softmax``). It takes the configuration and the rows as the
design gets them (filled up, see :mod:`.framing`), and returns what the hardware must answer, of
shape [elements]: integers, the codes of the output format, or real numbers, which are rounded to
it::

    def softmax(cfg: Config, rows: Rows) -> np.ndarray: ...

``reference`` names a function of the same kind for what the design computes of a row of floats, if
that is not softmax. It takes scores [elements], which of them are kept, and the rows' offsets
[rows + 1], and returns floats [elements].
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
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
from softmax_cosim.configs.design import Design
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.configs.there import is_file
from softmax_cosim.golden import framing
from softmax_cosim.golden.framing import Order, frame
from softmax_cosim.golden.rows import Rows

__all__ = ["check", "files", "of_driven", "path_of", "reference", "run"]


def check(cfg: Config) -> None:
    """See that the functions are there that the configuration names, before long work.

    Raises:
        UsageError: one is not, or its file cannot be loaded.
    """
    for what, name in _named(cfg):
        assert cfg.design is not None
        with _function(cfg.design, what, name):
            pass


def files(cfg: Config) -> list[Path]:
    """Files that hold the functions, then what was imported from beside them by now.

    Raises:
        UsageError: as :func:`check`.
    """
    assert cfg.design is not None
    found = dict.fromkeys(path_of(cfg.design, what, name) for what, name in _named(cfg))
    check(cfg)
    for path in found.keys() & _BESIDE.keys():
        found |= dict.fromkeys(_BESIDE[path].contents)
    return list(found)


def _named(cfg: Config) -> list[tuple[str, str]]:
    """What each function is for, and its name."""
    if cfg.design is None:
        return []
    reference = "" if cfg.design.reference == "softmax" else cfg.design.reference
    return [
        (what, name)
        for what, name in (("golden", cfg.design.golden), ("reference", reference))
        if name
    ]


def run(cfg: Config, rows: Rows) -> npt.NDArray[Any]:
    """Raw outputs of rows, shape [elements], as the hardware must give them.

    Raises:
        UsageError: the function cannot be found, fails, or does not return one output an element.
    """
    if not framing.is_framed(cfg):
        return _codes(cfg, rows)
    framed = frame(cfg, rows)
    return framed.outputs(_codes(cfg, framed.filled))


def of_driven(cfg: Config, driven: Rows) -> npt.NDArray[Any]:
    """Raw outputs of rows as they are driven, shape [elements]: a row is a block.

    Raises:
        UsageError: as :func:`run`.
    """
    if cfg.rows_per_block == 1:
        return _codes(cfg, driven)
    places = Order.of(cfg).places(driven.offsets)
    q, keep = np.empty_like(driven.q), np.empty_like(driven.keep)
    q[places], keep[places] = driven.q, driven.keep
    lengths = np.repeat(driven.lengths // cfg.rows_per_block, cfg.rows_per_block)
    rows = Rows(q, keep, np.concatenate([[0], np.cumsum(lengths)]))
    return _codes(cfg, rows)[places]


def reference(
    cfg: Config,
    scores: npt.NDArray[np.floating],
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """What the float model computes of each row, where that is not softmax; shape [elements].

    Raises:
        UsageError: the function cannot be found, fails, or returns something else.
    """
    assert cfg.design is not None
    name = cfg.design.reference
    given = scores.copy(), keep.copy(), offsets.copy()
    found = np.asarray(_call(cfg.design, "reference", name, given))
    if found.shape != scores.shape or not np.isrealobj(found) or not np.isfinite(found).all():
        raise UsageError(
            f"{name} returned {found.dtype} of shape {found.shape}; "
            f"it must return finite floats of shape {scores.shape}"
        )
    return found.astype(np.float64)


def _codes(cfg: Config, rows: Rows) -> npt.NDArray[Any]:
    """What the function returns of rows as they are, as bit patterns."""
    assert cfg.design is not None
    name, form = cfg.design.golden, cfg.outputs
    # What a function may do to its arguments is done to nobody else's.
    given = Rows(rows.q.copy(), rows.keep.copy(), rows.offsets.copy())
    y = np.asarray(_call(cfg.design, "golden", name, (cfg, given)))
    if y.shape == rows.q.shape and np.issubdtype(y.dtype, np.floating):
        if np.isnan(y).any():
            raise UsageError(
                f"{name} returned NaN, first for element {int(np.isnan(y).argmax())}; "
                "it must return numbers, 0 where nothing is kept"
            )
        y = form.encode(y)
    elif y.shape != rows.q.shape or not np.issubdtype(y.dtype, np.integer):
        raise UsageError(
            f"{name} returned {y.dtype} of shape {y.shape}; "
            f"it must return integers, or real numbers, of shape {rows.q.shape}"
        )
    elif isinstance(form, Fixed) and len(y) and (y.min() < form.lowest or y.max() > form.highest):
        raise UsageError(
            f"{name} returned values outside {form.lowest}..{form.highest}, the range of an output"
        )
    return (y.astype(np.int64) & ((1 << form.bits) - 1)).astype(cfg.raw)


def _call(design: Design, what: str, name: str, args: tuple[Any, ...]) -> Any:
    """Call a function beside the configuration."""
    with _function(design, what, name) as found:
        return found(*args)


@contextlib.contextmanager
def _function(design: Design, what: str, name: str) -> Iterator[Callable[..., Any]]:
    """A function of the configuration, to be called within the block."""
    module, _, function = name.partition(":")
    path = path_of(design, what, name)
    with _blaming(what, name, path), contextlib.ExitStack() as stack:
        if _is_installed(module):
            loaded = importlib.import_module(module)
        else:
            loaded = stack.enter_context(_Beside.of(path)).load(path.stem, path)
        found: Callable[..., Any] | None = getattr(loaded, function, None)
        if not callable(found):
            raise UsageError(f"{what} function {name!r}: {path} has no function {function!r}")
        yield found


def path_of(design: Design, what: str = "golden", name: str = "") -> Path:
    """The Python file that holds the golden function, or another one.

    Raises:
        UsageError: it is not there.
    """
    name = name or design.golden
    module = name.partition(":")[0]
    path = _installed(module) if _is_installed(module) else design.folder / f"{module}.py"
    if path is None or not is_file(path):
        raise UsageError(
            f"{what} function {name!r}: there is no {path or f'module {module}'}; "
            "give module:function"
        )
    return path


def _is_installed(module: str) -> bool:
    """Whether a name is that of a module to import, and not that of a file."""
    return "." in module and "/" not in module


def _installed(module: str) -> Path | None:
    """The file of a module that can be imported; None if there is none."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin else None


@contextlib.contextmanager
def _blaming(what: str, name: str, path: Path) -> Iterator[None]:
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
            f"{what} function {name!r} failed with {type(error).__name__}: {error} ({place})"
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
    def of(cls, path: Path) -> Iterator[_Beside]:
        """One for each file with a function; loaded anew when a file changed that was loaded."""
        with _LOCK:
            beside = _BESIDE.get(path)
            if beside is None or not beside.fresh():
                beside = _BESIDE[path] = cls(path.parent, {}, {})
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
_BESIDE: dict[Path, _Beside] = {}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
