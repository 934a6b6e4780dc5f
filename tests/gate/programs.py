# SPDX-License-Identifier: MIT
"""Benchmark programs that are none: on disk, as scripts that answer as real ones do; and in memory, on a clock of their own."""
import json
import math
import random
import stat
import sys
import textwrap

from gate.model import Key
from gate.points import Cell, Point


def write(path, body):
    """An executable Python script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n" + textwrap.dedent(body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def contend(path, cells, answers=None, processors=4):
    """A script of kind contend. `cells`: {name: (family, threads, params, quick)}; `answers`: {name: what --point prints
    (an object), or statements of Python to run instead}. A cell without an answer takes 10, 11 and 12 ns."""
    entries = [{"name": name, "skipped": None, "family": family, "workload": name.split("/")[0], "params": params,
                "threads": threads, "placement": "compact", "quick": quick, "applicable": True, "fingerprint": None,
                "oversubscribed": threads > processors} for name, (family, threads, params, quick) in cells.items()]
    return write(path, f"""
        import json, os, signal, sys, time
        words = sys.argv[1:]
        if "--version" in words:
            print("contend 0.0.0")
        elif "--plan" in words:
            entries = json.loads({json.dumps(json.dumps(entries))})
            if "--threads" in words:
                counts = [int(n) for n in words[words.index("--threads") + 1].split(",")]
                entries = [e for e in entries if e["threads"] in counts]
            print(json.dumps({{"cells": entries, "usable_processors": {processors}}}))
        elif "--point" in words:
            name = words[words.index("--point") + 1]
            answer = {answers or {}!r}.get(name, {{"ns_per_op": [12.0, 10.0, 11.0]}})
            if isinstance(answer, str):
                exec(answer)
            else:
                print(json.dumps({{"cell": name, **answer}}))
                sys.exit(4 if "caveat" in answer else 0)
        else:
            sys.exit("what is " + " ".join(words))
        """)


class Clock:
    """Time that passes only where somebody says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Planted:
    """A program in memory. `slow`: {name: factor on the time}; `fails`: {name: caveat}; `takes`: seconds of a point.

    The noise of a point is lognormal with `sd`, from `seed`; `hook(program, cell)` is called before each.
    """

    kind, benchmark_version = "contend", None

    def __init__(self, cells, clock, sd=0.02, slow=None, fails=None, takes=0.1, seed=1, path="/a/bench", hook=None):
        self._cells, self._clock, self._sd, self._slow, self._fails = cells, clock, sd, slow or {}, fails or {}
        self._takes, self._rng, self._hook = takes, random.Random(seed), hook
        self.path = path
        self.asked = []

    def cells(self, pattern="", threads=None):
        return [c for c in self._cells if pattern in c.key.name and (not threads or c.threads in threads)]

    def point(self, cell, window_ms=20, trials=3, limit_s=10):
        if self._hook:
            self._hook(self, cell)
        self.asked.append(cell.key.name)
        caveat = self._fails.get(cell.key.name)
        if callable(caveat):
            caveat = caveat(self)
        self._clock.now += limit_s if caveat == "timeout" else self._takes
        if caveat:
            return Point(None, caveat, f"it is {caveat}")
        return Point(40 * self._slow.get(cell.key.name, 1.0) * math.exp(self._rng.gauss(0, self._sd / math.sqrt(2))))


class Told:
    """Remembers what it is told."""

    def __init__(self):
        self.steps, self.said = [], []

    def step(self, text):
        self.steps.append(text)

    def say(self, text):
        self.said.append(text)


def cell(i, family="lock", threads=2, **more):
    """A cell of a planted program."""
    more.setdefault("params", {"i": i})
    more.setdefault("fingerprint", "0123456789abcdef")
    return Cell(Key("time", family, f"{family}_work/p{i}/threads:{threads}", "compact"), threads, **more)
