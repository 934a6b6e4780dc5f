# SPDX-License-Identifier: MIT
"""Builds base and head with the same flags and paths that their code cannot tell apart."""
from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from . import processes
from .progress import Progress, in_words
from .trees import GateError, environment

LAST_LINES = 25  # of a build that failed
FREE_LEAST = 64 * 1024  # bytes; a build that failed with less than that on its disk failed for that
MEMORY_PER_JOB = 1.5e9  # bytes that a compiler may need
OWN_FOLDER = Path("build") / "gate"  # inside a tree: where contend's own build goes
TWIN = "-simulated"  # what contend_add_bench puts beside a program for the coherence lens
_ERROR = re.compile(r"(?:\berror\b|\bfatal\b|^FAILED:|No such file|not found|undefined reference|No space left)", re.I)


class Recipe(NamedTuple):
    """How a tree is built. `command`: for sh, in the tree, None for contend's own sources; `bench`: the program that it
    makes, relative to the tree."""

    command: str | None
    bench: Path


OWN = Recipe(None, OWN_FOLDER / "bin" / "contend-bench")


class Built(NamedTuple):
    """What became of one side. `error`: '' if it was built, else a sentence; `lines`: the last ones of a failed build.
    `simulates`: its program has the coherence lens."""

    name: str
    tree: Path
    program: Path
    error: str
    lines: tuple[str, ...]
    simulates: bool
    seconds: float


def flags(tree: str) -> str:
    """Compiler flags of a gate, for a shell: loops and functions do not move against cache lines because code before
    them changed, and the tree's own path (quoted by the caller where it has to be) is not in the program."""
    return f"-falign-functions=64 -ffile-prefix-map={tree}=/gate"


