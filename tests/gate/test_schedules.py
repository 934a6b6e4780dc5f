# SPDX-License-Identifier: MIT
"""Simulated cells whose numbers depend on the schedule: several schedules on both sides, and what these prove."""
import copy
import itertools
import json
from math import comb

import cases
import conftest
import fakes
import numpy as np
import pytest
from gate import document, exact, pairs, simulated, statistics
from gate.__main__ import main
from gate.judge import judge
from gate.model import Exact, Key
from plots.load import RecordError
from scipy import stats

KEY = Key("coherence", "lock", "critical_section/mcs/threads:16", "compact")
UNITS = {"ns_per_op": "ns", "line_transfers_per_op": "1"}
CHAOTIC = (268.0, 225.0, 268.4, 164.0, 251.0, 190.0, 267.0, 171.0, 240.0, 230.0)


def cell(base, head, metric="ns_per_op"):
    """A cell whose first schedule is that of the first entry, and whose others are the rest."""
    return Exact(KEY, {metric: base[0]}, {metric: head[0]}, UNITS, {metric: tuple(base)}, {metric: tuple(head)})


def test_rank_sum_against_the_published_table_and_enumeration():
    # Siegel 1956, table J: n1 = 3, n2 = 4, U = 1: 0.057; n1 = n2 = 4, U = 0: 0.014
    assert statistics.rank_sum([1, 2, 4], [3, 5, 6, 7]) == pytest.approx(2 / 35)
    assert statistics.rank_sum([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(1 / 70)
    assert statistics.rank_sum([], [1.0]) == statistics.rank_sum([1.0], []) == 1.0
    rng = np.random.default_rng(5)
    for _ in range(20):
        x, y = rng.integers(0, 6, 5), rng.integers(0, 6, 6)  # with ties
        ranks = stats.rankdata(np.concatenate([x, y]))
        seen = ranks[5:].sum()
        sums = [sum(chosen) for chosen in itertools.combinations(ranks, 6)]
        assert statistics.rank_sum(x, y) == pytest.approx(sum(s >= seen - 1e-9 for s in sums) / len(sums))
    x, y = rng.normal(size=9), rng.normal(size=12)
    assert statistics.rank_sum(x, y) == pytest.approx(stats.mannwhitneyu(y, x, alternative="greater", method="exact").pvalue)


def test_a_difference_that_does_not_depend_on_the_schedule_is_proven():
    found = exact.judge(cell((73.46,) * 10, (83.29,) * 10), exact.level(100))
    assert found.verdict == "regression" and "73.46 → 83.29 (1.13×) (medians of 10 schedules)" in found.sentence
    assert found.p == pytest.approx(1 / comb(20, 10)) and found.limit == pytest.approx(0.01 / 200)
    assert exact.judge(cell((83.29,) * 10, (73.46,) * 10), exact.level(100)).verdict == "improvement"


def test_another_schedule_of_a_chaotic_cell_is_no_regression():
    shuffled = (*CHAOTIC[3:], *CHAOTIC[:3])
    found = exact.judge(cell(CHAOTIC, (340.0, *shuffled[1:])), exact.level(1))
    assert found.verdict == "changed" and "10 schedules" in found.sentence
    assert exact.judge(Exact(KEY, {"ns_per_op": 164.0}, {"ns_per_op": 340.0}, UNITS)).verdict == "regression"  # alone


def test_a_chaotic_cell_that_really_is_slower_is_found():
    found = exact.judge(cell(CHAOTIC, [1.8 * x for x in CHAOTIC]), exact.level(20))
    assert found.verdict == "regression" and found.ratio == pytest.approx(1.8, rel=0.01)


def test_a_difference_below_the_floor_is_no_regression_however_sure():
    assert exact.judge(cell((100.0,) * 10, (101.5,) * 10), exact.level(1)).verdict == "changed"
    counts = cell((0.001,) * 10, (0.004,) * 10, "line_transfers_per_op")
    assert exact.judge(counts, exact.level(1)).verdict == "changed"


def test_a_schedule_that_only_the_head_does_not_survive_is_a_regression():
    found = exact.judge(cell((5.0,) * 6, (5.0, 5.0, None, 5.0, 5.0, 5.0)), exact.level(1))
    assert found.verdict == "regression" and "5 → none" in found.sentence
    assert exact.judge(cell((5.0, None, 5.0), (5.0, None, 5.0)), exact.level(1)).verdict == "changed"
    # a base that is not whole itself: nothing at all from the head is worse all the same
    found = exact.judge(cell((5.0,) * 9 + (None,), (None,) * 10), exact.level(1))
    assert found.verdict == "regression" and "5 → none" in found.sentence and found.ratio is None
    assert exact.judge(cell((None,) * 10, (5.0,) * 10), exact.level(1)).verdict == "changed"


def test_three_schedules_are_judged_by_their_ranges():
    """Ranks of three against three cannot go below 1/20, whatever they are: a lost alignas would be no regression."""
    for cells in (1, 300):
        found = exact.judge(cell((3.4,) * 3, (45.2,) * 3), exact.level(cells))
        assert found.verdict == "regression" and found.p is None and found.ratio == pytest.approx(45.2 / 3.4)
        assert "3.4 → 45.2 (13.3×) (medians of 3 schedules, whose ranges lie apart; too few for a test by ranks)" in found.sentence
        assert exact.judge(cell((45.2,) * 3, (3.4,) * 3), exact.level(cells)).verdict == "improvement"
        assert exact.judge(cell((100.0, 101.0, 99.0), (102.0, 104.0, 103.5)), exact.level(cells)).verdict == "changed"
        assert exact.judge(cell((100.0, 150.0, 99.0), (190.0, 140.0, 195.0)), exact.level(cells)).verdict == "changed"


@pytest.mark.parametrize("cells", [923, 924, 1000])
def test_many_cells_in_question_do_not_pass_for_being_many(cells):
    sure = [Exact(KEY._replace(name=f"x/{i}"), {"ns_per_op": 5.0}, {"ns_per_op": 15.0}, UNITS, {"ns_per_op": (5.0,) * 10},
                  {"ns_per_op": (15.0,) * 10}) for i in range(cells)]
    run = judge(*cases.gate([], control=0, exact=sure))
    assert run.exit_code == 1 and run.counted()["regression"] == cells


@pytest.mark.parametrize("cells, count", [(1, 10), (923, 10), (924, 11), (1000, 11), (3527, 11), (3528, 12)])
def test_so_many_schedules_are_asked_for_that_they_can_prove_something(cells, count):
    assert exact.schedules(cells, 10) == count
    assert 1 / comb(2 * count, count) <= exact.level(cells)


def test_harmless_changes_are_red_no_more_often_than_the_budget_says():
    """200 runs of 40 cells that a change has shaken, and that are as chaotic as before."""
    rng = np.random.default_rng(2)
    limit = exact.level(40)
    red = sum(any(exact.judge(cell(*(np.exp(rng.choice([0.0, 0.5], 10) + rng.normal(0, 0.05, 10)) for _ in "ab")),
                              limit).verdict == "regression" for _ in range(40)) for _ in range(200))
    assert red <= 5  # 2 are expected


def test_what_is_asked_for():
    def question(base, head, metric="ns_per_op"):
        return exact.in_question(Exact(KEY, {metric: base}, {metric: head}, UNITS))
    assert question(100.0, 100.6) and question(100.6, 100.0) and not question(100.0, 100.4)
    assert question(0.0, 0.01, "line_transfers_per_op") and not question(0.0, 0.001, "line_transfers_per_op")
    assert question(1.0, None) and question(None, 1.0) and not question(1.0, 2.0, "spins_per_op")


def test_the_budget_is_shared_by_the_cells_in_question_and_is_kept_in_the_document():
    sure = cell((73.0,) * 10, (83.0,) * 10)
    same = [cases.simulated(i, (1.0, 20.0), (1.0, 20.0)) for i in range(300)]
    measured, plan = cases.gate([], control=0, exact=[sure, *same[:5]])
    run = judge(measured, plan)
    assert run.exit_code == 1 and run.cells[0].limit == pytest.approx(0.005)
    again, plan_again = document.parse(json.loads(document.text(document.verdict_document(run))))
    assert again.exact == run.measured.exact and judge(again, plan_again).cells == run.cells


def record(folder, samples, schedules):
    """A run of one simulated cell."""
    found = copy.deepcopy(json.loads((conftest.ROOT / "tests" / "plots" / "data" / "small.json").read_text()))
    timed = found["cells"][0]
    metric = {"unit": "ns", "value": samples[0], "ci_low": None, "ci_high": None, "samples": list(samples)}
    found["cells"] = [timed | {"lens": "coherence", "metrics": {"ns_per_op": metric}, "caveats": [], "details": {}}]
    found["environment"]["simulation"] = {"machine": {"name": "zen4"}, "line_size": 64, "seed": None, "weak": False,
                                          "schedules": schedules, "compiler": "g++", "accesses": 1, "seconds": 1}
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(found))
    return folder


def test_answers_are_taken_from_records_of_several_schedules(tmp_path):
    first = pairs.compare(record(tmp_path / "a", [5.0], 1), record(tmp_path / "b", [6.0], 1)).exact
    assert [exact.in_question(one) for one in first] == [True] and not first[0].base_schedules
    others = record(tmp_path / "c", [5.0, 5.5, 5.1], 3), record(tmp_path / "d", [6.0, 4.9, None], 3)
    found, = pairs.answered(first, *others)
    assert (found.base, found.head) == (first[0].base, first[0].head)
    assert found.base_schedules == {"ns_per_op": (5.0, 5.5, 5.1)}
    assert found.head_schedules == {"ns_per_op": (6.0, 4.9, None)}
    elsewhere = Exact(KEY, {"ns_per_op": 1.0}, {"ns_per_op": 2.0}, UNITS)
    assert pairs.answered((elsewhere,), *others) == (elsewhere,)
    with pytest.raises(RecordError, match="one schedule, expected several"):
        pairs.answered(first, tmp_path / "a", tmp_path / "d")


def test_stored_runs_of_several_schedules_are_compared_by_all_of_them(tmp_path):
    found, = pairs.compare(record(tmp_path / "a", [5.0] * 9, 9), record(tmp_path / "b", [6.0] * 9, 9)).exact
    assert found.base_schedules == {"ns_per_op": (5.0,) * 9}
    assert exact.judge(found, exact.level(1)).verdict == "regression"


def test_more_names_than_a_program_can_be_told_are_asked_for_as_before(tmp_path, monkeypatch, capsys):
    repository = fakes.Repository(tmp_path / "repository")
    repository.numbers({**fakes.CELLS, "increment/padded/threads:4": [1.97, 45.2]})
    monkeypatch.chdir(repository.path)
    monkeypatch.setattr(simulated, "LONGEST_PATTERN", 20)
    assert main(["run", "--base", "HEAD", *fakes.ARGUMENTS]) == 1
    assert "(medians of 10 schedules)" in capsys.readouterr().out
    told = {c["name"]: c["exact"] for c in fakes.newest(repository)["cells"]}
    assert all(len(cell["base_schedules"]["ns_per_op"]) == 10 for cell in told.values()) and len(told) == 3


def told(tmp_path, name, base, head, capsys):
    """What `contend compare` says of two runs with these samples of ns_per_op."""
    made = [record(tmp_path / f"{name}-{side}", samples, len(samples)) for side, samples in (("a", base), ("b", head))]
    assert main(["compare", *map(str, made)]) == 0
    return capsys.readouterr().out


def test_compare_tells_a_simulated_regression_at_the_schedules_that_a_record_has(tmp_path, capsys):
    for n in (1, 3):
        out = told(tmp_path, n, [3.4] * n, [45.2] * n, capsys)
        assert "REGRESSION   coherence" in out and "13.3×" in out and "No regression" not in out, out
    assert "REGRESSION" not in told(tmp_path, "same", [3.4, 3.9, 3.5], [3.4, 3.9, 3.5], capsys)
