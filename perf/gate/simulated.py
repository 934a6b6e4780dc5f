# SPDX-License-Identifier: MIT
"""The coherence lens in a gate: both sides' programs simulate the same cells of a named machine, and are compared exactly."""
from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from plots import load
from plots.load import RecordError
from plots.record import Record

from . import builds, pairs, processes
from .model import Exact, Skipped
from .progress import Progress, in_words
from .trees import GateError, environment

THREADS = (1, 2, 4, 16, 64)  # few enough for two sides in a minute on four processors
MACHINE = "zen4"
NONE_LEFT = "no cell is left to simulate"  # what the program says where the choice leaves nothing
LONGEST_CELL_S = 60  # by a real clock, so it must be far from what any cell takes


class DiskFull(GateError):
    """No fault of a side."""


class Question(NamedTuple):
    """What to simulate. `pattern`: regular expression over names, '' for all; `threads`: () for the default."""

    pattern: str
    threads: tuple[int, ...]
    machine: str


class Simulated(NamedTuple):
    """What came of it. `records`: base, head; None where a side has none. `failed`: what is wrong with the base's."""

    exact: tuple[Exact, ...]
    skipped: tuple[Skipped, ...]
    records: tuple[Record | None, Record | None]
    notes: tuple[str, ...]
    failed: str
    complete: bool


def words(program: Path, asked: Question, results: Path, count: int) -> list[str]:
    """The command line that simulates one side."""
    out = [str(program), "--simulate", "--machine", asked.machine, "--results", str(results), "--no-report", "--jobs",
           str(count), "--cell-limit", str(LONGEST_CELL_S), "--threads",
           ",".join(map(str, asked.threads or THREADS))]
    if asked.pattern:
        out.append(f"--filter={asked.pattern}")
    return out


class _Side:
    """One side's simulation; its record ends up as <out>/<name>/results.json."""

    def __init__(self, built: builds.Built, asked: Question, out: Path, count: int):
        self.name, self.folder = built.name, out / built.name
        self.scratch, self.log = self.folder / "scratch", self.folder / "simulated.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._out = open(self.log, "wb")
        self.command = words(built.program, asked, self.scratch, count)
        self.process = processes.start(self.command, self.folder, environment(), self._out)

    def stop(self, first: int) -> None:
        processes.stop(self.process, first, patience_s=10)
        self._out.close()

    def record(self) -> Record | None:
        """The record, None where the choice leaves no cell. Raises GateError."""
        found = self.scratch / "latest" / "results.json"
        kept = self.folder / "results.json"
        if found.exists() and self.process.returncode in (0, 4, 130):
            os.replace(found.resolve(), kept)
            shutil.rmtree(self.scratch, ignore_errors=True)
            try:
                return load.load(kept)
            except RecordError as error:
                raise GateError(f"The {self.name}'s simulation: {error}") from error
        said = builds.tail(self.log, 1)
        shutil.rmtree(self.scratch, ignore_errors=True)
        code = self.process.returncode
        if code == 2 and said and NONE_LEFT in said[0]:
            return None
        if code == 130:
            return None  # interrupted before the first cell
        how = f"exit {code}" if code >= 0 else f"signal {-code}"
        if builds.full(self.log):
            raise DiskFull(f"{self.folder}: the disk is full; the {self.name}'s simulation could not write its record.")
        raise GateError(f"The {self.name}'s simulation failed ({how}{': ' + said[0] if said else ''}).")


def measure(sides: list[builds.Built], asked: Question, out: Path, progress: Progress) -> Simulated:
    """Simulates `sides`: [base, head], or [head] where there is no base; a record of each is kept below `out`. An
    interrupted one compares what both finished. Raises GateError where the head cannot be simulated."""
    count = max(1, len(os.sched_getaffinity(0)))
    running: list[_Side] = []
    interrupted = False
    started = time.monotonic()
    try:
        for built in sides:
            running.append(_Side(built, asked, out, max(1, -(-count // len(sides)))))
        while any(side.process.poll() is None for side in running):
            time.sleep(0.05)
            progress.step(f"simulating, {time.monotonic() - started:.0f} s: " + "; ".join(
                f"{side.name} {(builds.tail(side.log, 1) or ['begins'])[0][:60]}" for side in running
                if side.process.poll() is None))
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        raise GateError(f"{error.filename or out}: cannot be written ({error.strerror}).") from error
    finally:
        with processes.undisturbed():  # an asked program writes what it has finished
            for side in running:
                side.stop(signal.SIGINT)
    if not interrupted:
        progress.say(f"simulated in {in_words(time.monotonic() - started)}")
    return _compared(running, interrupted)


def _compared(ended: list[_Side], interrupted: bool) -> Simulated:
    failed = ""
    records: dict[str, Record | None] = {"base": None, "head": None}
    for side in ended:
        try:
            records[side.name] = side.record()
        except GateError as error:
            if side.name == "head" or isinstance(error, DiskFull):
                raise
            failed = str(error)
    base, head = records["base"], records["head"]
    paths = {side.name: side.folder / "results.json" for side in ended}
    notes: list[str] = []
    exact: list[Exact] = []
    skipped: list[Skipped] = []
    if base and head:
        _, exact, skipped = pairs.matched([base, head], [paths["base"], paths["head"]])
        notes += pairs.blind([base, head])
    elif head and "base" in paths and not failed and not interrupted:
        skipped = pairs.alone(head, paths["head"], "new")
    elif head:
        skipped = pairs.alone(head, paths["head"], "not_measurable", "The base has no number.")
    elif base and not interrupted:
        skipped = pairs.alone(base, paths["base"], "removed")
    return Simulated(tuple(exact), tuple(skipped), (base, head), tuple(notes), failed, not interrupted)


def planned(program: Path, asked: Question, cwd: Path) -> dict[str, Any] | None:
    """What the program would simulate: its --plan as a dictionary; None where the choice leaves nothing. Raises
    GateError."""
    import json
    import subprocess

    done = subprocess.run([*words(program, asked, cwd, len(os.sched_getaffinity(0))), "--plan", "--json"], cwd=cwd,
                          env=environment(), capture_output=True, text=True, errors="replace")
    if done.returncode == 2 and NONE_LEFT in done.stderr:
        return None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        raise GateError(f"{program}: its plan failed (exit {done.returncode}: {said}).")
    return json.loads(done.stdout)
