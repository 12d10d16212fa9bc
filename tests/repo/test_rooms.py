"""No folder of tests is left out of both `make test` and `make test-models`."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_room_of_tests_is_run():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    paths = options["tool"]["pytest"]["ini_options"]["testpaths"]
    files = (ROOT / "tests").rglob("test_*.py")
    rooms = {path.relative_to(ROOT / "tests").parts[0] for path in files}
    assert sorted(paths) == sorted(f"tests/{room}" for room in rooms - {"models"})
    assert "pytest -n auto tests/models" in (ROOT / "Makefile").read_text(encoding="utf-8")
