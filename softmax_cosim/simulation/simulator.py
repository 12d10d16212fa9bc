"""A long-lived simulator process that plays batches of rows: the one way to run the hardware.

Arrays travel through anonymous shared memory and commands through a pair of pipes, so a batch
costs no file, and nothing is left behind when either process is killed: the memory has no name,
and the simulator ends with the process that started it. A forked child starts simulators of its
own: those of its parent are none of its business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.configs.stalls import StallProfile, profile
from softmax_cosim.golden import framing
from softmax_cosim.golden.exchange import Broken, Memory, NoProgress
from softmax_cosim.golden.protocol import ANSWER, COMMAND
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.paths import TB
from softmax_cosim.simulation import autopsy, power_up
from softmax_cosim.simulation.build import Build, build
from softmax_cosim.simulation.fork_server import (
    ForkFailed,
    ForkServer,
    Process,
    disown,
    possible,
    waited_for,
)
from softmax_cosim.simulation.line import Line

__all__ = ["Broken", "NoProgress", "Simulator", "SimulatorCrash", "Stopped"]

_DPI = TB / "dpi"
_LEAN = "softmax_cosim.tb.lean:lighten"
_TAIL_LINES = 20
#: Warnings of a design that are told apart: one may hold numbers, and be another one each time.
_WARNINGS = 100
_START_SECONDS, _STOP_SECONDS = 600.0, 10.0
_BROKEN = {cls.__name__: cls for cls in (Broken, NoProgress)}


class SimulatorCrash(RuntimeError):
    """The simulator process died; the message ends with the last lines it printed."""

    def __init__(self, what: str, log: str) -> None:
        """What happened, and all that was printed."""
        tail = "\n".join(log.splitlines()[-_TAIL_LINES:]) or "(it printed nothing)"
        super().__init__(f"{what}:\n{tail}")
        self.what, self.log = what, log

    def __reduce__(self) -> tuple[type[SimulatorCrash], tuple[str, str]]:
        """Both go along to another process."""
        return type(self), (self.what, self.log)


class Stopped(Broken):
    """The design ended the simulation itself: an assertion, $error, $fatal, $stop or $finish."""


class Simulator:
    """The hardware of one configuration, in a process of its own.

    The process starts with the first batch and again after a crash. Every batch starts from
    reset, so its results depend on the batch alone. Use as a context manager, or call
    :meth:`close`.
    """

    def __init__(
        self,
        config: Config,
        transport: str = "bulk",
        *,
        run_ahead: bool = True,
        patience: int = 100_000,
        waves: Path | None = None,
        traceable: bool = False,
        draw: str = "1",
        timeout: float | None = None,
        sources: Sequence[Path] | None = None,
        optimise: str = "fast",
        args: Sequence[str] = (),
        build_root: Path | None = None,
        built: Build | None = None,
    ) -> None:
        """Build the simulation, unless it is there already.

        Args:
            config: the parameter set.
            transport: ``bulk`` (DPI transactors) or ``signal`` (coroutines on the pins).
            run_ahead: ``bulk`` only: advance the clock in C++ while a batch is under way;
                without it the simulation runs on cocotb's own main program.
            patience: cycles without a beat in either direction after which a batch fails.
            waves: write a waveform (VCD) to this file.
            traceable: be the very executable that could write one.
            draw: what registers hold when the process starts, see :mod:`.power_up`.
            timeout: wall-clock seconds a batch may take; None is without limit.
            sources: SystemVerilog files, packages first, of another core named
                ``softmax_top`` with the same parameters and ports.
            optimise: compiler options, a key of ``simulation.build.PROFILES``.
            args: further arguments for Verilator.
            build_root: folder of the builds; :func:`.paths.build_folder` when not given.
            built: what was built of all that a moment ago, if it is still there.

        Raises:
            UsageError: an unknown transport, or the build failed.
        """
        if transport not in ("bulk", "signal"):
            raise UsageError(f"unknown transport {transport!r}; choose bulk or signal")
        self.config = config
        self.transport = transport
        self._framed = framing.is_framed(config)
        self.patience = patience
        self.timeout = timeout
        self.time = 0
        """Simulation time in steps at the end of the last batch, since the process started."""
        self.edges = 0
        """``bulk`` only: rising clock edges of all batches since the process started."""
        self.draw = power_up.check(draw)
        self.warnings = Counter[str]()
        """What the design warned of, and how often; whole once the simulator is closed."""
        self._waves = waves and waves.absolute()
        self._run_ahead = run_ahead and transport == "bulk"
        self._fork_server: ForkServer | None = None
        self.build = (
            built
            if built and built.is_there
            else build(
                config,
                sources=sources,
                waves=traceable or waves is not None,
                profile=optimise,
                args=args,
                build_root=build_root,
                **(_bulk(run_ahead) if transport == "bulk" else {"public": False}),
            )
        )
        # Where files are looked for that the design names.
        self._folder = config.design.folder if config.design else self.build.folder
        self._process: Process | None = None
        self._log: IO[bytes] | None = None
        self._seen = 0  # bytes of the log
        self._line: Line | None = None
        self._lifeline: int | None = None
        with self._resources():
            self._memory_fd = os.memfd_create("cosim")
        self._memory = Memory(self._memory_fd, self.config.raw)
        _ALIVE.add(self)

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process, unless it runs; the first :meth:`run` does so too.

        Raises:
            SimulatorCrash: it ended before it was ready.
        """
        if self._process is not None:
            return
        try:
            with self._resources():
                self._launch()
        except ForkFailed as error:
            self._end()
            about = f"the simulator of {self.config.name} could not be started{autopsy.limits()}"
            raise SimulatorCrash(about, str(error)) from None
        except BaseException:
            self._end(kill=True)
            raise
        self._asked(b"", _START_SECONDS)

    def _launch(self) -> None:
        self._seen = 0
        self._line = Line()
        with self._line.other_end() as theirs:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by _end)
            pipe, self._lifeline = os.pipe()
            setup = {"transport": self.transport, "patience": self.patience, **self._about()}
            files = {**theirs, "memory": self._memory_fd, "lifeline": pipe}
            command = self.build.command(draw=self.draw, waves=self._waves)
            with os.fdopen(pipe):
                if self._fork_server is not None:
                    self._process = self._fork_server.fork(
                        command, self._folder, setup, files, self._log
                    )
                    return
                self._process = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=_environment(self.build) | {"COSIM_SERVER": json.dumps(setup | files)},
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=subprocess.STDOUT,
                    pass_fds=files.values(),
                    process_group=0,
                )

    def _about(self) -> dict[str, Any]:
        """What the transport has to know of the configuration."""
        cfg = self.config
        if self.transport == "signal":
            return {"config": dataclasses.asdict(cfg)}
        raw = np.dtype(cfg.raw).itemsize
        return {"lanes": cfg.lanes, "in_w": cfg.in_w, "out_w": cfg.out_w, "raw": raw}

    def fork_server(
        self, make: Callable[[Sequence[str], Path, Mapping[str, str]], ForkServer] = ForkServer
    ) -> ForkServer | None:
        """What may fork it, and other simulators; None where nothing can."""
        if not self._run_ahead or self._waves or not possible():
            return None
        host = self.build.executable
        return make([str(host)], host.parent, _environment(self.build))

    @contextlib.contextmanager
    def _resources(self) -> Iterator[None]:
        """Whatever the operating system refuses in the block is said in a sentence."""
        try:
            yield
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "Cannot allocate memory"
            raise UsageError(
                f"no simulator for {self.config.name}: {reason}{autopsy.limits()}"
            ) from None

    def run(self, rows: Rows, stalls: str = "none", seed: int = 0) -> Results:
        """Play a batch, from reset to the last result.

        Args:
            rows: the scores; a row longer than ``max_len`` comes back with its error flag set.
            stalls: name of a stall profile of ``configs.stalls``.
            seed: of the stall profile.

        Raises:
            UsageError: there is no such stall profile, a file that the design wants in a memory is
                missing, or the operating system gives no process or memory.
            Stopped: the design ended the simulation; holds the results so far.
            NoProgress: the design stopped taking or giving data; holds the results so far.
            Broken: the design gave something that no row accounts for; likewise.
            SimulatorCrash: the process died, or took longer than ``timeout``; the next call
                starts a new one.
        """
        stalling = self._checked(stalls)
        self.start()
        if self._framed:
            framed = framing.frame(self.config, rows)
            try:
                return framed.results(self._play(framed.driven, stalling, seed))
            except Broken as broken:
                broken.results = framed.results(broken.results)
                raise
        return self._play(rows, stalling, seed)

    def _play(self, rows: Rows, stalls: StallProfile, seed: int) -> Results:
        """Play rows as they are to be driven."""
        shape = len(rows), len(rows.q)
        batch = self._memory.known(*shape)
        if batch is None:
            with self._resources():
                batch = self._memory.exchange(*shape)
        batch.write_rows(rows)
        batch.results.last_out.fill(-1)  # should nobody get so far as to say so
        command = COMMAND.pack(*shape, seed % 2**64, *stalls.words)
        try:
            wrong = self._asked(command, self.timeout)
        except SimulatorCrash as crash:
            if why := autopsy.verdict(crash.log):
                message = f"the design ended the simulation {why}"
                raise Stopped(message, batch.read_results()) from None
            raise
        if "failed" in wrong:
            raise RuntimeError(f"the testbench failed:\n{wrong['failed']}")
        results = batch.read_results()
        if wrong:
            raise _BROKEN[wrong["broken"]](wrong["message"], results)
        return results

    def _checked(self, stalls: str) -> StallProfile:
        """Refuse to stall an output that cannot wait: what it gave meanwhile would be lost."""
        design, found = self.config.design, profile(stalls)
        if not found.sink.always_open and design and not design.backpressure:
            raise UsageError(
                f"{self.config.name} has no ready at its output, so backpressure cannot be tried; "
                f"the stall profile {stalls!r} shuts the sink, choose one that does not"
            )
        return found

    def forked_from(self, fork_server: ForkServer | None) -> None:
        """Where its process is to come from, whenever it starts."""
        self._fork_server = fork_server

    def hang_up(self) -> None:
        """Have the process end, which takes it a while; :meth:`close` waits for that."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def kill(self) -> None:
        """End the process at once, whatever another thread waits for; that gets a crash."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process; a later :meth:`run` starts it again."""
        self._end()

    def __enter__(self) -> Self:
        """The simulator itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process, at once if an exception is under way."""
        self._end(kill=kind is not None)

    def __del__(self) -> None:
        """End a process that nobody closed."""
        if hasattr(self, "_memory_fd"):
            self._end(kill=True)
            os.close(self._memory_fd)

    def _asked(self, command: bytes, timeout: float | None) -> dict[str, str]:
        """The simulator's answer, at first that it is ready: what went wrong, if anything."""
        line = self._line
        assert line is not None
        try:
            line.write(command)
            self.time, self.edges, length = ANSWER.unpack(line.read(ANSWER.size, timeout))
            wrong: dict[str, str] = json.loads(line.read(length, timeout)) if length else {}
        except TimeoutError:
            raise self._crash(f"gave no answer in {timeout:g} s") from None
        except ConnectionError:
            raise self._crash("died") from None
        except BaseException:  # or the answer would be taken for that of the next batch
            self._end(kill=True)
            raise
        printed = self._printed()
        if printed and (name := autopsy.missing_memory(printed)):
            self._end(kill=True)
            raise UsageError(
                f"the design of {self.config.name} reads {name}, and there is no such file"
                f"{'' if os.path.isabs(name) else f' in {self._folder}'}"  # noqa: PTH117
            )
        return wrong

    def _printed(self) -> str:
        """What the simulator printed since the last time."""
        assert self._log is not None
        log, start = self._log.fileno(), self._seen
        self._seen = os.lseek(log, 0, os.SEEK_CUR)  # where the simulator writes next
        if self._seen == start:
            return ""
        text = os.pread(log, self._seen - start, start).decode(errors="replace")
        for warning in autopsy.warnings(text):
            known = warning in self.warnings or len(self.warnings) < _WARNINGS
            self.warnings[warning if known else "others"] += 1
        return text

    def _crash(self, what: str) -> SimulatorCrash:
        """End the process, and say what it printed last."""
        assert self._process is not None
        assert self._log is not None
        log, self._log = self._log, None
        code = self._end(kill=what != "died")
        with log:
            log.seek(0)
            printed = log.read().decode(errors="replace")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        about = f"the simulator of {self.config.name} {what} ({how}){autopsy.limits()}"
        return SimulatorCrash(about, printed)

    def _disown(self) -> None:
        """In a forked child: let go of the parent's process, and be ready to start another."""
        if self._process is not None:
            disown(self._process)
            self._process = None
        self._end()
        os.close(self._memory_fd)
        self._memory_fd = os.memfd_create("cosim")
        self._memory = Memory(self._memory_fd, self.config.raw)

    def _end(self, kill: bool = False) -> int:
        """End the process and return its exit code; 0 if there is none."""
        process, self._process = self._process, None
        self.hang_up()
        code = 0
        if process is not None:
            if kill:
                process.kill()
            try:
                code = waited_for(process, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._log is not None:
            self._printed()
            self._log.close()
            self._log = None
        return code


def _environment(built: Build) -> dict[str, str]:
    """Of a process, but for ``COSIM_SERVER``."""
    environment = built.environment("softmax_cosim.tb.server", results=Path(os.devnull))
    return environment | {
        "COCOTB_REWRITE_ASSERTION_FILES": "",
        "PYGPI_USERS": f"{_LEAN},{environment['PYGPI_USERS']}",
    }


def _bulk(run_ahead: bool) -> dict[str, Any]:
    """What goes into a build for the bulk transport."""
    return {
        "top": "softmax_tb",
        "extra_sources": [_DPI / "softmax_tb.sv"],
        "cpp": [_DPI / "transactor.cpp", *([_DPI / "main.cpp"] if run_ahead else [])],
        "host": _DPI / "host.cpp" if run_ahead else None,
        "public": False,
    }


#: Every simulator of this process, for the children that it may fork.
_ALIVE: weakref.WeakSet[Simulator] = weakref.WeakSet()


def _disown_all() -> None:
    for simulator in list(_ALIVE):
        simulator._disown()


os.register_at_fork(after_in_child=_disown_all)
