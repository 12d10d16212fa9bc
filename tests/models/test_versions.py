"""What is installed for models is what pyproject.toml pins."""

import importlib.metadata

import pytest

from softmax_cosim.simulation.doctor import pins


@pytest.mark.parametrize(
    ("name", "specifier"), [(name, spec) for extra, name, spec in pins() if extra == "torch"]
)
def test_the_pinned_version_is_installed(name, specifier):
    found = importlib.metadata.version(name).partition("+")[0]
    assert not specifier.startswith("==") or found == specifier[2:]
