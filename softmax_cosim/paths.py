"""Where things are, in a checkout and in an installed package alike."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PACKAGE", "ROOT", "RTL", "TB"]

#: The package. The folders ``configs``, ``golden``, ``rtl`` and ``tb`` stand in it; in a checkout
#: they are links to those at its top.
PACKAGE = Path(__file__).resolve().parent

RTL = (PACKAGE / "rtl").resolve()
TB = (PACKAGE / "tb").resolve()

#: The top of a checkout; of no use where the package is installed.
ROOT = PACKAGE.parent
