"""Who may import whom: configs <- golden <- tb, golden <- cosim."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("configs", "golden", "tb", "cosim")
MAY_IMPORT = {
    "configs": {"configs"},
    "golden": {"golden", "configs"},
    "tb": {"tb", "golden", "configs"},
    "cosim": {"cosim", "golden", "configs"},
}
ONLY_IN = {
    "cocotb": ("tb/",),
    "cocotb_bus": ("tb/",),
    "cocotb_tools": ("cosim/toolchain.py", "cosim/simulator.py", "cosim/regression.py"),
    "onnx": ("cosim/adapters/",),
    "onnxruntime": ("cosim/adapters/",),
    "tokenizers": ("cosim/adapters/",),
    "PIL": ("cosim/adapters/",),
    "torch": ("cosim/adapters/",),
    "transformers": ("cosim/adapters/",),
    "gguf": ("cosim/adapters/",),
    "espeakng_loader": ("cosim/adapters/",),
    "rdkit": ("cosim/adapters/",),
}
#: Packages of extras, or slow to import.
HEAVY = set(ONLY_IN) - {"cocotb", "cocotb_bus"}
SLOW = HEAVY | {"matplotlib", "cocotb"}
GOLDEN_NEEDS = {"numpy"}


def imported(tree: ast.AST) -> set[str]:
    """First names of all modules that any statement below ``tree`` imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0] if node.level == 0 else ".")
    return found


def at_import(tree: ast.Module) -> set[str]:
    """Of those, the ones that run when the module is imported."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    typing = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n)]
    for node in [*functions, *typing]:
        node.body = [ast.Pass()]
    return imported(tree)


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_keeps_to_its_room(path):
    name = str(path.relative_to(ROOT))
    room = name.split("/")[0]
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    assert "." not in names, "import by full name"
    assert names & set(ROOMS) <= MAY_IMPORT[room]
    for package, places in ONLY_IN.items():
        if package in names:
            assert name.startswith(places), f"{package} belongs in {places or 'no room'}"
    if room in ("configs", "golden"):
        assert names - set(ROOMS) - set(sys.stdlib_module_names) <= GOLDEN_NEEDS


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_when_used(path):
    assert not at_import(ast.parse(path.read_text(encoding="utf-8"))) & HEAVY


def test_the_command_line_starts_without_slow_packages():
    program = "import sys, cosim.cli; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not SLOW & set(result.stdout.split())


def test_there_is_something_to_check():
    rooms = {path.relative_to(ROOT).parts[0] for path in modules()}
    assert rooms == set(ROOMS)


def test_the_check_sees_each_kind_of_import():
    tree = ast.parse("import a.b\ndef f():\n    from c import d\nfrom . import e\n")
    assert imported(tree) == {"a", "c", "."}
    assert at_import(tree) == {"a", "."}
