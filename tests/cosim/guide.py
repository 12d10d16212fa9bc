"""The table of ``docs/own-rtl.md``: what designs have, what shows it, and what is wrong."""

from __future__ import annotations

import re

from softmax_cosim.paths import ROOT

TABLE = (
    (ROOT / "docs" / "own-rtl.md")
    .read_text()
    .partition("## A command a row\n")[2]
    .partition("\n## ")[0]
)
_ROW = re.compile(
    r"^\| (?P<has>[^|]+) \| `(?P<command>cosim [^|]+)` "
    r"\| `(?P<wrong>[^|]+?)`(?: in `(?P<file>\S+)`)?: (?P<told>[^|]+) \|$",
    re.MULTILINE,
)
ROWS = {found["has"]: found for found in _ROW.finditer(TABLE)}
#: By example; what they show is in test_examples.py.
REPLAYS = {
    row["command"].rpartition("/")[2].removesuffix(".toml"): row["command"]
    for row in ROWS.values()
    if row["command"].startswith("cosim replay ")
}
