"""The line to a simulator: a pipe for commands and a pipe for their answers.

A message takes half as long as through a pair of sockets, and with one row a batch that counts.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator

__all__ = ["Line"]


class Line:
    """This process's end."""

    def __init__(self) -> None:
        """Open both pipes.

        Raises:
            OSError: the operating system refuses.
        """
        self._theirs, self._ours = [0, 0], [0, 0]
        self._theirs[0], self._ours[0] = os.pipe()
        try:
            self._ours[1], self._theirs[1] = os.pipe()
        except BaseException:
            os.close(self._theirs[0])
            os.close(self._ours[0])
            raise
        self._answers = select.poll()
        self._answers.register(self._ours[1], select.POLLIN)

    @contextlib.contextmanager
    def other_end(self) -> Iterator[dict[str, int]]:
        """The simulator's descriptors, by their names in its setup; closed in this process then."""
        try:
            yield {"commands": self._theirs[0], "answers": self._theirs[1]}
        finally:
            for descriptor in self._theirs:
                os.close(descriptor)

    def write(self, command: bytes) -> None:
        """Send a command, of at most a page.

        Raises:
            ConnectionError: there is nobody at the other end.
        """
        os.write(self._ours[0], command)

    def read(self, size: int, timeout: float | None) -> bytes:
        """Exactly so many bytes of an answer; None waits for ever.

        Raises:
            TimeoutError: nothing came for ``timeout`` seconds.
            ConnectionError: there is nobody at the other end.
        """
        data = b""
        while len(data) < size:
            if timeout is not None and not self._answers.poll(timeout * 1000):
                raise TimeoutError
            more = os.read(self._ours[1], size - len(data))
            if not more:
                raise ConnectionError("the pipe was closed")
            data += more
        return data

    def close(self) -> None:
        """Have the simulator end, which takes it a while."""
        for descriptor in self._ours:
            os.close(descriptor)
