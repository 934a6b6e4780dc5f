# SPDX-License-Identifier: MIT
"""The coherence lens in a gate: both sides' programs simulate the same cells of a named machine, and are compared exactly."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from plots import load
from plots.load import RecordError
from plots.record import Record

from . import builds, exact, pairs, processes
from .model import Exact, Skipped
from .points import escaped
from .progress import Progress, in_words
from .trees import GateError, environment

THREADS = (1, 2, 4, 16, 64)  # few enough for two sides in a minute on four processors
NONE_LEFT = "no cell is left to simulate"  # what the program says where the choice leaves nothing
SCHEDULES = 10  # other ones, at least, for cells that differ in the first
LONGEST_PATTERN = 65_000  # letters; beyond, all cells that were asked for are asked again
LONGEST_CELL_S = 60  # by a real clock, so it must be far from what any cell takes


class DiskFull(GateError):
    """No fault of a side."""


class Question(NamedTuple):
    """What to simulate. `pattern`: regular expression over names, '' for all; `threads`: () for the default."""

    pattern: str
    threads: tuple[int, ...]
    machine: str


class Simulated(NamedTuple):
    """What came of it. `records`: base, head; None where a side has none. `failed`: what is wrong with the base's.
    `settled`: other schedules were asked where they had to be."""

    exact: tuple[Exact, ...]
    skipped: tuple[Skipped, ...]
    records: tuple[Record | None, Record | None]
    notes: tuple[str, ...]
    failed: str
    complete: bool
    settled: bool = True

    def proven(self) -> Simulated:
        """Without what was to be asked of other schedules and was not: one schedule's difference proves nothing."""
        left = [] if self.settled else [c.key for c in self.exact if exact.in_question(c) and not c.base_schedules]
        return self._replace(exact=tuple(c for c in self.exact if c.key not in left), skipped=self.skipped + tuple(
            Skipped(key, "not_measurable", "It differs in one schedule, and the run was interrupted before others were "
                                           "asked.") for key in left))


def lenses(named: tuple[str, ...] | None, simulates: bool, program: Path) -> tuple[str, ...]:
    """The lenses that are asked: those that were named, else all that the program has. Raises GateError."""
    if named is None:
        return ("coherence", "time") if simulates else ("time",)
    if "coherence" in named and not simulates:
        raise GateError(f"--lens: {program} has no simulated twin beside it, which contend_add_bench makes.")
    return named


def words(program: Path, asked: Question, results: Path, count: int,
          schedules: tuple[str, ...] = ("--seed", "0")) -> list[str]:
    """The command line that simulates one side; with one schedule, unless `schedules` are asked for."""
    out = [str(program), "--simulate", "--machine", asked.machine, "--results", str(results), "--no-report", "--jobs",
           str(count), "--cell-limit", str(LONGEST_CELL_S), "--threads",
           ",".join(map(str, asked.threads or THREADS))]
    if asked.pattern:
        out.append(f"--filter={asked.pattern}")
    return [*out, *schedules]


def _processors() -> int:
    return max(1, len(os.sched_getaffinity(0)))


class _Side:
    """One side's simulation; its record ends up as <folder>/results.json."""

    def __init__(self, built: builds.Built, asked: Question, folder: Path, count: int, schedules: tuple[str, ...]):
        self.name, self.folder = built.name, folder
        self.scratch, self.log = folder / "scratch", folder / "simulated.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._out = open(self.log, "wb")
        self.process = processes.Process(words(built.program, asked, self.scratch, count, schedules), folder,
                                         environment(), self._out)

    @property
    def results(self) -> Path:
        return self.folder / "results.json"

    def stop(self, first: int) -> None:
        self.code = self.process.stop(first, patience_s=10)
        self._out.close()

    def record(self, complete: bool = True) -> Record | None:
        """The record, None where the choice leaves no cell, or where it was not `complete` and has none. Raises GateError."""
        found = self.scratch / "latest" / "results.json"
        if found.exists() and self.code in (0, 4, 130):
            os.replace(found.resolve(), self.results)
            shutil.rmtree(self.scratch, ignore_errors=True)
            try:
                return load.load(self.results)
            except RecordError as error:
                raise GateError(f"The {self.name}'s simulation: {error}") from error
        said = builds.tail(self.log, 1)
        shutil.rmtree(self.scratch, ignore_errors=True)
        code = self.code
        if code == 2 and said and NONE_LEFT in said[0]:
            return None
        if code == 130 or not complete:
            return None  # interrupted before the first cell
        if builds.full(self.log):
            raise DiskFull(f"{self.folder}: the disk is full; the {self.name}'s simulation could not write its record.")
        how = f"exit {code}" if code >= 0 else f"signal {-code}"
        raise GateError(f"The {self.name}'s simulation failed ({how}{': ' + said[0] if said else ''}).")


