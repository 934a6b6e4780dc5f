# SPDX-License-Identifier: MIT
"""Running the programs from a test."""
import json
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ["CONTEND_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["CONTEND_BUILD_DIR"])
CONTEND = BUILD / "bin" / "contend"
PLANTED = BUILD / "tests" / "benchmarks" / "planted_bench"
TOY = BUILD / "tests" / "benchmarks" / "toy_bench"

WINDOWS = 3, 30, 300, 3000  # ms; see until()


def short(window_ms, repetitions=2, limit_s=60):
    """The words of a short run; what does not hang stays below the limit."""
    return ["--repetitions", repetitions, "--window-ms", window_ms, "--latency-window-ms", window_ms, "--cell-limit", limit_s,
            "--no-history", "--quiet"]


SHORT = short(3)  # for tests that need no number: on a busy machine the threads may have no processor so long
QUIET = ["--no-report", "--no-history", "--quiet"]


def run(*words, cwd=None, env=None, program=CONTEND, timeout=500, **more):
    """Runs a program; returns CompletedProcess with text output. Never raises on a bad exit."""
    return subprocess.run([str(program), *(w if isinstance(w, bytes) else str(w) for w in words)], cwd=cwd, timeout=timeout, capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, **more)


def record_of(results):
    """The newest record under a results directory."""
    return json.loads((pathlib.Path(results) / "latest" / "results.json").read_text())


def until(enough, attempt, ways=WINDOWS):
    """attempt(way) for the first of the ways of which enough() is true; the last one's where there is none."""
    for way in ways:
        got = attempt(way)
        if enough(got):
            break
    return got


def measured(results, *words, enough=lambda record: True, **more):
    """A short run with the least of the windows in which something was measured, and enough(record). Returns what run()
    returns, which is not zero or not enough where no window sufficed."""
    return until(lambda done: done.returncode == 0 and enough(record_of(results)),
                 lambda window: run(*words, "--results", results, *short(window), **more))


def cells_of(record, lens="time"):
    """The record's cells of one lens."""
    return [cell for cell in record["cells"] if cell["lens"] == lens]


def one_sentence(text):
    """True for one line without a traceback or an abort."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) == 1 and "Traceback" not in text and "terminate called" not in text


def simulate(results, *words, machine="zen4", jobs=2, program=CONTEND, **more):
    """Simulates, one schedule unless others are asked for; returns the record. Fails the test on a bad exit."""
    if not {"--seed", "--schedules"} & set(words):
        words = (*words, "--seed", "0")
    done = run("simulate", "--machine", machine, "--jobs", jobs, "--results", results, *QUIET, *words, program=program, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return record_of(results)


def value(cell, metric):
    """A cell's number, None if it has none."""
    return cell["metrics"][metric]["value"]


def written_cells(results):
    """The bytes of a record's cells."""
    text = (results / "latest" / "results.json").read_bytes()
    before, key, cells = text.partition(b'"cells":')
    assert key
    return cells
