"""Where the command begins: an interrupt may come before there is anybody to take it."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; see :func:`.cli.main`."""
    try:
        from softmax_cosim import cli
    except KeyboardInterrupt:
        print("cosim: interrupted", file=sys.stderr)
        return 130
    return cli.main()
