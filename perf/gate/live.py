# SPDX-License-Identifier: MIT
"""Programs measured here and now for the study: A/A pairs to keep, and whole gates with a known answer."""
from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from . import judge, recording, rounds
from .choice import Asked, evenly, match
from .model import INCONCLUSIVE, NOT_GATED, PASS, REGRESSION, VERDICTS, Measured, RunVerdict, Side
from .points import Program, ToolError
from .progress import Progress
from .recording import Recording


@contextmanager
def copies(paths: list[Path]) -> Iterator[list[Program]]:
    """Each program as a file of its own, under paths of equal length, as base, head and control of a gate are.

    Raises ToolError where one cannot be copied or run.
    """
    with tempfile.TemporaryDirectory(prefix="contend-gate-") as folder:
        programs = []
        for i, path in enumerate(paths):
            own = Path(folder) / f"{i:02d}" / "bench"
            own.parent.mkdir()
            try:
                shutil.copy2(path, own)
            except OSError as error:
                raise ToolError(f"{path}: cannot be copied ({error.strerror}).") from None
            programs.append(Program(own, Path(folder)))
        yield programs


def record(program: Path, count: int, asked: Asked, tell: rounds.Progress,
           clock: Callable[[], float] = time.monotonic) -> Recording:
    """`count` rounds of A/A pairs of one program from two paths, over at most asked.most_cells cells, evenly chosen.

    As stage 1 of a gate: cells shuffled in every round, order drawn for every pair. It ends early, after a whole round,
    when the budget is over, and on Ctrl-C. Raises ToolError without a cell or a whole round.
    """
    rng = random.Random(asked.seed)
    until = clock() + asked.budget_s
    with copies([program, program]) as (base, head):
        listed = base.cells(asked.pattern, asked.threads)
        cells = evenly(match(listed, listed, asked.pattern)[0], rng)[: asked.most_cells]
        if not cells:
            raise ToolError(f"{program}: no cell is left by the choice made.")
        cells.sort(key=lambda cell: cell.key)
        shape = (len(cells), count)
        times, first, done = [np.full(shape, np.nan), np.full(shape, np.nan)], np.zeros(shape, bool), 0
        try:
            for done in range(count):
                if clock() >= until:
                    break
                for i in rng.sample(range(len(cells)), len(cells)):
                    first[i, done] = rng.random() < 0.5
                    points = rounds.both((base, head), cells[i], first[i, done], asked, asked.limit_s)
                    for side, point in zip(times, points):
                        side[i, done] = np.nan if point.value is None else point.value
                    tell.step(f"round {done + 1} of {count}, {len(cells)} cells, at most {until - clock():.0f} s left")
            else:
                done = count
        except KeyboardInterrupt:
            tell.say(f"interrupted; {done} whole rounds are kept")
    kept = [i for i in range(len(cells)) if not np.isnan(times[0][i, :done] + times[1][i, :done]).all()]
    if done == 0 or not kept:
        raise ToolError(f"{program}: not one round was finished.")
    return Recording(tuple(cells[i].key for i in kept), *(side[kept, :done] for side in times), first[kept, :done])


class LiveRun(NamedTuple):
    """One whole gate. `slowed`: the verdicts on the cells that are slower on purpose; `red`: the others that regressed."""

    verdict: RunVerdict
    seconds: float
    slowed: list
    red: list


def gates(base: Path, head: Path, slowed: str, runs: int, asked: Asked, tell: rounds.Progress,
          clock: Callable[[], float] = time.monotonic) -> Iterator[LiveRun]:
    """`runs` gates of two programs by time, each with a seed of its own from asked.seed on.

    `slowed`: the names of the cells that hold it are slower in the head on purpose; '' if base and head are alike. A
    run that was cut short is given, too; then KeyboardInterrupt is raised, or ToolError where a program ended it.
    """
    with copies([base, head, base]) as (one, two, again):
        for i in range(runs):
            began = clock()
            found = rounds.measure(one, two, again, asked._replace(seed=asked.seed + i), tell, clock)
            run = judge.judge(Measured("gate", Side(str(base)), Side(str(head)), found.cells, found.control, (),
                                       found.skipped, complete=found.complete, notes=found.notes), found.plan)
            planted = [c for c in run.cells if slowed and slowed in c.key.name and c.verdict != NOT_GATED]
            yield LiveRun(run, clock() - began, planted,
                          [c for c in run.cells if c.verdict == REGRESSION and c not in planted])
            if found.error:
                raise ToolError(found.error)
            if not found.complete:
                raise KeyboardInterrupt


