# SPDX-License-Identifier: MIT
"""Cost levels on cells made by hand: each rule decides where it should, and nothing decides where the data do not."""
import pytest
from by_hand import cell, document, entry
from plots import cost, load

LINE = 40.0  # ns from one processor to another


def record(cells, catalogue=(), line=LINE, counters=(), over=()):
    """A record of cells; `counters`: (primitive, threads, {metric: value}) of counter trials beside them."""
    made = document(cells, catalogue)
    for one in made["cells"]:
        if one["threads"] in over:
            one["caveats"] = ["oversubscribed"]
    for primitive, threads, values in counters:
        metrics = {name: {"value": v, "unit": "1", "ci_low": v, "ci_high": v, "samples": [v]} for name, v in values.items()}
        made["cells"].append({**cell(primitive, threads, None), "lens": "counters", "metrics": metrics})
    if line:
        made["environment"]["core_to_core"] = {"cpus": [0, 1], "start_ns": [[None, line], [line, None]], "end_ns": None}
    return load.parse(made)


def timed(primitive, threads, ns, cpu=None, switches=0.0, params=None):
    """A cell in which one thread takes `ns` for an operation; cpu: of all threads per operation, usually the same."""
    spread = [ns * f for f in (0.99, 1.0, 1.0, 1.0, 1.01)]
    found = cell(primitive, threads, 1e9 / ns * threads, params, ns_per_op=ns / threads, cpu_ns_per_op=cpu or ns,
                 context_switches_per_op=switches)
    found["metrics"]["ns_per_op_thread"] = {"value": ns, "unit": "ns", "ci_low": spread[0], "ci_high": spread[-1],
                                            "samples": spread}
    return found


ATOMIC = timed("fetch_add", 1, 2.0)  # what one uncontended atomic takes on the machine of these tests


def letter(primitive, threads, *arguments, **named):
    """The letter of one point; '·' where it is not told apart, None where it was not measured."""
    (rows,) = cost.places(record(*arguments, **named)).values()
    place = rows[primitive][threads]
    return place and (place.level.letter if place.level else "·")


@pytest.mark.parametrize("ns, expected", [(0.8, "P"), (2.5, "A"), (6.0, "A"), (30.0, "·")])
def test_one_thread_by_what_it_costs_beside_an_atomic(ns, expected):
    assert letter("x", 1, [ATOMIC, timed("x", 1, ns)]) == expected


def test_one_thread_without_an_atomic_to_compare_with():
    assert letter("x", 1, [timed("x", 1, 0.8)]) == "·"


@pytest.mark.parametrize("ns, expected", [
    (2.1, "A"),    # as long as alone: what it was alone
    (3.9, "·"),    # less than twice as long
    (5.9, "·"),    # longer, but by less than a tenth of a line's way
    (6.5, "S"), (90.0, "S")])
def test_several_threads_by_time(ns, expected):
    assert letter("x", 2, [ATOMIC, timed("x", 1, 2.0), timed("x", 2, ns)]) == expected


def test_what_may_park_could_be_in_the_kernel():
    parks = entry("x")
    parks["facts"]["waiting"] = "spin_then_park"
    assert letter("x", 2, [ATOMIC, timed("x", 1, 2.0), timed("x", 2, 90)], [parks]) == "S/K"


def test_the_whole_interval_decides():
    noisy = timed("x", 2, 20)
    noisy["metrics"]["ns_per_op_thread"].update(ci_low=2.0)
    assert letter("x", 2, [ATOMIC, timed("x", 1, 2.0), noisy]) == "·"


def test_without_a_time_alone_or_a_line_nothing_is_told():
    assert letter("x", 2, [ATOMIC, timed("x", 2, 90)]) == "·"
    assert letter("x", 2, [ATOMIC, timed("x", 1, 2.0), timed("x", 2, 90)], line=None) == "·"


def test_a_cell_without_a_number_has_no_place():
    assert letter("x", 1, [ATOMIC, cell("x", 1, None, caveats=["timeout"])]) is None


