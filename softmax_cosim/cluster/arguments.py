"""The options that name a cluster."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs.errors import UsageError

__all__ = ["Where", "add_arguments", "asked"]

_ADDRESS = re.compile(r"((?:tcp|tls)://)?([\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})", re.ASCII)
_TLS = ("ca", "cert", "key")


@dataclass(frozen=True)
class Where:
    """A scheduler, and how to show it who we are."""

    address: str
    """``tcp://HOST:PORT`` or ``tls://HOST:PORT``."""
    tls: tuple[str, ...] = ()
    """Files: certificate authority, our certificate, its key; none: as Dask is configured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--scheduler`` and what goes with it."""
    add = parser.add_argument
    add("--scheduler", metavar="ADDRESS", help="work on the Dask cluster of this scheduler")
    add("--tls-ca", type=Path, metavar="FILE", help="certificate authority of the cluster")
    add("--tls-cert", type=Path, metavar="FILE", help="certificate to show to it")
    add("--tls-key", type=Path, metavar="FILE", help="the certificate's key")


def asked(args: argparse.Namespace) -> Where | None:
    """The cluster that was asked for, if one was.

    Raises:
        UsageError: the options make no sense.
    """
    files = {name: getattr(args, f"tls_{name}") for name in _TLS}
    given = [f"--tls-{name}" for name, path in files.items() if path is not None]
    if args.scheduler is None:
        if given:
            raise UsageError(f"{given[0]} is given without --scheduler; name the scheduler")
        return None
    found = _ADDRESS.fullmatch(args.scheduler)
    if not found or not 0 < int(found[3]) < 1 << 16:
        raise UsageError(
            f"--scheduler {args.scheduler!r} is no address; give HOST:PORT, tcp://HOST:PORT or "
            "tls://HOST:PORT"
        )
    if given and len(given) < len(_TLS):
        raise UsageError(f"{given[0]} is given alone; give --tls-ca, --tls-cert and --tls-key")
    if given and found[1] == "tcp://":
        raise UsageError(f"{given[0]} goes with tls://, not with {args.scheduler}")
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise UsageError(f"--tls-{name}: there is no file {path}")
    scheme = found[1] or ("tls://" if given else "tcp://")
    return Where(
        f"{scheme}{found[2]}:{found[3]}", tuple(str(files[name]) for name in _TLS if given)
    )
