"""Named parameter sets: the only place where sizes are chosen.

A configuration is one TOML file in this folder, named after itself; adding a file adds a
configuration. Keys are the fields of :class:`Config`, anything omitted takes its default.
"""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from softmax_cosim.configs.errors import UsageError

__all__ = ["PRECISIONS", "Config", "UsageError", "load", "names", "path_of"]

#: Output width ``w`` in bits of each precision, with the paper's names (arXiv 2111.10770).
PRECISIONS = {"int16": 15, "uint8": 8, "uint4": 4, "uint2": 2}

#: Ours; ``custom`` is a design of the user's own.
METHODS = ("rexp", "lut2d", "split")
INDEX_MODES = ("distance", "msb")
SUM_INDEX_MODES = ("nearest", "floor")
LANES = (1, 2, 4, 8, 16, 32)
MAX_LEN_LIMIT = 4096
XS_LIMIT = 512
KE_LIMIT = 128

_FOLDER = Path(__file__).parent
#: Entries of LUT_exp that are worth storing: the first zero entry is the last one, 101 at most.
_DEFAULT_KE = {"int16": 101, "uint8": 101, "uint4": 29, "uint2": 12}
_DEFAULT_XS = {"rexp": 256, "lut2d": 60, "split": 1, "custom": 1}


@dataclasses.dataclass(frozen=True)
class Config:
    """One parameter set of the accelerator and of its golden model.

    Raises:
        UsageError: at construction, for any value outside its range.
    """

    name: str
    method: str
    precision: str
    in_w: int = 16
    """Score width in bits, signed two's complement."""
    frac: int = 8
    """Fraction bits F of a score: the real score is ``q * 2**-frac``."""
    lanes: int = 8
    """Elements a stream beat."""
    max_len: int = 1024
    """Longest row in elements."""
    index: str = "distance"
    """``rexp`` only: how the table index is taken from the distance."""
    sum_index: str = "nearest"
    """How the sum becomes the index of the reciprocal table."""
    xs: int = 0
    """Rows of the reciprocal table (LUT_alpha or LUT_sigma); 0 takes the method's default."""
    ke: int = 0
    """``lut2d`` only: entries of LUT_exp; 0 takes the precision's default."""
    row_exp: bool = False
    """``split`` only: each row carries an exponent ``x``, its values are ``y / M * 2**-x``."""
    recentre: bool = False
    """Shift every row so that its maximum lands on the largest code before quantising."""
    top: str = ""
    """``custom`` only: the top module of a design of your own, with the ports of
    ``rtl/softmax_top.sv`` and the parameters IN_W, F, W, LANES and MAX_LEN."""
    sources: tuple[str, ...] = ()
    """``custom`` only: its SystemVerilog files, packages first, relative to the file."""
    golden: str = ""
    """``custom`` only: ``module:function`` beside the file, see :mod:`.golden.custom`."""
    folder: str = ""
    """``custom`` only: where the file stands; not a key, :func:`load` knows it."""

    def __post_init__(self) -> None:
        self._choice("method", self.method, (*METHODS, "custom"))
        self._choice("precision", self.precision, tuple(PRECISIONS))
        if self.xs == 0:
            object.__setattr__(self, "xs", _DEFAULT_XS[self.method])
        if self.ke == 0:
            object.__setattr__(self, "ke", _DEFAULT_KE[self.precision])
        self._choice("index", self.index, INDEX_MODES)
        self._choice("sum_index", self.sum_index, SUM_INDEX_MODES)
        self._choice("lanes", self.lanes, LANES)
        object.__setattr__(self, "sources", tuple(self.sources))
        for key in ("top", "sources", "golden"):
            if bool(getattr(self, key)) != (self.method == "custom"):
                raise UsageError(
                    f"configuration {self.name}: top, sources and golden go with method custom, "
                    f"all three; {key} is {getattr(self, key)!r} with method {self.method}"
                )
        if self.top and not self.top.isidentifier():
            raise UsageError(
                f"configuration {self.name}: top = {self.top!r}; give the name of a module"
            )
        if self.row_exp and self.method != "split":
            raise UsageError(
                f"configuration {self.name}: row_exp goes with method split, not {self.method}"
            )
        self._within("in_w", self.in_w, 4, 16)
        self._within("frac", self.frac, 0, self.in_w - 1)
        self._within("max_len", self.max_len, 1, MAX_LEN_LIMIT)
        self._within("xs", self.xs, 1, XS_LIMIT)
        self._within("ke", self.ke, 2, KE_LIMIT)

    def _choice(self, key: str, value: object, legal: tuple[object, ...]) -> None:
        if value not in legal or isinstance(value, bool):
            options = ", ".join(map(str, legal))
            raise UsageError(
                f"configuration {self.name}: {key} = {value!r}; choose one of {options}"
            )

    def _within(self, key: str, value: object, low: int, high: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise UsageError(
                f"configuration {self.name}: {key} = {value!r}; "
                f"give an integer from {low} to {high}"
            )

    @property
    def w(self) -> int:
        """Bits of an output value; int16 uses 15 of its 16."""
        return PRECISIONS[self.precision]

    @property
    def m(self) -> int:
        """The raw output that means 1.0: ``M = 2**w - 1``."""
        return (1 << self.w) - 1

    @property
    def out_w(self) -> int:
        """Bits an output lane occupies on the stream: 2, 4, 8 or 16."""
        return 16 if self.w == 15 else self.w

    @property
    def max_beats(self) -> int:
        """Beats of the longest row."""
        return -(-self.max_len // self.lanes)

    @property
    def two_pass(self) -> bool:
        """The row's sum is complete with its last input beat: one pass less over the row."""
        integer = self.index == "msb" or self.frac == 0
        return self.method == "split" or (self.method == "rexp" and integer)

    @property
    def source_files(self) -> list[Path]:
        """The files of a design of the user's own; none for ours."""
        return [Path(self.folder, source) for source in self.sources]

    def replace(self, **changes: Any) -> Config:
        """A copy with some fields changed, validated again."""
        return dataclasses.replace(self, **changes)


def names() -> list[str]:
    """Every configuration there is, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def path_of(name: str) -> Path:
    """The file of a configuration's name; the name itself if it is the path of a ``.toml`` file."""
    return Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"


def load(name: str) -> Config:
    """Load a configuration by name, or from the path of a ``.toml`` file.

    Raises:
        UsageError: no such configuration, not TOML, an unknown key or an illegal value.
    """
    path = path_of(name)
    if not path.is_file():
        raise UsageError(f"unknown configuration {name!r}; there are: {', '.join(names())}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    known = {field.name for field in dataclasses.fields(Config)} - {"name", "folder"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(
            f"{path}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(known))}"
        )
    missing = sorted({"method", "precision"} - set(values))
    if missing:
        raise UsageError(f"{path}: {missing[0]} is missing")
    return Config(name=path.stem, folder=_folder_of(path, values), **values)


def _folder_of(path: Path, values: dict[str, Any]) -> str:
    """Where the files of a design of the user's own are; each must be there."""
    if values.get("method") != "custom":
        return ""
    folder = path.resolve().parent
    sources = values.get("sources", [])
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise UsageError(f"{path}: sources is {sources!r}; give a list of file names")
    for source in sources:
        if not (folder / source).is_file():
            raise UsageError(f"{path}: the source {source} does not exist in {folder}")
    return str(folder)
