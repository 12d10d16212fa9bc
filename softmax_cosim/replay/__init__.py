"""Replay: traces through the hardware, every element compared with the golden model, scored.

The unit of work is a slice of one tensor, so memory does not grow with the size of the traces.
"""

from softmax_cosim.replay.command import run

__all__ = ["run"]
