"""Who may import whom: configs <- golden <- tb, golden <- cosim, and nobody in a circle."""

import ast
import graphlib
import itertools
import subprocess
import sys
from collections.abc import Iterable, Mapping
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
    "matplotlib": ADAPTERS,
    "torch": ADAPTERS,
    "transformers": ADAPTERS,
    "gguf": ADAPTERS,
    "espeakng_loader": ADAPTERS,
    "rdkit": ADAPTERS,
    "dask": ("softmax_cosim/cluster/",),
    "distributed": ("softmax_cosim/cluster/",),
}
#: Packages of extras, or slow to import.
HEAVY = set(ONLY_IN) - {"cocotb", "cocotb_bus"}
SLOW = HEAVY | {"cocotb"}
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


def dotted(path: Path) -> str:
    """A module's full name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    inside = parts if parts[0] == PACKAGE else (PACKAGE, *parts)
    return ".".join(inside[:-1] if inside[-1] == "__init__" else inside)


def sources() -> dict[str, str]:
    """The text of each module of the package."""
    return {dotted(path): path.read_text(encoding="utf-8") for path in modules()}


def graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules that each one names in an import, wherever it stands in the text.

    ``from a import b`` is an import of ``a.b`` where that is a module, and of ``a`` elsewhere.
    """
    found: dict[str, set[str]] = {}
    for module, text in sources.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                inside = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                names |= {full if full in sources else str(node.module) for full in inside.values()}
        found[module] = (names & set(sources)) - {module}
    return found


def rooms(graph: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """The same between rooms: folders of the package, and files that stand in no folder."""
    found: dict[str, set[str]] = {}
    for module, names in graph.items():
        room, *others = (".".join(name.split(".")[:2]) for name in (module, *names))
        found.setdefault(room, set()).update(set(others) - {room})
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Circles of imports, no two of which share an import; [] where there is none."""
    left, found = {module: set(names) for module, names in graph.items()}, []
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1][::-1]  # it comes from imported to importer
            found.append(" -> ".join(circle))
            for importer, name in itertools.pairwise(circle):
                left[importer].discard(name)
        else:
            return found


def test_no_modules_import_each_other_in_a_circle():
    assert circles(graph(sources())) == []


def test_no_rooms_import_each_other_in_a_circle():
    assert circles(rooms(graph(sources()))) == []


@pytest.mark.parametrize(
    "inner",
    [
        "import p.a",
        "from p.a import thing",
        "from p import a",
        "import sys, p.a as other",
        "def f():\n    from p import a",
        "if TYPE_CHECKING:\n    from p.a import Thing",
        "try:\n    import p.a\nexcept ImportError:\n    pass",
    ],
)
def test_a_circle_is_seen_through_each_kind_of_import(inner):
    a = "from p import b"
    assert circles(graph({"p.a": a, "p.b": inner})) == ["p.a -> p.b -> p.a"]
    assert circles(graph({"p.a": a, "p.b": inner, "p": ""})) == ["p.a -> p.b -> p.a"]
    assert circles(graph({"p.a": a, "p.b": "import p.b, p.c", "p.c": "", "p": ""})) == []


def test_circles_are_found_apart_and_by_their_rooms():
    texts = {
        "p.one.a": "from p.two import b",
        "p.two.b": "from p.two.c import x",
        "p.two.c": "import p.two.d",
        "p.two.d": "from p.one import e",
        "p.one.e": "import json",
        "p.x": "import p.y",
        "p.y": "import p.z",
        "p.z": "import p.x",
    }
    (circle,) = circles(graph(texts))
    assert sorted(circle.split(" -> ")[1:]) == ["p.x", "p.y", "p.z"]
    assert len(circles(rooms(graph(texts)))) == 2


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
