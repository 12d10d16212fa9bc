"""What a case needs of a design. Where that is not there, the case is left out, and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import PATTERNS, profile
from softmax_cosim.golden.timing import is_known

__all__ = ["Need", "backpressure", "error_beat", "missing", "needs", "our_promise", "resets"]

#: Why a case, with the values of its parameters, is none for a design; empty if it is one.
Need = Callable[..., str]
Body = TypeVar("Body", bound=Callable[..., Any])


def needs(*wanted: Need) -> Callable[[Body], Body]:
    """Say what a case needs; stands below :func:`.env.case`."""

    def mark(body: Body) -> Body:
        body.needs = wanted  # type: ignore[attr-defined]
        return body

    return mark


def missing(cfg: Config, body: Callable[..., Any], values: Mapping[str, Any]) -> str:
    """Why the case of a body is left out; empty if it is not."""
    wanted: tuple[Need, ...] = getattr(body, "needs", ())
    reasons = (need(cfg, **values) for need in wanted)
    return next(filter(None, reasons), "")


def error_beat(cfg: Config, **values: str) -> str:
    """A row that breaks the rules is answered with one beat that says so."""
    return "the design has no error beat" if cfg.design else ""


def our_promise(cfg: Config, **values: str) -> str:
    """Throughput, and sums whose index changes: of our methods."""
    return "only our own cores promise that" if cfg.design else ""


def latency(cfg: Config, **values: str) -> str:
    """Somebody says how many cycles a row takes."""
    return "" if is_known(cfg) else "the configuration states no latency"


def resets(cfg: Config, **values: str) -> str:
    """There is a reset to pull."""
    ports = cfg.design.ports if cfg.design else None
    return "the design has no reset" if ports and not ports.reset else ""


def backpressure(cfg: Config, sink: str = "", stalls: str = "", **values: str) -> str:
    """The output can be made to wait; of a case with stalls, only if its sink does."""
    if not cfg.design or cfg.design.backpressure:
        return ""
    if sink:
        waits = not PATTERNS[sink].always_open
    elif stalls:
        # One name for both sides goes on with the source alone.
        waits = "/" in stalls and not profile(stalls).sink.always_open
    else:
        waits = True
    return "backpressure cannot be tried, the output has no ready" if waits else ""


def lengths(cfg: Config, length: str, **values: str) -> str:
    """Rows may be of that length."""
    if cfg.length and length != "max_len":
        return f"every row has {cfg.length} elements"
    return ""


def masks(cfg: Config, mask: str, **values: str) -> str:
    """The design is told what takes no part."""
    return "" if cfg.mask or mask == "none" else "the design takes no mask"


def rows_apart(cfg: Config, **values: str) -> str:
    """A row goes in and comes out by itself, and a golden model says how."""
    if cfg.rows_per_block > 1:
        return f"rows go in and out in blocks of {cfg.rows_per_block}"
    return "" if cfg.golden else "there is no golden model"
