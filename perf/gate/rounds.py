# SPDX-License-Identifier: MIT
"""Measures two builds in turn: rounds of pairs over shuffled cells, in two declared stages, within a budget of time."""
from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Callable, NamedTuple, Protocol

from . import judge
from .choice import Asked, control_count, evenly, fitting, match
from .design import FAST, OPEN, SLOW, Decision, Plan
from .model import FAULTS, INVALID, Key, Measured, Pairs, Side, Skipped
from .points import Cell, Point, Program, ToolError

CALIBRATION_SHARE = 0.1  # of the budget, at most, goes into learning what a pair takes
CALIBRATION_LEAST = 3  # cells
SPARE_PAIRS = 3  # by which a stage may be longer than declared, for pairs in which both sides failed
MEMORY = 0.7  # of what a pair took before, when one more has been measured
LIMIT_FACTOR, LIMIT_LEAST_S = 10.0, 3.0  # a process may take so many times as long as the base's first one did


class Progress(Protocol):
    """Is told how far the gate is."""

    def step(self, text: str) -> None:
        """Where things stand, as one line; after every pair."""

    def say(self, text: str) -> None:
        """What should stay to be read, one sentence."""


class Timed(NamedTuple):
    """What a gate by time measured. `complete`: False if it was interrupted; every finished pair is there all the same.

    `plan`: declared before the first pair of `cells`; `notes`: sentences for the verdict's reader. `error`: what ended it,
    as a sentence, where that was a program that cannot be started any more; then it is not complete either.
    """

    cells: tuple[Pairs, ...]
    control: tuple[Pairs, ...]
    skipped: tuple[Skipped, ...]
    complete: bool
    notes: tuple[str, ...]
    plan: Plan
    error: str = ""


class Series:
    """One cell's pairs so far, of two programs."""

    def __init__(self, cell: Cell, base: Program, head: Program, cost_s: float, limit_s: float):
        self.cell, self.programs, self.cost_s, self.limit_s = cell, (base, head), cost_s, limit_s
        self.plan, self.is_control = Plan(cells=1), False
        self.state: Decision | None = None
        self.given_up = self.decided = self.lost = False
        self.tried, self.numbers = {1: 0, 2: 0}, {1: 0, 2: 0}  # pairs by stage: all, and those with a number
        self._rows: list[tuple] = []  # base, head, stage, head_first, failed; one append each, so none is there by half

    def measure(self, stage: int, head_first: bool, asked: Asked, clock: Callable[[], float]) -> None:
        """One more pair; nothing of it is kept if it is interrupted."""
        began = clock()
        points = both(self.programs, self.cell, head_first, asked, self.limit_s)
        base, head = points
        sides = [side for side, point in zip(("base", "head"), points) if point.value is None]
        failed = ("both" if len(sides) == 2 else sides[0], base.caveat or head.caveat) if sides else None
        self._rows.append((base.value, head.value, stage, head_first, failed))
        self.tried[stage] += 1
        self.numbers[stage] += len(sides) < 2
        self.cost_s = MEMORY * self.cost_s + (1 - MEMORY) * (clock() - began)

    def pairs(self) -> Pairs:
        """For the judge."""
        columns = [tuple(row[i] for row in self._rows) for i in range(4)]
        return Pairs(self.cell.key, *columns, {i: row[4] for i, row in enumerate(self._rows) if row[4]})

    def look(self) -> None:
        """Sees where the cell stands after a round. A base that fails too often will not be compared."""
        self.state = judge.state(self.pairs(), self.plan)
        missing = sum(row[0] is None for row in self._rows)
        self.lost = missing > judge.MOST_FAILED * max(len(self._rows), self.plan.first)
        self.given_up = self.given_up or self.lost
        self.decided = self.given_up or (self.wants(1) == 0 and self.wants(2) == 0)

    def wants(self, stage: int) -> int:
        """How many more pairs the stage needs of this cell; 0 if it is decided or not to be had."""
        if self.given_up:
            return 0
        if stage == 1:
            return max(0, min(self.plan.first - self.numbers[1], self.plan.first + SPARE_PAIRS - self.tried[1]))
        if self.numbers[1] < self.plan.first or self.state is None:
            return 0
        return max(0, min(self.state.wants, self.plan.looks[-1] + SPARE_PAIRS - self.tried[2]))

    def urgency(self) -> tuple[int, int, float]:
        """What is measured first where time is short, see Gate.second_stage; of a kind, what is nearly done."""
        rule, estimate = (self.state.rule, self.state.estimate or 0.0) if self.state else ("", 0.0)
        kinds = {SLOW: 0, FAST: 0, OPEN: 4} if self.is_control else {SLOW: 1, OPEN: 2, FAST: 3}
        return next((kind for name, kind in kinds.items() if rule.endswith(name)), 2), self.wants(2), -estimate


