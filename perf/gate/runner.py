# SPDX-License-Identifier: MIT
"""`contend gate`: from two commits to a verdict; whatever happens in between, the trees are gone at the end."""
from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from plots.load import RecordError
from plots.record import Record

import history

from . import accepted, builds, document, machine, outputs, planning, processes, simulated, texts, timed, trees
from .choice import Asked
from .design import Plan
from .judge import judge
from .model import Measured, Pairs, RunVerdict, Side, Skipped
from .progress import Progress
from .trees import GateError, Point

INTERRUPTED = 130
RESULTS = Path("results")
LATEST = "latest-gate"
FILES = {"json": "gate.json", "junit": "gate.xml", "markdown": "gate.md", "html": "gate.html"}


NOTHING = simulated.Simulated((), (), (None, None), (), "", True)


@dataclass
class Found:
    """What the lenses have found so far; an interruption leaves what is in it."""

    simulated: simulated.Simulated = NOTHING
    timed: tuple[Pairs, ...] = ()
    control: tuple[Pairs, ...] = ()
    plan: Plan | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: list[str] = field(default_factory=list)
    measured: bool = False
    complete: bool = True


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def recipe_for(top: Path, options: argparse.Namespace) -> builds.Recipe:
    """How the trees are built. Raises GateError."""
    if options.build:
        return builds.Recipe(options.build, options.bench)
    if not (top / "cmake" / "ContendAddBench.cmake").is_file():
        raise GateError(f"{top}: is not the source of contend, so --build and --bench must say what to build and to run.")
    return builds.OWN


def folder_for(top: Path, options: argparse.Namespace, base: Point, head: Point) -> Path:
    """The folder of results, made. Raises GateError."""
    path = options.out
    if path is None:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = top / RESULTS / f"gate-{stamp}-{base.commit[:10]}-{head.commit[:10]}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GateError(f"{path}: cannot be made ({error.strerror}).") from error
    return path.absolute()


def command(options: argparse.Namespace, base: Point) -> tuple[str, ...]:
    """What reproduces this gate, given the head's files."""
    words = []
    if options.lens:
        words += ["--lens", ",".join(options.lens)]
    if options.cells:
        words += [f"--cells={options.cells}"]
    if options.threads:
        words += ["--threads", ",".join(map(str, options.threads))]
    words += ["--max-slowdown", f"{options.max_slowdown:.4g}", "--budget", f"{options.budget:g}s"]
    words += ["--machine", options.machine, "--seed", str(options.seed)]
    if options.build:
        which = ["--aa"] if options.aa else ["--base", base.commit, "--exact"]
        return "contend", "gate", *which, *words, "--build", options.build, "--bench", str(options.bench)
    which, words = ([], ["--aa", *words]) if options.aa else ([f"BASE={base.commit}"], ["--exact", *words])
    return "make", "gate", *which, f"ARGS={shlex.join(words).replace('$', '$$')}"


def asked_by_time(options: argparse.Namespace) -> Asked:
    """What the time lens is asked for."""
    return Asked(options.cells, options.threads or None, options.max_slowdown, options.budget, options.seed)


def side(point: Point, record: Record | None, tree: Path) -> Side:
    """A side as the outputs tell it."""
    run = record.run if record else {}
    flags = run.get("flags")
    return Side(point.name, point.tip, point.dirty, run.get("id"), run.get("compiler"),
                flags.replace(str(tree), "<tree>") if flags else builds.flags("<tree>"))


def machine_for(name: str, top: Path) -> str:
    """A machine's name as a program that stands elsewhere understands it. Raises GateError."""
    if name == "local":
        path = top / RESULTS / "local.json"
        if not path.is_file():
            raise GateError(f"--machine: 'local' was not calibrated, {path} is missing; 'contend doctor --calibrate' "
                            "writes it.")
        return str(path)
    return str(Path(name).absolute()) if name.endswith(".json") else name