def room() -> tuple[int, int]:
    """How many builds at a time and how many compilers in each: by processors, and by the memory that is free.

    With a compiler launcher (ccache) one build follows the other: what is equal in both is then compiled once.
    """
    free = float("inf")
    try:
        found = re.search(r"^MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.M)
        free = int(found[1]) * 1024 if found else free
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        free = min(free, int(limit) - int(used))
    except (OSError, ValueError):  # no /proc, no limit
        pass
    asked = os.environ.get("CONTEND_JOBS", "")
    most = int(asked) if asked.isdigit() and int(asked) > 0 else len(os.sched_getaffinity(0))
    compilers = free / MEMORY_PER_JOB
    if compilers < 2 or os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER"):
        return 1, max(1, int(min(most, compilers)))
    return 2, int(min(most, compilers / 2))


def _steps(recipe: Recipe, tree: Path, count: int) -> list[tuple[str, list[str]]]:
    """(name, command) of what builds a tree."""
    if recipe.command is not None:
        return [("build", ["sh", "-c", recipe.command])]
    folder = str(tree / OWN_FOLDER)
    configure = ["cmake", "-S", str(tree), "-B", folder, "-D", "CMAKE_BUILD_TYPE=Release", "-D", "CONTEND_BUILD_TESTS=OFF",
                 "-D", f"CONTEND_PEERS={os.environ.get('CONTEND_PEERS') or 'OFF'}"]
    if shutil.which("ninja"):
        configure[1:1] = ["-G", "Ninja"]
    return [("configure", configure),
            ("build", ["cmake", "--build", folder, "--parallel", str(count), "--target", "contend-bench"])]


def _environment(tree: Path) -> dict[str, str]:
    out = {k: v for k, v in environment().items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    for name in ("CFLAGS", "CXXFLAGS"):  # cmake, configure scripts and make's own rules start from these
        out[name] = f"{out.get(name, '')} {flags(shlex.quote(str(tree)))}".strip()
    out.setdefault("CCACHE_BASEDIR", str(tree))  # so that both sides, and the next gate, find each other's objects
    return out


class _Side:
    """One build that is under way."""

    def __init__(self, recipe: Recipe, tree: Path, log: Path, count: int):
        self.recipe, self.tree, self.log = recipe, tree, log
        self.steps = _steps(recipe, tree, count)
        self.started, self.seconds, self.error = time.monotonic(), 0.0, ""
        self.process = None
        self._out = open(log, "wb")
        self._next()

    def _next(self) -> None:
        self.step, words = self.steps.pop(0)
        try:
            self.process = processes.Process(words, self.tree, _environment(self.tree), self._out)
        except OSError as error:
            raise GateError(f"{words[0]}: cannot be run ({error.strerror}).") from error

    def poll(self) -> bool:
        """Whether it has ended; goes on to its next step."""
        code = self.process.poll()
        if code is None:
            return False
        self.process.stop()  # what a command leaves in the background would disturb the measurement
        if code == 0 and self.steps:
            self._next()
            return False
        if code:
            how = f"exit {code}" if code > 0 else f"signal {-code}"
            self.error = f"The {self.step} of the {self.tree.name} failed ({how})."
        elif not self._program().is_file():
            self.error = f"The build of the {self.tree.name} made no {self.recipe.bench}."
        self.seconds = time.monotonic() - self.started
        self._out.close()
        return True

    def _program(self) -> Path:
        return self.tree / self.recipe.bench

    def last_line(self) -> str:
        """Of its output so far."""
        lines = tail(self.log, 1)
        return lines[0] if lines else ""

    def result(self) -> Built:
        program = self._program()
        lines = told(self.log) if self.error else ()
        return Built(self.tree.name, self.tree, program, self.error, lines,
                     program.with_name(program.name + TWIN).is_file(), self.seconds)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
        self._out.close()


def tail(log: Path, most: int) -> list[str]:
    """The last lines of a file that are not empty."""
    with open(log, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 64_000))
        text = file.read().decode("utf-8", "replace")
    return [line.rstrip()[:300] for line in text.replace("\r", "\n").splitlines() if line.strip()][-most:]


def full(log: Path) -> bool:
    """Whether there is no room left to write, as far as can be seen and as a program said at its end."""
    return shutil.disk_usage(log.parent).free < FREE_LEAST or any("No space left on device" in line or "Disk quota exceeded" in line for line in tail(log, 4000))


def told(log: Path) -> tuple[str, ...]:
    """The lines that say what failed: from the first error on, or the last ones where none is marked."""
    lines = tail(log, 400)
    first = next((i for i, line in enumerate(lines) if _ERROR.search(line)), max(0, len(lines) - LAST_LINES))
    return tuple(lines[first: first + LAST_LINES])


def build(recipe: Recipe, trees: list[Path], logs: Path, progress: Progress) -> list[Built]:
    """Builds `trees`, at the same time where there is room; their output goes to `logs`/build-<name>.log. Raises GateError where it cannot
    be tried or the disk is full."""
    together, count = room()
    waiting = list(trees)
    running: list[_Side] = []
    done: list[_Side] = []
    try:
        while running or waiting:
            with processes.deferred():  # whatever is started is in `running`
                while waiting and len(running) < together:
                    tree = waiting.pop(0)
                    running.append(_Side(recipe, tree, logs / f"build-{tree.name}.log", count))
                ended = [side for side in running if side.poll()]
            for side in ended:
                running.remove(side)
                done.append(side)
                progress.say(f"{side.tree.name}: {'built' if not side.error else side.error.rstrip('.')} after "
                             f"{in_words(side.seconds)}")
            if running:
                progress.step("; ".join(f"{s.tree.name} {s.step}s: {s.last_line()[:70]}" for s in running))
                time.sleep(0.05)
    except OSError as error:
        raise GateError(f"{error.filename or logs}: cannot be written ({error.strerror}).") from error
    finally:
        with processes.deferred():
            for side in running:
                side.stop()
    found = [side.result() for tree in trees for side in done if side.tree == tree]
    for one in found:
        if one.error and (full(logs / f"build-{one.name}.log") or shutil.disk_usage(one.tree).free < FREE_LEAST):
            raise GateError(f"{one.tree}: the disk is full; a gate needs room for two builds.")
    return found
