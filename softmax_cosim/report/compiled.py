"""Templates of the pages, compiled once and kept with what else is built."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import build_folder

__all__ = ["Compiled"]

_DIGEST = hashlib.sha256().digest_size


class Compiled(jinja2.BytecodeCache):
    """An aid: what cannot be read, is not whole or is of another template is compiled again."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was kept."""
        with contextlib.suppress(OSError, UsageError):
            data = _path(bucket).read_bytes()
            if data[:_DIGEST] == _digest(bucket, data[_DIGEST:]):
                bucket.code = marshal.loads(data[_DIGEST:])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, if that can be done."""
        assert bucket.code is not None
        code, part = marshal.dumps(bucket.code), f".{os.getpid()}.part"
        with contextlib.suppress(OSError, UsageError):
            path = _path(bucket)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(part).write_bytes(_digest(bucket, code) + code)
            path.with_suffix(part).replace(path)


def _path(bucket: Bucket) -> Path:
    return build_folder("templates") / bucket.key


def _digest(bucket: Bucket, code: bytes) -> bytes:
    """Of all that it is made from, and of itself."""
    made_from = f"{bucket.checksum} {jinja2.__version__} {sys.version}".encode()
    return hashlib.sha256(made_from + code).digest()
