"""What a simulator printed, and what it means: the design ended it, a file is missing, a limit."""

from __future__ import annotations

import re
import resource

__all__ = ["limits", "missing_memory", "verdict", "warnings"]

#: An assertion, $error, $fatal or $stop; and $finish, of which Verilator says less.
_STOPS = (
    re.compile(r"^(?:\[(?P<time>\d+)\] )?%(?:Error|Fatal): (?P<what>.+)$", re.MULTILINE),
    re.compile(r"^- (?P<what>.+:[1-9]\d*: Verilog \$finish)$", re.MULTILINE),  # line 0: cocotb
)
_WARNING = re.compile(r"^(?:\[\d+\] )?%Warning: (.+)$", re.MULTILINE)
_MISSING = re.compile(r"^%Warning: (?P<file>.+?):\d+: \$readmem file not found", re.MULTILINE)

#: Limits of the shell that a simulator may run into: option of ulimit, and its unit in bytes.
_LIMITS = {
    "-f": (resource.RLIMIT_FSIZE, 1024),
    "-n": (resource.RLIMIT_NOFILE, 1),
    "-u": (resource.RLIMIT_NPROC, 1),
    "-v": (resource.RLIMIT_AS, 1024),
    "-d": (resource.RLIMIT_DATA, 1024),
}
#: Nobody runs into so many open files or processes.
_PLENTY = 1000


def verdict(log: str) -> str | None:
    """Why the design ended the simulation, and when; None if it was not the design."""
    for pattern in _STOPS:
        if found := pattern.search(log):
            time = found.groupdict().get("time")
            return f"{f'at time {time}: ' if time else ''}{found['what']}"
    return None


def missing_memory(log: str) -> str | None:
    """A file that the design wants in a memory, and that is not there."""
    found = _MISSING.search(log)
    return found["file"] if found else None


def warnings(log: str) -> list[str]:
    """What the design warned of, without the time: by $warning, or as a file is too short."""
    return [found[1] for found in _WARNING.finditer(log)]


def limits() -> str:
    """The limits in force, as words to put behind a sentence; may be empty."""
    words = []
    for option, (kind, unit) in _LIMITS.items():
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and (unit > 1 or soft < _PLENTY):
            words.append(f"ulimit {option} {soft // unit}")
    return f" (limits in force: {', '.join(words)})" if words else ""
