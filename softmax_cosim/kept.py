"""What was computed once and may be asked for again, in memory that does not grow without end."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

__all__ = ["Kept"]


class Kept:
    """Values by what they were made from; when there is no more room, those that come stay out."""

    def __init__(self, room: int = 0) -> None:
        """``room`` are bytes."""
        self._room = room
        self._values: dict[Hashable, Any] = {}

    def find(self, key: Hashable) -> Any:
        """What was kept under ``key``; None if nothing was."""
        return self._values.get(key) if self._values else None  # a long key takes long to hash

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of so many bytes, if there is room."""
        if size <= self._room:
            self._values[key] = value
            self._room -= size
