"""What ``cosim eval`` found, the verdict on it, and what it warns of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from softmax_cosim.account import Account
from softmax_cosim.configs import Config
from softmax_cosim.eval.statistics import Figure, Loss
from softmax_cosim.golden import tables
from softmax_cosim.golden.quantise import Clipping
from softmax_cosim.report.clipping import LayerClipping, clipping_warnings
from softmax_cosim.report.text import count

__all__ = ["CellResult", "Evaluation", "TaskResult", "verdict", "warnings"]


@dataclass(frozen=True)
class CellResult:
    """A task with one configuration in the place of its softmax."""

    config: Config
    losses: tuple[Loss, ...]
    """One a metric."""
    agreement: float
    """Share of the predictions that are those of the model's own softmax; NaN without any."""
    rows: int
    elements: int
    cycles: int | None
    """None unless the RTL computed them."""
    mismatches: int | None
    """Rows in which RTL and golden model differ by more than the design allows, likewise; without
    a golden model, those that hold what is no number, None without any."""
    first: str
    """The first of them, in words."""
    layers: Mapping[str, Clipping]
    """What was clipped, by the name of the layer."""
    account: Account
    """What became of each softmax of the model."""
    seconds: float
    """Of all steps, the model's own work included, one after the other."""

    @property
    def table_bytes(self) -> int | None:
        """Bytes of the configuration's tables, if that is known."""
        return tables.table_bytes(self.config)

    @property
    def clipping(self) -> Clipping:
        """Of all layers."""
        found = Clipping()
        for layer in self.layers.values():
            found.add(layer)
        return found


@dataclass(frozen=True)
class TaskResult:
    """A task with its own softmax, and with others."""

    name: str
    title: str
    source: str
    hashes: dict[str, str]
    """SHA-256 of the files of a model and data of the user's own."""
    examples: int
    out_of: int
    """Examples that the task has."""
    baseline: tuple[Figure, ...]
    """With the model's own softmax, one a metric."""
    seconds: float
    cells: tuple[CellResult, ...]


@dataclass(frozen=True)
class Evaluation:
    """One run."""

    command: str
    date: datetime
    commit: str
    """Empty where it is not known; ends in ``-dirty`` when files differ from it."""
    versions: dict[str, str]
    engine: str
    """``golden`` or ``rtl``."""
    wall_s: float
    """Of this run; what an earlier one had done took it no time."""
    tasks: tuple[TaskResult, ...]

    @property
    def configs(self) -> tuple[Config, ...]:
        """The same for every task."""
        return tuple(cell.config for cell in self.tasks[0].cells)

    @property
    def cells(self) -> list[CellResult]:
        """Those of all tasks."""
        return [cell for task in self.tasks for cell in task.cells]

    @property
    def mismatches(self) -> int | None:
        """Those of all cells; None where nothing was held against anything."""
        known = [cell.mismatches for cell in self.cells if cell.mismatches is not None]
        return sum(known) if known else None

    @property
    def idle(self) -> list[str]:
        """Where nothing was replaced: each task and configuration."""
        return [
            f"{task.name} ({cell.config.name})"
            for task in self.tasks
            for cell in task.cells
            if not cell.rows
        ]

    @property
    def exact(self) -> bool:
        """No row in which RTL and golden model differ, and every softmax was asked."""
        return not self.mismatches and not self.idle


def verdict(found: Evaluation) -> str:
    """The one line that matters."""
    rows = sum(cell.rows for cell in found.cells)
    if found.mismatches:
        golden = all(config.golden for config in found.configs)
        how = (
            "differ from the golden model" if golden else "are wrong, or hang on the power-up draw"
        )
        return f"Not exact: {count(found.mismatches)} of {count(rows)} rows {how}"
    if found.idle:
        return f"Nothing was replaced in {', '.join(found.idle)}: the model asked for no softmax"
    if found.engine != "rtl":
        return f"{count(rows)} softmax rows, computed by the golden model"
    held = {config.name: _held(config) for config in found.configs}
    if set(held.values()) == {EXACT}:
        return f"Exact: every one of {count(rows)} rows through the RTL equals the golden model's"
    words = (f"{name} {how}" for name, how in held.items())
    return f"{count(rows)} rows through the RTL: {', '.join(words)}"


EXACT = "equals its golden model"


def _held(config: Config) -> str:
    """What the rows of a configuration were held against, and were."""
    if not config.golden:
        return "was held against no golden model"
    if config.tolerance:
        return f"is within {config.tolerance} {config.outputs.step} of its golden model"
    return EXACT


def warnings(found: Evaluation) -> list[str]:
    """What makes the figures mean less: softmaxes that were not replaced, scores clipped."""
    said = []
    for task in found.tasks:
        missed = {name: why for cell in task.cells for name, why in cell.account.missed.items()}
        if missed:
            named = "; ".join(f"{name} ({why})" for name, why in missed.items())
            said.append(f"{task.name}: softmaxes that may be attention and stayed float: {named}")
        said += clipping_warnings(
            LayerClipping(f"{task.name} {name or 'softmax'}", cell.config, **vars(clipping))
            for cell in task.cells
            for name, clipping in cell.layers.items()
        )
    return said
