"""What is proposed, for programs: a configuration file, and the figures as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from softmax_cosim import configs
from softmax_cosim.calibration.sample import Candidate
from softmax_cosim.calibration.search import Calibration
from softmax_cosim.configs import Config
from softmax_cosim.configs.design import Design
from softmax_cosim.names import ends

__all__ = ["differences", "figures", "toml"]


def toml(found: Calibration, model: str, traces: Sequence[Path], given: str) -> str:
    """The proposal as a configuration file, of the one that was given to start from."""
    cfg = found.proposal.cfg
    values = _ours(cfg) if cfg.design is None else _own(cfg, cfg.design, given)
    lines = [
        f"# Proposed by cosim calibrate for {model}",
        f"# from {found.sample.rows:,} rows of {', '.join(ends(traces))}.",
        f"# Mean L1 of a row, unseen rows: {found.proposal.l1:.4g}; "
        f"{found.base.cfg.name}: {found.base.l1:.4g}.",
    ]
    lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _ours(cfg: Config) -> dict[str, Any]:
    """What is at its default stays out, but for the knobs."""
    plain = Config(name=cfg.name, method=cfg.method, precision=cfg.precision)
    knobs = ["method", "precision", "in_w", "frac"]
    others = [field.name for field in dataclasses.fields(Config) if field.name not in knobs]
    changed = [key for key in others if getattr(cfg, key) != getattr(plain, key) and key != "name"]
    return {key: getattr(cfg, key) for key in (*knobs, *changed)}


def _own(cfg: Config, design: Design, given: str) -> dict[str, Any]:
    """The keys of its file, with what changed; the golden function is found from anywhere."""
    values = configs.values_of(configs.path_of(given))
    for key in ("in_w", "frac"):
        if key in values:
            values[key] = getattr(cfg, key)
    changed = {"input": cfg.input, "recentre": cfg.recentre, "max_len": cfg.max_len}
    values |= {key: value for key, value in changed.items() if key in values or value}
    module = design.golden.partition(":")[0]
    if "." not in module or "/" in module:
        values["golden"] = str(design.folder.resolve() / design.golden)
    return values


def figures(found: Calibration, model: str) -> str:
    """As JSON: the parameters and figures of the proposal, of where it came from, of all tried."""

    def told(candidate: Candidate) -> dict[str, Any]:
        keys = ("in_w", "frac", "recentre", "xs", "ke", "sum_index")
        parameters = {key: getattr(candidate.cfg, key) for key in keys}
        figures = {
            name: getattr(candidate, name) for name in ("l1", "clipped", "underflow", "moved")
        }
        return parameters | figures | {"table_bytes": candidate.table_bytes}

    return (
        json.dumps(
            {
                "model": model,
                "rows": found.sample.rows,
                "base": {"name": found.base.cfg.name} | told(found.base),
                "proposal": told(found.proposal),
                "tried": [told(candidate) for candidate in found.tried],
            },
            indent=1,
        )
        + "\n"
    )


def differences(found: Calibration) -> dict[str, tuple[Any, Any]]:
    """The fields of the configuration that change, with both values."""
    old, new = found.base.cfg, found.proposal.cfg
    pairs = {
        field.name: (getattr(old, field.name), getattr(new, field.name))
        for field in dataclasses.fields(Config)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
