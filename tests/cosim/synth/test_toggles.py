"""What switches, without tools; with them in ``synth/test_activity.py``."""

from __future__ import annotations

import re

import numpy as np
import pytest

from softmax_cosim import cli, trace
from softmax_cosim.configs import UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.synth.activity import play, saif
from softmax_cosim.synth.activity.energy import Library
from softmax_cosim.synth.activity.places import places
from softmax_cosim.synth.activity.tables import parse, tables
from tests.cosim.synth.figures import DISTANCE

#: A power table for every kind of axis, and what else a library may hold.
LIBRARY = """
/* a
   comment */
library (x) {
  nom_voltage : 1.5
  default_input_pin_cap : 4;
  voltage_unit : "1V";
  leakage_power_unit : "10uW";
  capacitive_load_unit (0.5, ff);
  power_lut_template (one) { variable_1 : input_transition_time; index_1 ("1, 3"); }
  power_lut_template (two) {
    variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;
    index_1 ("0, 1"); index_2 ("10, 20, 30");
  }
  cell ("A") {
    cell_leakage_power : 2; area : 1;
    pin (A, B) { direction : input; capacitance : 3; }
    pin ("C D") { direction : input; }
    pin (Y) {
      direction : output; function : "(!A)";
      internal_power () {
        related_pin : "A"; related_pg_pin : VDD;
        rise_power (two) { values ("1, 2, 3", \\
                                   "5, 6, 9"); }
        fall_power (one) { index_1 ("0, 10"); values ("0, 1") }
        power (scalar) { values ("7"); }
      }
    }
  }
}
"""


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.safetensors"
    scores = np.random.default_rng(1).normal(0, 1, (1, 2, 5, 8)).astype(np.float32)
    trace.write(path, [trace.Layer(0, scores)], model="made up", source="here")
    return str(path)


def test_the_stage_of_a_cell():
    r"""As flattening names it; a public name (memories) has dots in generated blocks too."""
    instances = ["u_in", "gen_x.u_core", "gen_x.u_core.u_a", "gen_x.u_core.gen_l[0].u_b"]
    instances += ["gen_x.u_core.gen_l[1].u_b", "gen_x.u_core.u_a.u_deep"]
    core = r"$flatten\gen_x.u_core."
    cells = {
        "$auto$1": "",
        "mem": "",
        r"$flatten\u_in.$auto$2": "u_in",
        rf"{core}$auto$3.4": "u_core",
        "gen_x.u_core.mem": "u_core",
        rf"{core}\u_a.$auto$5": "u_core/u_a",
        rf"{core}\u_a.\u_deep.$auto$6": "u_core/u_a",
        "gen_x.u_core.u_a.u_deep.mem": "u_core/u_a",
        rf"{core}\gen_l[0].u_b.$auto$7": "u_core/u_b",
        rf"{core}\gen_l[1].u_b.$auto$8": "u_core/u_b",
    }
    assert dict(zip(cells, places(instances, list(cells)), strict=True)) == cells
    # Not more than half: it stays closed.
    few = [*list(cells)[3:6], "$1", "$2", "$3"]
    assert places(instances, few) == ["u_core"] * 3 + [""] * 3
    assert places([], []) == []


def test_tables_of_a_library():
    (library,) = parse(LIBRARY).all("library")
    assert library.number("nom_voltage") == 1.5
    assert library.values["capacitive_load_unit"] == ["0.5", "ff"]
    (cell,) = library.all("cell")
    assert (cell.name, cell.number("area"), cell.has("rise_power")) == ("A", 1, True)
    (power,) = next(pin for pin in cell.all("pin") if pin.name == "Y").all("internal_power")
    assert (power.text("related_pin"), power.text("related_pg_pin")) == ("A", "VDD")
    templates = {group.name: group for group in library.all("power_lut_template")}
    two, one, scalar = tables(power, ("rise_power", "fall_power", "power"), templates)
    assert [two.at(0, 10), two.at(0.5, 20), two.at(1, 25)] == [1, 4, 7.5]
    assert [two.at(-9, 0), two.at(9, 99)] == [1, 9]
    assert [one.at(0, 4), one.at(5, 99), scalar.at(1, 2)] == [0.4, 1, 7]


def test_units_of_a_library(tmp_path):
    path = tmp_path / "x.lib"
    path.write_text(LIBRARY)
    library = Library(path)
    assert library.joules == pytest.approx(0.5e-15)
    assert library.watts == pytest.approx(1e-5)
    assert library.kinds["A"].leakage == 2
    pins = library.kinds["A"].pins
    assert [pins[name].capacitance for name in "ABCDY"] == [3, 3, 4, 4, 0]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("internal_power", "internal_powder", "no cell has internal_power"),
        ("nom_voltage", "volts", "it has no nom_voltage"),
        ("capacitive_load_unit", "unit", "it has no capacitive_load_unit"),
        ('"1V"', '"1mile"', "'1mile' is no V"),
        ("(0.5, ff)", "(half, ff)", "'halfff' is no F"),
        ("input_transition_time", "weather", "a table fall_power is over weather"),
        ('"5, 6, 9"', '"5, 6"', "a table rise_power (two) has 5 values"),
        ('"5, 6, 9"', '"5, 6, x"', "values of rise_power two is not numbers"),
    ],
)
def test_a_library_that_says_too_little(tmp_path, old, new, why):
    path = tmp_path / "x.lib"
    path.write_text(LIBRARY.replace(old, new))
    with pytest.raises(UsageError) as raised:
        Library(path)
    assert str(raised.value).startswith(f"{path} says too little of energy: {why}")


