"""Parts of documents that a program writes: what stands between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.files import atomic_file

__all__ = ["Part", "cell"]


@dataclass(frozen=True)
class Part:
    """Of a document."""

    page: Path
    begin: str
    end: str

    def of(self, text: str) -> str:
        """What stands there now."""
        return text.partition(self.begin)[2].partition(self.end)[0]

    def filled(self, text: str, lines: Sequence[str]) -> str:
        """The document with other lines there."""
        before, after = text.partition(self.begin)[0], text.partition(self.end)[2]
        return "\n".join([f"{before}{self.begin}", "", *lines, "", f"{self.end}{after}"])

    def write(self, lines: Sequence[str], out: Path | None = None) -> None:
        """Put lines there; the document goes to ``out`` if that is given."""
        text = self.filled(self.page.read_text(encoding="utf-8"), lines)
        with atomic_file(out or self.page) as temporary:
            temporary.write_text(text, encoding="utf-8")


def cell(
    loss: float, significant: bool, agreement: float, interval: tuple[float, float] | None = None
) -> str:
    """A loss, bold where it is not by chance, its interval, and the share of float's answers."""
    text = _signed(loss)
    shown = f"**{text}**" if significant else text
    if interval is None:
        return f"{shown} ({100 * agreement:.0f} %)"
    return f"{shown} [{' '.join(map(_signed, interval))}] {100 * agreement:.0f} %"


def _signed(loss: float) -> str:
    return f"{loss:+.2f}".replace("-0.00", "+0.00")
