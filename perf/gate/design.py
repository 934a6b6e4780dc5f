# SPDX-License-Identifier: MIT
"""The two-stage design: which evidence, declared before the first pair, makes a cell pass, regress or stay open."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .model import FAILED, IMPROVEMENT, INCONCLUSIVE, PASS, REGRESSION
from .statistics import TESTS, Interval, bound_rank, hodges_lehmann, interval, means_of_two, p_greater

SLOW, FAST, OPEN = "slow candidate", "fast candidate", "undecided"
POWER = 0.8  # probability with which the "minimum detectable" slowdown is found


class PlanError(ValueError):
    """The plan cannot be carried out; str() is one sentence with the argument, its value and what was expected."""


@dataclass(frozen=True)
class Plan:
    """Declared before the first pair. Shares are 0–1 (0.10: 10 %).

    A slowdown of `max_slowdown` is what the gate must find: a cell passes only if it is excluded. What is proven slower
    than `floor`, with an estimate of `least` or more, is a regression. `cells`: how many timed cells share `budget`, the
    probability of any false regression. `screen`: one-sided level of the first stage, of `first` pairs. `looks`: numbers
    of fresh pairs after which the second stage may decide; they share its level. `open_share`: part of the budget kept
    for cells that the first stage left undecided. `miss`: probability of passing a cell that is slower by max_slowdown.
    `strictest`: no p above it is a regression, however few the cells.
    """

    cells: int
    max_slowdown: float = 0.10
    floor: float | None = None
    least: float | None = None
    first: int = 10
    looks: tuple[int, ...] = (24, 40)
    screen: float = 0.05
    budget: float = 0.01
    open_share: float = 0.2
    miss: float = 0.02
    strictest: float = 0.01
    most_hidden: float = 0.2
    test: str = "signed_rank"
    design: str = "two_stage"

    def __post_init__(self):
        if self.floor is None:
            object.__setattr__(self, "floor", self.max_slowdown / 5)
        if self.least is None:
            object.__setattr__(self, "least", max(self.floor, 0.3 * self.max_slowdown))
        rules = (
            (0 < self.max_slowdown <= 10, "max_slowdown", "a share above 0, such as 0.10"),
            (0 <= self.floor <= self.max_slowdown, "floor", f"a share from 0 to max_slowdown, {self.max_slowdown:g}"),
            (self.floor <= self.least <= self.max_slowdown, "least", "a share from floor to max_slowdown"),
            (self.cells >= 1, "cells", "at least 1"),
            (self.first >= 5, "first", "at least 5 pairs, or no p can be below 0.05"),
            (bool(self.looks) and min(self.looks) >= 6 and list(self.looks) == sorted(set(self.looks)), "looks",
             "ascending numbers of pairs, 6 or more each"),
            (0 < self.screen < 1 and 0 < self.budget < 1 and 0 < self.miss < 1, "budget", "levels between 0 and 1"),
            (0 <= self.open_share < 1, "open_share", "a share from 0 to below 1"),
            (self.test in TESTS, "test", " or ".join(TESTS)),
            (self.design in ("two_stage", "holm"), "design", "two_stage or holm"),
        )
        for holds, name, expected in rules:
            if not holds:
                raise PlanError(f"{name} is {getattr(self, name)}, expected {expected}.")

    def limit(self, kind: str) -> float:
        """The level that one look of the second stage has for a cell of this kind."""
        if kind == OPEN:
            level = self.budget * self.open_share / self.cells
        else:  # a cell gets here by chance with probability `screen`
            level = self.budget * (1 - self.open_share) / (self.screen * self.cells)
        return min(self.strictest, level) / len(self.looks)

    @property
    def first_miss(self) -> float:
        """One-sided level of the first stage's upper bound."""
        return self.miss / 2

    @property
    def look_miss(self) -> float:
        """One-sided level of the upper bound at each look of the second stage."""
        return self.miss / 2 / len(self.looks)


class Decision(NamedTuple):
    """A cell so far. `verdict` is what could be said now; `wants` is how many fresh pairs it still needs, 0 when done.
    A slow candidate is never PASS while it wants some: what chose it says that it is slower, and nothing yet that it is not.

    `estimate`, `low`, `high`: log ratios, None where there is none; `p` None where no test was made.
    """

    verdict: str
    wants: int
    rule: str
    estimate: float | None
    low: float | None
    high: float | None
    level: float | None
    p: float | None
    limit: float | None
    pairs: int


