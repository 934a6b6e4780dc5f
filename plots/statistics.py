# SPDX-License-Identifier: MIT
"""Medians, order-statistics intervals and paired ratios: pure functions of a handful of samples."""
from __future__ import annotations

from math import comb
from typing import NamedTuple, Sequence


class Interval(NamedTuple):
    """A median with its interval; `level` is the confidence that the interval really has (0–1), `n` the samples."""

    median: float
    low: float
    high: float
    level: float
    n: int


def coverage(n: int, rank: int) -> float:
    """Probability that the population's median lies between the rank-th smallest and rank-th largest of n samples.

    rank counts from 1 and is at most (n + 1) // 2: 1 - 2 * P(Binomial(n, 1/2) < rank).
    """
    return 1.0 - 2.0 * sum(comb(n, k) for k in range(rank)) / 2.0**n


def median_interval(samples: Sequence[float], confidence: float) -> Interval:
    """Median and the narrowest symmetric order-statistics interval that reaches `confidence` (0–1).

    With too few samples for that level: smallest and largest, and `level` says what they reach (5 samples: 0.9375).
    Raises ValueError without samples.
    """
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    ranks = [r for r in range(1, (n + 1) // 2 + 1) if coverage(n, r) >= confidence - 1e-9]
    rank = max(ranks, default=1)
    return Interval(middle, ordered[rank - 1], ordered[n - rank], max(0.0, coverage(n, rank)), n)


def paired_ratio(over: Sequence[float | None], under: Sequence[float | None], confidence: float) -> Interval | None:
    """Median of over[i] / under[i] with its interval; repetitions that lack a number, or divide by 0, are left out.

    None if no repetition has both.
    """
    ratios = [a / b for a, b in zip(over, under) if a is not None and b is not None and b > 0]
    return median_interval(ratios, confidence) if ratios else None


def less_is_better(metric: str, unit: str) -> bool:
    """Whether a smaller number is the better one: times, and everything that is counted per operation."""
    if metric in ("throughput", "jain_fairness", "min_share", "overlap"):
        return False
    return unit in ("ns", "us", "µs", "ms", "s") or metric.endswith("_per_op") or metric in (
        "self_handoff", "max_share", "involuntary_switches", "voluntary_switches", "steal")
