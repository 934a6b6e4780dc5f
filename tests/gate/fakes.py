# SPDX-License-Identifier: MIT
"""Made-up git repositories whose builds are shell commands and whose benchmark program is a script with known numbers."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import conftest

SMALL = conftest.ROOT / "tests" / "plots" / "data" / "small.json"
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main",
       "-c", "commit.gpgsign=false")
BUILD = "sh build.sh"
BENCH = "out/my_bench"
BOTH = ("--build", BUILD, "--bench", BENCH)  # lenses
ARGUMENTS = ("--lens", "coherence", *BOTH)

# Stands for a program of contend_add_bench: both lenses, with the numbers that numbers.json had when it was built. A time
# is that of the simulated cell times numbers["slower"].
PROGRAM = r'''#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).resolve().parent
words = sys.argv[1:]
numbers = json.loads((here / "numbers.json").read_text())
def option(name):
    return words[words.index(name) + 1] if name in words else None
if "--version" in words:
    print("contend 0.0.0")
    sys.exit(0)
if "--point" in words:
    with open(here / "points", "ab") as points:
        points.write(b".")
        points.flush()
        done = points.tell()
    if done > numbers.get("hangs_after", done):
        (pathlib.Path(os.environ["FAKE_STARTED"]) / str(os.getpid())).write_text("it hangs")
        time.sleep(600)
    if done == numbers.get("vanishes_after"):
        pathlib.Path(__file__).unlink()
    ns = numbers["cells"][option("--point")][1]
    print(json.dumps({{"ns_per_op": [ns * numbers.get("slower", 1)]}}))
    sys.exit(0)
if "--plan" in words and "time" in words:
    print(json.dumps({{"usable_processors": 4, "cells": [
        {{"name": n, "family": "counter", "workload": "increment", "params": {{}}, "threads": 1, "placement": "compact",
          "quick": "main", "applicable": True, "fingerprint": "0" * 16, "oversubscribed": False}} for n in numbers["cells"]]}}))
    sys.exit(0)
pattern = next((w.partition("=")[2] for w in words if w.startswith("--filter=")), "")
import re
chosen = {{k: v for k, v in numbers["cells"].items() if re.search(pattern, k)}}
if not chosen:
    print("contend simulate: no cell is left to simulate by the choice made", file=sys.stderr)
    sys.exit(2)
if "--plan" in words:
    print(json.dumps({{"simulation": {{"machine": option("--machine"), "seconds": 1.5,
                      "cells": [{{"name": n, "not_applicable": None}} for n in chosen]}}}}))
    sys.exit(0)
if numbers.get("fails"):
    print("contend simulate: " + numbers["fails"], file=sys.stderr)
    sys.exit(2)
if numbers.get("dies"):
    os.kill(os.getpid(), signal.SIGKILL)
schedules = int(option("--schedules") or 1)
if schedules > 1 and numbers.get("old"):
    print("contend simulate: The following argument was not expected: --schedules (see --help)", file=sys.stderr)
    sys.exit(2)
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
until = time.monotonic() + numbers.get("takes_s" if schedules == 1 else "schedules_take_s", 0)
if "FAKE_STARTED" in os.environ:
    (pathlib.Path(os.environ["FAKE_STARTED"]) / str(os.getpid())).write_text("the handler is in place")
while time.monotonic() < until and not stopped:
    time.sleep(0.01)
record = json.loads(pathlib.Path({small!r}).read_text())
template = next(c for c in record["cells"] if c["lens"] == "time")
record["environment"]["simulation"] = {{"machine": {{"name": option("--machine")}}, "line_size": 64, "seed": None,
    "schedules": schedules, "weak": False, "compiler": "GNU", "accesses": 1, "seconds": 1, "model_version": numbers.get("model", "1")}}
record["run"]["complete"] = not stopped
record["cells"] = []
def metric(value, unit):
    samples = [] if value is None else [value * (1 + numbers.get("chaos", 0) * (k * 7 % schedules)) for k in range(schedules)]
    return {{"value": value, "unit": unit, "ci_low": None, "ci_high": None, "samples": samples}}
for i, (name, (transfers, ns)) in enumerate(chosen.items()):
    if stopped and (i or schedules > 1):
        transfers = ns = None
    record["cells"].append({{**template, "lens": "coherence", "name": name, "placement": "compact", "baseline": False,
        "metrics": {{"line_transfers_per_op": metric(transfers, "1"), "ns_per_op": metric(ns, "ns")}},
        "per_thread": [], "caveats": ["partial_run"] if stopped and i else [],
        "details": {{"partial_run": "the run was interrupted"}} if stopped and i else {{}}}})
run = pathlib.Path(option("--results")) / "run"
run.mkdir(parents=True)
(run / "results.json").write_text(json.dumps(record))
(run.parent / "latest").symlink_to("run")
sys.exit(130 if stopped else 0)
'''
BUILD_SH = "mkdir -p out && cp bench.py out/my_bench && cp bench.py out/my_bench-simulated && cp numbers.json out/\n"
CELLS = {"increment/padded/threads:4": [0.0, 3.4], "increment/atomic/threads:4": [1.0, 40.0],
         "increment/unpadded/threads:4": [1.9, 60.0]}


class Repository:
    """A repository with a build and a program; `numbers` are those of the newest commit."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        path.mkdir()
        self.git("init", "-q")
        self.write("bench.py", PROGRAM.format(python=sys.executable, small=str(SMALL)))
        (path / "bench.py").chmod(0o755)
        self.write("build.sh", BUILD_SH)
        self.write(".gitignore", "/out/\n/results/\n")
        self.numbers(CELLS)
        self.first = self.commit("first")

    def git(self, *words, **more):
        return subprocess.run([*GIT, *words], cwd=self.path, check=True, capture_output=True, text=True, **more).stdout

    def write(self, name, text):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def numbers(self, cells, **more):
        self.write("numbers.json", json.dumps({"cells": cells, **more}))

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD").strip()

    def state(self):
        """All that a gate must leave as it was."""
        return (self.git("status", "--porcelain", "--ignored"), self.git("stash", "list"), self.git("for-each-ref"),
                (self.path / ".git" / "index").read_bytes(), self.git("diff", "HEAD"))

    def strays(self):
        """What a gate must not leave: worktrees, their notes, its folder, its index."""
        trees = [line for line in self.git("worktree", "list", "--porcelain").splitlines() if line.startswith("worktree ")]
        notes = self.path / ".git" / "worktrees"
        found = trees[1:] + ([str(p) for p in notes.iterdir()] if notes.exists() else [])
        found += [str(p) for p in (self.path / ".git").glob("*index*") if p.name != "index"]
        return found + [str(p) for p in (self.path / "build").glob("*")]


def environment(**more):
    """For the gate as a process of its own."""
    out = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CMAKE_CXX_COMPILER_LAUNCHER", "MAKEFLAGS")}
    return {**out, "PYTHONPATH": f"{conftest.ROOT}:{conftest.ROOT / 'perf'}", "PYTHONDONTWRITEBYTECODE": "1", **more}


def start(repository, *words, **more):
    """`contend gate words…` in the repository, as a process; ended by the caller."""
    where = getattr(repository, "path", repository)
    return subprocess.Popen([sys.executable, "-m", "gate", "run", *words], cwd=where, env=environment(**more), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def gate(repository, *words, **more):
    """The same to its end: (exit code, standard output, standard error)."""
    process = start(repository, *words, **more)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for(what, seconds=60):
    """Until `what()` is true. Raises AssertionError."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)


def newest(repository, name="gate.json"):
    """An output of the newest gate; JSON is decoded."""
    path = repository.path / "results" / "latest-gate" / name
    return json.loads(path.read_text()) if path.suffix == ".json" else path.read_text()


def end(process, number=signal.SIGINT):
    """Sends a signal to a gate that runs, and gives what it said."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
