"""pytest collects one test file of a name, and only one."""

from collections import Counter

from softmax_cosim.paths import ROOT


def test_names_of_test_files_are_unique():
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, files in names.items() if files > 1] == []
