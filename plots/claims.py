# SPDX-License-Identifier: MIT
"""Judges what theory expects against what was measured: paired by repetition, per thread count and overall."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from .record import Cell, Claim, Record
from .statistics import Interval, less_is_better, paired_ratio

CONFIRMED, REFUTED, INCONCLUSIVE, NOT_MEASURED = "confirmed", "refuted", "inconclusive", "not measured"
MIN_PAIRS = 3  # fewer repetitions than this decide nothing


@dataclass(frozen=True)
class Point:
    """One comparison: `better` against `worse` at one thread count and one set of the parameters left free.

    `ratio` is how many times better `better` is (times and costs turned round), None where not both have numbers.
    """

    threads: int
    params: tuple[tuple[str, Any], ...]
    verdict: str
    ratio: Interval | None


@dataclass(frozen=True)
class Outcome:
    """What became of a claim. `weakest` is the measured point with the smallest ratio, or None."""

    claim: Claim
    verdict: str
    points: tuple[Point, ...]
    weakest: Point | None

    @property
    def by_threads(self) -> dict[int, tuple[str, Point | None]]:
        """Thread count -> verdict over its points, and its weakest point."""
        found = {}
        for n in sorted({p.threads for p in self.points}):
            points = [p for p in self.points if p.threads == n]
            found[n] = (overall(p.verdict for p in points), weakest(points))
        return found

    @property
    def unmeasured(self) -> int:
        return sum(p.verdict == NOT_MEASURED for p in self.points)


def overall(verdicts: Iterable[str]) -> str:
    """One verdict of many: refuted if any is; confirmed if all that were measured are; else inconclusive."""
    measured = [v for v in verdicts if v != NOT_MEASURED]
    if not measured:
        return NOT_MEASURED
    if REFUTED in measured:
        return REFUTED
    return CONFIRMED if all(v == CONFIRMED for v in measured) else INCONCLUSIVE


def weakest(points: Iterable[Point]) -> Point | None:
    """The measured point with the smallest ratio."""
    return min((p for p in points if p.ratio), key=lambda p: p.ratio.median, default=None)


def decide(ratio: Interval | None, at_least: float, exact: bool = False) -> str:
    """Confirmed: the whole interval is at or above `at_least`; refuted: the whole of it is below.

    `exact`: the numbers are the same in every run, so that one pair decides.
    """
    if ratio is None:
        return NOT_MEASURED
    if ratio.n < MIN_PAIRS and not exact:
        return INCONCLUSIVE
    if ratio.low >= at_least:
        return CONFIRMED
    return REFUTED if ratio.high < at_least else INCONCLUSIVE


def _matching(record: Record, claim: Claim, primitive: str, params: dict[str, Any]) -> dict[tuple, Cell]:
    """Cells of one side, keyed by thread count, placement and the parameters that the claim leaves free."""
    fixed = {*claim.params, *claim.better_params, *claim.worse_params,
             *record.workload(claim.family, claim.workload).follows_threads}
    found = {}
    for cell in record.timed:
        if (cell.family, cell.workload, cell.primitive) != (claim.family, claim.workload, primitive):
            continue
        if any(cell.params.get(name) != value for name, value in params.items()):
            continue
        if cell.threads < claim.min_threads or cell.threads in record.oversubscribed:
            continue
        free = tuple(sorted((k, v) for k, v in cell.params.items() if k not in fixed))
        found[cell.threads, free, cell.placement] = cell
    return found


def compare(better: Cell | None, worse: Cell | None, metric: str, confidence: float) -> Interval | None:
    """How many times better `better` is in `metric`, per repetition; None where not both were measured."""
    one, other = (cell.metrics.get(metric) if cell else None for cell in (better, worse))
    if one is None or other is None or one.value is None or other.value is None:
        return None
    if less_is_better(metric, one.unit):
        one, other = other, one
    return paired_ratio(one.samples or (one.value,), other.samples or (other.value,), confidence)


def evaluate(record: Record, claim: Claim) -> Outcome:
    """The outcome of one claim on this record."""
    better = _matching(record, claim, claim.better, {**claim.params, **claim.better_params})
    worse = _matching(record, claim, claim.worse, {**claim.params, **claim.worse_params})
    points = []
    for key in sorted({*better, *worse}, key=lambda k: (k[0], repr(k))):
        ratio = compare(better.get(key), worse.get(key), claim.metric, record.confidence)
        points.append(Point(key[0], key[1], decide(ratio, claim.at_least, record.exact), ratio))
    return Outcome(claim, overall(p.verdict for p in points), tuple(points), weakest(points))


def evaluate_all(record: Record) -> list[Outcome]:
    """The outcomes of all claims, in the order of the record."""
    return [evaluate(record, claim) for claim in record.claims]
