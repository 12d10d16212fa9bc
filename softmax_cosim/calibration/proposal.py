"""What is proposed, for programs: a configuration file, and the figures as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from softmax_cosim.calibration.sample import Candidate
from softmax_cosim.calibration.search import Calibration
from softmax_cosim.configs import Config
from softmax_cosim.names import ends

__all__ = ["differences", "figures", "toml"]


def toml(found: Calibration, model: str, traces: Sequence[Path]) -> str:
    """The proposal as a configuration file; what is at its default stays out, but for the knobs."""
    cfg = found.proposal.cfg
    plain = Config(name=cfg.name, method=cfg.method, precision=cfg.precision)
    keys = ["method", "precision", "in_w", "frac"]
    keys += [field.name for field in dataclasses.fields(Config) if field.name not in keys]
    lines = [
        f"# Proposed by cosim calibrate for {model}",
        f"# from {found.sample.rows:,} rows of {', '.join(ends(traces))}.",
        f"# Mean L1 of a row, unseen rows: {found.proposal.l1:.4g}; "
        f"{found.base.cfg.name}: {found.base.l1:.4g}.",
    ]
    for key in keys:
        value = getattr(cfg, key)
        if key in ("method", "precision", "in_w", "frac") or (
            key != "name" and value != getattr(plain, key)
        ):
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


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
