# SPDX-License-Identifier: MIT
"""What the gate relies on in the real programs: a fake that answers otherwise than they do would prove nothing."""
import os
import pathlib
import re

import pytest
from gate import builds, planning, simulated
from gate.choice import Asked
from gate.design import Plan
from gate.judge import judge
from gate.model import Measured, Side
from gate.progress import Progress

BUILD = os.environ.get("CONTEND_BUILD_DIR")
pytestmark = pytest.mark.skipif(not BUILD, reason="CONTEND_BUILD_DIR is not set; ctest sets it")
CELL = "^increment/(padded_64|padded_128)/threads:(1|4)$"


def sides(path):
    """The built program as base and as head."""
    program = pathlib.Path(BUILD) / "bin" / "contend-bench"
    assert program.with_name(program.name + builds.TWIN).is_file()
    return [builds.Built(name, path, program, "", (), True, 0.0) for name in ("base", "head")]


def ask(tmp_path, pattern, which=None):
    kept = []
    simulated.measure(which or sides(tmp_path), simulated.Question(pattern, (4,), "zen4"), tmp_path, Progress(True), kept.append)
    return kept[-1]


def test_two_simulations_of_one_program_are_equal_to_the_last_digit(tmp_path):
    came = ask(tmp_path, CELL)
    assert came.complete and came.failed == "" and [cell.key.name for cell in came.exact] == [
        "increment/padded_64/threads:4", "increment/padded_128/threads:4"] and came.skipped == ()
    run = judge(Measured("gate", Side("a"), Side("b"), exact=came.exact), Plan(1))
    assert run.exit_code == 0 and run.counted()["pass"] == 2
    assert [p.name for p in (tmp_path / "base").iterdir()] != [] and not (tmp_path / "base" / "scratch").exists()


def test_a_choice_without_a_cell_is_understood(tmp_path):
    came = ask(tmp_path, "no_such_cell")
    assert came.records == (None, None) and came.failed == "" and came.complete


def test_other_schedules_can_be_asked_for_by_the_names_of_cells(tmp_path):
    names = "^(" + "|".join(simulated.escaped(name) for name in ("increment/padded_64/threads:4", "a.b(c)|[d]")) + ")$"
    assert re.search(names, "increment/padded_64/threads:4") and re.search(names, "a.b(c)|[d]")
    ended, complete = simulated._ended(sides(tmp_path), simulated.Question(names, (4,), "zen4"),
                                       [tmp_path / "base", tmp_path / "head"], Progress(True), "simulating",
                                       ("--seed", "1", "--schedules", "3"))
    records = [side.record() for side in ended]
    assert complete and [r.raw["environment"]["simulation"]["schedules"] for r in records] == [3, 3]
    assert [len(c.metrics["ns_per_op"].samples) for r in records for c in r.cells] == [3, 3]


def test_the_plan_of_the_real_program(tmp_path):
    text = planning.text(sides(tmp_path)[0].program, None, simulated.Question(CELL, (), "zen4"), Asked(CELL))
    assert "simulated cells on 'zen4', at 1, 2, 4, 16, 64 threads" in text and "cells by time" in text
