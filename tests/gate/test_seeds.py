# SPDX-License-Identifier: MIT
"""Simulated cells under several seeds: the exact test, and that being out of step is not being slower."""
import itertools
import math

import numpy as np
import pytest
import scipy.stats
from gate import seeds


@pytest.mark.parametrize("m, n", [(1, 1), (3, 4), (5, 2), (6, 6)])
def test_p_is_that_of_enumeration(m, n):
    values = range(m + n)
    counts = []
    for chosen in itertools.combinations(values, n):
        base = [v for v in values if v not in chosen]
        counts.append((base, list(chosen), sum(h > b for h in chosen for b in base)))
    for base, head, u in counts:
        assert seeds.p_greater(base, head) == pytest.approx(sum(other >= u for *_, other in counts) / len(counts))


def test_p_is_scipy_s():
    rng = np.random.default_rng(1)
    for _ in range(20):
        base, head = rng.normal(0, 1, 10), rng.normal(0.5, 1, 10)
        expected = scipy.stats.mannwhitneyu(head, base, alternative="greater", method="exact").pvalue
        assert seeds.p_greater(tuple(base), tuple(head)) == pytest.approx(expected)


def test_ties_prove_nothing():
    assert seeds.p_greater((1.0,) * 10, (1.0,) * 10) == 1.0
    assert seeds.p_greater(tuple(range(10)), tuple(range(10))) > 0.5


def test_smallest_p_is_within_the_level():
    assert 1 / math.comb(20, 10) < seeds.LEVEL
    assert seeds.worse("ns_per_op", (10.0,) * 10, (10.21,) * 10)


@pytest.mark.parametrize("metric, base, head, worse", [
    ("ns_per_op", (10.0,) * 10, (10.19,) * 10, False),  # below the floor of 2 %
    ("line_transfers_per_op", (0.001,) * 10, (0.004,) * 10, False),  # below 0.005 per operation
    ("line_transfers_per_op", (0.0,) * 10, (1.0,) * 10, True),
    ("ns_per_op", (10.0,) * 10, (None,) * 10, True), ("ns_per_op", (None,) * 10, (10.0,) * 10, False),
    ("ns_per_op", (10.0,) * 10, (9.0,) * 10, False), ("ns_per_op", (), (), False)])
def test_worse(metric, base, head, worse):
    assert seeds.worse(metric, base, head) is worse


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.3])
def test_a_cell_that_is_out_of_step_is_hardly_ever_called_worse(spread):
    rng = np.random.default_rng(7)
    wrong = sum(seeds.worse("ns_per_op", tuple(a), tuple(b))
                for a, b in (np.exp(rng.normal(0, spread, (2, 10))) for _ in range(5_000)))
    assert wrong <= 3  # expected: at most one in 5,000
    found = sum(seeds.worse("ns_per_op", tuple(a), tuple(b * (1 + 4 * spread)))
                for a, b in (np.exp(rng.normal(0, spread, (2, 10))) for _ in range(300)))
    assert found >= 240


def test_words():
    assert seeds.words("ns_per_op", (1.0, 2.0, 3.0), (2.5, None, 2.5)) == "over 3 seeds ns_per_op 2 (1 … 3) → 2.5"
    assert seeds.words("ns_per_op", (1.0,), (None,)) == "over 1 seeds ns_per_op 1 → none"