def test_a_recording_is_read_without_what_was_1_before(tmp_path):
    path = tmp_path / "x.saif"
    nets = ["clk", "q", *(f"n{place}" for place in range(62)), "d[1]"]

    def recording(**bits: tuple[int, int]) -> str:
        lines = ["(SAIFILE", " (INSTANCE top", "  (NET"]
        for name in [f"activity_{word}\\[{bit}\\]" for word in (0, 1) for bit in range(64)]:
            high, toggles = bits.get(re.sub(r"\W+", "_", name).strip("_"), (0, 0))
            rest = "(TZ 0) (TX 0) (TB 0)"
            lines.append(f"   ({name} (T0 7) (T1 {high}) {rest} (TC {toggles}))")
        return "\n".join([*lines, "   (other (T0 1) (T1 2) (TZ 0) (TX 0) (TB 0) (TC 9))", "", ")"])

    path.write_text(recording(activity_0_0=(20, 9), activity_0_1=(10, 3), activity_1_0=(40, 1)))
    path.with_name("x.saif.start").write_text(recording(activity_0_0=(0, 1), activity_1_0=(0, 1)))
    activity = saif.read(path, nets, "clk")
    assert (activity.cycles, activity.period, len(activity.nets)) == (4, 10, 65)
    assert [activity.toggles(net) for net in ("clk", "q", "n61", "d[1]", "1")] == [8, 3, 0, 0, 0]
    assert [activity.enabled(net) for net in ("q", "d[1]", "0", "1")] == [1, 4, 0, 4]
    both = activity + activity
    assert (both.cycles, both.toggles("q"), both.enabled("d[1]"), both.enabled("1")) == (8, 6, 8, 8)


def test_random_rows_are_like_those_of_a_trace():
    rows = Rows.of([[-3, 5, 90], [2]], [[True, True, False], [True]])
    many = Rows.of([[-3, 5, 90] * 500], [[True, True, False] * 500])
    assert play.uniform(rows).lengths.tolist() == [3, 1]
    drawn = play.uniform(many)
    assert (drawn.q.min(), drawn.q.max()) == (-3, 5)
    assert drawn.keep.tolist() == many.keep.tolist()
    counts = np.bincount(drawn.q + 3)
    assert counts.min() > 0.6 * counts.max()
    assert play.uniform(many).q.tolist() == drawn.q.tolist()


def test_every_other_row_is_a_half():
    first, second = play.halves(Rows.of([[1], [2, 3], [4], [5]]))
    assert (first.q.tolist(), first.lengths.tolist()) == ([1, 4], [1, 1])
    assert (second.q.tolist(), second.lengths.tolist()) == ([2, 3, 5], [2, 1])
    first, second = play.halves(Rows.of([[1, 2]]))
    assert first.q.tolist() == second.q.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--activity", "ROWS", "--check"], "--activity goes with neither --check nor --stages"),
        (["--activity", "ROWS", "--stages"], "--activity goes with neither --check nor --stages"),
        (["--max-rows", "3"], "--max-rows counts rows of a trace"),
        (["--saif", "x"], "--saif writes what nets do in a trace"),
        (["--activity", "ROWS", "ROWS", "--saif", "x"], "--saif would write rexp_uint8_in8-rows"),
        (["--activity", "ROWS", "--saif", "/dev/null"], "cannot write /dev/null/rexp_uint8_in8-"),
        (["--activity", "missing.safetensors"], "missing.safetensors does not exist"),
        (["--activity", DISTANCE], f"{DISTANCE} is not one: a trace is"),
        (["--activity", "ROWS", "--liberty", "missing.lib"], "cannot read the library missing.lib"),
        (["--activity", "ROWS", "--dont-use", "X"], "--dont-use names cells of a library"),
        ([DISTANCE, "--activity", "ROWS"], "distance is not ours, and --activity plays our core"),
    ],
)
def test_what_cannot_be_played_is_a_sentence(rows, capsys, words, why):
    given = [rows if word == "ROWS" else word for word in words]
    assert cli.main(["synth", "rexp_uint8_in8", *given]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: {why}")


def test_rows_that_do_not_fit_are_a_sentence(rows, tmp_path, capsys):
    path = tmp_path / "short.toml"
    path.write_text('method = "rexp"\nprecision = "uint8"\nmax_len = 7\n')
    assert cli.main(["synth", str(path), "--activity", rows]) == 2
    assert "rows of layer.0.scores have 8 elements" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_a_number_of_rows_that_is_none(rows, capsys, number):
    with pytest.raises(SystemExit) as ended:
        cli.main(["synth", "rexp_uint8_in8", "--activity", rows, "--max-rows", number])
    assert ended.value.code == 2
    assert "--max-rows" in capsys.readouterr().err
