"""The report folder: all files of a run appear together, or none does."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from softmax_cosim.configs import UsageError
from softmax_cosim.report.model import Report
from softmax_cosim.report.rows import RowsWriter
from softmax_cosim.report.summary import write_summary

__all__ = ["ReportFolder"]

SUMMARY, ROWS, HTML, OUTPUTS = "summary.json", "rows.parquet", "report.html", "outputs.safetensors"
_STAGING = ".unfinished-"


class ReportFolder:
    """Collects a run's files in a hidden folder and moves them into place when all are whole.

    Use it in a ``with``; what is not finished by its end is thrown away, and what a killed run
    left hidden is swept up by the next one. Files of an earlier run are replaced at the end.

    Raises:
        UsageError: at construction, when the folder cannot be written.
    """

    def __init__(self, out: Path) -> None:
        """Make ``out`` and open ``rows`` in it, hidden."""
        self.out = out
        try:
            out.mkdir(parents=True, exist_ok=True)
            self.staging, self._lock = _stage(out)
        except OSError as error:
            raise UsageError(
                f"cannot write to the folder {out}: {error.strerror}; choose another one with --out"
            ) from None
        self.rows = RowsWriter(self.staging / ROWS)

    def finish(self, report: Report) -> None:
        """Complete the rows, write summary and page, and put every file in place."""
        from softmax_cosim.report.html import write_html  # draws, and so imports matplotlib: 0.4 s

        self.rows.close()
        write_html(report, self.staging / HTML)
        write_summary(report, self.staging / SUMMARY)
        for name in (ROWS, OUTPUTS, HTML, SUMMARY):
            (self.out / name).unlink(missing_ok=True)
        for path in self.staging.iterdir():
            path.replace(self.out / path.name)

    def __enter__(self) -> ReportFolder:
        """Return the folder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what is not in place."""
        with contextlib.suppress(OSError):
            self.rows.close()
        shutil.rmtree(self.staging, ignore_errors=True)
        os.close(self._lock)


def _stage(out: Path) -> tuple[Path, int]:
    """Sweep ``out``, then make a hidden folder in it and lock that for as long as we live."""
    with _locked(out):
        for left in out.glob(f"{_STAGING}*"):
            with contextlib.suppress(BlockingIOError), _locked(left, fcntl.LOCK_NB):
                shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
        lock = os.open(staging, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return staging, lock


@contextlib.contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(handle)
