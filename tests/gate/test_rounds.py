# SPDX-License-Identifier: MIT
"""Rounds of pairs on a clock of their own: what is measured, in which order, and what happens when time runs out."""
import pathlib
import shutil

import programs
import pytest
from gate import judge, rounds
from gate.choice import Asked
from gate.model import Measured, Side
from gate.points import Program, ToolError
from programs import Clock, Planted, Told, cell

CELLS = [cell(i, family, threads) for family in ("lock", "queue") for threads in (1, 2) for i in range(3)]


def gate(base_has=None, head_has=None, again_has=None, cells=CELLS, told=None, clock=None, **asked):
    """A gate over planted programs; each side's own traits as keyword dictionaries."""
    clock = clock or Clock()
    base, head, again = (Planted(cells, clock, seed=i, path=f"/{i}/bench", **(has or {}))
                         for i, has in enumerate((base_has, head_has, again_has)))
    found = rounds.measure(base, head, again, Asked(**{"budget_s": 600.0, **asked}), told or Told(), clock)
    return found, (base, head, again), clock


def verdict(found):
    return judge.judge(Measured("gate", Side("a"), Side("b"), found.cells, found.control, (), found.skipped,
                                complete=found.complete), found.plan, with_detectable=False)


def name(i):
    return CELLS[i].key.name


def test_equal_programs_need_one_stage():
    found, (base, head, again), _ = gate()
    assert [len(c.base) for c in found.cells if len(c.base) != 10] in ([], [50])  # one in ten is a candidate by chance
    assert found.complete and found.skipped == () and found.plan.cells == len(found.cells) == 12
    assert len(found.control) == 10
    assert verdict(found).exit_code == 0
    assert len(base.asked) == 12 + sum(len(c.base) for c in (*found.cells, *found.control))  # the first 12: calibration
    assert len(head.asked) == 12 + sum(len(c.base) for c in found.cells)
    assert len(again.asked) == sum(len(c.base) for c in found.control)


def test_a_slowdown_is_proven_by_fresh_pairs_of_that_cell_alone():
    found, (_, head, _), _ = gate(head_has={"slow": {name(4): 1.25}})
    run = verdict(found)
    assert run.exit_code == 1
    assert [str(c.key) for c in run.cells if c.verdict == "regression"] == [name(4)]
    slow = next(c for c in found.cells if c.key.name == name(4))
    assert slow.stage == (1,) * 10 + (2,) * 24  # the first look is enough
    assert head.asked.count(name(4)) == 35 and head.asked.count(name(0)) == 11


def test_a_noisy_cell_gets_fresh_pairs_until_it_is_decided():
    found, _, _ = gate({"sd": 0.15}, {"sd": 0.15}, {"sd": 0.02}, budget_s=6000)
    assert {len(c.base) for c in found.cells} <= {10, 34, 50} and max(len(c.base) for c in found.cells) > 10


def test_rounds_are_shuffled_and_orders_are_drawn():
    found, (base, head, _), _ = gate()
    assert 0 < sum(sum(c.head_first) for c in found.cells) < sum(len(c.head_first) for c in found.cells)
    first, second = head.asked[12:24], head.asked[24:36]  # stage 1 takes every cell once per round
    assert sorted(first) == sorted(second) == sorted(c.key.name for c in CELLS) and first != second


def test_the_seed_decides_and_is_told():
    one, (first, *_), _ = gate(seed=7)
    two, (second, *_), _ = gate(seed=7)
    other, (third, *_), _ = gate(seed=8)
    assert one == two and first.asked == second.asked != third.asked
    assert "Cells, orders and rounds were drawn by seed 7." in one.notes


def test_the_control_is_measured_in_the_same_rounds():
    _, (base, head, again), _ = gate()
    # 12 cells and 10 of control in every round: between two rounds of the control there is one of the cells.
    assert len(again.asked) >= 100 and len(base.asked) == len(head.asked) + len(again.asked)


def test_more_cells_than_a_run_takes_are_left_out_evenly_and_told():
    found, _, _ = gate(most_cells=6)
    assert len(found.cells) == 6 and found.plan.cells == 6
    assert {c.key.family for c in found.cells} == {"lock", "queue"}
    assert {one.reason for one in found.skipped} == {"left_out"} and len(found.skipped) == 6
    assert "Chosen were 6 of 12 cells, evenly over families and threads, by seed 1." in found.notes


def test_a_small_budget_takes_fewer_cells_and_keeps_to_it():
    found, _, clock = gate(budget_s=60.0)
    assert 3 <= len(found.cells) < 12 and found.complete
    assert all(len(c.base) >= 10 for c in found.cells) and verdict(found).exit_code == 0
    assert any(f"{len(found.cells)} of 12 cells fit into the time: a pair takes 0.20 s." == note for note in found.notes)
    assert clock.now - 1000 <= 60.3


