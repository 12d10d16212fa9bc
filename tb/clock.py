"""The clock of every simulation."""

from __future__ import annotations

__all__ = ["PERIOD_NS"]

PERIOD_NS = 10
