"""The reader of CTranslate2's weights, against files made here by the format's description."""

import struct

import numpy as np
import pytest

from softmax_cosim.adapters import ctranslate2
from softmax_cosim.configs import UsageError

ARRAYS = {
    "layer/weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "layer/bias": np.array([1.5, -2], np.float32),
    "heads": np.array(6, np.int16),
}


def string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def written(version=6):
    parts = [struct.pack("<I", version), string("Spec"), struct.pack("<II", 3, len(ARRAYS))]
    kinds = {"float32": 0, "int16": 2, "float16": 4}
    for name, array in ARRAYS.items():
        parts += [string(name), struct.pack("<B", array.ndim)]
        parts += [struct.pack("<I", size) for size in array.shape]
        parts += [struct.pack("<BI", kinds[array.dtype.name], array.nbytes), array.tobytes()]
    parts += [struct.pack("<I", 1), string("tied"), string("layer/weight")]
    return b"".join(parts)


def test_arrays_and_aliases(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(written())
    found = ctranslate2.read(path)
    assert set(found) == {*ARRAYS, "tied"}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    np.testing.assert_array_equal(found["tied"], ARRAYS["layer/weight"])


def test_another_version(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(written(version=5))
    with pytest.raises(UsageError, match=r"model\.bin is of CTranslate2 format 5; 6 can be read"):
        ctranslate2.read(path)


@pytest.mark.parametrize("size", [3, 30, 80, -1])
def test_a_file_that_ends_early(tmp_path, size):
    path = tmp_path / "model.bin"
    path.write_bytes(written()[:size])
    with pytest.raises(
        UsageError, match=r"model\.bin is damaged \(.*\); install its package again"
    ):
        ctranslate2.read(path)
