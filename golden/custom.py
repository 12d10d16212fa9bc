"""Method ``custom``: the golden function of a design of the user's own.

The configuration's ``golden`` names it as ``module:function``, a Python file beside the
configuration. It takes the configuration and the rows, and returns what the hardware must answer,
bit by bit: integers of shape [elements], 0 where masked::

    def softmax(cfg: Config, rows: Rows) -> np.ndarray: ...
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
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
        UsageError: the function cannot be found, or does not return one output an element.
    """
    rows = Rows(q, keep, np.append(starts, len(q)))
    y = np.asarray(_load(path_of(cfg), cfg.golden)(cfg, rows))
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


@cache
def _load(path: Path, name: str) -> Golden:
    module, _, function = name.partition(":")
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    found = getattr(loaded, function, None)
    if not callable(found):
        raise UsageError(f"golden function {name!r}: {path} has no function {function!r}")
    golden: Golden = found
    return golden
