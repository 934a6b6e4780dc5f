# SPDX-License-Identifier: MIT
"""A thread that goes on before its turn changes nothing: cells of the catalogue with the lookahead and without are the
same to the last byte. Long."""
import json
import subprocess

import pytest

from support import BUILD, CONTEND, SOURCE
from test_simulate_all import COMPILED

THREADS = (2, 4, 16, 64)
STEP = 23  # of the cells of a plan that are simulated every so many; a prime, so that thread counts and families mix
# For each machine the first cell; together they are others for each.
MACHINES = {"zen4": 0, "spr-2s": 11}


def planned():
    """The cells that `contend simulate` simulates: those that are applicable and whose code is seen."""
    done = subprocess.run([str(CONTEND), "simulate", "--machine", "zen4", "--profile", "full", "--threads",
                           ",".join(map(str, THREADS)), "--plan", "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [cell["name"] for cell in json.loads(done.stdout)["simulation"]["cells"]
            if not cell["not_applicable"] and cell["name"].split("/")[1] not in COMPILED]


def answers(machine, cells, lookahead):
    """What the simulating program says of each cell, in order, as it says it."""
    setup = {"machine": json.loads((SOURCE / "perf" / "coherence" / "machines" / f"{machine}.json").read_text()),
             "threads": THREADS, "lookahead": lookahead}
    asked = [setup] + [{"cell": cell, "seed": i % 3} for i, cell in enumerate(cells)]
    done = subprocess.run([str(BUILD / "bin" / "contend-bench-simulated")], text=True, capture_output=True, timeout=900,
                          input="".join(json.dumps(line) + "\n" for line in asked))
    said = done.stdout.splitlines()
    assert said[0] == '{"simulates":1}' and len(said) == len(cells) + 1, done.stdout[-500:]
    return said[1:]


@pytest.mark.parametrize("machine", MACHINES)
def test_cells_are_the_same_with_and_without(machine):
    cells = planned()[MACHINES[machine]::STEP]
    assert len(cells) > 50, "a sample of the catalogue"
    ahead, in_turn = answers(machine, cells, True), answers(machine, cells, False)
    differing = [cell for cell, a, b in zip(cells, ahead, in_turn) if a != b]
    assert differing == []
    assert sum('"counts"' in one for one in ahead) > 50
