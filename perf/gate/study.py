# SPDX-License-Identifier: MIT
"""How often the gate is wrong: false positives and power over gate runs drawn from recorded A/A pairs."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .design import Plan, decide
from .model import INCONCLUSIVE, PASS, REGRESSION
from .recording import Recording
from .statistics import rate_interval

BLOCK = 5  # consecutive rounds that are drawn together, so that what lasts for a while stays together
BINS = (0.0, 0.02, 0.05, 0.10, 0.20, math.inf)  # of a cell's pair noise


class FalsePositives(NamedTuple):
    """Of `runs` A/A runs: `red` with a regression, `hidden` with too many inconclusive cells. Rest: shares of cells."""

    runs: int
    red: int
    hidden: int
    cells: int
    passed: float
    inconclusive: float

    @property
    def bounds(self) -> tuple[float, float]:
        """95 % bounds of the rate of red runs, as if runs were independent."""
        return rate_interval(self.red, self.runs)


class Power(NamedTuple):
    """Of `trials` cells of pair noise `low` … `high` slowed down by `slowdown`: how many got each verdict."""

    slowdown: float
    low: float
    high: float
    trials: int
    regression: int
    inconclusive: int
    passed: int

    def misses(self, plan: Plan) -> bool:
        """Whether more of them passed than `plan.miss` allows, beyond what chance does once in a thousand times."""
        return self.slowdown >= plan.max_slowdown and rate_interval(self.passed, self.trials, 0.998)[0] > plan.miss


def draw_rounds(rounds: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n different rounds, in blocks of BLOCK consecutive ones; shape (n,). Raises ValueError where there are too few.

    No round is drawn twice, so a drawn run is as good a run as one that was measured: its pairs are independent, and its
    rate of errors is the gate's own. (Drawn with replacement, pairs would have the recording's own median instead of
    theirs, which with 100 rounds of noise 30 % is off by 4 %: most runs that were red by it should not have been.)
    """
    blocks = rounds // BLOCK
    if n > blocks * BLOCK:
        raise ValueError(f"{n} of {rounds} rounds")
    starts = BLOCK * rng.permutation(blocks)[: -(-n // BLOCK)] + rng.integers(rounds)
    return ((starts[:, None] + np.arange(BLOCK)) % rounds).ravel()[:n]


def draw_run(d: np.ndarray, plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A gate run's pairs from `d` (cells, rounds): stage 1 (cells, plan.first) and stage 2 (cells, last look).

    All cells have the same rounds, so that what disturbed them together still does. Sides stay as they were recorded:
    a bias for one of two equal binaries is told, not hidden.
    """
    chosen = draw_rounds(d.shape[1], plan.first + plan.looks[-1], rng)
    return d[:, chosen[: plan.first]], d[:, chosen[plan.first:]]


def verdict(first: np.ndarray, fresh: np.ndarray, plan: Plan) -> str:
    """A cell's verdict when all pairs that the plan may ask for are there; missing ones (NaN) are left out."""
    return decide(first[~np.isnan(first)], fresh[~np.isnan(fresh)], plan).verdict


def false_positives(recording: Recording, plan: Plan, runs: int = 200, seed: int = 1) -> FalsePositives:
    """`runs` A/A gate runs; `plan.cells` is set to the recording's number of cells."""
    d = recording.log_ratios()
    plan = replace(plan, cells=len(d))
    rng = np.random.default_rng(seed)
    red = hidden = 0
    totals = {PASS: 0, INCONCLUSIVE: 0}
    for _ in range(runs):
        first, fresh = draw_run(d, plan, rng)
        verdicts = [verdict(a, b, plan) for a, b in zip(first, fresh)]
        red += REGRESSION in verdicts
        hidden += REGRESSION not in verdicts and verdicts.count(INCONCLUSIVE) > plan.most_hidden * len(verdicts)
        for name in totals:
            totals[name] += verdicts.count(name)
    cells = runs * len(d)
    return FalsePositives(runs, red, hidden, len(d), totals[PASS] / cells, totals[INCONCLUSIVE] / cells)


def power(recording: Recording, plan: Plan, slowdowns: tuple[float, ...] = (0.10, 0.25), runs: int = 200,
          seed: int = 2) -> list[Power]:
    """Detection of a slowdown in one cell among the recording's, `runs` times for each; by the cell's pair noise.

    In each run every bin of noise that has a cell slows down one of its cells, so each gets `runs` trials.
    """
    d = recording.log_ratios()
    plan = replace(plan, cells=len(d))
    noise = np.array([np.std(row[~np.isnan(row)], ddof=1) for row in d])
    rng = np.random.default_rng(seed)
    found = []
    for slowdown in slowdowns:
        for low, high in zip(BINS, BINS[1:]):
            members = np.flatnonzero((noise >= low) & (noise < high))
            counts = {REGRESSION: 0, INCONCLUSIVE: 0, PASS: 0}
            for _ in range(runs if len(members) else 0):
                cell = rng.choice(members)
                first, fresh = draw_run(d[cell: cell + 1] + math.log1p(slowdown), plan, rng)
                word = verdict(first[0], fresh[0], plan)
                counts[word] = counts.get(word, 0) + 1
            if len(members):
                found.append(Power(slowdown, low, high, runs, counts[REGRESSION], counts[INCONCLUSIVE], counts[PASS]))
    return found


def words(false: FalsePositives, powers: list[Power], plan: Plan) -> str:
    """The study as a page of text."""
    low, high = false.bounds
    lines = [f"{false.runs} A/A gate runs over {false.cells} cells ({plan.first} pairs, then up to {plan.looks[-1]} fresh "
             f"ones for candidates):",
             f"  red        {false.red:4d}   ({false.red / false.runs:.1%}; 95 % bounds {low:.1%} to {high:.1%})",
             f"  hidden     {false.hidden:4d}   (exit 4: more than {plan.most_hidden:.0%} of the cells inconclusive)",
             f"  cells passed {false.passed:.1%}, inconclusive {false.inconclusive:.1%}", ""]
    if powers:
        lines += ["One cell slowed down, by the noise of its pairs (standard deviation of the log ratio):",
                  "  slowdown  pair noise     regression  inconclusive  pass   trials"]
    for p in powers:
        noise = f"{p.low:.0%} to {p.high:.0%}" if math.isfinite(p.high) else f"over {p.low:.0%}"
        lines.append(f"  {p.slowdown:7.0%}   {noise:12s} {p.regression / p.trials:11.1%} {p.inconclusive / p.trials:13.1%} "
                     f"{p.passed / p.trials:5.1%} {p.trials:8d}{'   MORE THAN DECLARED' if p.misses(plan) else ''}")
    if powers:
        lines.append(f"  (declared: of cells slower by {plan.max_slowdown:.0%} or more at most {plan.miss:.0%} pass)")
    return "\n".join(lines)
