# SPDX-License-Identifier: MIT
"""What goes wrong costs its cell, never the run; what was finished is never lost."""
import json
import os
import pty
import re
import resource
import signal
import subprocess
import threading
import time

import pytest

from support import CONTEND, PLANTED, SHORT, cells_of, one_sentence, record_of, run, short, until

# Windows in ms and seconds for --cell-limit, see until(): hanging cells last so long, and others must not. Without a
# processor in its window no thread comes to the place where it would crash or hang.
WAYS = (3, 0.5), (30, 3), (300, 20)
HANG = {"deadlock", "spins_for_ever"}


def faulty(results, chosen):
    """The run of planted cells in which nothing was killed or not counted for want of a processor, if there is one:
    (what run() returns, {workload: cell})."""
    def attempt(way):
        window, limit = way
        done = run("--results", results, "--no-report", *short(window, limit_s=limit), "--threads", "2", "--filter", chosen,
                   program=PLANTED)
        return done, {c["workload"]: c for c in cells_of(record_of(results))}

    def undisturbed(found):
        return not any("timeout" in c["caveats"] and name not in HANG or "not_counted" in c["caveats"] and name != "idle"
                       for name, c in found[1].items())

    return until(undisturbed, attempt, WAYS)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return faulty(tmp_path_factory.mktemp("planted"), "^(fine|deadlock|spins_for_ever|crashes|throws_a_thing|wrong|idle|empty)/")


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
    done, _ = faulty(tmp_path, chosen)
    assert done.returncode == status, done.stdout + done.stderr
    assert record_of(tmp_path)["run"]["complete"] is True


def test_no_operation_is_no_number(planted):
    cell = planted[1]["idle"]
    assert cell["metrics"]["ns_per_op"]["value"] is None and "not_counted" in cell["caveats"] or throughput(cell) == 0


def test_a_first_repetition_without_a_number_costs_nothing_else(tmp_path):
    def attempt(window):
        return run("--results", tmp_path, "--no-report", *short(window, 6), "--threads", "2", "--filter", "^moody/", "--lens",
                   "time", "--benchmark_format=json", "--benchmark_display_aggregates_only=true",
                   f"--benchmark_out={tmp_path / 'own.json'}", program=PLANTED)

    def samples(_=None):
        (cell,) = cells_of(record_of(tmp_path))
        return cell["metrics"]["throughput"]["samples"]

    done = until(lambda done: done.returncode != 0 or len(samples()) - samples().count(None) > 1, attempt)
    assert done.returncode == 0, done.stderr
    assert len(samples()) == 6 and samples()[0] is None and samples().count(None) < 5
    for text in ((tmp_path / "latest" / "google_benchmark.json").read_text(), (tmp_path / "own.json").read_text(),
                 done.stdout.partition("\n}\n")[0] + "}"):
        runs = json.loads(text)["benchmarks"]
        assert {r["run_type"] for r in runs} == {"iteration"}, "what was summed up with the first is no number"
        assert [r["real_time"] > 0 for r in runs if "error_occurred" not in r].count(True) == 6 - samples().count(None)
        assert all("without_number" not in r for r in runs)


def test_a_cell_without_operations_has_no_events_and_says_so(tmp_path):
    run("--results", tmp_path, "--no-report", *SHORT, "--threads", "2", "--filter", "^idle/", "--events", "page_faults",
        program=PLANTED)
    (cell,) = cells_of(record_of(tmp_path), "counters")
    assert cell["metrics"]["page_faults_per_op"]["value"] is None and "not_counted" in cell["caveats"]


class LongRun:
    """A run of minutes in a session of its own, with its standard error on a terminal, which shows every trial."""

    def __init__(self, results):
        ours, its = pty.openpty()
        self.process = subprocess.Popen([str(CONTEND), "bench", "--results", str(results), "--repetitions", "50", "--window-ms",
                                         "20", "--no-report", "--filter", "critical_section/(std_mutex|ttas)/"],
                                        stdout=subprocess.DEVNULL, stderr=its, start_new_session=True)
        os.close(its)
        self.said = b""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, terminal):
        try:
            while part := os.read(terminal, 65536):
                with self._more:
                    self.said += part
                    self._more.notify()
        except OSError:  # the other end is closed
            pass
        os.close(terminal)
        with self._more:
            self.said += b"\n(ended)"
            self._more.notify()

    def wait_for_trial(self, number):
        """Returns when so many trials are over; fails if that takes 240 s, or the run ended before."""
        def over():
            return self.said.endswith(b"(ended)") or any(int(n) >= number for n in re.findall(rb"trial (\d+) of", self.said))
        with self._more:
            came = self._more.wait_for(over, timeout=240)
        if not came or self.said.endswith(b"(ended)"):
            self.process.kill()
            pytest.fail(f"trial {number} did not come: {self.said}")

    def end(self):
        """The exit status, and all that was said."""
        status = self.process.wait(timeout=240)
        self._reader.join(timeout=240)
        return status, self.said.decode()


def test_ctrl_c_keeps_what_was_finished(tmp_path):
    long_run = LongRun(tmp_path)
    long_run.wait_for_trial(30)
    os.killpg(long_run.process.pid, signal.SIGINT)  # as a terminal does: to the worker too
    status, said = long_run.end()
    assert status == 130, said
    assert "Traceback" not in said
    record = record_of(tmp_path)
    assert record["run"]["complete"] is False and record["run"]["finished"]
    measured = [c for c in cells_of(record) if throughput(c) is not None]
    assert measured, "thirty trials ran"
    assert all("partial_run" in c["caveats"] for c in measured)
    assert json.loads((tmp_path / "latest" / "google_benchmark.json").read_text())["benchmarks"] is not None
    report = run("report", tmp_path / "latest", "--quiet")
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "latest" / "report.html").read_text()
    assert "interrupted" in page.lower() or "partial" in page.lower()


def runs(pid):
    """True for a process that is no zombie."""
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return bool(file.read())
    except OSError:
        return False


def test_no_worker_outlives_a_killed_run(tmp_path):
    long_run = LongRun(tmp_path)
    long_run.wait_for_trial(1)
    process = long_run.process
    children = [int(p) for p in subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True,
                                               text=True).stdout.split()]
    assert children
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while (left := list(filter(runs, children))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


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