def test_a_budget_for_nothing_is_told_and_compares_nothing():
    found, _, clock = gate(budget_s=1.0)
    assert [len(c.base) < 10 for c in found.cells] == [True]
    assert any("was over before 1 of 1 cells had their first 10 pairs" in note for note in found.notes)
    assert verdict(found).exit_code == 3 and clock.now - 1000 < 2


def test_candidates_come_first_where_time_is_short():
    slow = {name(i): 1.5 for i in range(12)}
    found, _, clock = gate(head_has={"slow": slow}, budget_s=95.0)  # stage 1 takes 44 s; all look 2: 96 s and more
    assert clock.now - 1000 <= 95.3
    run = verdict(found)
    proven = [c for c in run.cells if c.verdict == "regression"]
    assert run.exit_code == 1 and 3 <= len(proven) < 12  # some are proven, instead of all half-way
    assert any("cells wanted more pairs" in note for note in found.notes)


def test_an_undecided_control_takes_no_time_from_the_cells():
    noisy = {"sd": 0.3}
    found, _, _ = gate(noisy, noisy, noisy, budget_s=98.0)
    plan = judge.control_plan(len(found.control), found.plan)
    undecided = [c for c in found.control if judge.state(c, plan).rule.endswith("undecided")]
    assert len(undecided) >= 8 and {len(c.base) for c in undecided} == {10}  # left where they were
    assert sum(len(c.base) >= 34 for c in found.cells) >= 9                  # the time went here


def test_a_machine_that_slows_down_lets_the_last_cells_go():
    clock = Clock()

    def crawl(program, _):
        if clock.now > 1020:
            clock.now += 1.0

    found, _, _ = gate(*({"hook": crawl},) * 3, clock=clock, budget_s=120.0)
    done = [len(c.base) >= 10 for c in found.cells]
    assert any(done) and not all(done)
    assert any("had their first 10 pairs" in note for note in found.notes)
    assert clock.now - 1000 <= 123


@pytest.mark.parametrize("caveat", ["timeout", "crashed", "check_failed"])
def test_a_head_that_fails_is_a_regression(caveat):
    found, _, _ = gate(head_has={"fails": {name(2): caveat}})
    lost = next(c for c in found.cells if c.key.name == name(2))
    assert set(lost.head) == {None} and lost.failed[0] == ("head", caveat) and None not in lost.base
    run = verdict(found)
    assert run.exit_code == 1 and run.cells[0].key.name == name(2)


def test_a_head_that_hangs_costs_seconds_per_pair():
    found, _, clock = gate(head_has={"fails": {name(2): "timeout"}})
    assert clock.now - 1000 < 300  # 3 s each, not the 10 that a cell may take


@pytest.mark.parametrize("caveat, reason", [("timeout", "timeout"), ("crashed", "crashed"),
                                            ("check_failed", "check_failed"), ("not_counted", "not_measurable")])
def test_a_base_that_fails_is_left_out_after_two_tries(caveat, reason):
    found, (base, head, _), _ = gate(base_has={"fails": {name(2): caveat}})
    assert [(one.key.name, one.reason, one.detail) for one in found.skipped] == [
        (name(2), reason, f"In the base, twice: it is {caveat}.")]
    assert base.asked.count(name(2)) == 2 and name(2) not in head.asked
    assert len(found.cells) == 11


def test_bases_that_hang_cost_no_more_than_the_budget():
    cells, told = [cell(i) for i in range(100)], Told()
    hangs = {"fails": {one.key.name: "timeout" for one in cells}}
    found, _, clock = gate(base_has=hangs, cells=cells, told=told, budget_s=600.0)
    assert clock.now - 1000 < 660 and verdict(found).exit_code == 3  # 100 cells twice, 10 s each: 2000 s
    assert [step for step in told.steps if "calibration" in step][:3] == [f"calibration: {i} of 100 cells" for i in range(3)]


def test_a_base_that_begins_to_fail_is_given_up_soon():
    fails = {name(2): lambda program: "crashed" if program.asked.count(name(2)) > 4 else ""}
    found, (base, _, _), _ = gate(base_has={"fails": fails})
    lost = next(c for c in verdict(found).cells if c.key.name == name(2))
    assert (lost.verdict, lost.reason) == ("not_gated", "crashed")
    assert base.asked.count(name(2)) < 12


def test_what_fails_on_both_sides_ends():
    fails = {name(2): lambda program: "crashed" if program.asked.count(name(2)) % 6 == 0 else ""}
    found, _, _ = gate({"fails": fails}, {"fails": fails})
    cell_2 = next(c for c in found.cells if c.key.name == name(2))
    assert len(cell_2.log_ratios(1)) == 10 and set(cell_2.failed.values()) <= {("both", "crashed"), ("base", "crashed"),
                                                                               ("head", "crashed")}


