# SPDX-License-Identifier: MIT
"""What goes wrong costs its cell, never the run; what was finished is never lost."""
import json
import os
import resource
import signal
import subprocess
import time

import pytest

from support import CONTEND, PLANTED, SHORT, cells_of, one_sentence, record_of, run


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    results = tmp_path_factory.mktemp("planted")
    done = run("--results", results, "--no-report", *SHORT, "--threads", "2", "--cell-limit", "0.5", "--filter",
               "^(fine|deadlock|spins_for_ever|crashes|throws_a_thing|wrong|idle|empty)/", program=PLANTED)
    cells = {c["workload"]: c for c in cells_of(record_of(results))}
    return done, cells


def throughput(cell):
    return cell["metrics"]["throughput"]["value"]


@pytest.mark.parametrize("workload, caveat, words", [
    ("deadlock", "timeout", "killed"),
    ("spins_for_ever", "timeout", "killed"),
    ("crashes", "crashed", "signal 11"),
    ("throws_a_thing", "crashed", "out of planted things"),
    ("wrong", "check_failed", "expected 4"),
])
def test_a_planted_fault_costs_its_cell(planted, workload, caveat, words):
    cell = planted[1][workload]
    assert throughput(cell) is None
    assert caveat in cell["caveats"]
    assert words in cell["details"][caveat]


def test_the_other_cells_are_measured_and_the_run_says_that_it_is_invalid(planted):
    done, cells = planted
    assert throughput(cells["fine"]) > 0 and throughput(cells["empty"]) > 0
    assert len(cells["fine"]["metrics"]["throughput"]["samples"]) == 2
    assert done.returncode == 4, "a failed check makes the run invalid"
    assert "check_failed" in done.stdout


@pytest.mark.parametrize("chosen, status", [("^(fine|crashes|deadlock)/", 0), ("^crashes/", 4), ("^deadlock/", 4)])
def test_a_run_of_which_faults_left_nothing_is_invalid(tmp_path, chosen, status):
    done = run("--results", tmp_path, "--no-report", *SHORT, "--threads", "2", "--cell-limit", "0.5", "--filter", chosen,
               program=PLANTED)
    assert done.returncode == status, done.stdout + done.stderr
    assert record_of(tmp_path)["run"]["complete"] is True


def test_no_operation_is_no_number(planted):
    cell = planted[1]["idle"]
    assert cell["metrics"]["ns_per_op"]["value"] is None and "not_counted" in cell["caveats"] or throughput(cell) == 0


def start_long_run(results):
    return subprocess.Popen([str(CONTEND), "bench", "--results", str(results), "--repetitions", "50", "--window-ms", "20",
                             "--no-report", "--filter", "critical_section/(std_mutex|ttas)/"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_trials(process, results):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # the first plain progress line comes with the first trial
        if "trial" in process.stderr.readline():
            return
    process.kill()
    pytest.fail("no progress line")


def test_ctrl_c_keeps_what_was_finished(tmp_path):
    process = start_long_run(tmp_path)
    wait_for_trials(process, tmp_path)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the worker too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    record = record_of(tmp_path)
    assert record["run"]["complete"] is False and record["run"]["finished"]
    measured = [c for c in cells_of(record) if throughput(c) is not None]
    assert measured, "about thirty trials ran"
    assert all("partial_run" in c["caveats"] for c in measured)
    assert json.loads((tmp_path / "latest" / "google_benchmark.json").read_text())["benchmarks"] is not None
    report = run("report", tmp_path / "latest", "--quiet")
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "latest" / "report.html").read_text()
    assert "interrupted" in page.lower() or "partial" in page.lower()


def test_no_worker_outlives_a_killed_run(tmp_path):
    process = start_long_run(tmp_path)
    wait_for_trials(process, tmp_path)
    children = [int(p) for p in subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True,
                                               text=True).stdout.split()]
    assert children
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}/cmdline") and
                                              open(f"/proc/{pid}/cmdline").read() for pid in children):
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}/cmdline") and open(f"/proc/{pid}/cmdline").read() for pid in children)


def test_a_full_disk_is_said_and_the_results_are_saved_elsewhere(tmp_path):
    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = run("bench", "--results", tmp_path, "--no-report", *SHORT, "--filter", "empty/", preexec_fn=no_room)
    assert done.returncode == 2
    assert "results.json" in done.stderr and "Traceback" not in done.stderr
    assert "saved to" in done.stderr or "nor could they be saved" in done.stderr
    assert not list(tmp_path.glob("*/*.tmp")) and not list(tmp_path.glob("*/.*.tmp"))


def test_a_file_where_the_results_should_go(tmp_path):
    (tmp_path / "taken").write_text("")
    done = run("bench", "--results", tmp_path / "taken", "--quiet", "--filter", "empty/")
    assert done.returncode == 2 and one_sentence(done.stderr) and "taken" in done.stderr
