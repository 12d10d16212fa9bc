"""Hypothesis strategies: legal configurations, and ragged batches that fit them."""

from __future__ import annotations

from hypothesis import strategies as st

from softmax_cosim.configs import KE_LIMIT, METHODS, PRECISIONS, XS_LIMIT, Config
from softmax_cosim.golden.rows import Rows


@st.composite
def configs(draw: st.DrawFn, /, **fixed: object) -> Config:
    """Any configuration the hardware can be built for; ``fixed`` pins fields."""
    in_w = draw(st.integers(4, 16))
    method = fixed.pop("method", st.sampled_from(METHODS))
    fields: dict[str, object] = {
        "method": draw(method) if isinstance(method, st.SearchStrategy) else method,
        "precision": draw(st.sampled_from(sorted(PRECISIONS))),
        "in_w": in_w,
        "frac": draw(st.integers(0, in_w - 1)),
        "index": draw(st.sampled_from(("distance", "msb"))),
        "sum_index": draw(st.sampled_from(("nearest", "floor"))),
        "xs": draw(st.integers(1, XS_LIMIT)),
        "ke": draw(st.integers(2, KE_LIMIT)),
    }
    for key in ("row_exp", "base2"):
        fields[key] = fields["method"] == "split" and draw(st.booleans())
    return Config(name="drawn", **(fields | fixed))  # type: ignore[arg-type]


@st.composite
def rows(draw: st.DrawFn, cfg: Config, most: int = 6, longest: int = 24) -> Rows:
    """A ragged batch of scores that fit ``cfg``, near one another or far apart, some masked."""
    limit = 2 ** (cfg.in_w - 1)
    spread = draw(st.sampled_from((limit, max(1, limit // 16))))
    score = st.integers(-spread, spread - 1)
    element = st.tuples(score, st.sampled_from((True, True, True, False)))
    batch = draw(
        st.lists(st.lists(element, min_size=1, max_size=longest), min_size=1, max_size=most)
    )
    return Rows.of([[q for q, _ in row] for row in batch], [[k for _, k in row] for row in batch])


@st.composite
def cases(draw: st.DrawFn, /, **fixed: object) -> tuple[Config, Rows]:
    """A configuration and a batch that fits it."""
    cfg = draw(configs(**fixed))
    return cfg, draw(rows(cfg))
