"""What ``make formal`` proves and breaks is what its page says; ``make test`` runs none of it."""

from __future__ import annotations

import re

import pytest

from formal.proofs import PROOFS, Change
from formal.register_map import package
from formal.run import MUTANTS
from softmax_cosim import configs
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.build import rtl_sources

PAGE = (ROOT / "formal" / "README.md").read_text(encoding="utf-8")
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in rtl_sources()}
#: Where things stand inside: means to an induction.
MEANS = {"softmax_regs_proof": {"a_stands"}}


def rows(mark: str) -> list[list[str]]:
    """The cells of a table of the page."""
    table = PAGE.partition(f"<!-- {mark} -->\n")[2].partition("<!-- end")[0]
    return [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table.splitlines()][2:]


def test_the_page_lists_the_proofs():
    assert [(name, engine, int(depth)) for name, engine, depth, *_ in rows("table")] == [
        (name, f"Yices, {proof.how}", proof.depth) for name, proof in PROOFS.items()
    ]


def test_the_page_lists_the_mutants():
    listed = [(name, proof, fails, int(depth)) for name, proof, fails, depth in rows("mutants")]
    assert sorted(listed) == [
        (name, mutant.proof, mutant.property, mutant.depth)
        for name, mutant in sorted(MUTANTS.items())
    ]


@pytest.mark.parametrize(
    "change",
    [mutant.change for mutant in MUTANTS.values()]
    + [change for proof in PROOFS.values() for change in proof.changes],
    ids=str,
)
def test_what_is_changed_is_there(change: Change):
    assert change.lines in SOURCES[change.file]
    assert change.lines != change.become


@pytest.mark.parametrize("top", ["axil_slave_proof", "softmax_regs_proof"])
def test_every_property_of_the_bus_has_a_mutant(top: str):
    text = (ROOT / "formal" / f"{top}.sv").read_text(encoding="utf-8")
    stated = set(re.findall(r"^ +(a_\w+) :$", text, re.MULTILINE))
    broken = {m.property for m in MUTANTS.values() if PROOFS[m.proof].top == top}
    assert stated - MEANS.get(top, set()) == broken & stated


def test_the_map_of_a_proof_is_that_of_the_build():
    text = package(configs.load("rexp_uint8"), loadable=True)
    assert "if (address == 17'h28) return 32'h0;" in text  # FAULTS, though entries were tried
    assert "if (address == 17'h10) return 32'h400;" in text  # MAX_LEN
    assert "if (address >= 17'h2004 && address <= 17'h2400) return ENTRY;" in text
    last = "if (address >= 17'h101c && address <= 17'h101c) return '{softmax_pkg::TABLE_1E, "
    assert f"{last}15'((address - 17'h1000) >> 2), 32'd0}};" in text
    assert "ENTRY;" not in package(configs.load("rexp_uint8"), loadable=False)