def words(number: int, live: LiveRun) -> str:
    """One run in a line or a few."""
    counted = {name: n for name, n in live.verdict.counted().items() if n and name != NOT_GATED}
    told = ", ".join(f"{counted[name]} {name}" for name in VERDICTS if name in counted) or "nothing"
    noise = [c.pair_sd for c in live.verdict.cells if c.pair_sd is not None]
    lines = [f"{number:3d}  exit {live.verdict.exit_code}  {live.seconds:5.0f} s  {told}"
             + (f"; median pair noise {np.median(noise):.1%}" if noise else "")]
    if live.verdict.verdict == "invalid":
        lines.append(f"     {live.verdict.sentence}")
    lines += [f"     slowed: {c.key.name}: {c.verdict}, {c.sentence}" for c in live.slowed]
    lines += [f"     red: {c.key.name}: {c.sentence}" for c in live.red]
    return "\n".join(lines)


def summary(found: list[LiveRun]) -> str:
    """What all runs come to."""
    slowed = Counter(c.verdict for live in found for c in live.slowed)
    codes = Counter(live.verdict.exit_code for live in found)
    lines = [f"{len(found)} live gates: " + ", ".join(f"{n} times exit {code}" for code, n in sorted(codes.items())) + ".",
             f"Unchanged cells called slower: {sum(len(live.red) for live in found)}, in "
             f"{sum(bool(live.red) for live in found)} of {len(found)} runs."]
    if slowed:
        lines.append("Slowed cells: " + ", ".join(f"{slowed[name]} {name}" for name in (REGRESSION, INCONCLUSIVE, PASS)) + ".")
    return "\n".join(lines)


def asked(options: argparse.Namespace) -> Asked:
    """What the options of live_options ask for."""
    return Asked(options.filter, options.threads or None, budget_s=options.budget, seed=options.seed,
                 most_cells=options.most)


def run_record(options: argparse.Namespace) -> int:
    """Records and writes; the exit code. Raises ToolError, and OSError where it cannot be written in the end."""
    try:  # before the minutes of measuring, not after
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.out.parent):
            pass
    except OSError as error:
        raise ToolError(f"--out: '{options.out}' cannot be written ({error.strerror}).") from None
    found = record(options.program.absolute(), options.rounds, asked(options), Progress(options.quiet))
    recording.write(options.out, found)
    print(f"{options.out}: {len(found.keys)} cells, {found.base.shape[1]} rounds")
    return 0


def run_live(options: argparse.Namespace) -> int:
    """Runs gates and tells them. 1 if a slowed cell ever passed, or if more runs than --most-red had a false regression;
    3 if no run compared a cell, or no slowed one was measured. Raises ToolError."""
    base, head = (path.absolute() for path in options.live)
    found: list[LiveRun] = []
    tell = Progress(options.quiet)
    try:
        for live in gates(base, head, options.slowed, options.runs or 20, asked(options), tell):
            found.append(live)
            tell.end()
            print(words(len(found), live), flush=True)
    except KeyboardInterrupt:
        print(summary(found))
        return 130
    except ToolError:
        tell.end()
        if found:
            print(summary(found), flush=True)
        raise
    print(summary(found))
    if all(cell.verdict == NOT_GATED for live in found for cell in live.verdict.cells):
        print("Nothing was compared in any of them.")
        return 3
    if options.slowed and not any(live.slowed for live in found):
        print("No slowed cell was measured.")
        return 3
    passed = sum(c.verdict == PASS for live in found for c in live.slowed)
    red = sum(bool(live.red) for live in found)
    return int(passed > 0 or (options.most_red is not None and red > options.most_red))
