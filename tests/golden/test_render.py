"""The rendered package is what the table generator says, and reads back as the tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim.configs import KE_LIMIT, PRECISIONS, XS_LIMIT
from softmax_cosim.golden import render, tables


def read_back(text: str, name: str) -> list[int]:
    """Words of a rendered array, first entry first."""
    found = re.search(rf"logic (\S+)\[15:0\] {name} = {{(.*?)}};", text, flags=re.DOTALL)
    assert found is not None, f"{name} is not in the package"
    literals = re.findall(r"(\d+)'h([0-9a-f_]+)", found.group(2))
    for size, digits in literals:
        assert int(size) == 4 * len(digits.replace("_", ""))
    words = "_".join(digits for _, digits in literals).split("_")
    dimensions = [int(high) + 1 for high in re.findall(r"\[(\d+):0\]", found.group(1))]
    assert len(words) == np.prod(dimensions)
    return [int(word, 16) for word in reversed(words)]


def test_package_on_disk_has_not_drifted() -> None:
    assert render.PACKAGE.read_text(encoding="utf-8") == render.render(), (
        "rtl/gen/softmax_tables_pkg.sv is stale: run python -m softmax_cosim.golden.render"
    )
    assert render.main(["--check"]) == 0


def test_check_reports_one_changed_digit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "softmax_tables_pkg.sv"
    assert render.main(["--out", str(copy)]) == 0
    assert render.main(["--check", "--out", str(copy)]) == 0
    copy.write_text(copy.read_text(encoding="utf-8").replace("7fff", "7ffe", 1), encoding="utf-8")
    assert render.main(["--check", "--out", str(copy)]) == 1
    assert "softmax_tables_pkg.sv" in capsys.readouterr().out
    assert render.main(["--check", "--out", str(tmp_path / "missing.sv")]) == 1


@pytest.mark.parametrize(("precision", "w"), PRECISIONS.items())
def test_package_holds_every_table(precision: str, w: int) -> None:
    text, p = render.render(), precision.upper()
    assert f"T_LEN_{p} = {tables.lut_1e_length(w)};" in text
    assert read_back(text, f"T_{p}") == tables.lut_1e(w).tolist()
    assert read_back(text, f"A_{p}") == tables.lut_alpha(w, XS_LIMIT).tolist()
    assert read_back(text, f"E_{p}") == tables.lut_exp(w, KE_LIMIT).tolist()
    assert read_back(text, f"L_{p}") == tables.lut_sigma(w, XS_LIMIT).ravel().tolist()


def test_lines_fit_the_page() -> None:
    assert max(map(len, render.render().splitlines())) <= 100
