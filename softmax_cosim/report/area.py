"""The area of a configuration, where somebody has synthesised just that."""

from __future__ import annotations

import json
from typing import Any

from softmax_cosim import configs
from softmax_cosim.configs import Config
from softmax_cosim.paths import INSTALLED, ROOT

__all__ = ["nand_nor"]

AREA = ROOT / "synth" / "area.json"


def nand_nor(cfg: Config) -> int | None:
    """NAND and NOR gates of a committed configuration; None of any other, and without figures."""
    entry = _synthesised().get(cfg.name)
    try:
        same = entry is not None and cfg == configs.load(cfg.name)
    except configs.UsageError:  # a file of the user's own
        return None
    gates = entry.get("nand_nor") if same and isinstance(entry, dict) else None
    return gates if isinstance(gates, int) and gates > 0 else None


def _synthesised() -> dict[str, Any]:
    if INSTALLED:
        return {}
    try:
        found = json.loads(AREA.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
