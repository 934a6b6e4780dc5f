# SPDX-License-Identifier: MIT
"""Every cell there is, simulated at 1 to 128 threads. Long; `-s` prints the figures."""
import json

import jsonschema
import pytest

from support import SOURCE, cells_of, record_of, run

COUNTS = {1, 2, 4, 8, 16, 32, 64, 128}
NOT_SEEN = "the simulation does not see"
# Peers whose code the compiler does not show: compiled libraries, inline assembly.
COMPILED = {"absl_mutex", "nsync_mu", "tbb_mutex", "tbb_rw_mutex", "tbb_queuing_rw_mutex", "tbb_combinable", "urcu_memb",
            "urcu_qsbr"}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    results = tmp_path_factory.mktemp("all")
    done = run("simulate", "--machine", "zen4", "--profile", "full", "--results", results, "--no-report", "--quiet",
               "--seed", "0",
               timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(results)


def simulated(cell):
    return cell["metrics"]["ns_per_op"]["value"] is not None


def test_the_record_is_what_the_schema_says(record):
    jsonschema.validate(record, json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    cells = cells_of(record, "coherence")
    told = record["environment"]["simulation"]
    print(f"\n{sum(map(simulated, cells))} cells simulated, {len(cells) - sum(map(simulated, cells))} not applicable, "
          f"{told['accesses']} accesses in {told['seconds']:.0f} s")


def test_every_cell_has_numbers_or_is_not_applicable(record):
    assert {c["threads"] for c in record["cells"]} == COUNTS
    for cell in record["cells"]:
        assert simulated(cell) == ("not_applicable" not in cell["caveats"]), (cell["name"], cell["caveats"], cell["details"])
        if simulated(cell):
            assert cell["caveats"] == [], cell["name"]
            for metric in ("line_transfers_per_op", "false_sharing_per_op", "throughput", "accesses_per_op"):
                assert cell["metrics"][metric]["value"] is not None, cell["name"]
        else:
            assert cell["details"]["not_applicable"]
            assert all(m["value"] is None for m in cell["metrics"].values()), cell["name"]


def test_every_entry_is_simulated_at_every_thread_count_but_those_whose_code_is_not_seen(record):
    for entry in record["catalogue"]:
        cells = [c for c in record["cells"] if (c["family"], c["primitive"]) == (entry["family"], entry["primitive"])]
        reasons = {c["details"]["not_applicable"] for c in cells if not simulated(c)}
        if entry["primitive"] in COMPILED:
            assert "origin" in entry["facts"] and not any(map(simulated, cells)), entry["primitive"]
            assert any(NOT_SEEN in reason for reason in reasons)
            continue
        assert not any(NOT_SEEN in reason for reason in reasons), entry["primitive"]
        at = {c["threads"] for c in cells if simulated(c)}
        if any("one producer at a time only" in reason for reason in reasons):
            assert at == {1, 2}, (entry["primitive"], at)  # one producer and one consumer, who may be one thread
        else:
            assert at == COUNTS, (entry["primitive"], at)


def test_one_thread_alone_shares_nothing(record):
    for cell in record["cells"]:
        if cell["threads"] == 1 and simulated(cell):
            for metric in ("line_transfers_per_op", "invalidations_per_op", "true_sharing_per_op", "false_sharing_per_op"):
                assert cell["metrics"][metric]["value"] == 0, (cell["name"], metric)
