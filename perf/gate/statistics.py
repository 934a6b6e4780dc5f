# SPDX-License-Identifier: MIT
"""Exact tests and intervals for paired log ratios: signed ranks, signs, Hodges–Lehmann, Holm. Pure functions.

Throughout, `d` is an array of shape (n,) of ln(head / base), one per pair, without NaN; a positive one is a slowdown.
"""
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Sequence

import numpy as np
from scipy import stats

DIGITS = 12  # decimals of a log ratio below which two are told to be equal; rounding of the division is smaller
TESTS = ("signed_rank", "sign")


class Interval(NamedTuple):
    """Estimate of the log ratio with bounds that hold it with probability `level` (0–1), at least.

    `low` and `high` are -inf and inf where n pairs cannot give a bound at the level that was asked for.
    """

    estimate: float
    low: float
    high: float
    level: float


def rank_sum(x: Sequence[float], y: Sequence[float]) -> float:
    """Exact one-sided p of H0: `y` is drawn from what `x` is drawn from, or lies lower; against: it lies higher.

    1 if a side is empty. Ties have their mean rank, and the permutation distribution of these very ranks. Sources:
    Wilcoxon, Biometrics Bulletin 1, 1945; Mann and Whitney 1947; ties: Streitberg and Röhmel, 1986.
    """
    if not len(x) or not len(y):
        return 1.0
    values = np.concatenate([np.asarray(x, float), np.asarray(y, float)])
    doubled = np.rint(2 * stats.rankdata(values)).astype(int)  # mean ranks are halves
    # ways[k, t]: how many sets of k of these ranks have the sum t, as a share of all sets of len(y) of them
    ways = np.zeros((len(y) + 1, int(doubled.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    return float(ways[-1, int(doubled[len(x):].sum()):].sum() / ways[-1].sum())


def _sums(weights: np.ndarray) -> np.ndarray:
    """P(the sum of those weights that a fair coin chooses is t), t = 0 … their sum; exact while 2**n < 2**53."""
    chance = np.zeros(int(weights.sum()) + 1)
    chance[0] = 1.0
    for weight in weights:
        chance /= 2
        chance[weight:] += chance[: len(chance) - weight].copy()
    return chance


@lru_cache(maxsize=None)
def signed_rank_cdf(n: int) -> np.ndarray:
    """P(T <= t) for t = 0 … n(n+1)/2, when there are no ties; shape (n(n+1)/2 + 1,)."""
    return np.cumsum(_sums(np.arange(1, n + 1)))


def signed_rank(d: np.ndarray, shift: float = 0.0) -> float:
    """Exact one-sided p of H0: the pairs lie symmetrically about `shift` or lower, against higher.

    Differences of 0 are left out, as Wilcoxon did; ties have their mean rank and the permutation distribution of these
    very ranks. 1 if nothing is left. Source: Wilcoxon, Biometrics Bulletin 1, 1945; ties: Streitberg and Röhmel, 1986.
    """
    x = np.round(np.asarray(d, float) - shift, DIGITS)
    x = x[x != 0]
    if len(x) == 0:
        return 1.0
    doubled = np.rint(2 * stats.rankdata(np.abs(x))).astype(int)  # mean ranks are halves
    below = int(doubled[x < 0].sum())
    if len(np.unique(doubled)) == len(x):
        return float(signed_rank_cdf(len(x))[below // 2])
    return float(min(1.0, _sums(doubled)[: below + 1].sum()))


def sign_test(d: np.ndarray, shift: float = 0.0) -> float:
    """Exact one-sided p of H0: the median is at most `shift`, against higher; differences of 0 are left out."""
    x = np.round(np.asarray(d, float) - shift, DIGITS)
    above, n = int((x > 0).sum()), int((x != 0).sum())
    return float(stats.binom.sf(above - 1, n, 0.5)) if n else 1.0


def p_greater(d: np.ndarray, shift: float, test: str) -> float:
    """One-sided p of the chosen test (one of TESTS)."""
    return signed_rank(d, shift) if test == "signed_rank" else sign_test(d, shift)


def walsh(d: np.ndarray) -> np.ndarray:
    """All means of two pairs, each with itself too, ascending; `d` has shape (n,), the result (n(n+1)/2,)."""
    return np.sort(means_of_two(d))


def means_of_two(d: np.ndarray) -> np.ndarray:
    """The same in no order, for many samples at once: (…, n) becomes (…, n(n+1)/2)."""
    d = np.asarray(d, float)
    i, j = np.triu_indices(d.shape[-1])
    return (d[..., i] + d[..., j]) / 2


def hodges_lehmann(d: np.ndarray) -> float:
    """Median of the Walsh averages: the shift at which the signed ranks balance. Hodges and Lehmann, 1963."""
    return float(np.median(walsh(d)))


@lru_cache(maxsize=None)
def bound_rank(n: int, alpha: float, test: str = "signed_rank") -> int:
    """k such that the k-th smallest Walsh average (sign: pair) exceeds the true shift with probability <= alpha.

    0 if n pairs cannot bound it at this level: 2**-n > alpha.
    """
    cdf = signed_rank_cdf(n) if test == "signed_rank" else stats.binom.cdf(np.arange(n + 1), n, 0.5)
    return int(np.searchsorted(cdf, alpha * (1 + 1e-12), side="right"))


def interval(d: np.ndarray, alpha: float, test: str = "signed_rank") -> Interval:
    """Estimate with a lower and an upper bound, each wrong with probability <= alpha; `level` is what both reach.

    Signed ranks: Hodges–Lehmann and order statistics of the Walsh averages (Tukey 1949; Hollander and Wolfe, section
    3.3). Sign: median and order statistics of the pairs. Raises ValueError without pairs.
    """
    if len(d) == 0:
        raise ValueError("no pairs")
    points = walsh(d) if test == "signed_rank" else np.sort(np.asarray(d, float))
    k = bound_rank(len(d), alpha, test)
    middle = float(np.median(points))
    if k == 0:
        return Interval(middle, -np.inf, np.inf, 1.0)
    cdf = signed_rank_cdf(len(d)) if test == "signed_rank" else stats.binom.cdf(np.arange(len(d) + 1), len(d), 0.5)
    return Interval(middle, float(points[k - 1]), float(points[len(points) - k]), float(1 - 2 * cdf[k - 1]))


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values adjusted for being the whole family's, in the order given: Holm, Scand. J. Statist. 6, 1979."""
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(1.0, stepped)
    return out


def one_way(estimates: Sequence[float]) -> float:
    """Exact two-sided p of H0: each cell is as likely to move up as down; cells that did not move are left out."""
    up, down = sum(e > 0 for e in estimates), sum(e < 0 for e in estimates)
    return float(min(1.0, 2 * stats.binom.cdf(min(up, down), up + down, 0.5))) if up + down else 1.0


def rate_interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of a rate of which `hits` of `trials` were seen. Clopper and Pearson, Biometrika 26, 1934."""
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, hits, trials - hits + 1) if hits else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return float(low), float(high)