class Run:
    """One gate run, in steps; `interrupted` once somebody wanted it to end."""

    def __init__(self, options: argparse.Namespace, progress: Progress):
        self.options, self.progress = options, progress
        if options.seed is None:
            options.seed = random.SystemRandom().randrange(1, 1_000_000)
        self.top = trees.top_of(Path.cwd())
        self.recipe = recipe_for(self.top, options)
        self.machine = machine_for(options.machine, self.top)
        self.base = None if options.aa else trees.base_point(self.top, options.base, options.exact)
        self.out: Path | None = None
        self.found = Found()
        self.interrupted = False
        self.base_error = ""
        self.error: GateError | None = None
        self.started = now()

    def _begin(self, place: trees.Trees) -> None:
        """Takes the working tree as it is now and makes the folder of results. Raises GateError."""
        leave_out = (self.options.out.absolute(),) if self.options.out else ()
        self.head = trees.head_point(self.top, place.folder, leave_out)
        self.base = self.base or self.head
        self._introduce()
        self.accepted = self._trailers()
        self.out = folder_for(self.top, self.options, self.base, self.head)

    def _introduce(self) -> None:
        base, head = self.base, self.head
        if self.options.aa:
            self.found.notes.append("Base and head are the same program from two paths (--aa).")
        else:
            self.progress.say(f"base: {base.name}, {base.commit[:10]}")
        self.progress.say(f"head: {head.name}, {head.tip[:10]}{' with uncommitted changes' if head.dirty else ''}")
        if head.dirty:
            self.found.notes.append(f"The head is the working tree: {head.tip[:10]} and changes that are not committed.")
        if base.commit == head.commit and not self.options.aa:
            self.found.notes.append("Base and head are the same commit.")
        if base.name.startswith("where HEAD left"):
            self.found.notes.append(f"The base is {base.commit[:10]}, {base.name}; what came there since is not in it. "
                                    "--exact compares with the branch itself.")

    def _trailers(self) -> accepted.Trailers:
        """What commits between base and head accept."""
        log = trees.git(self.top, "log", accepted.LOG_FORMAT, f"{self.base.commit}..{self.head.tip}", "--").stdout
        found = accepted.read(log)
        self.found.notes += found.notes
        for note in found.notes:
            self.progress.warn(note)
        return found

    def go(self) -> None:
        """Builds and measures; what there is to judge is in `found`. Raises GateError."""
        try:
            with trees.Trees(self.top) as place:
                self._begin(place)
                self._measure(self._built(place, self.out), place, self.out)
        except KeyboardInterrupt:
            self.interrupted = True
        except GateError as error:
            if not self.found.measured:
                raise
            self.error, self.found.complete = error, False  # raised again once what was found is written
            self.found.notes.append(f"It ended early: {error}")
            return
        self.interrupted = self.interrupted or not self.found.complete

    def _built(self, place: trees.Trees, out: Path) -> list[builds.Built]:
        """[base, head], or [head] where the base does not build. Raises GateError."""
        names = ["head"] if self.options.aa else ["base", "head"]
        made = [place.add(name, self.base if name == "base" else self.head) for name in names]
        self.progress.say(f"building {' and '.join(names)}")
        built = {one.name: one for one in builds.build(self.recipe, made, out, self.progress)}
        if built["head"].error:
            for line in built["head"].lines:
                self.progress.warn(f"  {line}")
            raise GateError(f"{built['head'].error} The whole output is in {out / 'build-head.log'}.")
        if self.options.aa:
            built["base"] = self._copy(place, built["head"], "base")
        elif built["base"].error:
            self.base_error = built["base"].error
            for line in built["base"].lines:
                self.progress.warn(f"  {line}")
            self.progress.warn(f"{self.base_error} The head is measured all the same; nothing can be compared.")
            self.found.notes.append(f"{self.base_error} It ended with: {' / '.join(built['base'].lines[:3])}")
            return [built["head"]]
        return [built["base"], built["head"]]

    def _copy(self, place: trees.Trees, built: builds.Built, name: str) -> builds.Built:
        tree = place.copied(built.name, name, self.recipe.bench)
        return built._replace(name=name, tree=tree, program=tree / self.recipe.bench)

    def _measure(self, built: list[builds.Built], place: trees.Trees, out: Path) -> None:
        """Asks each lens. Raises GateError."""
        lenses = simulated.lenses(self.options.lens, all(one.simulates for one in built), self.recipe.bench)
        if "time" in lenses:  # asked first, so that nothing is measured and lost
            why = timed.refusal(built[-1], asked_by_time(self.options))
            if why:
                raise GateError(why)
        if "coherence" in lenses:
            self._simulate(built, out)
        if "time" in lenses and self.found.complete:
            self._time(built, place, out)

    def _simulate(self, built: list[builds.Built], out: Path) -> None:
        asked = simulated.Question(self.options.cells, self.options.threads, self.machine)
        found = self.found

        def keep(came: simulated.Simulated) -> None:
            found.simulated, found.complete = came, came.complete
            found.measured = came.complete or bool(came.exact)

        simulated.measure(built, asked, out, self.progress, keep)

    def _time(self, built: list[builds.Built], place: trees.Trees, out: Path) -> None:
        found, asked = self.found, asked_by_time(self.options)
        why = self.base_error or timed.refusal(built[0], asked)
        if why and not self.base_error:
            found.notes.append(f"By time nothing was compared, for the base's program cannot be asked: {why}")
        if why:
            came = timed.alone(built[-1], asked, "The base does not build." if self.base_error else
                               "The base's program cannot be asked.", out / "head", self.progress)
            found.complete = came.complete
        else:
            came = timed.measure(*built, self._copy(place, built[0], "copy"), asked, self.progress)
            found.timed, found.control, found.plan, found.complete = came.cells, came.control, came.plan, came.complete
            found.notes += came.notes
        found.skipped += came.skipped
        found.measured = found.measured or came.complete or any(cell.base for cell in found.timed)
        if came.error:
            raise GateError(came.error)

    def verdict(self) -> RunVerdict:
        """The verdict on what was found."""
        found = self.found
        came = found.simulated.proven()
        notes = [*found.notes, *came.notes, *([came.failed] if came.failed else [])]
        if found.simulated is not NOTHING and came.complete and not (came.skipped or came.exact or came.failed):
            notes.append("No simulated cell has a name that --cells asks for.")
        records = came.records
        folder = trees.place(self.top)
        skipped = came.skipped + found.skipped
        if self.base_error:
            skipped = tuple(replace(cell, detail="The base does not build.") if cell.key.lens == "coherence" else cell
                            for cell in skipped)
        environment = next((record.environment for record in reversed(records) if record), None) or machine.environment()
        measured = Measured(
            "gate", side(self.base, records[0], folder / "base"), side(self.head, records[1], folder / "head"), found.timed,
            found.control, came.exact, skipped, environment, command(self.options, self.base), self.started, now(),
            found.complete and not self.interrupted, tuple(notes), self.accepted.accepted)
        return judge(measured, found.plan or Plan(1, max_slowdown=self.options.max_slowdown))


