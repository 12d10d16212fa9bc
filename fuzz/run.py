"""``make fuzz``: inputs that are nearly right, into each reader; nothing but a sentence may come.

Input ``n`` of a target is made from the seed and ``n`` alone. A reader that raises anything but
UsageError, that takes more than a few seconds, or more memory than there is for it, or that ends
the process, is a find: its input is kept in ``reports/fuzz``. The target ``registers`` is accesses
to the register file instead (:mod:`.registers`).
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fuzz import registers
from fuzz.targets import TARGETS
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.targets import ended

__all__ = ["Tally", "fuzzed", "main"]

#: Of one input: seconds of processor time, and bytes beyond what the process has at its start.
SECONDS, MEMORY = 5.0, 2**30
#: Finds after which a target is given up.
ENOUGH = 20
_COUNTS = struct.Struct("<qqq")


class Slow(BaseException):
    """An input takes too long."""


class Tally:
    """What a process that may die at any input has done, seen from outside."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def tell(self, number: int, refused: int, taken: int) -> None:
        """The input that is begun, and what became of those before."""
        self._memory[: _COUNTS.size] = _COUNTS.pack(number, refused, taken)

    @property
    def told(self) -> tuple[int, int, int]:
        """The three numbers."""
        number, refused, taken = _COUNTS.unpack(self._memory[: _COUNTS.size])
        return number, refused, taken


def main(words: Sequence[str] | None = None) -> int:
    """0 if nothing was found, 1 if something was, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    names = [*TARGETS, registers.NAME]
    parser.add_argument("--target", nargs="*", choices=names, default=names)
    parser.add_argument("--inputs", type=float, default=1e6, help="a target (1e6)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (0)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(words)
    return ended("fuzz", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    found = 0
    for name in options.target:
        accesses = name == registers.NAME
        if accesses:
            registers.build()
        begun, spent = time.monotonic(), _spent()
        numbers = range(options.first, options.first + int(options.inputs))
        feed = partial(registers.fuzzed, enough=ENOUGH) if accesses else partial(fuzzed, name)
        finds, refused, taken = feed(numbers, options.seed)
        for number, what in finds:
            print(f"{name} {number}: {what}", flush=True)
        found += len(finds)
        print(
            f"{name}: {refused + taken:,} inputs, {refused:,} of them refused, {len(finds)} "
            f"finds; {time.monotonic() - begun:.0f} s, {_spent() - spent:.0f} s of processor time",
            flush=True,
        )
    return 1 if found else 0


def fuzzed(
    name: str, numbers: range, seed: int = 1, keep: Path = ROOT / "reports" / "fuzz"
) -> tuple[list[tuple[int, str]], int, int]:
    """Feed a target; returns finds (number, what), and how many inputs were refused and taken."""
    finds: list[tuple[int, str]] = []
    refused = taken = 0
    start = numbers.start
    while start < numbers.stop and len(finds) < ENOUGH:
        tally, (reader, writer) = Tally(), os.pipe()
        tally.tell(start, 0, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads: the child uses none of theirs
            child = os.fork()
        if child == 0:
            os.close(reader)
            code = 3
            try:
                code = _feed(name, range(start, numbers.stop), seed, tally, writer)
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            what = said.read().decode()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        number, some_refused, some_taken = tally.told
        refused, taken = refused + some_refused, taken + some_taken
        if status == 0:
            break
        finds.append((number, what or f"the process ended with {status}"))
        keep.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            data = TARGETS[name](Path(folder)).make(_rng(seed, name, number))
        (keep / f"{name}-{seed}-{number}").write_bytes(data)
        start = number + 1
    return finds, refused, taken


def _rng(seed: int, name: str, number: int) -> random.Random:
    return random.Random(f"{seed} {name} {number}")


def _feed(name: str, numbers: range, seed: int, tally: Tally, writer: int) -> int:
    """In a child: 0 if all went well, 1 after a find, which is written to ``writer``."""
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as folder:
        target = TARGETS[name](Path(folder))
        signal.signal(signal.SIGPROF, _late)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        refused = taken = 0
        for number in numbers:
            tally.tell(number, refused, taken)
            data = target.make(_rng(seed, name, number))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                target.read(data)
                taken += 1
            except UsageError as error:
                refused += 1
                if "\n" in str(error).strip():
                    os.write(writer, f"more than a sentence: {error}".encode())
                    return 1
            except BaseException:
                os.write(writer, traceback.format_exc().encode(errors="replace"))
                return 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        tally.tell(numbers.stop, refused, taken)
    return 0


def _late(*_: object) -> None:
    raise Slow(f"more than {SECONDS:g} s")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
