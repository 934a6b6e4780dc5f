# SPDX-License-Identifier: MIT
"""The command line: what is listed, planned, refused, and with which exit code."""
import json
import os
import pathlib

import pytest

from support import SHORT, cells_of, measured, one_sentence, record_of, run, short, until

REFUSED = [  # arguments, what the sentence must hold
    (["--threads", "0"], ["--threads", "'0'"]),
    (["--threads", "-1"], ["--threads", "'-1'"]),
    (["--threads=-1"], ["--threads", "'-1'"]),
    (["--threads", "1000000"], ["--threads", "'1000000'", "512"]),
    (["--threads", "abc"], ["--threads", "'abc'", "1,2,4"]),
    (["--threads", "1,,2"], ["--threads"]),
    (["--primitive", "mcss"], ["--primitive", "'mcss'", "mcs"]),
    (["--workload", "critical_secton"], ["--workload", "critical_section"]),
    (["--family", "locks"], ["--family", "lock"]),
    (["--filter", "("], ["--filter", "regular expression"]),
    (["--benchmark_filter=["], ["--filter", "regular expression"]),
    (["--filter", "nothing_is_called_so"], ["no cell"]),
    (["--profile", "slow"], ["--profile", "'slow'", "quick or full"]),
    (["--placement", "left"], ["--placement", "compact, spread or none"]),
    (["--repetitions", "0"], ["--repetitions"]),
    (["--window-ms", "0"], ["--window-ms"]),
    (["--window-ms", "abc"], ["--window-ms"]),
    (["--cell-limit", "-3"], ["--cell-limit"]),
    (["--no-such-option"], ["--no-such-option"]),
    (["--benchmark_min_time=1"], ["--benchmark_min_time", "--window-ms"]),
    (["--benchmark_perf_counters=CYCLES"], ["--benchmark_perf_counters", "--events"]),
    (["--events", ""], ["--events"]),
    (["--events", "cycles,,instructions"], ["--events"]),
    (["--events", "cycels"], ["--events", "'cycels'", "cycles"]),
    (["--events", "cycles,cycles"], ["--events", "cycles"]),
    (["--events", ",".join(f"r{i:x}" for i in range(100, 200))], ["--events", "64"]),
    (["--lens", "time", "--events", "cycles"], ["--events", "--lens"]),
    (["--lens", "eyes"], ["--lens", "'eyes'", "coherence"]),
    (["--benchmark_format=xml"], ["--benchmark_format", "'xml'"]),
    (["--benchmark_repetitions=many"], ["--benchmark_repetitions", "'many'"]),
    (["--benchmark_nonsense=1"], ["--benchmark_nonsense"]),
    (["--benchmark_out"], ["--benchmark_out", "a value is missing"]),
    (["--benchmark_color"], ["--benchmark_color", "a value is missing"]),
    (["--benchmark_context=name"], ["--benchmark_context", "key=value"]),
    (["--benchmark_out=/nonexistent/x.json"], ["--benchmark_out", "/nonexistent/x.json"]),
    (["--benchmark_out_format=csv"], ["--benchmark_out_format", "'csv'", "json or console"]),
    (["--benchmark_time_unit=h"], ["--benchmark_time_unit", "ns, us, ms or s"]),
    (["--v=abc"], ["--v", "'abc'"]),
    (["--list", "--family", "locks"], ["--family", "lock"]),
    (["--point", "mcs"], ["--point", "'mcs'", "/threads:n"]),
    (["--point", ""], ["--point", "/threads:n"]),
    (["--point", "critical_section/mcs/threads:0"], ["--point", "'0'", "512"]),
    (["--point", "critical_section/mcss/inside_ns:0/outside_ns:0/threads:2"],
     ["--point", "did you mean critical_section/mcs/inside_ns:0/outside_ns:0/threads:2"]),
    (["--point", "empty/nothing/threads:1", "--trials", "0"], ["--trials", "'0'"]),
    (["--trials", "3"], ["--trials", "--point"]),
    (["--results", "/proc/nowhere"], ["--results", "/proc/nowhere"]),
]


