# SPDX-License-Identifier: MIT
"""Which cells of two builds are gated by time, why the others are not, and what such a gate could find."""
from __future__ import annotations

import math
import random
from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy import stats

from .design import POWER, Plan, detectable
from .model import Skipped
from .points import RANKS, Cell, Program

CONTROL_SHARE, CONTROL_LEAST = 0.1, 10  # of the cells; it takes 10 to reject "all move one way"
FIRST_STAGE_SHARE = 0.5  # of the time that is left, at most: the rest is for candidates and for what stays undecided
START_S = 0.03  # a process until its first trial, on a busy machine
BETWEEN_S = 0.002  # around a trial
NOISES = (0.02, 0.05, 0.10, 0.20)  # for which a plan says what would be found


class Asked(NamedTuple):
    """What a gate by time was asked for. `budget_s`: all its time; the others as in Program.cells() and .point()."""

    pattern: str = ""
    threads: tuple[int, ...] | None = None
    max_slowdown: float = 0.10
    budget_s: float = 600.0
    seed: int = 1
    most_cells: int = 100
    window_ms: float = 20.0
    trials: int = 3
    limit_s: float = 10.0


def match(base: list[Cell], head: list[Cell], pattern: str) -> tuple[list[Cell], list[Skipped]]:
    """The cells that both builds have and that may be compared, in the base's order; and why others may not be.

    Without a pattern, cells that neither build asks first (rank "none") are not spoken of.
    """
    ours, theirs = ({cell.key: cell for cell in side} for side in (base, head))
    found, skipped = [], []
    for key in dict.fromkeys([*ours, *theirs]):
        one, two = ours.get(key), theirs.get(key)
        if not pattern and all(cell is None or cell.rank == RANKS.index("none") for cell in (one, two)):
            continue
        if one is None or two is None:
            skipped.append(Skipped(key, "new" if one is None else "removed"))
        elif one.fingerprint and two.fingerprint and one.fingerprint != two.fingerprint:
            skipped.append(Skipped(key, "benchmark_changed", f"The source of its workload differs ({one.fingerprint} "
                                                             f"and {two.fingerprint})."))
        elif one.params != two.params or one.threads != two.threads:
            names = [n for n in {**one.params, **two.params} if one.params.get(n) != two.params.get(n)] or ["threads"]
            skipped.append(Skipped(key, "benchmark_changed", f"Parameters differ: {', '.join(names)}."))
        elif one.oversubscribed or two.oversubscribed:
            skipped.append(Skipped(key, "oversubscribed", one.oversubscribed or two.oversubscribed))
        else:
            found.append(one if one.rank <= two.rank else two)
    return found, skipped


def in_turns(groups: list[list]) -> list:
    """One of each group, then another of each, until all are there."""
    return [group[i] for i in range(max(map(len, groups), default=0)) for group in groups if i < len(group)]


def evenly(cells: list[Cell], rng: random.Random) -> list[Cell]:
    """All cells in such an order that any beginning of it is spread over families, and in a family over thread counts.

    What a workload asks first comes first; beyond that `rng` decides.
    """
    families: dict[str, dict[int | None, list[Cell]]] = {}
    for cell in cells:
        families.setdefault(cell.key.family, {}).setdefault(cell.threads, []).append(cell)
    turns = []
    for counts in families.values():
        for members in counts.values():
            rng.shuffle(members)
            members.sort(key=lambda cell: cell.rank)  # stable
        groups = list(counts.values())
        rng.shuffle(groups)
        turns.append(in_turns(groups))
    rng.shuffle(turns)
    return in_turns(turns)


def control_count(cells: int) -> int:
    """How many of so many cells are also measured against themselves."""
    return min(cells, max(CONTROL_LEAST, math.ceil(cells * CONTROL_SHARE)))


def fitting(costs: list[float], first: int, left_s: float) -> int:
    """How many of the first cells, whose pairs take `costs` seconds, fit in half the time that is left; at least 1.

    Counted are `first` pairs of each and of the control, whose cells are as dear as the mean.
    """
    best = total = 0
    for n, cost in enumerate(costs, 1):
        total += cost
        if first * total * (1 + control_count(n) / n) <= FIRST_STAGE_SHARE * left_s:
            best = n
    return max(best, min(1, len(costs)))


def assumed_cost(asked: Asked) -> float:
    """Seconds of one pair before one was measured."""
    return 2 * (START_S + asked.trials * (asked.window_ms / 1000 + BETWEEN_S))


def found_at(noise: float, plan: Plan) -> float | None:
    """The slowdown that is found 4 times in 5 where pairs have this standard deviation (normal noise); None: none."""
    n = 50
    return detectable(noise * stats.norm.ppf((np.arange(n) + 0.5) / n), plan)


def plan_text(base: Program, head: Program, asked: Asked) -> str:
    """What a gate by time would do, with nothing run but the two programs' lists. Raises ToolError."""
    matched, skipped = match(base.cells(asked.pattern, asked.threads), head.cells(asked.pattern, asked.threads),
                             asked.pattern)
    if not matched:
        return "\n".join(["No cell can be gated by time.", *_reasons(skipped)])
    order = evenly(matched, random.Random(asked.seed))[: asked.most_cells]
    cost = assumed_cost(asked)
    plan = Plan(cells=len(order), max_slowdown=asked.max_slowdown)
    chosen = order[: fitting([cost] * len(order), plan.first, asked.budget_s)]
    plan = Plan(cells=len(chosen), max_slowdown=asked.max_slowdown)
    families = Counter(cell.key.family for cell in chosen)
    control = control_count(len(chosen))
    stage = plan.first * (len(chosen) + control) * cost
    lines = [f"{len(chosen)} of {len(matched)} cells by time: "
             + ", ".join(f"{n} {family}" for family, n in sorted(families.items())) + ".",
             f"Stage 1: {plan.first} pairs of each, and of {control} against themselves: about {_minutes(stage)} at "
             f"{cost:.2f} s per pair (assumed; a first round measures it).",
             f"Stage 2: up to {plan.looks[-1]} fresh pairs for candidates and undecided cells, "
             f"{plan.looks[-1] * cost:.0f} s for each, in what is left of {_minutes(asked.budget_s)}."]
    if len(chosen) < len(order):
        lines.append(f"The budget is too small for {len(order)} cells.")
    lines += ["", f"A slowdown found {POWER:.0%} of the time, by noise of a cell's pairs (standard deviation):"]
    for noise in NOISES:
        least = found_at(noise, plan)
        lines.append(f"  {noise:4.0%}   {'none' if least is None else f'{least:+.0%}'}")
    return "\n".join([*lines, *([""] if skipped else []), *_reasons(skipped)])


def _reasons(skipped: list[Skipped]) -> list[str]:
    return [f"Not gated, {reason.replace('_', ' ')}: {n} cell{'s' if n > 1 else ''}."
            for reason, n in Counter(one.reason for one in skipped).items()]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