def plan(options: argparse.Namespace, progress: Progress) -> int:
    """--plan: builds the head only where no program can be asked. Raises GateError."""
    top = trees.top_of(Path.cwd())
    recipe = recipe_for(top, options)
    options.seed = options.seed if options.seed is not None else 1
    question = simulated.Question(options.cells, options.threads, machine_for(options.machine, top))
    asked = asked_by_time(options)
    program = planning.built_before(top, recipe)
    if program:
        print(planning.text(program, options.lens, question, asked), end="")
        return 0
    with trees.Trees(top) as place, tempfile.TemporaryDirectory() as logs:
        progress.say("no program is built yet that could be asked; the head is built for it")
        head = builds.build(recipe, [place.add("head", trees.head_point(top, place.folder))], Path(logs), progress)[0]
        if head.error:
            for line in head.lines:
                progress.warn(f"  {line}")
            raise GateError(head.error)
        print(planning.text(head.program, options.lens, question, asked), end="")
    return 0


def point_latest(out: Path) -> None:
    """results/latest-gate → `out`, if it lies in results/. Raises OSError."""
    if out.parent.name != RESULTS.name:
        return
    temporary = out.with_name(f".{LATEST}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(out.name)
    os.replace(temporary, out.with_name(LATEST))


def tell(run: RunVerdict, out: Path, options: argparse.Namespace) -> None:
    """The table, where the page is, and how to have it again."""
    if options.quiet:
        return
    print(texts.console(run, most=20), end="")
    print(f"\npage         {out / FILES['html']}\nagain        {texts.command(run.measured)}")


def gate(options: argparse.Namespace) -> int:
    """The verb; returns the exit code. Raises GateError, RecordError or OSError."""
    progress = Progress(options.quiet)
    with processes.interruptible():
        try:
            if options.plan:
                return plan(options, progress)
            run = Run(options, progress)
        except KeyboardInterrupt:
            return INTERRUPTED
        try:
            run.go()
        finally:
            progress.end()
            if run.out and not run.found.measured:
                discard(run.out, everything=run.interrupted and options.out is None)
        with processes.deferred():  # who interrupts it wants what was found
            return conclude(run, run.out)


def discard(out: Path, everything: bool) -> None:
    """Removes a folder of results that has none: if it is empty, or with what builds wrote there."""
    if everything:
        shutil.rmtree(out, ignore_errors=True)
    else:
        try:
            out.rmdir()
        except OSError:
            pass


def conclude(run: Run, out: Path) -> int:
    """Judges, writes, tells; the exit code. Raises OSError."""
    if not run.found.measured:
        run.progress.warn("interrupted before there was anything to compare; nothing is kept")
        return INTERRUPTED
    verdict = run.verdict()
    try:
        outputs.write_all(verdict, **{kind: out / name for kind, name in FILES.items()})
        point_latest(out)
        if out.parent.name == RESULTS.name and "CONTEND_NO_HISTORY" not in os.environ:
            history.append(out.parent, document.verdict_document(verdict))
    finally:  # told even where it cannot be written
        tell(verdict, out, run.options)
        sys.stdout.flush()
    if run.error:
        raise run.error
    return INTERRUPTED if run.interrupted else verdict.exit_code
