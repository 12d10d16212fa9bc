"""The terminal: names are no mark-up in it, and its failures are not ours.

A report is in its folder before anything is said about it. What is said may go to a pipe that
nobody reads any more, to a full disk, or to a terminal that knows no umlauts: that must neither
stop a run nor change how it ends.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

from softmax_cosim.simulation.cache import stopping

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "PATIENCE",
    "WIDTH",
    "crash",
    "ending_is_interrupting",
    "make",
    "print_whole",
    "unbreakable",
]

#: Columns where there is no terminal to ask.
WIDTH = 100
#: Seconds that an interrupted process may take to end.
PATIENCE = 20.0
#: Columns that a table's names may be folded to.
_NAME = 12


class _Told(KeyboardInterrupt):
    """Whoever told the process to end.

    A bare KeyboardInterrupt that passes through code made of a text, as that of dataclasses is, has
    Python kill itself by SIGINT at its end, though it was caught.
    """


def make(*, stderr: bool = False) -> Console:
    """A console that prints strings as they are; styles come with rich's own ``Text``."""
    from rich.console import Console  # here: what cannot be imported is to be said in a sentence

    console = Console(stderr=stderr, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def print_whole(console: Console, table: Table) -> None:
    """Print a table and cut nothing: where the terminal is too narrow, lines go on in the next."""
    wide = console.measure(table, options=console.options.update(max_width=10_000))
    if console.width >= wide.minimum + _NAME:
        console.print(table)
        return
    from rich.segment import Segment, Segments

    whole = console.options.update(width=wide.maximum, max_width=wide.maximum)
    for line in console.render_lines(table, whole, pad=False):
        console.print(Segments([*line, Segment.line()]), crop=False, soft_wrap=True, end="")


@contextlib.contextmanager
def ending_is_interrupting(*, at_last: int | None = None) -> Iterator[None]:
    """Within the block, SIGTERM and a terminal that is closed are a :class:`KeyboardInterrupt`.

    So nothing is left half-written. A run that was started to outlive its terminal does. What is
    being built in other threads is given up.

    Args:
        at_last: exit code with which the process ends :data:`PATIENCE` seconds after the first
            signal, whatever holds it up; when not given, it is waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        if at_last is not None and not stopping.is_set():
            threading.Thread(target=_end, args=[at_last], daemon=True).start()
        stopping.set()
        raise _Told

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        numbers.append(signal.SIGHUP)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        stopping.clear()
        for number, handler in before.items():  # whoever ends needs no traceback of an interrupt
            signal.signal(number, handler if at_last is None else signal.SIG_DFL)


def _end(code: int) -> None:
    """End the process after a while, as a kill would: every file bears that."""
    time.sleep(PATIENCE)
    os._exit(code)


class _Stream:
    """A text stream that goes to nowhere from the first failure on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._or_nowhere():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._or_nowhere():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _or_nowhere(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # broken pipe, no space, terminal gone; or closed by somebody
            # What the buffer holds must go somewhere, or Python fails on it at exit.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
                self._stream.flush()


@contextlib.contextmanager
def unbreakable() -> Iterator[None]:
    """Within the block, nothing that becomes of standard output and error raises anything.

    Characters that the terminal does not know come out as question marks. A stream that was closed
    before we began is nowhere, so that no file of ours takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    with contextlib.ExitStack() as back:
        for name in ("stdout", "stderr"):
            back.enter_context(_wrapped(name))
        yield


@contextlib.contextmanager
def _wrapped(name: str) -> Iterator[None]:
    before: TextIO | None = getattr(sys, name)
    if before is None:  # as with pythonw: nobody prints there
        yield
        return
    stream = _Stream(before)
    errors = before.errors
    if isinstance(before, io.TextIOWrapper):
        before.reconfigure(errors="replace")
    setattr(sys, name, cast(TextIO, stream))
    try:
        yield
    finally:
        stream.flush()
        setattr(sys, name, before)
        if isinstance(before, io.TextIOWrapper):
            with contextlib.suppress(ValueError):  # somebody closed it
                before.reconfigure(errors=errors)


def crash(error: BaseException) -> str:
    """One sentence about an error that nobody foresaw; all about it goes into a file."""
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}{f': {lines[0]}' if lines else ''}"
    try:
        handle, path = tempfile.mkstemp(prefix="cosim-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as log:
            print(sys.version, *sys.argv, file=log)
            traceback.print_exception(error, file=log)
    except OSError as reason:
        return f"this should not happen: {what} (and no log can be written: {reason.strerror})"
    return f"this should not happen: {what}; please report it with the log, {path}"
