"""One build for a parameter set and every mutant of it that can be chosen when it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutation import schemata
from mutation.mutant import Mutant
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import Build, rtl_sources
from softmax_cosim.simulation.compile import Job

__all__ = ["Made", "Shared"]

#: What Verilator blames, in a guarded source.
_ERROR = re.compile(r"^%Error[\w-]*: (\S+?):(\d+):", re.MULTILINE)


@dataclass(frozen=True)
class Made:
    """A build, and the mutants in it that are not the design itself."""

    build: Build
    alive: frozenset[int]


@dataclass
class Shared:
    """Guarded sources of these mutants, and builds of them."""

    folder: Path
    mutants: Sequence[Mutant]
    numbers: dict[str, int] = field(init=False)
    """Of the mutants that can be chosen, by their names."""
    _made: dict[object, Made] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Write the sources; packages compute constants, and stay as they are."""
        self._files: dict[str, dict[int, Mutant]] = defaultdict(dict)
        if self.mutants:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            (self.folder / "mutants_pkg.sv").write_text(schemata.PACKAGE)
            (self.folder / "mutants.cpp").write_text(schemata.CPP)
        for n, mutant in enumerate(self.mutants, start=1):
            if not mutant.file.endswith("_pkg.sv"):
                self._files[mutant.file][n] = mutant
        self.numbers = {}
        for file in self._files:
            self._write(file)

    def _write(self, file: str) -> None:
        text, placed = schemata.guarded((ROOT / file).read_bytes(), self._files[file])
        self.path(file).write_bytes(text)
        for n, mutant in self._files[file].items():
            if n in placed:
                self.numbers[mutant.name] = n

    def path(self, file: str) -> Path:
        """Where the guarded source of a file stands."""
        return self.folder / Path(file).name

    @property
    def sources(self) -> list[Path]:
        """The RTL, guarded."""
        given = {ROOT / file: self.path(file) for file in self._files}
        paths = [given.get(path, path) for path in rtl_sources()]
        return [self.folder / "mutants_pkg.sv", *paths]

    @property
    def cpp(self) -> list[Path]:
        """C++ to link."""
        return [self.folder / "mutants.cpp"]

    def made(
        self,
        setting: object,
        job: Callable[[Sequence[Path], Sequence[Path]], Job],
        build: Callable[[Sequence[Path], Sequence[Path]], Build],
    ) -> Made:
        """The build of a parameter set; what Verilator refuses is left out, and has no number."""
        with self._lock:
            if setting not in self._made:
                while refused := self._refused(text := self._said(job(self.sources, self.cpp))):
                    self._leave_out(refused)
                alive = schemata.mentioned(text)
                self._made[setting] = Made(build(self.sources, self.cpp), frozenset(alive))
            return self._made[setting]

    def _said(self, job: Job) -> str:
        """What Verilator wrote; of what it refuses, why."""
        work = Path(tempfile.mkdtemp(prefix="shared-", dir=self.folder.parent))
        try:
            done = subprocess.run(
                job.verilate(),
                cwd=work,
                env=toolchain.build_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                return done.stderr
            return "".join(path.read_text() for path in [*work.glob("*.cpp"), *work.glob("*.h")])
        finally:
            shutil.rmtree(work)

    def _refused(self, said: str) -> Mapping[str, set[int]]:
        """The mutants that Verilator blames, by their files; all of a file if it blames none."""
        lines: dict[str, list[int]] = defaultdict(list)
        for path, line in _ERROR.findall(said):
            lines[path].append(int(line))
        found = {}
        for file, mutants in self._files.items():
            if str(self.path(file)) in lines and mutants:
                blamed = schemata.blamed(self.path(file).read_bytes(), lines[str(self.path(file))])
                found[file] = blamed & mutants.keys() or set(mutants)
        assert found or not lines, f"the design itself does not build: {said[:500]}"
        return found

    def _leave_out(self, refused: Mapping[str, set[int]]) -> None:
        for file, numbers in refused.items():
            for n in numbers:
                self.numbers.pop(self._files[file].pop(n).name, None)
            self._write(file)
