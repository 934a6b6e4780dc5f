# SPDX-License-Identifier: MIT
"""One build's benchmark program: which cells it has, and one point, which is one process run of one cell."""
from __future__ import annotations

import json
import math
import os
import re
import signal
import statistics
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from . import processes
from .model import Key

RANKS = ("main", "whole", "ends", "none")  # what of a workload is asked first
UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}  # of Google Benchmark, in ns
OURS = ("CONTEND_WORKER_FD", "_", "PWD", "OLDPWD")  # variables that no point inherits, beside Google Benchmark's
LISTING_S = 60.0  # a program that has not listed its cells by then never will
GRACE_S = 2.0  # a program that ends itself at its limit has so much more time to say so


class ToolError(RuntimeError):
    """A program cannot be used; str() is one sentence that names it."""


class Cell(NamedTuple):
    """What a program can measure. `fingerprint` of the workload's source, None where it is not known.

    `rank`: 0 for what is asked first, up to 3. `oversubscribed`: more threads than usable processors, as a sentence.
    """

    key: Key
    threads: int | None
    params: dict[str, Any]
    fingerprint: str | None
    rank: int = 0
    oversubscribed: str = ""


class Point(NamedTuple):
    """ns per operation, or None with a caveat (a code of the record's closed set) and a sentence."""

    value: float | None
    caveat: str = ""
    sentence: str = ""


