# SPDX-License-Identifier: MIT
"""Accepted regressions: the trailer's grammar, what it covers, that it is recorded, and that it expires with its base."""
import json

import fakes
import jsonschema
import pytest
from cases import gate as timed_run
from cases import simulated
from gate import __main__, accepted, document, texts
from gate.judge import judge
from gate.model import ACCEPTED, REGRESSION, Accepted

PADDED = "increment/padded/threads:4"
ATOMIC = "increment/atomic/threads:4"


@pytest.mark.parametrize("value, expected", [
    ("increment/unpadded/threads:4 25% time: it is gone soon", ("increment/unpadded/threads:4", 1.25, "time", "it is gone soon")),
    ("increment/.* 3x: a: b", ("increment/.*", 3.0, None, "a: b")),
    ("a:1 any coherence : why\n not", ("a:1", None, "coherence", "why not")),
    ("a 1.5×: because", ("a", 1.5, None, "because")),
])
def test_the_grammar(value, expected):
    assert accepted.parse(value, "c0ffee") == Accepted(*expected, "c0ffee")


@pytest.mark.parametrize("value, why", [
    ("increment/unpadded 25%", "expected 'Accept-Regression: CELL-REGEX LIMIT"),
    ("increment/unpadded: too slow", "expected 'Accept-Regression: CELL-REGEX LIMIT"),
    ("increment/unpadded 25% time:", "expected 'Accept-Regression: CELL-REGEX LIMIT"),
    ("a 25: x", "'25' is no limit"), ("a 0%: x", "'0%' is no limit"), ("a 1x: x", "'1x' is no limit"),
    ("a -3%: x", "'-3%' is no limit"), ("a 25% counters: x", "'counters' is no lens"),
    ("a( 25%: x", "'a(' is not a regular expression"), ("", "expected 'Accept-Regression"),
])
def test_what_is_malformed_says_what_was_expected(value, why):
    with pytest.raises(ValueError, match="") as caught:
        accepted.parse(value, "c0ffee")
    assert why in str(caught.value)


def verdicts(exact, *lines, cells=()):
    measured, plan = timed_run(cells, exact=exact, accepted=tuple(accepted.parse(line, "c0ffee") for line in lines))
    return judge(measured, plan)


def of(run, key):
    return next(cell for cell in run.cells if cell.key == key)


def test_a_limit_holds_for_every_metric_that_is_worse():
    cell = simulated(0, (1.0, 20.0), (3.0, 24.0))  # transfers 3×, predicted time 1.2×
    name = cell.key.name
    assert of(verdicts([cell], f"{name} 3x: x"), cell.key).verdict == ACCEPTED
    run = verdicts([cell], f"{name} 20%: x")
    assert run.exit_code == 1 and "more than what is accepted up to +20 % by c0ffee" in run.cells[0].sentence


def test_from_nothing_to_something_needs_any():
    cell = simulated(0, (0.0, 3.4), (1.97, 45.2))
    assert verdicts([cell], f"{cell.key.name} 1000x: x").exit_code == 1
    run = verdicts([cell], f"{cell.key.name} any: x")
    assert run.exit_code == 0 and "of 1 it is accepted by commits" in run.sentence


def test_a_head_without_a_number_is_never_accepted():
    cell = simulated(0, (1.0, 20.0), (None, None))
    assert verdicts([cell], f"{cell.key.name} any: x").exit_code == 1


def test_a_part_of_a_name_and_another_lens_accept_nothing():
    cell = simulated(0, (1.0, 20.0), (2.0, 40.0))
    assert verdicts([cell], f"{cell.key.name[:-1]} any: x").exit_code == 1
    assert verdicts([cell], f"{cell.key.name} any time: x").exit_code == 1
    assert verdicts([cell], f"{cell.key.name} any coherence: x").exit_code == 0


def test_a_timed_regression_is_accepted_by_its_estimate():
    cells = [(0.25, 0.01), *[(0.0, 0.01)] * 5]  # +28 %
    name = "critical_section/ticket_lock/inside_ns:0/threads:1"
    assert verdicts([], f"{name} 20% time: x", cells=cells).cells[0].verdict == REGRESSION
    run = verdicts([], f"{name} 40% time: x", cells=cells)
    assert run.exit_code == 0 and run.cells[0].verdict == ACCEPTED and run.cells[0].accepted.limit == 1.4


def test_a_trailer_in_a_commit_between_is_recorded_and_expires(tmp_path, monkeypatch, capsys):
    repository = fakes.Repository(tmp_path / "repository")
    monkeypatch.chdir(repository.path)
    repository.numbers({**fakes.CELLS, ATOMIC: [1.0, 60.0], PADDED: [0.0, 5.1]})
    repository.commit(f"Slower, knowingly\n\nText.\n\nAccept-Regression: {ATOMIC} 60% coherence: correct at\n last\n"
                      f"Accept-Regression: increment/padded/.* lots: nothing\nSigned-off-by: A <a@b>")
    repository.write("docs.md", "words\n")
    repository.commit("docs\n\nAccept-Regression: not.the.last.paragraph 20%: x\n\nThe end.")
    code = __main__.main(["run", "--base", repository.first, *fakes.ARGUMENTS])
    out, err = capsys.readouterr()
    assert code == 1 and "'lots' is no limit" in err and "outside of its last paragraph" in err
    told = fakes.newest(repository)
    jsonschema.validate(told, json.loads(document.SCHEMA.read_text()))
    assert [(one["pattern"], one["limit"], one["reason"]) for one in told["accepted"]] == [(ATOMIC, 1.6, "correct at last")]
    words = {c["name"]: c["verdict"]["verdict"] for c in told["cells"]}
    assert words == {ATOMIC: "accepted", PADDED: "regression", "increment/unpadded/threads:4": "pass"}
    for name in ("gate.md", "gate.html", "gate.xml"):
        assert "correct at last" in fakes.newest(repository, name)
    assert "correct at last" in out and "'lots' is no limit" in out
    measured, plan = document.parse(told)
    assert judge(measured, plan).counted() == told["verdict"]["counts"]

    repository.write("docs.md", "more words\n")
    repository.commit(f"Marks \x1e and \x1f in a message\n\nAccept-Regression: {PADDED} 60% coherence: \x1e why \x1f not")
    assert __main__.main(["run", "--base", repository.first, *fakes.ARGUMENTS]) == 0
    assert fakes.newest(repository)["accepted"][0]["pattern"] == PADDED
    repository.git("reset", "-q", "--hard", "HEAD~1")

    accepting = repository.git("rev-parse", "HEAD~1").strip()  # the next base: only what comes after it counts
    repository.numbers({**fakes.CELLS, ATOMIC: [1.0, 90.0], PADDED: [0.0, 5.1]})
    repository.commit("slower again")
    assert __main__.main(["run", "--base", accepting, *fakes.ARGUMENTS]) == 1
    told = fakes.newest(repository)
    assert told["accepted"] == [] and told["verdict"]["counts"]["regression"] == 1


def test_lines_say_how_many_cells_need_it():
    cell = simulated(0, (1.0, 20.0), (2.0, 40.0))
    run = verdicts([cell], f"{cell.key.name} 2x: x", "other 10% time: y")
    assert texts.accepted_lines(run) == [f"{cell.key.name}, up to 2× by c0ffee (x): 1 cell",
                                         "other of the lens time, up to +10 % by c0ffee (y): no cell needs it"]
