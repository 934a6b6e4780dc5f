# SPDX-License-Identifier: MIT
"""Verdicts on cells and on runs, from runs with planted answers."""
import math
from dataclasses import replace

import cases
import numpy as np
import pytest
from gate import exact
from gate.design import PlanError
from gate.judge import judge
from gate.model import REASONS, Exact, Key, Pairs, Skipped

CLEAN = [(0.0, 0.02)] * 30


def of(run, i):
    """The verdict on the i-th made-up cell."""
    return next(c for c in run.cells if c.key == cases.key(i))


def planted(shift, sd=0.02, **more):
    """The verdict on 30 clean cells of which cell 7 is slower by `shift` (0.1: 10 %)."""
    cells = list(CLEAN)
    cells[7] = (math.log1p(shift), sd)
    return judge(*cases.gate(cells, **more))


@pytest.mark.parametrize("seed", range(5))
def test_base_equal_to_head_is_ok(seed):
    run = judge(*cases.gate(CLEAN, seed=seed))
    assert (run.verdict, run.exit_code, run.hidden) == ("ok", 0, 0)
    assert run.counted()["pass"] == 30 and not run.control.rejected
    assert run.sentence == "No regression in 30 cells."


@pytest.mark.parametrize("shift", [0.05, 0.10, 0.25, 1.0])
def test_a_planted_slowdown_is_named(shift):
    run = planted(shift)
    assert (run.verdict, run.exit_code) == ("regression", 1)
    assert [c.key for c in run.cells if c.verdict == "regression"] == [cases.key(7)] == [run.cells[0].key]
    found = run.cells[0]
    assert found.low < 1 + shift < found.high and found.p <= found.limit
    assert str(cases.key(7)) in run.sentence and run.sentence.startswith("time: ")


def test_a_planted_speedup_is_told_and_is_no_error():
    run = planted(-0.2)
    assert run.exit_code == 0 and of(run, 7).verdict == "improvement"


def test_noise_that_hides_a_slowdown_is_inconclusive_with_what_it_would_find():
    run = planted(0.10, sd=0.3)
    found = of(run, 7)
    assert found.verdict == "inconclusive" and 0.1 < found.detectable < 1
    assert run.exit_code == 0 and "1 stays inconclusive" in run.sentence  # one of thirty
    assert f"{found.detectable:+.0%} or more would be found 80% of the time" in found.sentence


def test_noise_in_more_than_a_fifth_of_the_cells_is_exit_4():
    cells = [(0.0, 0.02)] * 24 + [(0.0, 0.6)] * 6
    run = judge(*cases.gate(cells))
    assert (run.verdict, run.exit_code, run.hidden) == ("ok", 0, 0.2)  # exactly a fifth is not more
    run = judge(*cases.gate(cells + [(0.0, 0.6)]))
    assert (run.verdict, run.exit_code) == ("inconclusive", 4)


def test_exact_cells_do_not_dilute_what_noise_hides():
    same = [cases.simulated(i, (1.0, 5.0), (1.0, 5.0)) for i in range(100)]
    run = judge(*cases.gate([(0.0, 0.6)] * 4, exact=same))
    assert run.exit_code == 4 and run.hidden == 1


def test_a_regression_wins_over_everything():
    run = judge(*cases.gate([(0.0, 0.6)] * 5 + [(0.5, 0.02)]))
    assert run.exit_code == 1


def with_control(shift, sd=0.02, cells=12):
    measured, plan = cases.gate(CLEAN)
    rng = np.random.default_rng(4)
    return judge(replace(measured, control=tuple(cases.pairs(i, rng, shift, sd) for i in range(cells))), plan)


def test_a_control_cell_that_differs_from_itself_makes_the_run_invalid():
    run = with_control(0.06)
    assert (run.verdict, run.exit_code) == ("invalid", 4) and "differs from itself" in run.sentence
    assert with_control(-0.06).exit_code == 4


def test_control_cells_that_all_move_one_way_make_it_invalid():
    run = with_control(0.01, 0.002)  # 1 % each: far below the effect floor, but the machine or the path has a side
    assert run.exit_code == 4 and "12 of 12 control cells moved the same way" in run.sentence
    assert with_control(0.01, 0.002, cells=5).exit_code == 0  # five are too few to say


def test_controls_of_unchanged_programs_are_rarely_rejected():
    rejected = sum(judge(*cases.gate([(0.0, 0.02)], seed=seed), with_detectable=False).control.rejected
                   for seed in range(150))
    assert rejected <= 4  # level 0.01; the sign test's part of it is 0.0005 for 12 cells


def test_nothing_compared_is_exit_3():
    assert judge(*cases.gate([], control=0)).exit_code == 3
    run = judge(*cases.gate([], control=0, skipped=[Skipped(cases.key(1), "new")]))
    assert (run.verdict, run.exit_code) == ("nothing_compared", 3)


def one(base, head, failed=None, stage=None):
    """The verdict on a single cell of these pairs."""
    n = len(base)
    cell = Pairs(cases.key(0), tuple(base), tuple(head), tuple(stage or [1] * 10 + [2] * (n - 10)), failed=failed or {})
    measured, plan = cases.gate([], control=0)
    return judge(replace(measured, cells=(cell,)), plan).cells[0]


def test_a_head_that_hangs_where_the_base_does_not_is_a_regression():
    found = one([10.0] * 50, [None] * 50, {i: ("head", "timeout") for i in range(50)})
    assert found.verdict == "regression" and (found.ratio, found.low, found.high) == (None, None, None)
    assert found.sentence == "the head failed in 24 of 24 pairs in which the base did not"


