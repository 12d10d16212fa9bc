"""Real English text on every machine: sentences of the language reference that CPython carries.

``python -m benchmarks.sentences COUNT FILE`` writes them, one a line, for ``cosim extract``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from pydoc_data.topics import topics

SHORTEST, LONGEST = 120, 220


def sentences() -> list[str]:
    """Sentences of 120 to 220 characters, in the order of the topics."""
    text = " ".join(" ".join(topics[name].split()) for name in sorted(topics))
    found = re.findall(r"[A-Z][^.!?*_=<>|]+[.!?](?= )", text)
    return [sentence for sentence in found if SHORTEST <= len(sentence) <= LONGEST]


def main() -> int:
    """Write the file."""
    count, path = int(sys.argv[1]), Path(sys.argv[2])
    found = sentences()
    if count > len(found):
        print(f"there are {len(found)} sentences, not {count}; ask for fewer", file=sys.stderr)
        return 2
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(found[:count]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
