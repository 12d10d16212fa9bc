"""``cosim extract``: record the attention scores of a real model into a trace.

``--regenerate`` makes every committed trace again, from what its own metadata says, and compares.
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track

from softmax_cosim import adapters, console
from softmax_cosim.adapters import Adapter, sha256
from softmax_cosim.configs import UsageError
from softmax_cosim.files import check_writable
from softmax_cosim.golden.quantise import unmasked
from softmax_cosim.paths import INSTALLED, ROOT, checkout
from softmax_cosim.trace import Layer, Trace, write

__all__ = ["add_arguments", "extract", "regenerate", "run"]

TRACES = ROOT / "traces"
HASHES = "SHA256SUMS"
DTYPES = ("float16", "float32")
BATCH = 8
"""Lines a forward pass takes; all lines of a trace are padded to one length nevertheless."""
NOISE = 1e-3
"""Largest difference of two scores that float arithmetic in another order explains, beside one
rounding step of the stored dtype. Measured between kernels of OpenBLAS: 5e-5."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim extract``."""
    parser.add_argument("adapter", nargs="?", metavar="ADAPTER", help=", ".join(adapters.ADAPTERS))
    parser.add_argument("--out", type=Path, metavar="FILE", help="trace to write (.safetensors)")
    parser.add_argument("--text", type=Path, metavar="FILE", help="input, one text a line")
    parser.add_argument("--limit", type=int, metavar="N", help="take the first N lines only")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="how scores are stored (%(default)s)"
    )
    parser.add_argument(
        "--regenerate", action="store_true", help="make the committed traces again and compare"
    )


def run(args: argparse.Namespace) -> int:
    """Do what the options say; 0 is success, 1 a committed trace that does not agree.

    Raises:
        UsageError: bad options or input, or a package that is not installed.
    """
    if args.regenerate:
        checkout("extract --regenerate")
        return 0 if regenerate() else 1
    if args.adapter is None or args.out is None:
        raise UsageError(
            f"name an adapter ({', '.join(adapters.ADAPTERS)}) and --out FILE, or --regenerate"
        )
    trace = extract(args.adapter, args.out, text=args.text, limit=args.limit, dtype=args.dtype)
    lengths = sorted({shape[-1] for shape in trace.shapes.values()})
    print(
        f"wrote {trace.path}: {len(trace.shapes)} layers, {trace.rows:,} rows of "
        f"{', '.join(map(str, lengths))} keys, {trace.path.stat().st_size / 1e6:.1f} MB"
    )
    return 0


def extract(
    adapter: str,
    out: Path,
    *,
    text: Path | None = None,
    limit: int | None = None,
    dtype: str = "float32",
) -> Trace:
    """Run a model on the lines of a text file and write the scores of all its layers.

    Without ``text`` the adapter's example is taken. ``out`` appears whole or not at all.

    Raises:
        UsageError: unknown adapter, unusable text, a missing package, an unwritable ``out``, or
            scores that ``dtype`` cannot hold.
    """
    check_writable(out)
    if text is None:
        checkout("extract without --text FILE")
    model = adapters.load(adapter)
    text = TRACES / model.example if text is None else text
    lines = _lines(text, limit)
    batch = model.prepare(lines)
    scores = _record(model, batch, np.dtype(dtype))
    command = ["cosim", "extract", adapter, "--text", _named(text), "--dtype", dtype]
    command += [] if limit is None else ["--limit", str(limit)]
    metadata = model.about | {
        "adapter": adapter,
        "command": shlex.join([*command, "--out", out.name]),
        "dtype": dtype,
        "input_sha256": sha256(np.ascontiguousarray(batch.inputs).tobytes()),
        "limit": "" if limit is None else str(limit),
        "text": _named(text),
        "text_sha256": sha256(text),
    }
    layers = [Layer(index, values, batch.mask) for index, values in enumerate(scores)]
    source = f"{model.source}; {len(lines)} lines of {_named(text)}"
    write(out, layers, model=model.model, source=source, metadata=metadata)
    return Trace(out)


