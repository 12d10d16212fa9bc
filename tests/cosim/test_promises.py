"""What a design does that breaks a promise, and what is said of it: cycles, numbers, an end.

One small design does it all: what it is given first in a row chooses.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from softmax_cosim import cli, trace
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer

#: Two beats of four fp16 numbers a row, which come out as they went in; but see the comments.
ODD = """\
module odd (
    input             clk, rst_n, in_valid, out_ready,
    input      [63:0] x,
    output            in_ready,
    output reg        out_valid,
    output reg [63:0] y
);
  reg second, five, held;
  wire late = second && five && !held;  // a row that begins with 5.0 takes a cycle more
  wire free = !out_valid || out_ready;
  wire take = in_valid && in_ready;
  integer i;
  assign in_ready = free && !late;
  always @(posedge clk) begin
    if (!rst_n) begin
      {out_valid, second, five, held} <= 4'd0;
    end else begin
      if (free) out_valid <= take;
      if (free) held <= late;
      if (take) begin
        second <= !second;
        five <= !second && x[15:0] == 16'h4500;
        if (x[15:0] == 16'h4880) $fatal(1, "nine is too much");
      end
    end
    if (free)
      for (i = 0; i < 4; i = i + 1)  // 6.0 comes out as NaN, 7.0 as infinity
        y[16*i+:16] <= x[16*i+:16] == 16'h4600 ? 16'h7e00 :
            x[16*i+:16] == 16'h4700 ? 16'h7c00 : x[16*i+:16];
  end
endmodule
"""
CONFIG = """\
top = "odd"
sources = ["odd.v"]
latency = "B"
input = "fp16"
output = "fp16"
lanes = 4
length = 8
[ports]
in_valid = "in_valid"
in_ready = "in_ready"
in_data = "x"
out_valid = "out_valid"
out_ready = "out_ready"
out_data = "y"
"""
TASK = """
import numpy as np
from softmax_cosim.eval import Metric, mean


class Task:
    name, title, source, batch = "nine", "nine in the third step", "by hand", 1
    metrics = (Metric("accuracy", "higher", "%", lambda example, answer: (1.0,), mean),)

    def __len__(self):
        return 3

    def predict(self, examples, softmax):
        if softmax is not None:
            softmax(np.full((1, 8), 9.0 if examples.start == 2 else 0.5), None)
        return [0] * len(examples)

    def agreement(self, ours, float_):
        return 1.0, 1
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration; of one folder, so one build."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.v").write_text(ODD)
    (folder / "odd.toml").write_text(CONFIG)
    return folder / "odd.toml"


def test_cycles_that_no_formula_says_and_outputs_that_are_no_numbers(
    odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """They break the promise of a design without a golden model, and NaN is no zero."""
    rows = np.full((6, 8), 0.5, np.float32)
    rows[1, 3], rows[4, :2], rows[5, 0] = 6.0, 7.0, 5.0
    trace.write(tmp_path / "rows", [Layer(0, rows[None, None])], model="none", source="by hand")
    words = ["replay", str(tmp_path / "rows"), "--config", str(odd), "--power-up", "zeros"]
    out = tmp_path / "out"
    assert cli.main([*words, "--out", str(out)]) == 1
    (run,) = json.loads((out / "summary.json").read_text())["runs"]
    assert (run["promise"], run["kept"]) == ("scored", False)
    latency = run["latency"]
    assert (latency["min"], latency["max"], latency["prediction_errors"]) == (2, 3, 1)
    assert run["mismatched_elements"] == run["nonfinite_elements"] == 3
    assert run["nonfinite_rows"] == 2
    table = pq.read_table(out / "rows.parquet").to_pydict()
    for name in ("l1_total", "l1", "kl", "max_lsb"):
        assert [figure is None for figure in table[name]] == [row in (1, 4) for row in range(6)]
    # The errors are those of the other rows: 0.5 where 1/8 should be; of the last one more.
    assert run["total"]["l1"] == pytest.approx(sum(filter(None, table["l1_total"])) / 4)
    assert table["l1_total"][0] == pytest.approx(8 * (0.5 - 0.125))
    text = " ".join(capsys.readouterr().out.split())
    page = (out / "report.html").read_text()
    for said in (text, page):
        assert (
            "odd: 3 outputs NaN or infinite, in 2 rows; the errors are those of the other rows"
        ) in said
        assert "element 3 is 0x7e00, which is no number" in said
        assert re.search(r"took 3 cycles \(from cycle \d+ to \d+\); B is 2", said)
        assert "None" not in said
    assert re.search(r"row 5 \(batch 0, head 0, query 5\): took 3 cycles", text)
    assert "1 rows in other cycles than predicted" in text


def test_a_task_on_a_design_that_ends_the_simulation(
    odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    task, out = tmp_path / "task.py", tmp_path / "out"
    task.write_text(TASK)
    words = ["eval", f"{task}:Task", "--config", str(odd), "--engine", "rtl", "--out", str(out)]
    assert cli.main([*words, "--jobs", "1"]) == 1
    said = capfd.readouterr().err
    (sentence,) = [line for line in said.splitlines() if "nine is too much" in line]
    assert sentence.startswith("cosim: odd: softmax, from row 0: ")
    assert "the design ended the simulation at time" in sentence
    assert "Traceback" not in said
    left = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert left == [".lock", "float.jsonl", "odd.rtl.jsonl"]
    for cell in out.rglob("*.jsonl"):  # what was done before is whole, and is done no more
        assert all(json.loads(line) for line in cell.read_text().splitlines())


def test_a_real_scale_that_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """At ln 2 the range of q8.4 ends at 88.7, where it would be 127.9."""
    scores = np.zeros((1, 1, 3, 64), np.float32)
    scores[0, 0, 0, :2] = 95, 85  # clipped, and its probability moves
    scores[0, 0, 1, :2] = 95, 0  # clipped, and nobody sees
    path = tmp_path / "some.safetensors"
    trace.write(path, [Layer(0, scores)], model="none", source="by hand")
    base2 = ROOT / "examples" / "base2"
    found = {}
    for name, changed in (("base2", ()), ("plain", ("scale",))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "base2.py").write_text((base2 / "base2.py").read_text())
        lines = (base2 / "base2.toml").read_text().partition("[ports]")[0].splitlines()
        made_of = ("top", "sources", "parameters", *changed)
        kept = [line for line in lines if not line.startswith(made_of)]
        (folder / f"{name}.toml").write_text("\n".join([*kept, "mask = false"]))
        words = ["score", str(path), "--config", str(folder / f"{name}.toml")]
        assert cli.main([*words, "--out", str(folder / "out")]) == 0
        said = capsys.readouterr().out
        (run,) = json.loads((folder / "out" / "summary.json").read_text())["runs"]
        page = (folder / "out" / "report.html").read_text()
        found[name] = said, page, run
    said, page, run = found["base2"]
    assert (run["clipped"], run["underflow"], run["moved_rows"]) == (2, 0, 1)
    assert [layer["clipped"] for layer in run["layers"]] == [2]
    warning = (
        "layer.0.scores: 2 of 192 scores clipped at Q8.4 * 0.693147, which moves the probabilities "
        "of 1 row (base2); try recentre = true, or a wider input format"
    )
    for text in (said, page):
        assert warning in text
        assert "cosim calibrate" not in text
    said, page, run = found["plain"]
    assert (run["clipped"], run["underflow"], run["moved_rows"]) == (0, 0, 0)
    assert "clipped at" not in said