def both(programs: tuple[Program, Program], cell: Cell, head_first: bool, asked: Asked, limit_s: float) -> list[Point]:
    """A point of the base and one of the head, right after each other."""
    found: list[Point | None] = [None, None]
    for side in ((1, 0) if head_first else (0, 1)):
        found[side] = programs[side].point(cell, asked.window_ms, asked.trials, limit_s)
    return found


class Gate:
    """One gate by time; measure() is its use."""

    def __init__(self, base: Program, head: Program, again: Program, asked: Asked, tell: Progress,
                 clock: Callable[[], float]):
        self.base, self.head, self.again, self.asked, self.tell, self.clock = base, head, again, asked, tell, clock
        self.deadline = clock() + asked.budget_s
        self.rng = random.Random(asked.seed)
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        self.timed: list[Series] = []
        self.control: list[Series] = []
        self.plan = Plan(cells=1, max_slowdown=asked.max_slowdown)
        self.cost: dict[Key, float] = {}  # seconds that a pair takes
        self.limit: dict[Key, float] = {}

    def left(self) -> float:
        """Seconds of the budget."""
        return self.deadline - self.clock()

    def choose(self) -> list[Cell]:
        """The cells that may be gated, at most as many as were asked for, in the order in which they would be kept."""
        lists = [program.cells(self.asked.pattern, self.asked.threads) for program in (self.base, self.head)]
        matched, self.skipped = match(*lists, self.asked.pattern)
        if any(cell.fingerprint is None for cell in matched):
            self.notes.append("At least one of the programs does not say what the workloads' sources were, so a changed "
                              "benchmark would be taken for a changed primitive.")
        if len({len(str(program.path)) for program in (self.base, self.head, self.again)}) > 1:
            self.notes.append("The programs' paths differ in length, which moves addresses on the stack.")
        order = evenly(matched, self.rng)
        self.leave_out(order[self.asked.most_cells:], f"Chosen were {self.asked.most_cells} of {len(order)} cells, "
                                                      f"evenly over families and threads, by seed {self.asked.seed}.")
        return order[: self.asked.most_cells]

    def leave_out(self, cells: list[Cell], note: str) -> None:
        """Says so of cells that could be gated and are not."""
        self.skipped += [Skipped(cell.key, "left_out") for cell in cells]
        if cells:
            self.notes.append(note)

    def calibrate(self, order: list[Cell]) -> list[Cell]:
        """One pair of as many cells as a tenth of the budget allows; no evidence. Gives the cells whose base works."""
        until = self.clock() + CALIBRATION_SHARE * self.asked.budget_s
        broken: dict[Key, Point] = {}
        for cell in self.rng.sample(order, len(order)):
            done = len(self.cost) + len(broken)
            if done >= CALIBRATION_LEAST and self.clock() > until:
                break
            self.tell.step(f"calibration: {done} of {len(order)} cells")
            began = self.clock()
            point = self.base.point(cell, self.asked.window_ms, self.asked.trials, self.asked.limit_s)
            took = self.clock() - began
            if point.value is None:
                point = self.base.point(cell, self.asked.window_ms, self.asked.trials, self.asked.limit_s)
            if point.value is None:
                broken[cell.key] = point
                continue
            self.limit[cell.key] = min(self.asked.limit_s, max(LIMIT_LEAST_S, LIMIT_FACTOR * took))
            began = self.clock()
            self.head.point(cell, self.asked.window_ms, self.asked.trials, self.limit[cell.key])
            self.cost[cell.key] = took + self.clock() - began
        for key, point in broken.items():
            reason = point.caveat if point.caveat in FAULTS else "not_measurable"
            self.skipped.append(Skipped(key, reason, f"In the base, twice: {point.sentence}."))
        return self.comparable([cell for cell in order if cell.key not in broken])

    def comparable(self, order: list[Cell]) -> list[Cell]:
        """Without those that the two builds' versions of Google Benchmark time differently."""
        versions = [program.benchmark_version for program in (self.base, self.head)]
        if versions[0] == versions[1]:
            return order
        apart = [cell for cell in order if (cell.threads or 1) > 1]
        self.skipped += [Skipped(cell.key, "benchmark_changed", f"Google Benchmark {versions[0] or 'of unknown version'} "
                                 f"and {versions[1] or 'of unknown version'} tell the time of several threads differently.")
                         for cell in apart]
        return [cell for cell in order if cell not in apart]

    def declare(self, order: list[Cell]) -> None:
        """Fixes cells, control and plan before the first pair that counts."""
        mean = sum(self.cost.values()) / len(self.cost) if self.cost else 0.0
        n = fitting([self.cost.get(cell.key, mean) for cell in order], self.plan.first, self.left())
        self.leave_out(order[n:], f"{n} of {len(order)} cells fit into the time: a pair takes {mean:.2f} s.")
        chosen = order[:n]

        def series(cell: Cell, head: Program) -> Series:
            return Series(cell, self.base, head, self.cost.get(cell.key, mean),
                          self.limit.get(cell.key, self.asked.limit_s))

        self.plan = replace(self.plan, cells=max(1, n))
        self.timed = [series(cell, self.head) for cell in chosen]
        self.control = [series(cell, self.again) for cell in chosen[: control_count(n)]]  # spread as the cells are
        for one in self.timed:
            one.plan = self.plan
        for one in self.control:
            one.plan, one.is_control = judge.control_plan(len(self.control), self.plan), True

    def round(self, members: list[Series], stage: int) -> None:
        """A pair of each, in an order drawn anew; ends early when the time is over."""
        for one in self.rng.sample(members, len(members)):
            if self.left() <= 0:
                break
            one.measure(stage, self.rng.random() < 0.5, self.asked, self.clock)
            self.tell.step(self.where(stage))
        for one in members:
            one.look()

    def where(self, stage: int) -> str:
        """For the progress line."""
        decided = sum(one.decided for one in self.timed)
        return f"stage {stage}: {decided} of {len(self.timed)} cells decided, at most {max(0.0, self.left()):.0f} s left"

    def first_stage(self) -> None:
        """All cells; the last ones, and with them some of the control, are let go where the time is not enough for all."""
        while True:
            timed, control = ([one for one in side if one.wants(1)] for side in (self.timed, self.control))
            while len(timed) + len(control) > 1 and sum(one.cost_s * one.wants(1) for one in timed + control) > self.left():
                last = (control if len(control) > control_count(len(timed)) or len(timed) == 1 else timed).pop()
                last.given_up = last.decided = True
            if not timed + control or self.left() <= 0:
                break
            self.round(timed + control, 1)
        short = sum(self.cut(one) for one in self.timed)
        if short:
            self.notes.append(f"The budget of {self.asked.budget_s:.0f} s was over before {short} of "
                              f"{len(self.timed)} cells had their first {self.plan.first} pairs.")

    def cut(self, one: Series) -> bool:
        """Whether a cell lacks pairs because the time was over, not because they failed."""
        return one.tried[1] < self.plan.first and not one.lost

    def second_stage(self) -> None:
        """Fresh pairs for candidates and undecided cells, as many cells at a time as can come to their next look.

        First come the control's candidates, for without them nothing counts; then slow candidates, undecided cells, fast
        candidates; last the control's undecided cells, which seldom tell more than they did.
        """
        while True:
            admitted, needed = [], 0.0
            for one in sorted((one for one in (*self.timed, *self.control) if one.wants(2)), key=Series.urgency):
                time_to_look = one.wants(2) * one.cost_s
                if needed + time_to_look <= self.left():
                    needed += time_to_look
                    admitted.append(one)
            if not admitted:
                break
            self.round(admitted, 2)
        open_cells = sum(one.wants(2) > 0 for one in self.timed)
        if open_cells:
            self.notes.append(f"The budget of {self.asked.budget_s:.0f} s was over while {open_cells} of "
                              f"{len(self.timed)} cells wanted more pairs.")

    def result(self, complete: bool) -> Timed:
        """What there is."""
        notes = [*self.notes, f"Cells, orders and rounds were drawn by seed {self.asked.seed}."]
        return Timed(tuple(one.pairs() for one in self.timed), tuple(one.pairs() for one in self.control),
                     tuple(self.skipped), complete, tuple(notes), self.plan)

    def invalid(self) -> str:
        """Why the run cannot be trusted, as far as its own pairs say; '' if they do not."""
        now = self.result(True)
        run = judge.judge(Measured("gate", Side("base"), Side("head"), now.cells, now.control), self.plan,
                          with_detectable=False)
        return run.control.sentence if run.verdict == INVALID else ""

    def time_for_another(self) -> bool:
        """Whether what is left is enough to choose cells again: the first stage of ten, and as much once more."""
        costs = [one.cost_s for one in self.timed]
        return fitting(costs, self.plan.first, self.left()) >= min(10, len(costs)) and \
            2 * self.plan.first * min(costs) <= self.left()


def measure(base: Program, head: Program, again: Program, asked: Asked, tell: Progress,
            clock: Callable[[], float] = time.monotonic) -> Timed:
    """Pairs of base and head, cell by cell, and of the base against `again`, its copy.

    Ctrl-C ends it with what was finished, and so does a program that cannot be started any more. Raises ToolError where
    a program cannot list its cells.
    """
    gate = Gate(base, head, again, asked, tell, clock)
    try:
        order = gate.calibrate(gate.choose())
        gate.declare(order)
        gate.first_stage()
        gate.second_stage()
        why = gate.invalid()
        if why and gate.time_for_another():
            tell.say(f"The control was rejected ({why}); all is measured once more in the time that is left.")
            gate.notes.append(f"A first try was discarded, because its control was rejected: {why}.")
            gate.cost = {one.cell.key: one.cost_s for one in gate.timed}
            gate.declare([one.cell for one in gate.timed])
            gate.first_stage()
            gate.second_stage()
        elif why:
            gate.notes.append("There was no time left to measure once more after the control was rejected.")
    except KeyboardInterrupt:
        return gate.result(False)
    except ToolError as error:
        if not gate.timed:
            raise
        return gate.result(False)._replace(error=str(error))
    return gate.result(True)
