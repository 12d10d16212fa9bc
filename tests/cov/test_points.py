"""What is read of Verilator's coverage data."""

from __future__ import annotations

from pathlib import Path

import pytest

from cov.points import Point, merged, read, tally
from softmax_cosim.paths import ROOT

FILE = ROOT / "rtl" / "softmax_octave.sv"


def point(count: int, instance: str = "top.a", **fields: object) -> str:
    """A line of the data, as Verilator 5.48 writes it."""
    fields |= {"f": FILE, "h": instance}
    text = "".join(f"\1{key}\2{value}" for key, value in fields.items())
    return f"C '{text}' {count}\n"


def data(folder: Path, name: str, *points: str) -> Path:
    path = folder / name
    path.write_text("# SystemC::Coverage-3\n" + "".join(points))
    return path


def test_lines_branches_and_toggles(tmp_path: Path) -> None:
    path = data(
        tmp_path,
        "a.dat",
        point(3, l=39, n=3, page="v_line/octave__L4", o="block", S="39-40,43"),
        point(0, l=43, n=9, page="v_branch/octave__L4", o="if", S="43"),
        point(2, l=43, n=10, page="v_branch/octave__L4", o="else"),
        point(0, l=12, n=9, page="v_toggle/octave__L4", o="q_i[3]:0->1"),
        point(7, l=12, n=9, page="v_toggle/octave__L4", o="q_i[3]:1->0"),
    )
    octave = "rtl/softmax_octave.sv"
    assert merged([read(path)]) == {
        Point("line", octave, 39): 3,
        Point("line", octave, 40): 3,
        Point("line", octave, 43): 3,
        Point("branch", octave, 43, 9, "if"): 0,
        Point("branch", octave, 43, 10, "else"): 2,
        Point("toggle", octave, 12, 0, "q_i[3]:0->1"): 0,
        Point("toggle", octave, 12, 0, "q_i[3]:1->0"): 7,
    }


def test_a_point_is_reached_in_any_instance_of_any_simulation(tmp_path: Path) -> None:
    def toggle(count: int, instance: str, page: str = "v_toggle/m__W2") -> str:
        return point(count, instance, l=5, n=1, page=page, o="x:0->1")

    one = data(tmp_path, "one.dat", toggle(0, "top.a"), toggle(4, "top.b", "v_toggle/m__W3"))
    other = data(tmp_path, "other.dat", toggle(0, "top.a"))
    simulations = [list(read(path)) for path in (one, other)]
    assert list(merged(simulations).values()) == [4]
    assert tally(simulations)["toggle"] == (1, 3)
    assert tally(simulations)["line"] == (0, 0)


def test_words_of_memories_are_no_points(tmp_path: Path) -> None:
    names = ("mem[3][1]:0->1", "gen_loadable.mem[3][1]:0->1", "memory[3]:0->1", "mem_q:0->1")
    points = (point(1, l=5, n=1, page="v_toggle/m", o=name) for name in names)
    found = merged([read(data(tmp_path, "a.dat", *points))])
    assert [point.what for point in found] == ["memory[3]:0->1", "mem_q:0->1"]


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no coverage point: b'nonsense'"):
        list(read(data(tmp_path, "a.dat", "nonsense\n")))