def test_work_that_is_serialised_is_no_cost_of_sharing():
    params = {"inside_ns": 1000, "outside_ns": 0}
    cells = [timed("x", 1, 1004, params=params), timed("x", 4, 4080, params=params)]
    assert letter("x", 4, cells) == "·"  # 80 ns longer, which 4 µs of work hide
    cells[1] = timed("x", 4, 6000, params=params)
    assert letter("x", 4, cells) == "S"


def test_context_switches_by_their_processor_time_or_by_sleeping():
    alone = timed("x", 1, 2.0)
    assert letter("x", 2, [alone, timed("x", 2, 3000, cpu=1500, switches=1.0)]) == "C"
    assert letter("x", 2, [alone, timed("x", 2, 300, cpu=40, switches=0.01)]) == "C"  # asleep for 260 of 298 ns
    assert letter("x", 2, [alone, timed("x", 2, 300, cpu=290, switches=0.01)]) == "S"  # 10 of 288 ns
    assert letter("x", 2, [alone, timed("x", 2, 300, cpu=40, switches=0.0005)]) == "S"  # as rare as preemption


def test_with_more_threads_than_processors_only_processor_time_is_compared():
    alone = timed("x", 1, 2.0)
    assert letter("x", 8, [ATOMIC, alone, timed("x", 8, 4.0, cpu=2.1)], over=[8]) == "A"
    assert letter("x", 8, [ATOMIC, alone, timed("x", 8, 90.0, cpu=45)], over=[8]) == "·"


def test_a_ceiling_is_private_by_construction():
    free = entry("no_lock", "no_sharing", baseline=True)
    assert letter("no_lock", 4, [timed("no_lock", 4, 900)], [free]) == "P"


@pytest.mark.parametrize("events, expected", [
    ({"modified_line_hit_per_op": 0.4, "lock_load_per_op": 1}, "S"),
    ({"modified_line_hit_per_op": 0.05, "lock_load_per_op": 1}, "·"),
    ({"modified_line_hit_per_op": 0.0, "lock_load_per_op": 1}, "A"),
    ({"modified_line_hit_per_op": 0.0, "lock_load_per_op": 0.0}, "P"),
    ({"modified_line_hit_per_op": 0.0, "lock_load_per_op": 0.2}, "·"),
    ({"remote_hit_per_op": 0.4, "lock_load_per_op": 1}, "S"),
    ({"modified_line_hit_per_op": 0.4, "cycles_per_op": 900, "cycles_kernel_per_op": 600}, "K"),
    ({"modified_line_hit_per_op": 0.4, "cycles_per_op": 9000, "cycles_kernel_per_op": 600}, "S"),
    ({"modified_line_hit_per_op": 0.4, "cycles_per_op": 5, "cycles_kernel_per_op": 50}, "S"),
    ({"modified_line_hit_per_op": None, "lock_load_per_op": None}, "A")])  # no number: by time
def test_events_decide_before_times(events, expected):
    cells = [ATOMIC, timed("x", 1, 2.0), timed("x", 2, 2.0)]
    assert letter("x", 2, cells, counters=[("x", 2, events)]) == expected


def test_where_modified_lines_cannot_be_counted_misses_are_compared_with_those_alone():
    cells = [ATOMIC, timed("x", 1, 2.0), timed("x", 2, 2.0)]
    for alone, together, expected in ((0.0, 0.5, "S"), (0.5, 0.5, "A"), (0.5, 0.55, "·")):
        counters = [("x", 1, {"l1d_miss_per_op": alone}),
                    ("x", 2, {"l1d_miss_per_op": together, "lock_load_per_op": 1})]
        assert letter("x", 2, cells, counters=counters) == expected


def test_every_level_is_reached_and_told_by_what():
    found = {place.level.letter: place for rows in cost.places(record(
        [ATOMIC, timed("x", 1, 2.0), timed("x", 2, 90), timed("y", 1, 0.8), timed("z", 2, 90)], counters=[
            ("z", 2, {"cycles_per_op": 9, "cycles_kernel_per_op": 600})])).values()
        for row in rows.values() for place in row.values() if place.level}
    assert set(found) == {"A", "S", "P", "K"}
    assert found["K"].by_events and not found["S"].by_events
    assert found["S"].why == "87.1 ns longer than alone; a line takes 40.0 ns"