def test_a_head_that_hangs_now_and_then_is_not_passed_in_silence():
    rng = np.random.default_rng(2)
    base = 10 * np.exp(rng.normal(0, 0.01, 50))
    head = [None if i % 3 == 0 else float(v) for i, v in enumerate(base * np.exp(rng.normal(0, 0.01, 50)))]
    found = one(list(base), head, {i: ("head", "timeout") for i in range(0, 50, 3)})
    assert found.verdict == "inconclusive" and found.head_failed > 5


@pytest.mark.parametrize("caveat, reason", [("timeout", "timeout"), ("crashed", "crashed"), ("", "not_measurable"),
                                            ("check_failed", "check_failed"), ("steal", "not_measurable")])
def test_a_base_that_fails_is_not_gated_and_says_why(caveat, reason):
    found = one([None] * 10, [1.0] * 10, {i: ("base", caveat) for i in range(10)})
    assert (found.verdict, found.reason) == ("not_gated", reason)
    assert found.sentence.startswith(REASONS[reason]) and "10 of 10 pairs" in found.sentence


def test_a_base_that_failed_once_is_still_compared():
    found = one([None] + [1.0] * 9, [1.0] * 10, {0: ("base", "timeout")})
    assert found.verdict in ("pass", "inconclusive")


def test_pairs_that_are_missing_on_both_sides():
    found = one([None] * 10, [None] * 10, {i: ("both", "timeout") for i in range(10)})
    assert (found.verdict, found.reason) == ("not_gated", "timeout")
    assert one([], [], stage=[]).reason == "too_few_pairs"
    assert one([1.0] * 4, [1.0] * 4, stage=[1] * 4).reason == "too_few_pairs"


def test_a_budget_for_fewer_cells_is_refused():
    measured, plan = cases.gate(CLEAN)
    with pytest.raises(PlanError, match="cells is 29, expected at least the number of timed cells, 30"):
        judge(measured, replace(plan, cells=29))


def test_slow_candidates_that_had_no_time_for_fresh_pairs_hide_their_cells():
    d = np.array([-5, 4, -3, 2, -1, 1.5, -2.5, 3.5, -4.5, 5.5]) * 1e-3 + 0.06
    cells = tuple(Pairs(cases.key(i), (40.0,) * 10, tuple(40 * np.exp(d)), (1,) * 10) for i in range(3))
    measured, plan = cases.gate([(0.0, 0.02)] * 5)
    run = judge(replace(measured, cells=measured.cells[3:] + cells), plan)
    assert (run.verdict, run.exit_code, run.hidden) == ("inconclusive", 4, 0.6)
    assert "looked slower at first" in run.cells[0].sentence and "24 more pairs were wanted" in run.cells[0].sentence


def test_flat_pairs_pass():
    assert one([1.0] * 50, [1.0] * 50).verdict == "pass"


# Simulated cells.

def simulated(base, head):
    return exact.judge(cases.simulated(0, base, head))


def test_the_same_counts_pass():
    found = simulated((1.25, 20.5), (1.25, 20.5))
    assert found.verdict == "pass" and found.changes == ()


@pytest.mark.parametrize("base, head, verdict", [
    ((0.0, 3.4), (1.97, 45.2), "regression"),      # a lost alignas
    ((1.0, 20.0), (1.0, 20.5), "regression"),      # 2.5 % more time: a needless fence
    ((1.0, 20.0), (1.0, 20.4), "changed"),         # exactly 2 % is not more than 2 %
    ((1.0, 20.0), (1.03, 20.0), "regression"),
    ((0.001, 20.0), (0.004, 20.0), "changed"),     # three times as many of what happens once in a thousand
    ((0.0, 20.0), (0.004, 20.0), "changed"),
    ((0.0, 20.0), (0.006, 20.0), "regression"),
    ((1.0, 20.0), (0.9, 20.0), "improvement"),
    ((1.0, 20.0), (0.5, 20.5), "regression"),      # fewer transfers do not pay for more time
    ((1.0, 20.0), (1.0, 20.0000001), "changed"),   # every difference is told
])
def test_counts_that_change(base, head, verdict):
    found = simulated(base, head)
    assert found.verdict == verdict and found.changes
    assert all(change.metric in found.sentence for change in found.changes if change.worse)


def test_counts_that_only_explain_are_told_but_not_judged():
    key = Key("coherence", "lock", "x/threads:4", "none")
    found = exact.judge(Exact(key, {"spins_per_op": 1.0, "ns_per_op": 5.0}, {"spins_per_op": 90.0, "ns_per_op": 5.0}, {}))
    assert found.verdict == "changed" and "spins_per_op 1 → 90" in found.sentence
    gone = exact.judge(Exact(key, {"ns_per_op": 5.0}, {"ns_per_op": None}, {}))
    assert gone.verdict == "regression" and gone.ratio is None and "5 → none" in gone.sentence  # it hung or crashed
    came = exact.judge(Exact(key, {"ns_per_op": None}, {"ns_per_op": 5.0}, {}))
    assert came.verdict == "changed"
    assert exact.judge(Exact(key, {"latency_p99": 5.0}, {"latency_p99": None}, {})).verdict == "changed"


def test_a_simulated_regression_turns_the_run_red_without_a_timed_cell():
    run = judge(*cases.gate([], control=0, exact=[cases.simulated(0, (0.0, 3.0), (2.0, 50.0))]))
    assert run.exit_code == 1 and run.sentence.startswith("coherence: ") and run.hidden is None


def test_cells_are_listed_worst_first():
    run = judge(*cases.everything())
    verdicts = [c.verdict for c in run.cells]
    assert [v for i, v in enumerate(verdicts) if v not in verdicts[:i]] == [
        "regression", "inconclusive", "improvement", "changed", "not_gated", "pass"]
    assert sum(run.counted().values()) == len(run.cells) == 18
