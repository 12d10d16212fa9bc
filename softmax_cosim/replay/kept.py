"""What workers made, on disk until the report is there: a run that is ended goes on from it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil

from softmax_cosim.report import ReportFolder

__all__ = ["Kept"]

NAME = ".shards"
_DIGEST = hashlib.sha256().digest_size


class Kept:
    """Files in a folder, each called by what its contents were made from, a hash before them."""

    def __init__(self, folder: ReportFolder) -> None:
        """Keep them in the folder of the report."""
        self._report, self._folder = folder, folder.out / NAME

    def get(self, key: str) -> bytes | None:
        """What was kept; None if that is nothing, or no longer what it was."""
        with contextlib.suppress(OSError):
            data = (self._folder / key).read_bytes()
            if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]:
                return data[_DIGEST:]
        return None

    def put(self, key: str, data: bytes) -> None:
        """Keep it.

        Raises:
            UsageError: the file cannot be written.
        """
        temporary = self._report.staging / key
        with self._report.writing():
            self._folder.mkdir(exist_ok=True)
            temporary.write_bytes(hashlib.sha256(data).digest() + data)
            temporary.replace(self._folder / key)

    def forget(self) -> None:
        """Remove all."""
        shutil.rmtree(self._folder, ignore_errors=True)
