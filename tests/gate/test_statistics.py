# SPDX-License-Identifier: MIT
"""Tests and intervals against published tables, textbook examples, and brute force."""
import itertools

import numpy as np
import pytest
from gate import statistics
from gate.statistics import bound_rank, holm, interval, sign_test, signed_rank, signed_rank_cdf
from scipy import stats

# Largest T that is significant, one-sided, for n = 5, 6, … 25. 0.05: Siegel, Nonparametric Statistics, 1956, as in
# Harvey, Chemometrics Using R, table 12.6 (to n = 20). 0.025: OEIS A226330, after McCornack, JASA 60, 1965, 864-871.
TABLE = {
    0.05: (5, [0, 2, 3, 5, 8, 10, 13, 17, 21, 25, 30, 35, 41, 47, 53, 60]),
    0.025: (6, [0, 2, 3, 5, 8, 10, 13, 17, 21, 25, 29, 34, 40, 46, 52, 58, 65, 73, 81, 89, 98, 107, 116, 126, 137, 147,
                159, 170, 182, 195, 208, 221, 235, 249, 264, 279, 294, 310, 327, 343, 361, 378, 396, 415, 434]),
}

# Hollander and Wolfe, Nonparametric Statistical Methods, 1973, p. 29 f.: Hamilton depression scale factor of nine
# patients before and after a tranquilizer; also the example of R's ?wilcox.test, with V = 40 and p = 0.01953.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
DEPRESSION = np.subtract(BEFORE, AFTER)

# Darwin, Cross and Self Fertilisation, 1876; Fisher, Design of Experiments, 1935, section 17: eighths of an inch.
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)


@pytest.mark.parametrize("alpha", TABLE)
def test_critical_values_are_those_of_the_tables(alpha):
    first, values = TABLE[alpha]
    for n, critical in enumerate(values, first):
        assert bound_rank(n, alpha) - 1 == critical, n
        cdf = signed_rank_cdf(n)
        assert cdf[critical] <= alpha < cdf[critical + 1]


def test_too_few_pairs_have_no_critical_value():
    assert bound_rank(4, 0.05) == 0 and bound_rank(5, 0.025) == 0
    assert interval([1.0, 2.0, 3.0, 4.0], 0.05)[1:3] == (-np.inf, np.inf)


def test_depression_scale_as_in_hollander_and_wolfe():
    assert signed_rank(DEPRESSION) == pytest.approx(10 / 512)  # V = 40 of 45: R prints 0.01953
    found = interval(DEPRESSION, 0.02)
    assert found.estimate == pytest.approx(0.46)
    assert (found.low, found.high) == (pytest.approx(0.010), pytest.approx(0.786))
    assert found.level == pytest.approx(1 - 2 * 10 / 512)  # the book's 96.1 %


def test_darwins_maize():
    # T- = 24: R's wilcox.test(zea) prints V = 96, p-value = 0.04126 (two-sided); 13 of 15 are positive.
    assert 2 * signed_rank(MAIZE) == pytest.approx(0.04126, abs=5e-6)
    assert 2 * sign_test(MAIZE) == pytest.approx(2 * 121 / 2**15)  # binom.test(2, 15): p-value = 0.007385
    # Fisher, section 21, permutes the values themselves and finds 863 of 32768 at or beyond 314; ranks come close.
    assert signed_rank(MAIZE) == pytest.approx(863 / 32768, rel=0.3)


@pytest.mark.parametrize("n", [5, 10, 17, 24])
def test_without_ties_it_is_scipys(n):
    rng = np.random.default_rng(n)
    for shift in (-0.3, 0.0, 0.4):
        d = rng.normal(0.1, 1, n)
        expected = stats.wilcoxon(d - shift, alternative="greater", mode="exact").pvalue
        assert signed_rank(d, shift) == pytest.approx(expected, rel=1e-12)


def brute_force(d):
    """P(rank sum of the negative ones <= seen), over all sign patterns of the non-zero differences."""
    x = np.array([v for v in d if v != 0])
    ranks = stats.rankdata(np.abs(x))
    seen = ranks[x < 0].sum()
    sums = [sum(r for r, negative in zip(ranks, pattern) if negative)
            for pattern in itertools.product([False, True], repeat=len(x))]
    return sum(s <= seen for s in sums) / len(sums)


@pytest.mark.parametrize("d", [
    [1, 1, 1, -1, 2, 2, -3, 4], [1, -1, 1, -1], [3, 3, 3, 3, 3, 3], [0, 0, 1, 2, -1], [-2, -2, -2, 5, 5],
    [100, 100, 0.01, -0.02, 0.03, 0.01]])
def test_ties_and_zeros_have_their_own_exact_distribution(d):
    assert signed_rank(np.array(d, float)) == pytest.approx(brute_force(d))


def test_nothing_but_zeros_proves_nothing():
    assert signed_rank(np.zeros(12)) == sign_test(np.zeros(12)) == 1
    assert signed_rank(np.array([])) == 1
    with pytest.raises(ValueError):
        interval(np.array([]), 0.05)


def test_rounding_of_a_division_makes_no_order():
    d = np.log([1.1, 11 / 10, 1.1000000000000003, 0.3 / 0.1 / 3 * 1.1, 1 / 1.1])
    assert signed_rank(d) == pytest.approx(brute_force([1, 1, 1, 1, -1]))


@pytest.mark.parametrize("test", statistics.TESTS)
@pytest.mark.parametrize("n, alpha", [(10, 0.05), (10, 0.025), (24, 0.0005)])
def test_a_bound_is_the_test_turned_round(test, n, alpha):
    rng = np.random.default_rng(7)
    for _ in range(20):
        d = rng.standard_t(2, n)
        found = interval(d, alpha, test)
        assert statistics.p_greater(d, found.low - 1e-9, test) <= alpha < statistics.p_greater(d, found.low + 1e-9, test)
        assert statistics.p_greater(-d, -found.high - 1e-9, test) <= alpha
        assert found.low <= found.estimate <= found.high


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(1)
    for draw in (rng.normal, lambda loc, scale, n: loc + scale * rng.standard_t(2, n)):
        hits = 0
        for _ in range(2000):
            found = interval(draw(0.3, 1.0, 10), 0.025)
            hits += found.low <= 0.3 <= found.high
        assert hits / 2000 == pytest.approx(found.level, abs=0.012)  # 2.5 standard errors
    assert found.level == pytest.approx(1 - 2 * 25 / 1024)


def test_many_pairs_are_no_trouble():
    d = np.random.default_rng(3).normal(0.02, 1, 1100)
    expected = stats.wilcoxon(d, alternative="greater", mode="approx").pvalue
    assert signed_rank(d) == pytest.approx(expected, rel=0.01)
    assert signed_rank_cdf(1100)[-1] == pytest.approx(1)


def test_holm_as_in_the_usual_example():
    # Four p-values at level 0.05: the two smallest are rejected (0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1, 1]


def test_moving_one_way():
    assert statistics.one_way([1] * 10) == pytest.approx(2 / 1024)
    assert statistics.one_way([1, -1, 0, 0]) == 1 and statistics.one_way([]) == 1


def test_a_rate_has_bounds():
    assert statistics.rate_interval(0, 200) == (0, pytest.approx(0.01828, abs=1e-5))
    assert statistics.rate_interval(200, 200)[1] == 1
    low, high = statistics.rate_interval(4, 10)  # Clopper and Pearson's own chart: 0.12 to 0.74
    assert (low, high) == (pytest.approx(0.1216, abs=1e-4), pytest.approx(0.7376, abs=1e-4))
