"""What came out from one power-up draw against another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import profile

__all__ = ["Unlike", "keep", "unlike"]

#: Of each draw: rows as :meth:`.tb.env.Bench.record` kept them.
Records = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Unlike:
    """The first row that comes out otherwise from another draw."""

    row: int
    draws: tuple[str, str]
    text: str


def unlike(records: Records) -> Unlike | None:
    """The first row whose values or cycles hang on the draw; None if there is none."""
    first, *others = records
    for row, wanted in enumerate(records[first]):
        for draw in others:
            got = records[draw][row]
            about = f"row {row} ({len(wanted['y'])} elements) hangs on what registers held before"
            about += f" reset: from {first} and from {draw} "
            pairs = zip(wanted["y"], got["y"], strict=True)
            if differ := [n for n, (a, b) in enumerate(pairs) if a != b]:
                at = differ[0]
                text = f"{about}element {at} is {wanted['y'][at]} and {got['y'][at]}"
                return Unlike(row, (first, draw), text)
            if wanted["cycles"] != got["cycles"]:
                names = ("first in", "last in", "first out", "last out")
                times = zip(names, wanted["cycles"], got["cycles"], strict=True)
                name, a, b = next(each for each in times if each[1] != each[2])
                text = f"{about}its {name} is in cycle {a} and {b}"
                return Unlike(row, (first, draw), text)
    return None


def keep(cfg: Config, records: Records, found: Unlike, folder: Path) -> Path:
    """Keep the rows up to that one for a replay; returns the file."""
    rows = records[found.draws[0]][: found.row + 1]
    saved = {
        "config": dataclasses.asdict(cfg),
        "beats": [beat for row in rows for beat in row["beats"]],
        "stalls": dataclasses.asdict(profile("none")),
        "seed": 0,
        "draws": found.draws,
    }
    text = json.dumps(saved)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{cfg.name}-power_up-row{found.row}-{digest}.json"
    path.write_text(text)
    return path