@pytest.mark.parametrize("words, parts", REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_bad_input_is_one_sentence_and_exit_2(words, parts, tmp_path):
    done = run("bench", "--results", tmp_path, *words) if "--results" not in words else run("bench", *words)
    assert done.returncode == 2, done.stderr
    assert one_sentence(done.stderr), done.stderr
    for part in parts:
        assert part in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_point_is_one_line_and_leaves_nothing_behind(tmp_path):
    done = until(lambda done: done.returncode != 4, lambda window: run(
        "bench", "--point", "empty/nothing/threads:1", "--trials", "2", "--window-ms", window, cwd=tmp_path))
    point = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1
    assert list(point) == ["cell", "family", "placement", "ns_per_op", "failed_per_op"]
    assert len(point["ns_per_op"]) == len(point["failed_per_op"]) == 2 and list(tmp_path.iterdir()) == []
    beyond = f"critical_section/mcs/inside_ns:0/outside_ns:0/threads:{os.cpu_count() + 1}"
    done = run("bench", "--point", beyond)
    assert done.returncode == 4 and json.loads(done.stdout)["caveat"] == "skipped"
    assert run("bench", "--point", "latency/nothing/threads:1").returncode == 2


def test_a_plan_tells_what_a_gate_must_know():
    plan = json.loads(run("bench", "--plan", "--json", "--lens", "time", "--profile", "full", "--threads", "1,500").stdout)
    cells = {cell["name"]: cell for cell in plan["cells"]}
    mcs = cells["critical_section/mcs/inside_ns:0/outside_ns:0/threads:1"]
    assert (mcs["family"], mcs["workload"], mcs["primitive"], mcs["threads"]) == ("lock", "critical_section", "mcs", 1)
    assert mcs["params"] == {"inside_ns": 0, "outside_ns": 0} and mcs["placement"] == "compact" and mcs["applicable"]
    assert len(mcs["fingerprint"]) == 16 and mcs["quick"] in ("main", "whole") and not mcs["oversubscribed"]
    assert all(cell["oversubscribed"] == (cell["threads"] == 500) for cell in cells.values())
    assert 1 <= plan["usable_processors"] <= os.cpu_count()


def test_help_of_every_verb():
    for words in ([], ["bench"], ["report"]):
        done = run(*words, "--help")
        assert done.returncode == 0 and "Usage" in done.stdout, words
    assert run().returncode == 2
    unknown = run("frobnicate")
    assert unknown.returncode == 2 and one_sentence(unknown.stderr)


def test_list_is_the_catalogue():
    done = run("list", "--json")
    assert done.returncode == 0
    catalogue = json.loads(done.stdout)
    by_family = {}
    for entry in catalogue:
        by_family.setdefault(entry["family"], []).append(entry)
        assert entry["facts"]["summary"] and entry["workloads"]
    assert {"lock", "rwlock", "atomic", "queue", "rcu", "counter"} <= set(by_family)
    for family, entries in by_family.items():
        assert any(e["baseline"] for e in entries), family
    names = run("list").stdout.split()
    assert "critical_section/mcs/inside_ns:0/outside_ns:0/threads:1" in names
    assert len(names) == len(set(names))


def test_a_list_holds_what_was_chosen():
    entries = json.loads(run("list", "--json", "--family", "rcu").stdout)
    assert {entry["family"] for entry in entries} == {"rcu"}
    entries = json.loads(run("list", "--json", "--primitive", "mcs").stdout)
    assert [entry["primitive"] for entry in entries] == ["mcs"]
    assert "| `mcs`" in run("list", "--markdown", "--primitive", "mcs").stdout


def test_a_worker_without_its_line_says_so():
    for value in ("abc", "", "1", "99999999999999999999"):
        done = run("bench", "--plan", env={"CONTEND_WORKER_FD": value})
        assert done.returncode == 2
        assert "CONTEND_WORKER_FD" in done.stderr


def test_list_as_tables_has_a_row_for_every_primitive():
    tables = run("list", "--markdown").stdout
    for entry in json.loads(run("list", "--json").stdout):
        rows = tables.partition(f"## {entry['family']}\n")[2].partition("\n## ")[0]
        assert f"| `{entry['primitive']}`" in rows and entry["facts"]["summary"] in rows


def test_plan_says_how_many_cells_and_how_long_and_measures_nothing(tmp_path):
    done = run("bench", "--plan", "--results", tmp_path)
    assert done.returncode == 0 and "about" in done.stdout and "Rule:" in done.stdout
    plan = json.loads(run("bench", "--plan", "--json", "--results", tmp_path).stdout)
    assert 100 < plan["measured"] <= 400
    assert 0 < plan["seconds"] <= 300
    assert list(tmp_path.iterdir()) == []


def test_google_benchmarks_flags_work(tmp_path):
    out = tmp_path / "own.json"
    done = until(lambda done: done.returncode != 4, lambda window: run(
        "bench", "--results", tmp_path / "r", "--no-report", *short(window)[2:], "--benchmark_filter=single_word/load_relaxed/",
        "--benchmark_repetitions=3", f"--benchmark_out={out}", "--benchmark_format=json"))
    assert done.returncode == 0, done.stderr
    native = json.loads(out.read_text())
    runs = [b for b in native["benchmarks"] if b["run_type"] == "iteration"]
    assert {b["name"] for b in runs} == {c["name"] for c in cells_of(record_of(tmp_path / "r"))
                                         if "skipped" not in c["caveats"]}
    assert all(len([b for b in runs if b["name"] == name]) == 3 for name in {b["name"] for b in runs})
    assert '"benchmarks"' in done.stdout


def test_an_unknown_interpreter_or_missing_modules_is_one_sentence(tmp_path):
    run("bench", "--results", tmp_path, "--no-report", *SHORT, "--filter", "empty/")
    done = run("report", tmp_path / "latest", env={"CONTEND_PYTHON": "/no/such/python"})
    assert done.returncode == 2 and one_sentence(done.stderr) and "/no/such/python" in done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_one_processor_is_one_usable_processor(tmp_path):
    cpu = min(os.sched_getaffinity(0))
    done = measured(tmp_path, "bench", "--no-report", "--filter", "critical_section/(mcs|std_mutex)/inside_ns:0/",
                    preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    assert record["environment"]["topology"]["available_cpus"] == [cpu]
    cells = {(c["primitive"], c["threads"]): c for c in cells_of(record)}
    assert {n for _, n in cells} == {1, 2}
    assert cells["mcs", 1]["caveats"].count("oversubscribed") == 0
    assert "oversubscribed" in cells["std_mutex", 2]["caveats"]
    assert "skipped" in cells["mcs", 2]["caveats"]


@pytest.fixture
def half_a_core():
    """The tasks file of a control group that may use half a processor; skips where none can be made."""
    for root, quota in (("/sys/fs/cgroup", "cpu.max"), ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us"),
                        ("/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us")):
        group = pathlib.Path(root) / f"contend-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if not (group / quota).exists():  # an ordinary directory
                continue
            (group / quota).write_text("50000 100000" if quota == "cpu.max" else "50000")
            yield group / "cgroup.procs"
            return
        except OSError:
            continue
        finally:
            group.rmdir()
    pytest.skip("no control group with a CPU quota can be made here")


def test_a_quota_of_half_a_core_is_said_and_nothing_is_lost(half_a_core, tmp_path):
    done = measured(tmp_path, "bench", "--no-report", "--filter", "critical_section/std_mutex/inside_ns:0/",
                    preexec_fn=lambda: half_a_core.write_text(str(os.getpid())))
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    assert record["environment"]["topology"]["usable_processors"] == 1
    assert "throttled" in record["environment"]["caveats"]
    assert {c["threads"] for c in cells_of(record)} == {1, 2}
    assert all("oversubscribed" in c["caveats"] for c in cells_of(record) if c["threads"] == 2)


def whole(record):
    """True where every repetition of every cell counted something."""
    return all(None not in cell["metrics"]["throughput"]["samples"] for cell in cells_of(record))


def test_what_google_benchmark_is_told_to_show_does_not_thin_out_the_file(tmp_path):
    done = measured(tmp_path, "bench", "--no-report", "--filter", "empty/", "--threads", "1,2",
                    "--benchmark_display_aggregates_only=true", "--benchmark_format=json", "--benchmark_time_unit=us",
                    enough=whole, env={"BENCHMARK_FILTER": "no such cell", "BENCHMARK_OUT": str(tmp_path / "from_env.json")})
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.partition("\n}\n")[0] + "}")["benchmarks"]
    assert {b["run_type"] for b in shown} == {"aggregate"} and {b["time_unit"] for b in shown} == {"us"}
    native = json.loads((tmp_path / "latest" / "google_benchmark.json").read_text())["benchmarks"]
    assert {b["name"] for b in native if b["run_type"] == "iteration"} >= {"empty/nothing/threads:1"}
    assert not (tmp_path / "from_env.json").exists()


def test_the_list_is_of_the_cells_asked_for():
    names = run("list", "--filter", "/mcs/", "--workload", "critical_section").stdout.split()
    assert names and all(name.startswith("critical_section/mcs/") for name in names)


def test_bytes_that_are_no_text_cost_no_run(tmp_path):
    done = measured(tmp_path, "bench", "--no-report", "--filter", b"empty/|\xff", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "empty/|\ufffd" in record_of(tmp_path)["run"]["command_line"]