@pytest.mark.parametrize("after", [5, 30, 200, 400])
def test_an_interruption_keeps_every_finished_pair(after):
    def interrupt(program, _):
        if len(program.asked) == after:
            raise KeyboardInterrupt

    found, (_, head, _), _ = gate(head_has={"hook": interrupt, "slow": {name(0): 1.5, name(1): 1.5, name(2): 1.5}})
    if after < 200:
        assert not found.complete and len(head.asked) == after
    pairs = sum(len(c.base) for c in found.cells)
    assert pairs == max(0, len(head.asked) - 12)
    for c in found.cells:
        assert len(c.base) == len(c.head) == len(c.stage) == len(c.head_first)
    verdict(found)


def test_a_program_that_is_taken_away_ends_it_early_with_what_there_is():
    def gone(program, _):
        if len(program.asked) == 100:
            raise ToolError("/1/bench: cannot be run (No such file or directory).")

    found, _, _ = gate(head_has={"hook": gone})
    assert not found.complete and sum(len(c.base) for c in found.cells) == 88
    assert found.error == "/1/bench: cannot be run (No such file or directory)."  # and is no interruption
    assert gate()[0].error == ""

    def never(program, _):
        raise ToolError("/1/bench: cannot be run (No such file or directory).")

    with pytest.raises(ToolError):
        gate(head_has={"hook": never})


def test_an_invalid_run_is_measured_once_more():
    told = Told()
    found, (_, head, again), _ = gate(again_has={"slow": {name(i): 1.06 for i in range(12)}}, told=told)
    assert verdict(found).verdict == "invalid"
    assert len(head.asked) >= 12 + 2 * 120  # twice the first stage
    assert len(told.said) == 1 and told.said[0].startswith("The control was rejected (")
    assert sum("A first try was discarded, because its control was rejected: " in note for note in found.notes) == 1


def test_the_second_try_may_be_valid():
    clock = Clock()
    again_has = {"slow": {name(i): 1.06 for i in range(12)}}

    class Told2(Told):
        def say(self, text):
            super().say(text)
            again_has["slow"].clear()

    told = Told2()
    found, _, _ = gate(again_has=again_has, told=told, clock=clock)
    assert told.said and verdict(found).exit_code == 0


def test_without_time_an_invalid_run_stays_invalid():
    found, _, _ = gate(again_has={"slow": {name(i): 1.06 for i in range(12)}}, budget_s=150.0)
    assert verdict(found).exit_code == 4
    assert "There was no time left to measure once more after the control was rejected." in found.notes


def test_progress_names_stage_cells_and_time():
    told = Told()
    gate(told=told)
    assert told.steps[0] == "calibration: 0 of 12 cells"
    assert any(step.startswith("stage 1: 0 of 12 cells decided, at most 5") for step in told.steps)
    assert any(step.startswith("stage 1: 12 of 12") or step.startswith("stage 2: ") for step in told.steps)


def test_no_cells_are_no_fault():
    found, _, _ = gate(cells=[])
    assert found.cells == found.control == () and found.complete and found.plan.cells == 1
    assert verdict(found).exit_code == 3


def test_what_a_reader_must_know_is_noted():
    clock = Clock()
    cells = [cell(0, fingerprint=None)]
    base, head, again = Planted(cells, clock), Planted(cells, clock, path="/longer/bench"), Planted(cells, clock)
    notes = rounds.measure(base, head, again, Asked(), Told(), clock).notes
    assert any("does not say what the workloads' sources were" in note for note in notes)
    assert any("paths differ in length" in note for note in notes)


def test_two_versions_of_google_benchmark_do_not_compare_threads():
    clock = Clock()
    base, head, again = (Planted(CELLS, clock, path=f"/{i}/bench") for i in range(3))
    head.benchmark_version = "v1.9.1"
    found = rounds.measure(base, head, again, Asked(), Told(), clock)
    assert {c.key.name for c in found.cells} == {c.key.name for c in CELLS if c.threads == 1}
    assert {(one.reason, one.detail) for one in found.skipped} == {("benchmark_changed", (
        "Google Benchmark of unknown version and v1.9.1 tell the time of several threads differently."))}


def test_real_processes_from_end_to_end(tmp_path):
    names = {f"work/p{i}/threads:1": ("lock", 1, {}, "main") for i in range(2)}
    draw = "import random\nprint(json.dumps({{'ns_per_op': [random.SystemRandom().gauss({}, 0.05)]}}))"
    answers = {name: draw.format(10) for name in names}
    base = programs.contend(tmp_path / "a" / "bench", names, answers)
    head = programs.contend(tmp_path / "b" / "bench", names, {**answers, "work/p1/threads:1": draw.format(20)})
    (tmp_path / "c").mkdir()
    shutil.copy(base, tmp_path / "c" / "bench")
    sides = [Program(pathlib.Path(path), tmp_path) for path in (base, head, tmp_path / "c" / "bench")]
    run = verdict(rounds.measure(*sides, Asked(budget_s=240.0, limit_s=60.0), Told()))
    assert run.exit_code == 1 and [c.verdict for c in run.cells] == ["regression", "pass"]
    assert run.cells[0].ratio == pytest.approx(2, rel=0.02)
