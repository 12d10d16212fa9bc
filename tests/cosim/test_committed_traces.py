"""The traces in ``traces/``: whole, small, of three models, and they say where they are from."""

from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import adapters, configs, extract
from softmax_cosim.adapters import sha256
from softmax_cosim.trace import Trace

PATHS = sorted(extract.TRACES.glob("*.safetensors"))


def test_together_they_are_small_and_many_rows_of_three_models():
    traces = [Trace(path) for path in PATHS]
    assert sum(path.stat().st_size for path in PATHS) <= 6_000_000
    assert len({trace.model for trace in traces}) == 3
    assert sum(trace.rows for trace in traces) >= 25_000
    assert len({shape[-1] for trace in traces for shape in trace.shapes.values()}) >= 4
    for trace in traces:
        for name in configs.names():
            trace.check_fits(configs.load(name))


def test_every_recorded_hash_is_right():
    lines = (extract.TRACES / extract.HASHES).read_text().splitlines()
    hashes = {name: digest for digest, name in (line.split() for line in lines)}
    assert set(hashes) == {p.name for p in PATHS} | {
        Path(Trace(p).metadata["text"]).name for p in PATHS
    }
    assert hashes == {name: sha256(extract.TRACES / name) for name in hashes}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_provenance_is_complete_and_scores_mean_something(path):
    trace = Trace(path)
    about = trace.metadata
    for key in (
        "package",
        "package_version",
        "licence",
        "weights_sha256",
        "input_sha256",
        "command",
    ):
        assert about[key]
    assert about["text_sha256"] == sha256(extract.ROOT / about["text"])
    assert about["adapter"] in adapters.ADAPTERS
    assert len(about["layers"].split(", ")) == len(trace.shapes)
    readme = (extract.TRACES / "README.md").read_text()
    shape = str(list(trace.shapes[0]))
    assert f"| `{path.stem}` |" in readme
    assert f"| {len(trace.shapes)} of {shape} | {trace.rows:,} |" in readme
    assert f"`{about['package']}=={about['package_version']}`" in readme
    for layer in trace.layers():
        rows = layer.flatten()
        assert rows.keep.any(axis=1).all()
        assert np.isfinite(rows.scores).all()
        spread = np.where(rows.keep, rows.scores, -np.inf).max(axis=1) - rows.scores.min(axis=1)
        assert 1 < np.median(spread) < 100
    if about["adapter"] == "minilm":
        assert not rows.keep.all()  # padding is exercised
