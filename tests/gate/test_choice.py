# SPDX-License-Identifier: MIT
"""Which cells are gated by time, evenly, and what a plan says before anything has run."""
import random
from collections import Counter

import programs
import pytest
from gate import choice
from gate.choice import Asked, control_count, evenly, fitting, match
from programs import cell


def reasons(skipped):
    return {one.key.name: (one.reason, one.detail) for one in skipped}


def test_cells_of_both_sides_are_matched_and_others_say_why():
    base = [cell(0), cell(1), cell(2, fingerprint="a" * 16), cell(3, params={"i": 3, "j": 1}), cell(4),
            cell(5, oversubscribed="8 threads on 4 usable processors."), cell(6, fingerprint=None)]
    head = [cell(0), cell(7), cell(2, fingerprint="b" * 16), cell(3, params={"i": 3, "j": 2}), cell(4, rank=2), cell(5),
            cell(6)]
    found, skipped = match(base, head, "")
    assert [one.key for one in found] == [cell(0).key, cell(4).key, cell(6).key]
    assert reasons(skipped) == {
        cell(1).key.name: ("removed", ""), cell(7).key.name: ("new", ""),
        cell(2).key.name: ("benchmark_changed", f"The source of its workload differs ({'a' * 16} and {'b' * 16})."),
        cell(3).key.name: ("benchmark_changed", "Parameters differ: j."),
        cell(5).key.name: ("oversubscribed", "8 threads on 4 usable processors.")}


def test_side_questions_are_gated_only_if_somebody_asks():
    base, head = [cell(0, rank=3), cell(1, rank=3), cell(2)], [cell(0, rank=3), cell(1, rank=0), cell(3, rank=3)]
    found, skipped = match(base, head, "")
    assert [one.key for one in found] == [cell(1).key] and list(reasons(skipped)) == [cell(2).key.name]
    found, skipped = match(base, head, "work")
    assert len(found) == 2 and len(skipped) == 2


def many():
    return [cell(i, family, threads, rank=i % 3) for family, n in (("lock", 40), ("queue", 10), ("rcu", 3))
            for threads in (1, 2, 4) for i in range(n)]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_beginning_is_spread_over_families_and_threads(seed):
    order = evenly(many(), random.Random(seed))
    assert sorted(order, key=str) == sorted(many(), key=str)
    begin = order[:27]
    assert Counter(c.key.family for c in begin) == {"lock": 9, "queue": 9, "rcu": 9}
    assert set(Counter((c.key.family, c.threads) for c in begin).values()) == {3}
    assert all(c.rank == 0 for c in begin if c.key.family != "rcu")
    assert order == evenly(many(), random.Random(seed)) != evenly(many(), random.Random(seed + 1))


def test_a_tenth_is_the_control_and_at_least_ten():
    assert [control_count(n) for n in (0, 3, 10, 50, 100, 101, 300)] == [0, 3, 10, 10, 10, 11, 30]


def test_cells_fit_into_half_of_the_time():
    assert fitting([0.2] * 100, 10, 600.0) == 100  # 110 series of 10 pairs: 220 s
    assert fitting([0.2] * 100, 10, 440.0) == 100
    assert fitting([0.2] * 100, 10, 439.9) == 99
    assert fitting([0.2] * 100, 10, 60.0) == 7     # 14 series of 10 pairs: 28 s
    assert fitting([0.2] * 100, 10, 0.0) == 1 and fitting([], 10, 60.0) == 0
    assert fitting([0.2, 9.0, 0.2], 10, 60.0) == 1


def test_a_plan_says_what_would_be_found_and_runs_nothing():
    clock = programs.Clock()
    base, head = (programs.Planted(many() + extra, clock) for extra in ([], [cell(99)]))
    text = choice.plan_text(base, head, Asked(budget_s=600))
    assert base.asked == head.asked == []
    assert text.startswith("100 of 159 cells by time: 61 lock, 30 queue, 9 rcu.\n")
    assert "10 pairs of each, and of 10 against themselves: about 3.5 min at 0.19 s per pair" in text
    assert "   5%   +6%" in text and "  20%   +21%" in text
    assert "Not gated, new: 1 cell." in text
    assert "The budget is too small for 100 cells." in choice.plan_text(base, head, Asked(budget_s=100))
    assert choice.plan_text(base, head, Asked(pattern="none such")) == "No cell can be gated by time."
