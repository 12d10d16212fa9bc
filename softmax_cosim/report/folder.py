"""The report folder: all files of a run appear together, or none does."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from softmax_cosim.configs import UsageError
from softmax_cosim.report.model import Report
from softmax_cosim.report.rows import RowsWriter
from softmax_cosim.report.summary import write_summary

__all__ = ["ReportFolder"]

_NAMES = SUMMARY, ROWS, HTML, OUTPUTS = (
    *("summary.json", "rows.parquet", "report.html", "outputs.safetensors"),
)
_STAGING = ".unfinished-"
#: What a replay that was cut short can go on from, and what SQLite puts beside it.
_JOURNAL = (".played", ".played-journal")


class ReportFolder:
    """Collects a run's files in a hidden folder and moves them into place when all are whole.

    Use it in a ``with``; what is not finished by its end is thrown away, and what a killed run
    left hidden is swept up by the next one, but for the ``journal`` that a run may keep to go on
    from. Files of an earlier run are replaced at the end, all of them or none.

    Raises:
        UsageError: at construction and whenever something is written: it cannot be.
    """

    def __init__(self, out: Path, more: Sequence[str] = (), *, further: bool = False) -> None:
        """Make ``out`` and open ``rows`` in it, hidden.

        Args:
            out: the folder.
            more: names of files of this run alone.
            further: have ``rows`` hold every figure of a row.
        """
        self.out = out
        self.journal = out / _JOURNAL[0]
        """Gone when a report of everything is in place."""
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file; name a folder with --out")
        with self.writing():
            out.mkdir(parents=True, exist_ok=True)
        for name in (*_NAMES, *more):
            if (out / name).is_dir():
                raise UsageError(
                    f"there is a folder {out / name} where a file is to be; "
                    "move it, or choose another folder with --out"
                )
        with self.writing():
            self.staging, self._lock = _stage(out)
            try:
                self.rows = RowsWriter(self.staging / ROWS, self.writing, further=further)
            except BaseException:
                self._sweep()
                raise

    def finish(self, report: Report) -> None:
        """Complete the rows, write summary and page, and put every file in place."""
        from softmax_cosim.report.html import write_html

        self.rows.close()
        with self.writing():
            write_html(report, self.staging / HTML)
            write_summary(report, self.staging / SUMMARY)
            with _locked(self.out):
                self._replace()
                if not report.interrupted and self._alone():
                    for name in _JOURNAL:
                        with contextlib.suppress(OSError):
                            (self.out / name).unlink()

    def _replace(self) -> None:
        """Put the new files in the place of those of an earlier run; on failure, those stay."""
        new = [path.name for path in self.staging.iterdir()]
        earlier = self.staging / "earlier"
        earlier.mkdir()
        try:
            for name in {*_NAMES, *new}:
                if (self.out / name).is_file():
                    (self.out / name).replace(earlier / name)
            for name in new:
                (self.staging / name).replace(self.out / name)
        except OSError:
            for path in earlier.iterdir():
                path.replace(self.out / path.name)
            raise

    def _alone(self) -> bool:
        """Nobody else writes to the folder; that it is locked is for the caller."""
        for staging in self.out.glob(f"{_STAGING}*"):
            if staging == self.staging:
                continue
            try:
                with contextlib.suppress(FileNotFoundError), _locked(staging, fcntl.LOCK_NB):
                    pass
            except BlockingIOError:
                return False
        return True

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Within the block, what the operating system objects to is that we write in the folder.

        Raises:
            UsageError: it objects.
        """
        try:
            yield
        except OSError as error:
            # Arrow puts its own words in the place of the system's.
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise UsageError(
                f"cannot write to the folder {self.out}: {reason}; choose another one with --out"
            ) from None

    def _sweep(self) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        os.close(self._lock)

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
        with contextlib.suppress(Exception):
            self.rows.close()
        self._sweep()


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
