"""Named parameter sets: the only place where sizes are chosen.

A configuration is one TOML file in this folder, named after itself; adding a file adds a
configuration. Keys are the fields of :class:`Config`, anything omitted takes its default. Those of
``field/`` are the softmax approximations of others, golden models alone (:mod:`.golden.field`):
their names are ``field/NAME``.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import design, inline, numbers
from softmax_cosim.configs.design import Design
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.configs.numbers import Fixed, Format
from softmax_cosim.configs.there import is_file

__all__ = ["PRECISIONS", "Config", "UsageError", "field", "load", "names", "path_of", "values_of"]

#: Output width ``w`` in bits of each precision, with the paper's names (arXiv 2111.10770).
PRECISIONS = {"int16": 15, "uint8": 8, "uint4": 4, "uint2": 2}

METHODS = ("rexp", "lut2d", "split")
#: What is called so is a design of somebody's own.
OWN = "custom"
INDEX_MODES = ("distance", "msb")
SUM_INDEX_MODES = ("nearest", "floor")
LANES = (1, 2, 4, 8, 16, 32)
LANES_LIMIT = 1024
MAX_LEN_LIMIT = 4096
BLOCK_LIMIT = 256
#: How the rows of a block follow each other: one after the other, or in turns of a beat, or of an
#: element.
BLOCK_ORDERS = ("rows", "beats", "elements")
XS_LIMIT = 512
KE_LIMIT = 128

#: The real score of 1 with ``base2``.
_OCTAVE = math.log(2)

_FOLDER = Path(__file__).parent
#: Entries of LUT_exp that are worth storing: the first zero entry is the last one, 101 at most.
_DEFAULT_KE = {"int16": 101, "uint8": 101, "uint4": 29, "uint2": 12}
_DEFAULT_XS = {"rexp": 256, "lut2d": 60, "split": 1}


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
    base2: bool = False
    """``split`` only: scores come in octaves, the real score is ``q * 2**-frac * ln 2``."""
    recentre: bool = False
    """Shift every row so that its maximum lands on the largest code before quantising."""
    input: str = ""
    """Number format of a score (:mod:`.numbers`); ours have that of ``in_w`` and ``frac``. Of a
    design of somebody's own, like all that follows."""
    output: str = ""
    """Number format of an output; ours have that of the precision."""
    scale: float = 1.0
    """The real score is this times the value of its code: ln 2 for a design to base 2."""
    mask: bool = True
    """Whether the design is told which elements take no part; else they have the score ``fill``."""
    fill: float | str = ""
    """A real score, or ``lowest``; empty when nobody says: then it is the lowest for softmax, to
    which that is nothing, and other functions are given no such elements."""
    length: int = 0
    """The one length of row that it takes, shorter ones are filled up; 0 takes any."""
    rows_per_block: int = 1
    """Rows that go in and come out together; the last block is filled up."""
    block_order: str = "rows"
    """One of :data:`BLOCK_ORDERS`."""
    design: Design | None = None
    """What is known of a design of somebody's own; None for one of our methods."""

    def __post_init__(self) -> None:
        if isinstance(self.design, Mapping):  # as :func:`dataclasses.asdict` left it
            object.__setattr__(self, "design", Design.revived(self.design))
        if (self.method == OWN) != (self.design is not None):
            raise UsageError(
                f"configuration {self.name}: method = {self.method!r}; "
                f"choose one of {', '.join(METHODS)}, or none with a design of your own"
            )
        if self.design is None:
            self._check_method()
        else:
            self._check_numbers()
        self._within("max_len", self.max_len, 1, MAX_LEN_LIMIT)

    def _check_method(self) -> None:
        self._choice("method", self.method, METHODS)
        self._choice("precision", self.precision, tuple(PRECISIONS))
        if self.xs == 0:
            object.__setattr__(self, "xs", _DEFAULT_XS[self.method])
        if self.ke == 0:
            object.__setattr__(self, "ke", _DEFAULT_KE[self.precision])
        self._choice("index", self.index, INDEX_MODES)
        self._choice("sum_index", self.sum_index, SUM_INDEX_MODES)
        self._choice("lanes", self.lanes, LANES)
        if self.base2 and self.scale == 1.0:
            object.__setattr__(self, "scale", _OCTAVE)
        for field in dataclasses.fields(self):
            if field.name == "scale" and self.base2 and self.scale == _OCTAVE:
                continue
            if field.name in _OF_DESIGNS and getattr(self, field.name) != field.default:
                raise UsageError(
                    f"configuration {self.name}: {field.name} goes with a design of your own, "
                    f"not with method {self.method}"
                )
        if self.row_exp and self.method != "split":
            raise UsageError(
                f"configuration {self.name}: row_exp goes with method split, not {self.method}"
            )
        if self.base2 and self.method != "split":
            raise UsageError(
                f"configuration {self.name}: base2 goes with method split, not {self.method}"
            )
        self._within("in_w", self.in_w, 4, 16)
        self._within("frac", self.frac, 0, self.in_w - 1)
        self._within("xs", self.xs, 1, XS_LIMIT)
        self._within("ke", self.ke, 2, KE_LIMIT)

    def _check_numbers(self) -> None:
        """Of a design of somebody's own: formats, lanes and blocks."""
        for key in _OF_METHODS:
            if getattr(self, key) != _DEFAULTS[key]:
                raise UsageError(
                    f"configuration {self.name}: {key} goes with one of our methods, "
                    "not with a design of your own"
                )
        where = f"configuration {self.name}: "
        if self.input:
            form = numbers.parse(self.input, f"{where}input")
            frac = round(math.log2(form.one)) if isinstance(form, Fixed) else 0
            if not isinstance(form, Fixed) or form.one == 2.0**frac:
                object.__setattr__(self, "in_w", form.bits)
                object.__setattr__(self, "frac", frac)
            else:
                raise UsageError(f"{where}input = {self.input!r}; unormW is a format of outputs")
        else:
            self._within("in_w", self.in_w, 2, numbers.WIDEST)
            self._within("frac", self.frac, 0, self.in_w - 1)
        if self.output:
            numbers.parse(self.output, f"{where}output")
            object.__setattr__(self, "precision", self.output)
        else:
            self._choice("precision", self.precision, tuple(PRECISIONS))
        self._within("lanes", self.lanes, 1, LANES_LIMIT)
        if isinstance(self.scale, int) and not isinstance(self.scale, bool):
            object.__setattr__(self, "scale", float(self.scale))
        if not isinstance(self.scale, float) or not 0 < self.scale < math.inf:
            raise UsageError(f"{where}scale = {self.scale!r}; give a positive number")
        self._choice("block_order", self.block_order, BLOCK_ORDERS)
        self._within("rows_per_block", self.rows_per_block, 1, BLOCK_LIMIT)
        self._within("length", self.length, 0, MAX_LEN_LIMIT)
        if self.length:
            object.__setattr__(self, "max_len", self.length)
        if isinstance(self.fill, int) and not isinstance(self.fill, bool):
            object.__setattr__(self, "fill", float(self.fill))
        fills = isinstance(self.fill, float) and math.isfinite(self.fill)
        if not fills and self.fill not in ("", "lowest"):
            raise UsageError(f'{where}fill = {self.fill!r}; give a score, or "lowest"')
        for key in ("mask", "recentre"):
            if not isinstance(getattr(self, key), bool):
                raise UsageError(f"{where}{key} = {getattr(self, key)!r}; give true or false")
        if self.block_order == "beats" and self.rows_per_block > 1 and self.max_len % self.lanes:
            raise UsageError(
                f"{where}rows in turns of a beat must be whole beats; "
                f"{self.max_len} elements are none of {self.lanes} lanes"
            )
        assert self.design is not None
        if self.design.input == "start" and not 0 < self.length <= self.lanes:
            raise UsageError(
                f'{where}handshake.input = "start" takes a row at once; '
                "give its length, and at least as many lanes"
            )
        ports = self.design.ports
        if self.mask and ports and not ports.in_mask:
            object.__setattr__(self, "mask", False)

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

    @functools.cached_property
    def inputs(self) -> Format:
        """Number format of a score."""
        if self.input:
            return numbers.parse(self.input, "input")
        return numbers.parse(f"q{self.in_w - self.frac}.{self.frac}", "input")

    @functools.cached_property
    def fill_code(self) -> int:
        """The code of elements that take no part, where the design is not told which do."""
        if isinstance(self.fill, str):
            return self.inputs.lowest
        return int(self.inputs.encode(self.fill / self.scale))

    @functools.cached_property
    def outputs(self) -> Format:
        """Number format of an output."""
        return numbers.parse(self.output or f"unorm{PRECISIONS[self.precision]}", "output")

    @property
    def w(self) -> int:
        """Bits of an output value; int16 uses 15 of its 16."""
        return self.outputs.bits

    @property
    def m(self) -> int:
        """The largest raw output of ours, which means 1.0: ``M = 2**w - 1``."""
        return (1 << self.w) - 1

    @property
    def out_w(self) -> int:
        """Bits an output lane occupies on the stream: 2, 4, 8, 16 or 32."""
        return next(size for size in (2, 4, 8, 16, 32) if size >= self.w)

    @property
    def raw(self) -> type[np.unsignedinteger[Any]]:
        """The type that raw outputs are kept in."""
        return np.uint16 if self.w <= 16 else np.uint32

    def scores(self, q: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Real scores of raw ones, of any shape."""
        if isinstance(self.inputs, Fixed):
            return np.multiply(q, self.scale / self.inputs.one, dtype=np.float64)
        return self.inputs.decode(q) * self.scale

    def real(
        self, y: npt.NDArray[Any], exponent: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.float64]:
        """Real values of raw outputs of any shape; ``exponent`` broadcasts to them."""
        values = self.outputs.decode(y)
        if exponent is None or not exponent.any():
            return values
        scaled: npt.NDArray[np.float64] = np.ldexp(values, -exponent.astype(np.int32))
        return scaled

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
    def golden(self) -> bool:
        """Whether a golden model says what must come out."""
        return self.design is None or bool(self.design.golden)

    @property
    def tolerance(self) -> int:
        """Steps of the output format by which an output may differ from the golden model's."""
        return self.design.tolerance if self.design else 0

    @property
    def longer(self) -> str:
        """What becomes of rows that are too long: ``refuse`` them, or ``leave out``."""
        return self.design.longer if self.design else "refuse"

    @property
    def reference(self) -> str:
        """What is computed of a row of floats: ``softmax``, or ``module:function``."""
        return self.design.reference if self.design else "softmax"

    def replace(self, **changes: Any) -> Config:
        """A copy with some fields changed, validated again."""
        if "base2" in changes:
            changes = {"scale": 1.0} | changes  # which follows from it
        return dataclasses.replace(self, **changes)


def names() -> list[str]:
    """Every configuration of ours, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def field() -> list[str]:
    """Every configuration of the field's methods, sorted."""
    return sorted(f"field/{path.stem}" for path in _FOLDER.glob("field/*.toml"))


def path_of(name: str) -> Path:
    """The file of a configuration's name; the name itself if it is a path of one."""
    return Path(name) if name.endswith((".toml", ".py")) else _FOLDER / f"{name}.toml"


def load(name: str) -> Config:
    """Load a configuration by name, or from the path of a ``.toml`` or a Python file.

    A Python file is a golden function, ``softmax`` unless ``golden`` says otherwise, and has the
    keys in a block of its own (:mod:`.inline`).

    Raises:
        UsageError: no such configuration, not TOML, an unknown key or an illegal value.
    """
    path = path_of(name)
    if not is_file(path):
        raise UsageError(
            f"unknown configuration {name!r}; there are: {', '.join([*names(), *field()])}"
        )
    values = values_of(path)
    if values.get("method") == OWN:
        del values["method"]
    if "method" in values:
        return _ours(path, values)
    return _own(path, values)


def values_of(path: Path) -> dict[str, Any]:
    """The keys of a configuration's file, none of them checked.

    Raises:
        UsageError: it is not TOML, or a Python file without a block of it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(inline.block(path, text) if path.suffix == ".py" else text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is no TOML error
        raise UsageError(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return {"golden": f"{path.stem}:softmax"} | values if path.suffix == ".py" else values


def _ours(path: Path, values: dict[str, Any]) -> Config:
    """A configuration of one of our methods."""
    known = set(_DEFAULTS) - _OF_DESIGNS | {"method", "precision"}
    for key in values:
        if key in _OF_DESIGNS or key in design.KEYS:
            raise UsageError(
                f"{path}: {key} goes with a design of your own, which has no method; "
                f"method is {values['method']!r}"
            )
    _refuse_unknown(path, values, known)
    if "precision" not in values:
        raise UsageError(f"{path}: precision is missing")
    return Config(name=path.stem, **values)


def _own(path: Path, values: dict[str, Any]) -> Config:
    """A configuration of a design of somebody's own."""
    known = set(_DEFAULTS) - set(_OF_METHODS) - {"design"} | {"precision"}
    if not set(values) & set(design.KEYS):
        raise UsageError(
            f"{path}: method is missing; give one of {', '.join(METHODS)}, "
            "or the top module of a design of your own"
        )
    _refuse_unknown(path, values, known | set(design.KEYS))
    if ("output" in values) == ("precision" in values):
        raise UsageError(f"{path}: give output, a number format, or precision, one of the two")
    if "input" in values and {"in_w", "frac"} & set(values):
        raise UsageError(f"{path}: input says what in_w and frac do; leave these out")
    about = Design.of(path, values)
    numbers_of: dict[str, Any] = {"precision": "", "xs": 1, "ke": 2}
    numbers_of |= {key: value for key, value in values.items() if key in known}
    return Config(name=path.stem, method=OWN, design=about, **numbers_of)


def _refuse_unknown(path: Path, values: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise UsageError(
            f"{path}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(known))}"
        )


#: Keys of our methods alone, and of designs of somebody's own.
_OF_METHODS = ("index", "sum_index", "row_exp", "base2")
_OF_DESIGNS = {
    *("input", "output", "scale", "mask", "fill", "length", "rows_per_block", "block_order"),
    "design",
}
_DEFAULTS = {
    field.name: field.default
    for field in dataclasses.fields(Config)
    if field.default is not dataclasses.MISSING
}