def _ended(sides: list[builds.Built], asked: Question, folders: list[Path], progress: Progress, what: str,
           schedules: tuple[str, ...] = ("--seed", "0")) -> tuple[list[_Side], bool]:
    """Lets the sides simulate at the same time; whether they came to their end. Raises GateError."""
    running: list[_Side] = []
    complete = True
    started = time.monotonic()
    try:
        with processes.deferred():  # whatever is started is in `running`
            for built, folder in zip(sides, folders):
                running.append(_Side(built, asked, folder, -(-_processors() // len(sides)), schedules))
        while any(side.process.poll() is None for side in running):
            time.sleep(0.05)
            progress.step(f"{what}, {time.monotonic() - started:.0f} s: " + "; ".join(
                f"{side.name} {(builds.tail(side.log, 1) or ['begins'])[0][:60]}" for side in running
                if side.process.poll() is None))
    except KeyboardInterrupt:
        complete = False
    except OSError as error:
        raise GateError(f"{error.filename or folders[0]}: cannot be written ({error.strerror}).") from error
    finally:
        with processes.deferred():  # an asked program writes what it has finished
            for side in running:
                side.stop(signal.SIGINT)
    if complete:
        progress.say(f"{what}: {in_words(time.monotonic() - started)}")
    return running, complete


def measure(sides: list[builds.Built], asked: Question, out: Path, progress: Progress,
            keep: Callable[[Simulated], None]) -> None:
    """Simulates `sides`: [base, head], or [head] where there is no base; a record of each is kept below `out`. What
    differs is asked again of other schedules. What there is to tell is given to `keep`, more of it each time, also when
    it is interrupted. Raises GateError where the head cannot be simulated."""
    ended, complete = _ended(sides, asked, [out / built.name for built in sides], progress, "simulating")
    with processes.deferred():
        found = _compared(ended, complete)
        open_cells = [cell for cell in found.exact if exact.in_question(cell)]
        found = found._replace(settled=not open_cells)
        keep(found)
    if not open_cells or not complete:
        return
    names = "^(" + "|".join(escaped(name) for name in sorted({c.key.name for c in open_cells})) + ")$"
    narrow = asked._replace(pattern=names) if len(names) <= LONGEST_PATTERN else asked
    count = exact.schedules(len(found.exact if narrow is asked else open_cells), SCHEDULES)
    progress.say(f"{len(open_cells)} cell{'s differ' if len(open_cells) > 1 else ' differs'}; "
                 f"{count} other schedules are simulated")
    ended, complete = _ended(sides, narrow, [out / built.name / "schedules" for built in sides], progress,
                             "simulating other schedules", ("--seed", "1", "--schedules", str(count)))
    with processes.deferred():
        keep(_answered(found._replace(complete=complete, settled=complete), ended))


def _answered(found: Simulated, ended: list[_Side]) -> Simulated:
    """With what other schedules say. Raises GateError where the head's fail."""
    try:
        for side in ended:
            side.record(found.complete)
        if all(side.results.exists() for side in ended):
            return found._replace(exact=pairs.answered(found.exact, *(side.results for side in ended)))
    except RecordError as error:
        raise GateError(f"The other schedules: {error}") from error
    except GateError as error:
        if side.name == "head" or isinstance(error, DiskFull):
            raise
        return found._replace(notes=(*found.notes, f"Differences are those of one schedule alone. {error}"))
    return found


def _compared(ended: list[_Side], complete: bool) -> Simulated:
    failed = ""
    records: dict[str, Record | None] = {"base": None, "head": None}
    for side in ended:
        try:
            records[side.name] = side.record(complete)
        except GateError as error:
            if side.name == "head" or isinstance(error, DiskFull):
                raise
            failed = str(error)
    base, head = records["base"], records["head"]
    paths = {side.name: side.results for side in ended}
    notes: list[str] = []
    found: list[Exact] = []
    skipped: list[Skipped] = []
    if base and head:
        _, found, skipped = pairs.matched([base, head], [paths["base"], paths["head"]])
        notes += pairs.blind([base, head])
    elif head and "base" in paths and not failed and complete:
        skipped = pairs.alone(head, paths["head"], "new")
    elif head:
        skipped = pairs.alone(head, paths["head"], "not_measurable", "The base has no number.")
    elif base and complete:
        skipped = pairs.alone(base, paths["base"], "removed")
    return Simulated(tuple(found), tuple(skipped), (base, head), tuple(notes), failed, complete)


def planned(program: Path, asked: Question, cwd: Path) -> dict[str, Any] | None:
    """What the program would simulate: its --plan as a dictionary; None where the choice leaves nothing. Raises
    GateError."""
    done = subprocess.run([*words(program, asked, cwd, _processors()), "--plan", "--json"], cwd=cwd,
                          env=environment(), capture_output=True, text=True, errors="replace")
    if done.returncode == 2 and NONE_LEFT in done.stderr:
        return None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        raise GateError(f"{program}: its plan failed (exit {done.returncode}: {said}).")
    return json.loads(done.stdout)
