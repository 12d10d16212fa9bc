"""A batch without examples goes through a model whose softmax is replaced."""

import numpy as np
import pytest

from softmax_cosim.adapters import torch_module
from softmax_cosim.engines import Golden

torch = pytest.importorskip("torch")


def test_a_module_on_no_examples():
    layer = torch.nn.MultiheadAttention(16, 2, batch_first=True).eval()
    x, softmax = torch.zeros(0, 5, 16), Golden("split_uint8")
    with torch.no_grad():
        plain, _ = layer(x, x, x)
        with torch_module.patched(softmax, layer):
            replaced, _ = layer(x, x, x)
    np.testing.assert_array_equal(replaced.numpy(), plain.numpy())
    assert (softmax.count.rows, softmax.count.elements, softmax.count.layers) == (0, 0, {})
