"""The parameter sets under test: every value of every parameter, the corners in odd company.

Beside the fixed ones, :func:`drawn` takes some from the whole legal space.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import (
    INDEX_MODES,
    KE_LIMIT,
    LANES,
    MAX_LEN_LIMIT,
    METHODS,
    PRECISIONS,
    SUM_INDEX_MODES,
    XS_LIMIT,
    Config,
)


def _set(
    method: str, precision: str, lanes: int, *, prefix: str = "", **others: int | str
) -> Config:
    """Named after what it is, so that an item can be picked with ``-k``."""
    extra = "".join(f"-{key}{value}" for key, value in others.items())
    name = f"{prefix}{method}_{precision}-lanes{lanes}{extra}"
    return Config(name, method, precision, lanes=lanes, **others)  # type: ignore[arg-type]


PARAMETER_SETS = [
    _set("rexp", "uint8", 8),
    _set("rexp", "uint8", 8, index="msb"),
    _set("rexp", "uint8", 2, index="msb", in_w=16, frac=15, max_len=1),
    _set("rexp", "uint8", 32, max_len=33, sum_index="floor"),
    _set("rexp", "uint8", 16, in_w=8, frac=4, max_len=200, xs=16),
    _set("rexp", "int16", 1, max_len=64, xs=512),
    _set("rexp", "int16", 32, index="msb", max_len=4096, xs=320, sum_index="floor"),
    _set("rexp", "int16", 8, frac=0, max_len=256),
    _set("rexp", "uint4", 2, in_w=8, frac=4, max_len=100, xs=16),
    _set("rexp", "uint4", 16, in_w=4, frac=0, max_len=1000, sum_index="floor"),
    _set("rexp", "uint2", 4, in_w=12, frac=11, max_len=37, xs=1),
    _set("rexp", "uint2", 1, index="msb", in_w=5, frac=2, max_len=33),
    _set("lut2d", "uint8", 8),
    _set("lut2d", "uint8", 1, in_w=8, frac=4, max_len=50, sum_index="floor"),
    _set("lut2d", "int16", 2, max_len=128, xs=512, ke=128),
    _set("lut2d", "int16", 32, max_len=4096),
    _set("lut2d", "uint4", 16, in_w=4, frac=0, max_len=300),
    _set("lut2d", "uint4", 4, in_w=12, frac=11, max_len=90, xs=16, sum_index="floor"),
    _set("lut2d", "uint2", 8, max_len=7, ke=2),
    _set("lut2d", "uint2", 32, frac=3, max_len=150, xs=1),
    _set("split", "uint8", 8),
    _set("split", "uint8", 8, in_w=8, frac=4),
    _set("split", "uint8", 1, frac=15, max_len=50),
    _set("split", "uint8", 16, row_exp=True, max_len=1500),
    _set("split", "uint8", 4, in_w=8, frac=0, row_exp=True, max_len=90),
    _set("split", "int16", 2, frac=0, max_len=128),
    _set("split", "int16", 32, row_exp=True, max_len=4096),
    _set("split", "int16", 8, in_w=12, frac=6, max_len=300),
    _set("split", "uint8", 8, base2=True),
    _set("split", "uint8", 4, in_w=8, frac=4, base2=True, max_len=60),
    _set("split", "int16", 4, base2=True, frac=6, max_len=500),
    _set("split", "uint4", 2, in_w=4, frac=2, max_len=1),
    _set("split", "uint4", 4, in_w=9, frac=8, row_exp=True, base2=True, max_len=5),
    _set("split", "uint2", 16, row_exp=True, in_w=5, frac=1, max_len=300),
]


def drawn(seed: int, count: int = 2) -> list[Config]:
    """Sets from all that are legal; a value is as likely as any other, a length by its octave."""
    rng = np.random.default_rng(seed)
    return [_drawn(rng) for _ in range(count)]


def _drawn(rng: np.random.Generator) -> Config:
    method, precision = str(rng.choice(METHODS)), str(rng.choice(list(PRECISIONS)))
    in_w = int(rng.integers(4, 17))
    others: dict[str, int | str] = {"in_w": in_w, "frac": int(rng.integers(in_w))}
    others["max_len"] = int(MAX_LEN_LIMIT ** rng.random())
    if method == "split":
        others |= {key: bool(rng.integers(2)) for key in ("row_exp", "base2")}
    else:
        others["xs"] = int(rng.integers(1, XS_LIMIT + 1))
        others["sum_index"] = str(rng.choice(SUM_INDEX_MODES))
    if method == "rexp":
        others["index"] = str(rng.choice(INDEX_MODES))
    if method == "lut2d":
        others["ke"] = int(rng.integers(2, KE_LIMIT + 1))
    return _set(method, precision, int(rng.choice(LANES)), prefix="drawn_", **others)


def _axil(name: str, method: str, precision: str, **others: int | str | bool) -> Config:
    return Config(name, method, precision, **others)  # type: ignore[arg-type]


#: Of the core behind its registers: the set, and whether its tables can be loaded.
REGISTER_SETS = {
    "two passes": (_axil("axil_msb", "rexp", "int16", lanes=4, max_len=50, index="msb"), True),
    "three passes": (_axil("axil_rexp", "rexp", "int16", lanes=2, max_len=33, xs=16), True),
    "lut2d": (_axil("axil_lut2d", "lut2d", "uint8", lanes=4, max_len=50, xs=20), True),
    "split": (_axil("axil_split", "split", "uint8", lanes=4, max_len=50, row_exp=True), True),
    "constant tables": (_axil("axil_const", "rexp", "uint4", lanes=8, max_len=50), False),
}
