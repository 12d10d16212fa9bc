"""Who may import whom: configs <- golden <- tb, golden <- cosim."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "softmax_cosim"
#: Folders at the top of a checkout that are rooms of the package; ``cosim`` is the rest of it.
LINKED = ("configs", "golden", "tb")
ROOMS = (*LINKED, "cosim")
MAY_IMPORT = {
    "configs": {"configs"},
    "golden": {"golden", "configs"},
    "tb": {"tb", "golden", "configs"},
    "cosim": {"cosim", "golden", "configs"},
}
ADAPTERS = ("softmax_cosim/adapters/",)
ONLY_IN = {
    "cocotb": ("tb/",),
    "cocotb_bus": ("tb/",),
    "cocotb_tools": ("softmax_cosim/simulation/",),
    "onnx": ADAPTERS,
    "onnxruntime": ADAPTERS,
    "tokenizers": ADAPTERS,
    "PIL": ADAPTERS,
    "torch": ADAPTERS,
    "transformers": ADAPTERS,
    "gguf": ADAPTERS,
    "espeakng_loader": ADAPTERS,
    "rdkit": ADAPTERS,
}
#: Packages of extras, or slow to import.
HEAVY = set(ONLY_IN) - {"cocotb", "cocotb_bus"}
SLOW = HEAVY | {"matplotlib", "cocotb"}
GOLDEN_NEEDS = {"numpy"}


def imported(tree: ast.AST) -> set[str]:
    """What any statement below ``tree`` imports: first names, and rooms of our own package."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {room_or_package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add(".")
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {room_or_package(f"{module}.{alias.name}") for alias in node.names}
    return found


def room_or_package(name: str) -> str:
    first, *rest = name.split(".")
    if first in ROOMS:
        return f"{first}, which may be anybody's"
    if first != PACKAGE:
        return first
    return rest[0] if rest and rest[0] in LINKED else "cosim"


def at_import(tree: ast.Module) -> set[str]:
    """Of those, the ones that run when the module is imported."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    typing = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n)]
    for node in [*functions, *typing]:
        node.body = [ast.Pass()]
    return imported(tree)


def modules() -> list[Path]:
    return [path for room in (*LINKED, PACKAGE) for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_keeps_to_its_room(path):
    name = str(path.relative_to(ROOT))
    room = "cosim" if name.startswith(PACKAGE) else name.split("/")[0]
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    assert "." not in names, "import by full name"
    assert not [name for name in names if "anybody's" in name], "import it from softmax_cosim"
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
    program = "import sys, softmax_cosim.cli; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not SLOW & set(result.stdout.split())


def test_there_is_something_to_check():
    rooms = {path.relative_to(ROOT).parts[0] for path in modules()}
    assert rooms == {*LINKED, PACKAGE}


def test_the_check_sees_each_kind_of_import():
    tree = ast.parse("import a.b\ndef f():\n    from c import d\nfrom . import e\n")
    assert imported(tree) == {"a", "c", "."}
    assert at_import(tree) == {"a", "."}


def test_rooms_are_told_apart():
    tree = ast.parse(
        "import softmax_cosim.tb.env\nfrom softmax_cosim import golden\n"
        "from softmax_cosim.configs import Config\nfrom softmax_cosim.trace import Trace\n"
    )
    assert imported(tree) == {"tb", "golden", "configs", "cosim"}
    assert imported(ast.parse("from golden import rows")) == {"golden, which may be anybody's"}
