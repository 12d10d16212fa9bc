"""pytest plugin: a design of one's own in the tests of its own repository.

The design is the configuration that ``--cosim FILE`` names, or ``cosim = FILE`` in pytest.ini.
Where pytest comes by that file, each case of ``cosim verify`` is an item. Fixtures for tests of
one's own, which need no cocotb:

``design``
    the configuration (:class:`.configs.Config`).
``rows(lengths, scores=None, mask=None, seed=1)``
    random rows of these lengths (:class:`.golden.rows.Rows`); what scores and masks there are says
    :mod:`.golden.drawn`.
``replay(rows, stalls="none", draw="1")``
    plays rows through the RTL (:class:`Played`).

Whatever takes time to import is imported when it is used: this file is loaded by every pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from softmax_cosim.configs import Config
    from softmax_cosim.golden.rows import Results, Rows
    from softmax_cosim.verify.catalogue import Case
    from softmax_cosim.verify.play import Ended

__all__ = ["Played"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("cosim", "softmax-cosim")
    group.addoption("--cosim", metavar="FILE", help="the design: a configuration (.toml)")
    group.addoption(
        "--cosim-seed", type=int, default=1, metavar="S", help="of the cases (default: 1)"
    )
    parser.addini("cosim", "the design: a configuration (.toml)", type="paths", default=[])


def _file(config: pytest.Config) -> Path | None:
    """The configuration, if there is one."""
    if chosen := config.getoption("cosim"):
        path: Path = config.invocation_params.dir / chosen
        return path.resolve()
    named: Sequence[Path] = config.getini("cosim")
    return named[0].resolve() if named else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The cases, of the configuration."""
    if file_path.suffix != ".toml" or file_path.resolve() != _file(parent.config):
        return None
    design: _Design = _Design.from_parent(parent, path=file_path)
    return design


class _Failed(Exception):
    """A case failed."""


class _Design(pytest.File):
    """The cases of one design."""

    def collect(self) -> Iterable[pytest.Item]:
        from softmax_cosim import configs
        from softmax_cosim.verify.catalogue import catalogue

        self.ends: dict[str, Ended] | None = None
        try:
            self.cfg = configs.load(str(self.path))
        except configs.UsageError as error:
            raise self.CollectError(str(error)) from None
        for case in catalogue(self.cfg):
            yield _Item.from_parent(self, name=case.name, case=case)

    def end(self, name: str) -> Ended:
        """How a case ended: the first one asked for has all played that were selected."""
        if self.ends is None:
            self.ends = {}
            items = [each for each in self.session.items if isinstance(each, _Item)]
            cases = [each.case for each in items if each.parent is self and not each.case.left_out]
            self.ends = {ended.case.name: ended for ended in self._play(cases)}
        return self.ends[name]

    def _play(self, cases: Sequence[Case]) -> Sequence[Ended]:
        from softmax_cosim.simulation.pool import default_jobs
        from softmax_cosim.verify.play import Session, built

        session = Session(
            self.cfg,
            str(self.path),
            built(self.cfg),
            seed=self.config.getoption("cosim_seed"),
            jobs=default_jobs(),
            most=len(cases) + 1,
        )
        return session.run(cases, lambda ended: None)


class _Item(pytest.Item):
    """One case."""

    def __init__(self, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case

    def runtest(self) -> None:
        if self.case.left_out:
            pytest.skip(f"left out: {self.case.left_out}")
        assert isinstance(self.parent, _Design)
        ended = self.parent.end(self.name)
        if not ended.passed:
            raise _Failed(f"{ended.text}\nshows it again: {ended.again or 'the whole run alone'}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"cosim verify: {self.name}"


@dataclass(frozen=True)
class Played:
    """What came out of the RTL, and what the golden model says of the same rows."""

    results: Results
    """Raw outputs and cycles, in the order of the rows."""
    real: Any
    """Real values of the outputs, shape [elements]."""
    expected: Any
    """The golden model's raw outputs, shape [elements]; None without one."""
    wrong: Any
    """Outputs that are not what was expected, by the design's tolerance; shape [elements]."""

    @property
    def lost(self) -> Any:
        """Rows that never came out whole, shape [rows]."""
        return self.results.lost


@pytest.fixture(scope="session")
def design(pytestconfig: pytest.Config) -> Config:
    """The configuration of the design under test."""
    from softmax_cosim import configs

    path = _file(pytestconfig)
    if path is None:
        raise pytest.UsageError("no design: give --cosim FILE, or cosim = FILE in pytest.ini")
    try:
        return configs.load(str(path))
    except configs.UsageError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def rows(design: Config) -> Callable[..., Rows]:
    """Draws rows for the design."""
    import numpy as np

    from softmax_cosim.golden import drawn

    def draw(
        lengths: Sequence[int],
        scores: str | None = None,
        mask: str | None = None,
        seed: int = 1,
    ) -> Rows:
        rng = np.random.default_rng(seed)
        return drawn.rows(design, rng, lengths, scores=scores, mask=mask)

    return draw


@pytest.fixture(scope="session")
def replay(design: Config) -> Iterator[Callable[..., Played]]:
    """Plays rows through the design's RTL; each call begins with a reset."""
    from softmax_cosim.golden.compare import apart
    from softmax_cosim.golden.softmax import softmax
    from softmax_cosim.simulation.simulator import Simulator

    simulators: dict[str, Simulator] = {}

    def play(rows: Rows, stalls: str = "none", draw: str = "1", seed: int = 0) -> Played:
        if draw not in simulators:
            simulators[draw] = Simulator(design, draw=draw)
        results = simulators[draw].run(rows, stalls, seed)
        expected = softmax(design, rows).y if design.golden else None
        real = design.real(results.y)
        return Played(results, real, expected, apart(design, expected, results.y))

    yield play
    for simulator in simulators.values():
        simulator.close()