class Program:
    """One build's benchmark program; `kind` is "contend" or "google", found out by asking it.

    `benchmark_version`: the version of Google Benchmark that a point of it told, None before and where it does not tell.
    """

    def __init__(self, path: Path, cwd: Path, environment: dict[str, str] | None = None):
        """`environment`: what its processes get, by default this one's. Raises ToolError where it cannot be run."""
        self.path = Path(path)
        self.cwd = Path(cwd)
        given = os.environ if environment is None else environment
        self.environment = {name: value for name, value in given.items()
                            if name not in OURS and not name.startswith("BENCHMARK_")}
        self.benchmark_version: str | None = None
        self._min_time = "{}s"  # 1.8 and later; 1.7 and before know no unit
        # With both flags nobody measures: contend says its version, Google Benchmark lists or refuses --version.
        told = self._run(["--benchmark_list_tests=true", "--version"], LISTING_S)
        self.kind = "contend" if told.stdout.startswith("contend ") else "google"

    def cells(self, pattern: str = "", threads: tuple[int, ...] | None = None) -> list[Cell]:
        """Its cells whose name holds `pattern` (a regular expression; a leading '-' turns it round), at these counts.

        Without counts: 1, 2 and all processors, of contend; every one that there is, of Google Benchmark. Raises
        ToolError.
        """
        refused = pattern.startswith("-")
        try:
            expression = re.compile(pattern[refused:])
        except re.error as error:
            raise ToolError(f"--cells: '{pattern}' is not a regular expression: {error}.") from None
        found = self._contend_cells(threads) if self.kind == "contend" else self._google_cells(threads)
        return [cell for cell in found if (expression.search(cell.key.name) is None) == refused]

    def point(self, cell: Cell, window_ms: float = 20, trials: int = 3, limit_s: float = 10) -> Point:
        """One process run: the median of `trials` trials of `window_ms` each. It is killed `limit_s` after their end.

        Raises ToolError only where the program cannot be started at all; KeyboardInterrupt ends its processes.
        """
        if self.kind == "contend":
            return self._contend_point(cell, window_ms, trials, limit_s)
        return self._google_point(cell, window_ms, trials, limit_s)

    def _run(self, arguments: list[str], limit_s: float) -> subprocess.CompletedProcess:
        """One process, which is killed at the limit, returncode None then; what it started ends with it in any case."""
        words = [str(self.path), *arguments]
        try:
            with processes.Group(words, self.cwd, self.environment) as group:
                said = group.said(limit_s)
                return subprocess.CompletedProcess(words, group.process.returncode if said else None, *(said or ("", "")))
        except OSError as error:
            raise ToolError(f"{self.path}: cannot be run ({error.strerror}).") from None
        except ValueError as error:  # a NUL in an argument
            raise ToolError(f"{self.path}: cannot be run ({error}).") from None

    def _listed(self, arguments: list[str]) -> str:
        done = self._run(arguments, LISTING_S)
        if done.returncode is None:
            raise ToolError(f"{self.path}: did not list its cells within {LISTING_S:.0f} s.")
        if done.returncode != 0:
            raise ToolError(f"{self.path}: cannot list its cells: {_why(done)}.")
        return done.stdout

    # contend's own programs, and those made by contend_add_bench()

    def _contend_cells(self, threads: tuple[int, ...] | None) -> list[Cell]:
        text = self._listed(["--plan", "--json", "--lens", "time", "--profile", "full",
                             *(["--threads", ",".join(map(str, threads))] if threads else [])])
        try:
            plan = json.loads(text)
            processors = plan["usable_processors"]
            return [self._contend_cell(entry, processors) for entry in plan["cells"] if entry["applicable"]
                    and (threads or entry["threads"] in (1, 2, processors))]
        except (ValueError, KeyError, TypeError) as error:
            raise ToolError(f"{self.path}: is of another version, for what it lists is not understood "
                            f"({type(error).__name__}: {error}).") from None

    @staticmethod
    def _contend_cell(entry: dict[str, Any], processors: int) -> Cell:
        key = Key("time", entry["family"], entry["name"], entry["placement"])
        why = f"{entry['threads']} threads on {processors} usable processors." if entry["oversubscribed"] else ""
        return Cell(key, entry["threads"], entry["params"], entry.get("fingerprint"), RANKS.index(entry["quick"]), why)

    def _contend_point(self, cell: Cell, window_ms: float, trials: int, limit_s: float) -> Point:
        done = self._run(["--point", cell.key.name, "--window-ms", f"{window_ms:g}", "--trials", str(trials),
                          "--placement", cell.key.placement, "--cell-limit", f"{limit_s:g}"],
                         trials * window_ms / 1000 + limit_s + GRACE_S)
        lost = _lost(done, limit_s)
        if lost:
            return lost
        try:
            told = json.loads(done.stdout)
            if "caveat" in told:
                return Point(None, str(told["caveat"]), str(told["sentence"]))
            times = [math.inf if one is None else float(one) for one in told["ns_per_op"]]  # null: nothing got done
            return _number(statistics.median(times))
        except (ValueError, KeyError, TypeError):
            return Point(None, "crashed", _why(done))

    # Google Benchmark

    def _google_cells(self, threads: tuple[int, ...] | None) -> list[Cell]:
        names = [line.strip() for line in self._listed(["--benchmark_list_tests=true"]).splitlines() if line.strip()]
        processors = len(os.sched_getaffinity(0))
        found = []
        for name in dict.fromkeys(names):
            given = re.search(r"/threads:(\d+)(?:/|$)", name)
            count = int(given[1]) if given else 1
            if threads and count not in threads:
                continue
            why = f"{count} threads on {processors} usable processors." if count > processors else ""
            key = Key("time", re.split(r"[/<]", name)[0] or name, name, "none")
            found.append(Cell(key, count, {}, None, 0, why))
        return found

    def _google_point(self, cell: Cell, window_ms: float, trials: int, limit_s: float) -> Point:
        for _ in range(2):
            done = self._run([f"--benchmark_filter=^{escaped(cell.key.name)}$", f"--benchmark_repetitions={trials}",
                              f"--benchmark_min_time={self._min_time.format(f'{window_ms / 1000:g}')}",
                              "--benchmark_format=json", "--benchmark_report_aggregates_only=false",
                              "--benchmark_display_aggregates_only=false"], trials * window_ms / 1000 + limit_s)
            if done.returncode in (0, None) or self._min_time == "{}" or "benchmark_min_time" not in done.stderr:
                break
            self._min_time = "{}"
        lost = _lost(done, limit_s)
        if lost:
            return lost
        begin = re.search(r"^\{", done.stdout, re.MULTILINE)  # a program may print something of its own before it
        try:
            told, _ = json.JSONDecoder().raw_decode(done.stdout, begin.start() if begin else 0)
            self.benchmark_version = told.get("context", {}).get("library_version", self.benchmark_version)
            return google_point(told["benchmarks"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return Point(None, "crashed", _why(done))


def google_point(runs: list[dict[str, Any]]) -> Point:
    """The median real time of the repetitions in Google Benchmark's JSON, ns per iteration; manual time is in it."""
    repetitions = [run for run in runs if run.get("run_type", "iteration") == "iteration"]
    for run in repetitions:
        if run.get("error_occurred"):
            return Point(None, "check_failed", str(run.get("error_message") or "the benchmark gave up"))
        if run.get("skipped"):
            return Point(None, "skipped", str(run.get("skip_message") or "the benchmark was skipped"))
    if not repetitions:
        return Point(None, "not_counted", "the program ran no repetition of it")
    return _number(statistics.median(float(run["real_time"]) * UNITS[run.get("time_unit", "ns")] for run in repetitions))


def _number(value: float) -> Point:
    if not (math.isfinite(value) and value > 0):
        return Point(None, "not_counted", "no operation was done" if value == math.inf else
                     f"{value:g} ns per operation is no time")
    return Point(value)


def _lost(done: subprocess.CompletedProcess, limit_s: float) -> Point | None:
    """What a process that did not come to its end is told as."""
    if done.returncode is None:
        return Point(None, "timeout", f"no end {limit_s:g} s after the trials' own time; the process was killed")
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = "unknown"
        return Point(None, "crashed", f"the process died of signal {-done.returncode} ({name})")
    if done.returncode not in (0, 4):
        return Point(None, "crashed", _why(done))
    return None


def _why(done: subprocess.CompletedProcess) -> str:
    """The last line that a process said about its fault."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return f"exit {done.returncode}{': ' + lines[-1][:200].rstrip('.') if lines else ''}"


def escaped(name: str) -> str:
    """A name as a regular expression of any dialect: POSIX leaves a backslash before other characters undefined."""
    return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", name)
