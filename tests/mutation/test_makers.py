"""What makes mutants, on sources of a few lines: every operator, and nothing where none belongs."""

from __future__ import annotations

import pytest

from mutation import cpp, python, verilog
from mutation.mutant import Maker, mutants_of, named
from mutation.sample import maker, sample, sources
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT


def changes(source: str, make: Maker) -> set[tuple[str, str]]:
    """Operator and changed line of each mutant."""
    mutants = list(mutants_of("toy", source.encode(), make))
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    assert all(mutant.text != mutant.source for mutant in mutants)
    assert all(mutant.text.count(b"\n") == mutant.source.count(b"\n") for mutant in mutants)
    return {(mutant.site.operator, mutant.diff[1]) for mutant in mutants}


def of_module(body: str) -> set[tuple[str, str]]:
    return changes(f"module toy;\n{body}\nendmodule\n", verilog.sites)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "assign y = a && b;",
            {
                ("operator", "assign y = a || b;"),
                ("term-drop", "assign y = (a);"),
                ("term-drop", "assign y = (b);"),
                ("assign-zero", "assign y = '0;"),
            },
        ),
        ("assign unused_y = a && b;", set()),
        (
            "assign y = x[i] == 2'b11;",
            {
                ("operator", "assign y = x[i] != 2'b11;"),
                ("select", "assign y = x[(i) + 1] == 2'b11;"),
                ("constant", "assign y = x[i] == 2'd0;"),
                ("constant", "assign y = x[i] == 2'd2;"),
                ("assign-zero", "assign y = '0;"),
            },
        ),
        (
            "assign y = ~x[h:l];",
            {
                ("not-drop", "assign y = (x[h:l]);"),
                ("select", "assign y = ~x[(h) - 1:l];"),
                ("select", "assign y = ~x[h:(l) + 1];"),
                ("assign-zero", "assign y = '0;"),
            },
        ),
        (
            "assign y = a ? '0 : b;",
            {
                ("negate", "assign y = !(a) ? '0 : b;"),
                ("condition-drop", "assign y = 1'b1 ? '0 : b;"),
                ("constant", "assign y = a ? '1 : b;"),
                ("assign-zero", "assign y = '0;"),
            },
        ),
        (
            "stage u_stage (.clk_i, .valid_i(a), .ready_o(b));",
            {
                ("port-tie", "stage u_stage (.clk_i, .valid_i('0), .ready_o(b));"),
                ("port-tie", "stage u_stage (.clk_i, .valid_i('1), .ready_o(b));"),
            },
        ),
        ("always_comb y = a;", {("statement-drop", "always_comb ;")}),
        (
            "always_comb case (a) b: y = c; default: y = d; endcase",
            {
                ("case-drop", "always_comb case (a)  default: y = d; endcase"),
                ("statement-drop", "always_comb case (a) b: ; default: y = d; endcase"),
                ("statement-drop", "always_comb case (a) b: y = c; default: ; endcase"),
            },
        ),
        ("if (LANES == 0) begin : gen_check\n$fatal(1);\nend", set()),
        ("a_holds : assert property (@(posedge clk_i) a == 1 |-> b);", set()),
        ("logic [W-1:0] y;", set()),
    ],
)
def test_systemverilog(line: str, expected: set[tuple[str, str]]) -> None:
    assert of_module(line) == expected


def test_what_a_reset_writes_is_told_from_what_a_cycle_writes() -> None:
    body = "always_ff @(posedge clk_i) if (!rst_ni) q <= '1; else if (a) q <= d;"
    found = of_module(body)
    assert ("reset-drop", body.replace("q <= '1;", ";")) in found
    assert ("nonblocking-drop", body.replace("q <= d;", ";")) in found
    assert ("constant", body.replace("'1", "'0")) in found
    assert ("condition-drop", body.replace("(a)", "(1'b1)")) in found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("i++;", {("operator", "i--;"), ("statement-drop", ";")}),
        (
            "if (a) f(true);",
            {
                ("negate", "if (!(a)) f(true);"),
                ("condition-drop", "if (true) f(true);"),
                ("constant", "if (a) f(false);"),
                ("statement-drop", "if (a) ;"),
            },
        ),
        (
            "return a || !b;",
            {
                ("operator", "return a && !b;"),
                ("term-drop", "return (a);"),
                ("term-drop", "return (!b);"),
                ("not-drop", "return a || (b);"),
            },
        ),
        ("return 4u;", {("constant", "return 5u;"), ("constant", "return 3u;")}),
        ("std::array<int, 4> a;", set()),
    ],
)
def test_cpp(line: str, expected: set[tuple[str, str]]) -> None:
    assert changes(f"int main() {{\n{line}\n}}\n", cpp.sites) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = a + b", {("BinaryOperator_Add_Sub", "x = a - b")}),
        (
            "x = a < 2",
            {
                ("ComparisonOperator_Lt_LtE", "x = a <= 2"),
                ("ComparisonOperator_Lt_GtE", "x = a >= 2"),
                ("NumberReplacer", "x = a < 3"),
                ("NumberReplacer", "x = a < 1"),
            },
        ),
        ("f(a)", {("statement-drop", "pass")}),
        ("def f(a: int | None = None) -> str | None: return a", set()),
    ],
)
def test_python(line: str, expected: set[tuple[str, str]]) -> None:
    assert changes(f"{line}\n", python.sites) == expected


def test_a_name_is_enough() -> None:
    file = "rtl/lib/stream_reg.sv"
    mutants = list(mutants_of(file, (ROOT / file).read_bytes(), maker(file)))
    assert len(mutants) > 20
    assert named(mutants[-1].name, maker).text == mutants[-1].text
    with pytest.raises(UsageError, match=r"there is no mutant rtl/lib/stream_reg.sv:1:1:none:0"):
        named(f"{file}:1:1:none:0", maker)


def test_every_file_has_its_share_and_a_longer_sample_begins_with_a_shorter_one() -> None:
    files = sources(["rtl/lib", "tb/dpi"])
    long = [mutant.name for mutant in sample(files, 120, 1)]
    assert {name.split(":")[0] for name in long} == set(files)
    assert [mutant.name for mutant in sample(files, 40, 1)] == long[:40]
    assert [mutant.name for mutant in sample(files, 40, 2)] != long[:40]


def test_nothing_is_named_so() -> None:
    with pytest.raises(UsageError, match="no source is named so: nonsense"):
        sources(["nonsense"])
