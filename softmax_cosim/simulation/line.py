"""The line to a simulator: a pipe for commands and a pipe for their answers.

A message takes half as long as through a pair of sockets, and with one row a batch that counts.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator

__all__ = ["Line"]

_LONGEST = 2**31 - 1  # milliseconds that the operating system waits


class Line:
    """This process's end."""

    def __init__(self) -> None:
        """Open both pipes.

        Raises:
            OSError: the operating system refuses.
        """
        theirs, self._commands = os.pipe()
        try:
            self._answers, answers = os.pipe()
        except BaseException:
            os.close(theirs)
            os.close(self._commands)
            raise
        self._theirs = {"commands": theirs, "answers": answers}
        self._coming = select.poll()
        self._coming.register(self._answers, select.POLLIN)

    @contextlib.contextmanager
    def other_end(self) -> Iterator[dict[str, int]]:
        """The simulator's descriptors, by their names in its setup; closed in this process then."""
        try:
            yield self._theirs
        finally:
            for descriptor in self._theirs.values():
                os.close(descriptor)

    def write(self, command: bytes) -> None:
        """Send a command, of at most a page.

        Raises:
            ConnectionError: there is nobody at the other end.
        """
        os.write(self._commands, command)

    def read(self, size: int, timeout: float | None) -> bytes:
        """Exactly so many bytes of an answer; None waits for ever.

        Raises:
            TimeoutError: nothing came for ``timeout`` seconds.
            ConnectionError: there is nobody at the other end.
        """
        data = b""
        while len(data) < size:
            if timeout is not None and not self._coming.poll(min(timeout * 1000, _LONGEST)):
                raise TimeoutError
            more = os.read(self._answers, size - len(data))
            if not more:
                raise ConnectionError("the pipe was closed")
            data += more
        return data

    def close(self) -> None:
        """Have the simulator end, which takes it a while."""
        os.close(self._commands)
        os.close(self._answers)
