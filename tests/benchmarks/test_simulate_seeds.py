# SPDX-License-Identifier: MIT
"""contend simulate --seed and --schedules: other draws of the small variations, each the same every time."""
import json

import jsonschema
from support import QUIET, SOURCE, cells_of, record_of, run, simulate, value, written_cells


def test_a_seed_is_another_draw_and_the_same_one_every_time(tmp_path):
    chosen = ["--threads", "8", "--filter", "^(critical_section/(ttas|std_mutex)/inside_ns:0/outside_ns:0|increment/one)"]
    plain = simulate(tmp_path / "plain", *chosen)
    seven = simulate(tmp_path / "seven", *chosen, "--seed", "7")
    again = simulate(tmp_path / "again", *chosen, "--seed", "7", jobs=1)
    assert written_cells(tmp_path / "seven") == written_cells(tmp_path / "again")
    assert seven["environment"]["simulation"]["seed"] == again["environment"]["simulation"]["seed"] == 7
    assert plain["environment"]["simulation"]["seed"] == 0
    for a, b in zip(cells_of(plain, "coherence"), cells_of(seven, "coherence")):
        assert a["name"] == b["name"] and a["metrics"] != b["metrics"]


def test_a_cell_is_simulated_with_the_first_three_seeds_and_told_by_their_median(tmp_path):
    chosen = ["--threads", "8", "--filter", "^critical_section/ttas/inside_ns:0/outside_ns:0"]
    done = run("simulate", "--machine", "zen4", "--results", tmp_path / "plain", *QUIET, *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    plain = record_of(tmp_path / "plain")
    assert plain["environment"]["simulation"]["seed"] is None and plain["environment"]["simulation"]["schedules"] == 3
    simulate(tmp_path / "seeds", *chosen, "--seed", "0", "--schedules", "3")
    assert written_cells(tmp_path / "plain") == written_cells(tmp_path / "seeds")


def test_several_schedules_are_those_of_the_next_seeds(tmp_path):
    chosen = ["--threads", "8", "--filter", "^critical_section/(ttas|std_mutex)/inside_ns:0/outside_ns:0"]
    several = simulate(tmp_path / "several", *chosen, "--seed", "7", "--schedules", "3", jobs=4)
    assert several["environment"]["simulation"]["schedules"] == 3
    jsonschema.validate(several, json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    single = [simulate(tmp_path / str(seed), *chosen, "--seed", str(seed)) for seed in (7, 8, 9)]
    for i, cell in enumerate(cells_of(several, "coherence")):
        alone = [cells_of(one, "coherence")[i] for one in single]
        for name in ("ns_per_op", "line_transfers_per_op", "jain_fairness"):
            assert cell["metrics"][name]["samples"] == [value(one, name) for one in alone], (cell["name"], name)
        assert value(cell, "ns_per_op") == sorted(cell["metrics"]["ns_per_op"]["samples"])[1]
        assert cell["metrics"]["ns_per_op"]["ci_low"] == min(cell["metrics"]["ns_per_op"]["samples"])
        assert cell["lines"] == alone[0]["lines"]
