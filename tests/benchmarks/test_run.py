# SPDX-License-Identifier: MIT
"""A whole short run of the quick profile: schema, completeness, names, Google Benchmark's tools, a toy lock."""
import json
import resource
import shutil
import subprocess

import jsonschema
import pytest

from support import SOURCE, TOY, cells_of, measured, record_of, run, short

FAMILIES = {"apparatus", "lock", "rwlock", "atomic", "fence", "metrics", "queue", "rcu", "counter"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Every cell of the quick profile, for a millisecond each."""
    results = tmp_path_factory.mktemp("quick")
    done = run("bench", "--results", results, *short(1, 1), "--no-report", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return results, record_of(results), done


def test_the_record_is_what_the_schema_says(quick):
    jsonschema.validate(quick[1], json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    assert quick[1]["run"]["complete"] is True


def test_every_primitive_of_every_family_at_every_thread_count(quick):
    record = quick[1]
    assert {c["family"] for c in cells_of(record)} == FAMILIES
    counts = {c["threads"] for c in cells_of(record)}
    ends = {1, max(counts) // 2}  # twice all processors is the last
    for entry in record["catalogue"]:
        seen = [c for c in cells_of(record) if (c["family"], c["primitive"]) == (entry["family"], entry["primitive"])]
        at = {c["threads"] for c in seen}
        if "origin" in entry["facts"]:  # other people's: one set, up to all processors
            assert at == {n for n in counts if n <= max(ends | {2}) and (n > 1 or entry["family"] != "queue")}, entry
            asked = [c for c in seen if "not_applicable" not in c["caveats"]]
            assert len({json.dumps({k: v for k, v in c["params"].items() if k not in ("producers", "consumers")})
                        for c in asked}) == 1, entry
        else:
            assert at == counts, entry
        for cell in seen:
            if cell["metrics"]["throughput"]["value"] is None:
                # not_counted: on a busy machine a window of 1 ms may pass before a thread has a processor
                assert {"skipped", "not_applicable", "not_counted"} & set(cell["caveats"]), cell["name"]
        asked = [c for c in seen if not {"skipped", "not_applicable"} & set(c["caveats"])]
        assert asked, entry["primitive"]
    for family in FAMILIES:
        for n in counts:
            cells = [c for c in cells_of(record) if c["family"] == family and c["threads"] == n]
            assert any(c["baseline"] for c in cells), (family, n)


def test_what_was_not_counted_is_counted_in_a_longer_window(quick, tmp_path):
    missed = [c["name"] for c in cells_of(quick[1]) if "not_counted" in c["caveats"]]
    names = missed[::max(1, len(missed) // 8)][:8]

    def numbers(record):
        return {c["name"]: c["metrics"]["throughput"]["value"] for c in cells_of(record)}

    if names:
        done = measured(tmp_path, "bench", "--filter", f"^({'|'.join(names)})$", "--lens", "time", "--no-report",
                        enough=lambda record: None not in numbers(record).values())
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(numbers(record_of(tmp_path))) == set(names)
        assert all(numbers(record_of(tmp_path)).values()), numbers(record_of(tmp_path))


def test_every_check_held_and_nothing_timed_out(quick):
    for cell in cells_of(quick[1]):
        assert not {"check_failed", "crashed", "timeout"} & set(cell["caveats"]), (cell["name"], cell["details"])


def test_every_cell_has_its_events_or_says_why_not(quick):
    record = quick[1]
    counted = cells_of(record, "counters")
    assert [c["name"] for c in counted] == [c["name"] for c in cells_of(record)]
    machine = record["environment"]["counters"]
    assert {"cycles", "instructions", "modified_line_hit", "context_switches"} <= {e["metric"] for e in machine["events"]}
    for cell in counted:
        assert cell["metrics"], cell["name"]
        if not machine["available"]:  # no number where nothing counts, and never a zero
            assert all(m["value"] is None for m in cell["metrics"].values()), cell["name"]
            assert {machine["caveat"], "not_applicable"} & set(cell["caveats"]), cell["name"]
    if machine["available"]:
        assert any(c["metrics"]["instructions_per_op"]["value"] for c in counted)
    else:
        assert machine["reason"] and machine["cure"] and quick[2].returncode == 0


def test_software_events_need_no_pmu(tmp_path):
    done = measured(tmp_path, "bench", "--threads", "2", "--family", "lock", "--workload", "critical_section", "--primitive",
                    "std_mutex,no_lock", "--events", "page_faults,context_switches", "--no-report")
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    jsonschema.validate(record, json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    for cell in cells_of(record, "counters"):
        assert set(cell["metrics"]) == {"page_faults_per_op", "context_switches_per_op", "ns_per_op"}
        assert all(m["value"] is not None for m in cell["metrics"].values()) or "not_counted" in cell["caveats"]


def test_too_few_files_cost_events_and_nothing_else(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))

    def refused(record):  # threads that do not run at the same time may find a file each: on a loaded machine a trial counts
        return [cell for cell in cells_of(record, "counters")
                if cell["metrics"]["ns_per_op"]["value"] is not None and "EMFILE" in cell["details"].get("not_counted", "")]

    done = measured(tmp_path, "bench", "--threads", "8", "--family", "lock", "--workload", "critical_section", "--primitive",
                    "std_mutex", "--events", "perf::PERF_COUNT_SW_TASK_CLOCK,page_faults", "--no-report", preexec_fn=few,
                    enough=refused)
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    assert any(c["metrics"]["throughput"]["value"] for c in cells_of(record))
    for cell in cells_of(record, "counters"):
        clock = next(m for name, m in cell["metrics"].items() if "task_clock_per_op" in name)
        assert clock["value"] is not None or "not_counted" in cell["caveats"], cell
    assert refused(record)
    for cell in refused(record):
        assert cell["metrics"]["page_faults_per_op"]["value"] is not None


def test_names_are_made_of_the_cells_parts(quick):
    for cell in cells_of(quick[1]):
        parts = cell["name"].split("/")
        assert parts[0] == cell["workload"] and parts[1] == cell["primitive"] and parts[-1] == f"threads:{cell['threads']}"
        assert [p.split(":")[0] for p in parts[2:-1]] == list(cell["params"])


def test_claims_name_cells_that_exist(quick):
    record = quick[1]
    names = {(e["family"], e["primitive"]) for e in record["catalogue"]}
    assert len(record["claims"]) >= 15
    for claim in record["claims"]:
        assert (claim["family"], claim["better"]) in names and (claim["family"], claim["worse"]) in names, claim["id"]


def test_google_benchmarks_compare_tool_reads_it(quick):
    native = json.loads((quick[0] / "latest" / "google_benchmark.json").read_text())
    for b in native["benchmarks"]:
        assert "manual_time" not in b["name"] and "iterations:" not in b["name"]
        assert b["threads"] == int(b["name"].split("threads:")[1].split("_")[0])
    tool = shutil.which("benchmark-compare") or "/usr/share/benchmark/compare.py"
    if not shutil.which("benchmark-compare") and not __import__("os").path.exists(tool):
        pytest.skip("Google Benchmark's compare.py is not installed (package libbenchmark-tools)")
    file = quick[0] / "latest" / "google_benchmark.json"
    done = subprocess.run(["/usr/bin/python3", tool, "benchmarks", str(file), str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "critical_section/mcs" in done.stdout


def test_a_toy_lock_added_with_one_line_is_listed_measured_and_drawn(tmp_path):
    listed = json.loads(run("--list", "--json", program=TOY).stdout)
    assert [e for e in listed if e["primitive"] == "toy" and e["family"] == "lock"]
    def counted(record):
        return any(c["metrics"]["throughput"]["value"] for c in cells_of(record)
                   if c["primitive"] == "toy" and c["threads"] == 2)

    done = measured(tmp_path, "--threads", "1,2", "--family", "lock", "--primitive", "toy,std_mutex", program=TOY, enough=counted)
    assert done.returncode == 0, done.stderr
    assert counted(record_of(tmp_path))
    assert "toy" in (tmp_path / "latest" / "report.html").read_text()
