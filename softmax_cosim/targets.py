"""How programs end that are targets of the Makefile and work on the checkout."""

from __future__ import annotations

import sys
from collections.abc import Callable

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.paths import checkout

__all__ = ["ended"]


def ended(name: str, work: Callable[[], int]) -> int:
    """Do what ``make NAME`` is for.

    Returns:
        Its exit code; 2 after bad input, which is said in a sentence; 130 when interrupted.
    """
    try:
        checkout(f"make {name}")
        return work()
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