def excluded(bounds: Interval, plan: Plan) -> bool:
    """Whether a slowdown of max_slowdown is excluded, and not by luck alone: about an estimate of 0 the same bound would
    exclude it, too. Where noise is wider than that, a low estimate is no evidence."""
    ceiling = math.log1p(plan.max_slowdown)
    return bounds.high < ceiling and bounds.high - bounds.estimate < ceiling


def decide(first: np.ndarray, fresh: np.ndarray, plan: Plan) -> Decision:
    """The state of one cell after `first` (n,) log ratios of stage 1 and `fresh` (m,) of stage 2.

    Only the first plan.first and, at a look, the first plan.looks[i] of them count, so that asking again after more
    pairs than were declared changes nothing. The runner measures `wants` more and asks again.
    """
    if len(first) < plan.first:
        return Decision(INCONCLUSIVE, plan.first - len(first), "too few pairs", None, None, None, None, None, None,
                        len(first))
    first = first[: plan.first]
    bounds = interval(first, plan.first_miss, plan.test)
    slow, fast = (p_greater(sign * first, 0.0, plan.test) for sign in (1, -1))
    passes = excluded(bounds, plan)
    kind = SLOW if slow <= plan.screen else FAST if fast <= plan.screen else OPEN
    p = fast if kind == FAST else slow
    so_far = PASS if passes and kind != SLOW else INCONCLUSIVE
    now = Decision(so_far, 0, "first stage", *bounds, p, plan.screen, len(first))
    if kind == OPEN and passes:
        return now
    now = now._replace(rule=f"first stage, {kind}", wants=plan.looks[0] - len(fresh))
    for i, look in enumerate(plan.looks):
        if len(fresh) < look:
            return now._replace(wants=look - len(fresh))
        now = _look(fresh[:look], kind, plan, last=i == len(plan.looks) - 1)
        if now.wants == 0:
            return now
    return now


def _look(d: np.ndarray, kind: str, plan: Plan, last: bool) -> Decision:
    """One look of the second stage at its fresh pairs alone; `wants` is 1 where it asks for the next look."""
    bounds = interval(d, plan.look_miss, plan.test)
    sign = -1 if kind == FAST else 1
    p = p_greater(sign * d, math.log1p(plan.floor), plan.test)
    limit = plan.limit(kind)
    far = sign * bounds.estimate >= math.log1p(plan.least)
    here = Decision(INCONCLUSIVE, 0, f"second stage, {kind}", *bounds, p, limit, len(d))
    if p <= limit and far:
        return here._replace(verdict=IMPROVEMENT if kind == FAST else REGRESSION)
    passes = excluded(bounds, plan)
    done = last or (kind == OPEN and passes)  # a candidate has all its looks, or what is small would be missed
    told = passes and (done or kind != SLOW)
    return here._replace(verdict=PASS if told else INCONCLUSIVE, wants=0 if done else 1)


def most_false(plan: Plan) -> float:
    """The probability of any false regression that the plan allows among unchanged cells: at most `budget`."""
    levels = plan.screen * plan.limit(SLOW) + (1 - plan.screen) * plan.limit(OPEN)
    return 1 - (1 - len(plan.looks) * levels) ** plan.cells


def detectable(d: np.ndarray, plan: Plan, draws: int = 200, seed: int = 1) -> float | None:
    """The smallest slowdown (0.10: 10 %) that the plan would call a regression with probability POWER.

    The pairs `d` (n,), moved so that they balance at 0, stand for the cell's noise; stages are drawn from them with
    replacement. None where there are too few pairs or no slowdown would do. A draw is found from a shift on that its
    own Walsh averages give, so one set of draws has the whole power curve.
    """
    if len(d) < (plan.first if plan.design == "two_stage" else 5):
        return None
    noise = (d - (hodges_lehmann(d) if plan.test == "signed_rank" else np.median(d))) * math.sqrt(len(d) / (len(d) - 1))
    rng = np.random.default_rng(seed)
    stages = ((plan.first, plan.screen, 0.0), (plan.looks[-1], plan.limit(SLOW), math.log1p(plan.floor)))
    needed = np.full(draws, -np.inf)
    for n, level, against in stages if plan.design == "two_stage" else ((len(d), plan.budget / plan.cells, 0.0),):
        k = bound_rank(n, level, plan.test)
        if k == 0:
            return None
        sample = rng.choice(noise, (draws, n))
        points = means_of_two(sample) if plan.test == "signed_rank" else sample
        middle = points.shape[-1] // 2
        points = np.partition(points, (k - 1, middle), axis=-1)
        needed = np.maximum(needed, against - points[:, k - 1])
        if against:
            needed = np.maximum(needed, math.log1p(plan.least) - points[:, middle])
    found = float(np.quantile(needed, POWER))
    return math.expm1(found) if found < FAILED / 4 else None
