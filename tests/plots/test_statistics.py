# SPDX-License-Identifier: MIT
"""Medians, intervals and ratios against answers worked out by hand."""
import pytest
from plots import statistics
from plots.statistics import less_is_better, median_interval, paired_ratio


@pytest.mark.parametrize("n, rank, expected", [
    (5, 1, 1 - 2 / 32), (5, 2, 1 - 12 / 32), (3, 1, 0.75), (1, 1, 0.0), (2, 1, 0.5), (6, 1, 1 - 2 / 64),
    (10, 2, 1 - 22 / 1024)])
def test_coverage_of_order_statistics(n, rank, expected):
    assert statistics.coverage(n, rank) == pytest.approx(expected)


def test_five_samples_at_their_own_level_give_the_extremes():
    assert median_interval([5, 1, 4, 2, 3], 0.9375) == (3, 1, 5, 0.9375, 5)


def test_a_lower_level_takes_inner_samples():
    assert median_interval([5, 1, 4, 2, 3], 0.6) == (3, 2, 4, 0.625, 5)


def test_ten_samples_at_95_percent_drop_one_on_each_side():
    found = median_interval(range(1, 11), 0.95)
    assert found[:3] == (5.5, 2, 9)
    assert found.level == pytest.approx(0.978515625)


def test_too_few_samples_say_what_level_they_reach():
    assert median_interval([2, 1], 0.95) == (1.5, 1, 2, 0.5, 2)
    assert median_interval([7], 0.95) == (7, 7, 7, 0.0, 1)


def test_no_samples_are_an_error():
    with pytest.raises(ValueError):
        median_interval([], 0.95)


def test_ratio_is_paired_not_of_medians():
    # Medians are 20 and 10 (ratio 2); pair by pair the ratios are 1, 10, 0.5, 3, 4: median 3.
    over, under = [10, 100, 5, 30, 20], [10, 10, 10, 10, 5]
    assert paired_ratio(over, under, 0.9375)[:3] == (3, 0.5, 10)


def test_pairs_with_a_gap_or_a_zero_are_left_out():
    found = paired_ratio([None, 4, 6, 8], [1, None, 0, 2], 0.9)
    assert (found.median, found.n) == (4, 1)
    assert paired_ratio([None], [1], 0.9) is None


@pytest.mark.parametrize("metric, unit, expected", [
    ("throughput", "1/s", False), ("jain_fairness", "1", False), ("latency_p99", "ns", True), ("ns_per_op", "ns", True),
    ("cpu_ns_per_op", "ns", True), ("failed_per_op", "1", True), ("self_handoff", "0-1", True), ("overlap", "1", False),
    ("line_transfers_per_op", "1", True), ("throttled_ms", "ms", True), ("involuntary_switches", "1/s", True)])
def test_direction_of_metrics(metric, unit, expected):
    assert less_is_better(metric, unit) is expected