def regenerate(folder: Path = TRACES) -> bool:
    """Make every trace in ``folder`` again, elsewhere, and say whether it agrees.

    Bytes that match, or else scores within float noise, agree. The recorded SHA-256 of each
    committed file, texts too, is checked as well. Prints a line a file.

    Raises:
        UsageError: nothing to regenerate, a damaged trace, a missing package.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise UsageError(f"{folder} holds no traces to regenerate; run from a source tree")
    verdicts = [_recorded(folder)]
    with tempfile.TemporaryDirectory(prefix="cosim-") as temporary:
        for path in paths:
            old = Trace(path)
            about = old.metadata
            unknown = {"adapter", "dtype", "limit", "text"} - set(about)
            if unknown:
                raise UsageError(
                    f"{path} does not say how it was made (metadata {min(unknown)} is missing); "
                    "make it with cosim extract"
                )
            new = extract(
                about["adapter"],
                Path(temporary) / path.name,
                text=ROOT / about["text"],
                limit=int(about["limit"]) if about["limit"] else None,
                dtype=about["dtype"],
            )
            agrees, finding = _compare(old, new)
            verdicts.append(agrees)
            print(f"{'agrees' if agrees else 'DIFFERS'}  {path.name}: {finding}")
    return all(verdicts)


def _record(
    model: Adapter, batch: adapters.Batch, dtype: np.dtype[Any]
) -> list[npt.NDArray[np.floating[Any]]]:
    """Scores of each layer for the whole batch, [lines, heads, queries, keys]."""
    layers: list[npt.NDArray[np.floating[Any]]] = []
    starts = range(0, len(batch), BATCH)
    terminal = console.make(stderr=True)
    for start in track(
        starts, "forward passes", console=terminal, transient=True, disable=not terminal.is_terminal
    ):
        _, taps = model.forward(batch.part(start, start + BATCH))
        for index, tap in enumerate(taps):
            if len(layers) <= index:
                layers.append(np.empty((len(batch), *tap.shape[1:]), dtype))
            kept = unmasked(tap)
            if np.abs(tap[kept]).max(initial=0) > np.finfo(dtype).max:
                raise UsageError(f"layer {index} has scores too large for {dtype}; use float32")
            layers[index][start : start + len(tap)] = np.where(kept, tap, -np.inf)
    return layers


def _lines(path: Path, limit: int | None) -> list[str]:
    """The lines that hold something."""
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit} leaves no lines; give 1 or more")
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"cannot read the text {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the text {path} is not UTF-8; convert it") from None
    if not lines:
        raise UsageError(f"the text {path} has no lines; write one text a line")
    return lines[:limit]


def _named(path: Path) -> str:
    """A path as the metadata tells it: within the project if it is, else the bare file name."""
    absolute = path.resolve()
    inside = not INSTALLED and absolute.is_relative_to(ROOT)
    return str(absolute.relative_to(ROOT)) if inside else path.name


def _recorded(folder: Path) -> bool:
    """Compare the SHA-256 of traces and texts with the recorded ones; print those that differ."""
    hashes = folder / HASHES
    lines = hashes.read_text(encoding="utf-8").splitlines() if hashes.is_file() else []
    recorded = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    names = {path.name for path in folder.glob("*.safetensors")} | set(recorded)
    wrong = [
        name
        for name in sorted(names)
        if not (folder / name).is_file() or sha256(folder / name) != recorded.get(name)
    ]
    for name in wrong:
        print(f"DIFFERS  {name}: not the file whose hash stands in {hashes}")
    return not wrong


def _compare(old: Trace, new: Trace) -> tuple[bool, str]:
    """Whether two traces agree, and what was found."""
    if old.path.read_bytes() == new.path.read_bytes():
        return True, "the same bytes"
    if old.shapes != new.shapes:
        return False, f"shapes were {dict(old.shapes)}, are {dict(new.shapes)}"
    worst, agrees, masks = 0.0, True, True
    for a, b in zip(old.layers(), new.layers(), strict=True):
        step = float(np.finfo(a.scores.dtype).eps)
        masks &= np.array_equal(a.flatten().keep, b.flatten().keep)
        agrees &= np.allclose(a.scores, b.scores, rtol=step, atol=NOISE)
        worst = max(worst, float(np.abs(a.scores.astype(float) - b.scores.astype(float)).max()))
    changed = [key for key in old.metadata if new.metadata.get(key) != old.metadata[key]]
    also = "" if masks else "; masks differ"
    also += f"; metadata that changed: {', '.join(changed)}" if changed else ""
    return agrees and masks, f"scores differ by {worst:.2g} at most{also}"
