# SPDX-License-Identifier: MIT
"""Claims on cells made by hand: confirmed, refuted, inconclusive, not measured."""
import pytest
from by_hand import cell, claim, record
from plots import claims
from plots.claims import CONFIRMED, INCONCLUSIVE, NOT_MEASURED, REFUTED


def outcome(cells, asked, **more):
    (found,) = claims.evaluate_all(record(cells, claims=[asked], **more))
    return found


def pair(better, worse, **more):
    """Outcome of better ≥ worse from samples at one thread."""
    return outcome([cell("x", 1, better), cell("y", 1, worse)], claim("x", "y", **more))


TEN = [10, 10, 10, 10, 10]


@pytest.mark.parametrize("better, at_least, expected", [
    ([20, 21, 22, 23, 24], 1.0, CONFIRMED),
    ([20, 21, 22, 23, 24], 2.0, CONFIRMED),       # the interval begins at 2.0
    ([20, 21, 22, 23, 24], 2.1, INCONCLUSIVE),
    ([20, 21, 22, 23, 24], 2.4, INCONCLUSIVE),    # and ends at 2.4
    ([20, 21, 22, 23, 24], 2.5, REFUTED),
    ([9, 11, 9, 11, 9], 1.0, INCONCLUSIVE),
    ([5, 5, 5, 5, 5], 1.0, REFUTED)])
def test_the_whole_interval_decides(better, at_least, expected):
    found = pair(better, TEN, at_least=at_least)
    assert found.verdict == expected
    assert found.weakest.ratio.n == 5


def test_samples_are_paired_by_repetition():
    # Drift: both double in the second half. Unpaired the ranges overlap; pair by pair x is always 1.5 times y.
    found = pair([15, 15, 15, 30, 30], [10, 10, 10, 20, 20], at_least=1.4)
    assert found.verdict == CONFIRMED
    assert found.weakest.ratio[:3] == (1.5, 1.5, 1.5)


def test_times_are_turned_round():
    cells = [cell("x", 1, 1, latency_p99=[100] * 5), cell("y", 1, 1, latency_p99=[300] * 5)]
    found = outcome(cells, claim("x", "y", metric="latency_p99", at_least=2.0))
    assert (found.verdict, found.weakest.ratio.median) == (CONFIRMED, 3.0)


def test_two_repetitions_decide_nothing():
    assert pair([100, 100], [1, 1]).verdict == INCONCLUSIVE


def test_a_repetition_that_lacks_one_side_is_left_out():
    assert pair([None, 20, 20, 20, None], [10, 10, 10, 10, 10]).weakest.ratio.n == 3


def test_null_absent_and_unknown_are_not_measured():
    asked = claim("x", "y")
    assert outcome([cell("x", 1, None), cell("y", 1, 10)], asked).verdict == NOT_MEASURED
    assert outcome([cell("x", 1, 10)], asked).verdict == NOT_MEASURED
    assert outcome([], asked).points == ()
    assert outcome([cell("x", 1, 10), cell("y", 1, 10)], claim("x", "y", metric="nothing")).verdict == NOT_MEASURED


def test_thread_counts_from_min_threads_that_are_not_oversubscribed():
    cells = [cell(name, n, value) for n in (1, 2, 4, 8) for name, value in (("x", 20), ("y", 10))]
    assert list(outcome(cells, claim("x", "y", min_threads=2)).by_threads) == [2, 4]


def test_one_thread_count_refutes_all():
    cells = [cell("x", 2, 20), cell("y", 2, 10), cell("x", 4, 5), cell("y", 4, 10)]
    found = outcome(cells, claim("x", "y"))
    assert found.verdict == REFUTED
    assert {n: verdict for n, (verdict, _) in found.by_threads.items()} == {2: CONFIRMED, 4: REFUTED}
    assert (found.weakest.threads, found.weakest.ratio.median) == (4, 0.5)


def test_confirmed_says_what_was_not_measured():
    found = outcome([cell("x", 2, 20), cell("y", 2, 10), cell("x", 4, 20), cell("y", 4, None)], claim("x", "y"))
    assert (found.verdict, found.unmeasured) == (CONFIRMED, 1)


def test_params_select_and_free_ones_are_compared_pairwise():
    cells = [cell("x", 1, v, {"a": a, "b": b}) for a, b, v in ((1, 1, 20), (1, 2, 40), (2, 1, 1))]
    cells += [cell("y", 1, 10, {"a": a, "b": b}) for a, b in ((1, 1), (1, 2), (2, 1))]
    found = outcome(cells, claim("x", "y", params={"a": 1}))
    assert [(p.params, p.ratio.median) for p in found.points] == [((("b", 1),), 2.0), ((("b", 2),), 4.0)]
    assert found.verdict == CONFIRMED


def test_two_parameters_of_one_primitive():
    cells = [cell("x", 1, 30, {"a": 0, "b": 7}), cell("x", 1, 10, {"a": 9, "b": 7})]
    found = outcome(cells, claim("x", "x", at_least=2.5, better_params={"a": 0}, worse_params={"a": 9}))
    assert (found.verdict, found.points[0].params, found.weakest.ratio.median) == (CONFIRMED, (("b", 7),), 3.0)


def test_parameters_that_follow_the_threads_need_not_be_equal():
    cells = [cell("x", 3, 20, {"producers": 1}), cell("y", 3, 10, {"producers": 2})]
    assert outcome(cells, claim("x", "y")).verdict == NOT_MEASURED
    assert outcome(cells, claim("x", "y"), workload={"follows_threads": ["producers"]}).verdict == CONFIRMED
