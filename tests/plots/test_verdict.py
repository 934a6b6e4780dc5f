# SPDX-License-Identifier: MIT
"""The simplest primitive within 10 % of the best, on cells made by hand."""
from by_hand import cell, entry, record
from plots import verdict


def picks(cells, catalogue, **more):
    """Thread count -> (simplest, fastest) of the only row."""
    (family,) = verdict.judge(record(cells, catalogue, **more))
    (row,) = family.rows
    return {n: (p.simplest.primitive, p.fastest.primitive) for n, p in row.picks.items()}


def test_simplest_within_ten_percent_wins_over_the_fastest():
    catalogue = [entry("fast", "lock_free"), entry("plain", "mutex")]
    assert picks([cell("fast", 1, 100), cell("plain", 1, 90)], catalogue) == {1: ("plain", "fast")}
    assert picks([cell("fast", 1, 100), cell("plain", 1, 89.9)], catalogue) == {1: ("fast", "fast")}


def test_order_of_simplicity_is_rung_then_baseline_then_catalogue():
    catalogue = [entry("c", "mutex"), entry("d", "mutex"), entry("b", "mutex", baseline=True), entry("a", "atomic")]
    cells = [cell(name, 1, 100) for name in "cdba"]
    assert picks(cells, catalogue)[1][0] == "a"
    assert picks(cells[:3], catalogue)[1][0] == "b"
    assert picks(cells[:2], catalogue)[1][0] == "c"


def test_a_baseline_that_shares_nothing_does_not_compete():
    catalogue = [entry("no_lock", "no_sharing", baseline=True), entry("mutex")]
    assert picks([cell("no_lock", 1, 1000), cell("mutex", 1, 10)], catalogue) == {1: ("mutex", "mutex")}


def test_something_that_shares_nothing_and_is_no_baseline_does():
    catalogue = [entry("per_thread", "no_sharing"), entry("mutex")]
    assert picks([cell("per_thread", 1, 1000), cell("mutex", 1, 10)], catalogue)[1][0] == "per_thread"


def test_cells_without_a_number_are_neither_fastest_nor_simplest():
    catalogue = [entry("simple", "atomic"), entry("mutex")]
    cells = [cell("simple", 1, None, caveats=["skipped"]), cell("mutex", 1, 10), cell("simple", 2, None)]
    assert picks(cells, catalogue) == {1: ("mutex", "mutex")}


def test_thread_counts_and_parameters_are_judged_apart():
    cells = [cell("a", 1, 100, {"k": 1}), cell("b", 1, 50, {"k": 1}), cell("a", 1, 50, {"k": 2}),
             cell("b", 1, 100, {"k": 2}), cell("a", 2, 50, {"k": 1}), cell("b", 2, 100, {"k": 1})]
    (family,) = verdict.judge(record(cells))
    assert [[(n, p.simplest.primitive) for n, p in row.picks.items()] for row in family.rows] == [
        [(1, "a"), (2, "b")], [(1, "b")]]


def test_primitives_compete_within_their_group_only():
    catalogue = [entry("load", "atomic", group="read"), entry("add", "atomic", group="add")]
    (family,) = verdict.judge(record([cell("load", 1, 1000), cell("add", 1, 10)], catalogue))
    assert {row.group: row.picks[1].simplest.primitive for row in family.rows} == {"read": "load", "add": "add"}


def test_oversubscription_comes_from_the_cells_or_else_from_the_processors():
    cells = [cell("a", n, 10) for n in (1, 4, 8)]
    assert record(cells, cpus=4).oversubscribed == {8}
    cells[1]["caveats"] = ["oversubscribed"]  # as under a cgroup quota
    cells[2]["caveats"] = ["oversubscribed"]
    assert record(cells, cpus=4).oversubscribed == {4, 8}


def test_the_all_rounder_is_close_most_often_and_says_how_bad_it_gets():
    # a: 1, 1, 0.2 of the best; b: 0.95, 0.95, 1; so b is close in 3 of 3 although it is never best at 1 and 2.
    cells = [cell("a", 1, 100), cell("b", 1, 95), cell("a", 2, 100), cell("b", 2, 95), cell("a", 4, 20),
             cell("b", 4, 100), cell("b", 8, 1), cell("a", 8, 100)]
    (family,) = verdict.judge(record(cells))
    best = family.best[""]
    assert (best.primitive, best.close, best.cases, best.worst) == ("b", 3, 3, 0.95)
    assert family.best_oversubscribed[""].primitive == "a"


def test_the_all_rounder_counts_where_it_is_missing_as_not_close():
    # a is the fastest wherever it runs, once; b is slower there, but close in the other two.
    cells = [cell("a", 1, 100), cell("b", 1, 10), cell("c", 1, 10), cell("a", 2, None), cell("b", 2, 100),
             cell("c", 2, 50), cell("a", 4, None), cell("b", 4, 100), cell("c", 4, 50)]
    best = verdict.judge(record(cells))[0].best[""]
    assert (best.primitive, best.close, best.cases, best.missing, best.worst) == ("b", 2, 3, 0, 0.1)


def test_of_two_all_rounders_the_one_with_the_better_worst_case_is_taken():
    cells = [cell("a", 1, 100), cell("b", 1, 40), cell("a", 2, 50), cell("b", 2, 100)]
    assert verdict.judge(record(cells))[0].best[""].primitive == "a"
