# SPDX-License-Identifier: MIT
"""Golden coherence numbers: what the simulated cells of this tree gave when somebody last looked, one file per compiler.

A file has, per cell, the metrics that are judged, a digest of the others, and the judged metrics under other seeds.
Simulated numbers have no noise, so a built program either gives the same or differs, and what differs is told cell by
cell. It is worse only if it is so under the other seeds, too (exact.py says why).
"""
from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from . import exact
from .model import CHANGED, PASS, REGRESSION, Exact, Key

SCHEMA_VERSION = 1
FOLDER = Path(__file__).with_name("golden")
MACHINE = "zen4"
SEED, SCHEDULES = 1, 10  # the first of the other seeds, and how many
THREADS = (2, 4, 16)
# Which cells of our own primitives: each family's main question, where threads meet. Matched against whole names.
CELLS = (
    r"critical_section/[^/]+/inside_ns:0/outside_ns:0/threads:(2|4|16)",
    r"keyed_counters/sharded_mutex(_unpadded)?/keys:1024/skew:uniform/threads:(4|16)",
    r"read_mostly_map/[^/]+/read_percent:99/threads:(2|16)",
    r"single_word/((load|store|exchange|fetch_add|cas)_seq_cst|cas_backoff_relaxed)/threads:(2|16)",
    r"store_load/[^/]+/heavy_every:0/threads:2",
    r"request_metrics/[^/]+/snapshot_every:100/threads:(2|16)",
    r"increment/[^/]+/threads:(2|4|16)",
    r"producer_consumer/[^/]+/shape:n_to_n/producers:(1|2|8)/consumers:(1|2|8)/burst:1/capacity:1024/threads:(2|4|16)",
    r"published_config/[^/]+/read_percent:99/threads:(2|16)",
)
QUICK = re.compile(r"^(critical_section|increment|producer_consumer|keyed_counters)/.*/threads:4$"
                   r"|^(read_mostly_map|published_config|single_word|store_load|request_metrics)/.*/threads:2$")


class GoldenError(Exception):
    """Nothing can be compared or blessed; str() is one sentence, `exit_code` 2 or 3."""

    def __init__(self, sentence: str, exit_code: int = 2):
        super().__init__(sentence)
        self.exit_code = exit_code


class Numbers(NamedTuple):
    """Of one cell: the judged metrics by name, None where there is no number, and a digest of all others.

    `seeded`: the judged metrics with each of SCHEDULES other seeds; {} where these were not simulated.
    """

    judged: dict[str, float | None]
    others: str
    fingerprint: str
    seeded: dict[str, tuple[float | None, ...]] = {}


@dataclass(frozen=True)
class Golden:
    """What one compiler's program gave. `cells`: Numbers by the cell's name."""

    compiler: str
    flags: str
    architecture: str
    model_version: str
    cells: dict[str, Numbers] = field(default_factory=dict)


class Difference(NamedTuple):
    """One cell that is not as it was. `verdict`: of the gate's exact rule, or new, removed, benchmark_changed."""

    cell: str
    verdict: str
    sentence: str


def compiler_key(compiler: str, architecture: str) -> str:
    """The file's name for what a record calls its compiler: 'GNU 12.2.0' on x86_64 → 'g++-12.2'."""
    vendor, _, version = compiler.partition(" ")
    name = {"GNU": "g++", "Clang": "clang++"}.get(vendor, vendor.lower())
    key = f"{name}-{'.'.join(version.split('.')[:2])}"
    return key if architecture == "x86_64" else f"{key}-{architecture}"


def path_for(golden: Golden, folder: Path = FOLDER) -> Path:
    """Where the numbers of that compiler are, or would be."""
    return folder / f"{compiler_key(golden.compiler, golden.architecture)}.json"


def read(path: Path) -> Golden:
    """The committed numbers. Raises GoldenError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema_version"] != SCHEMA_VERSION:
            raise GoldenError(f"{path}: has schema_version {raw['schema_version']}, expected {SCHEMA_VERSION}.")
        columns, prints = raw["columns"], raw["fingerprints"]
        width = len(columns)
        cells = {name: Numbers(dict(zip(columns, row)), row[width], prints.get(name.split("/")[0], ""),
                               {m: tuple(many) * (SCHEDULES if len(many) == 1 else 1)
                                for m, many in zip(columns, row[width + 1:]) if many})
                 for name, row in raw["cells"].items()}
        return Golden(raw["compiler"], raw["flags"], raw["architecture"], raw["model_version"], cells)
    except OSError as error:
        raise GoldenError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise GoldenError(f"{path}: is no file of golden numbers ({type(error).__name__}: {error}).") from error


def text(golden: Golden) -> str:
    """The file: one line a cell, so that a change reads as a diff. A value that all seeds agree on is there once."""
    def many(one: Numbers, metric: str) -> list[float | None]:
        values = one.seeded.get(metric, ())
        return list(values[:1] if len(set(values)) == 1 else values)

    def row(one: Numbers) -> str:
        return json.dumps([*(one.judged.get(m) for m in exact.JUDGED), one.others, *(many(one, m) for m in exact.JUDGED)])

    head = {"schema_version": SCHEMA_VERSION, "compiler": golden.compiler, "flags": golden.flags,
            "architecture": golden.architecture, "machine": MACHINE, "model_version": golden.model_version,
            "columns": list(exact.JUDGED),
            "fingerprints": dict(sorted({name.split("/")[0]: one.fingerprint for name, one in golden.cells.items()}.items()))}
    lines = ",\n".join(f"  {json.dumps(name)}: {row(one)}" for name, one in sorted(golden.cells.items()))
    return json.dumps(head, indent=1)[:-2] + f',\n "cells": {{\n{lines}\n }}\n}}\n'


def numbers_of(record: dict[str, Any]) -> Golden:
    """What a decoded results.json says of its simulated cells, those of other people's primitives left out.

    Raises GoldenError where the record does not say enough to be compared.
    """
    simulation = record["environment"].get("simulation") or {}
    if "model_version" not in simulation:
        raise GoldenError("the program does not say which version of the model it has; build it again.")
    prints = {one["workload"]: one.get("fingerprint", "") for one in record["workloads"]}
    others = {(one["family"], one["primitive"]) for one in record["catalogue"] if one["facts"].get("origin")}
    cells = {}
    for cell in record["cells"]:
        if cell["lens"] != "coherence" or (cell["family"], cell["primitive"]) in others or "not_applicable" in cell["caveats"]:
            continue
        values = {name: metric["value"] for name, metric in cell["metrics"].items()}
        rest = json.dumps({k: v for k, v in sorted(values.items()) if k not in exact.JUDGED}, separators=(",", ":"))
        seeded = {m: tuple(cell["metrics"][m]["samples"]) for m in exact.JUDGED} if simulation.get("schedules", 1) > 1 else {}
        cells[cell["name"]] = Numbers({m: values.get(m) for m in exact.JUDGED}, hashlib.sha256(rest.encode()).hexdigest()[:12],
                                      prints.get(cell["workload"], ""), seeded)
    return Golden(record["run"]["compiler"], record["run"]["flags"], platform.machine(), simulation["model_version"], cells)


class Program:
    """A built `contend`. Every method raises GoldenError with the program's own last words if it fails."""

    def __init__(self, path: Path):
        self.path = path

    def _run(self, folder: str, *words: str) -> str:
        command = [str(self.path), "simulate", "--machine", MACHINE, "--profile", "full", "--threads",
                   ",".join(map(str, THREADS)), "--results", folder, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=1800,
                                  env={**os.environ, "CONTEND_NO_HISTORY": "1"})
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GoldenError(f"{self.path}: cannot be run ({error}).") from error
        if done.returncode not in (0, 4):  # 4: a cell's result was wrong, which the record says of it
            said = (done.stderr or done.stdout).strip().splitlines()
            raise GoldenError(f"{self.path}: exit {done.returncode}: {said[-1] if said else 'it said nothing'}")
        return done.stdout

    def names(self, quick: bool = False) -> list[str]:
        """The cells of CELLS that it has."""
        with tempfile.TemporaryDirectory(prefix="contend-golden-") as folder:
            plan = json.loads(self._run(folder, "--plan", "--json", "--filter", "|".join(f"^{one}$" for one in CELLS)))
        names = [cell["name"] for cell in plan["simulation"]["cells"] if not cell["not_applicable"]]
        names = [name for name in names if not quick or QUICK.search(name)]
        if not names:
            raise GoldenError(f"{self.path}: has none of the golden cells.", 3)
        return names

    def simulate(self, names: list[str], *words: str) -> Golden:
        """Their numbers; `words`: more of the command line."""
        with tempfile.TemporaryDirectory(prefix="contend-golden-") as folder:
            self._run(folder, "--filter", "^(" + "|".join(map(re.escape, names)) + ")$", "--no-report", "--quiet",
                      *(words or ("--seed", "0")))
            return numbers_of(json.loads((Path(folder) / "latest" / "results.json").read_text(encoding="utf-8")))

    def seeded(self, now: Golden, names: list[str]) -> Golden:
        """`now` with these cells' numbers under other seeds."""
        if not names:
            return now
        many = self.simulate(names, "--seed", str(SEED), "--schedules", str(SCHEDULES)).cells
        return replace(now, cells={name: one._replace(seeded=many[name].seeded) if name in many else one
                                   for name, one in now.cells.items()})


def differences(golden: Golden, now: Golden, quick: bool = False) -> list[Difference]:
    """Every cell that is not as it was, the worse ones first. One that both sides have under other seeds is worse, or
    better, only if it is so under these."""
    found = []
    limit = exact.level(sum(bool(one.seeded) for one in now.cells.values()))
    for name in sorted(golden.cells.keys() | now.cells.keys()):
        if quick and not QUICK.search(name):
            continue
        before, after = golden.cells.get(name), now.cells.get(name)
        if before is None or after is None:
            found.append(Difference(name, "new" if before is None else "removed",
                                    "is not in the file" if before is None else "is not in the program"))
        elif before.fingerprint != after.fingerprint:
            found.append(Difference(name, "benchmark_changed", "the workload's source differs, so its numbers are not compared"))
        else:
            cell = as_exact(name, before, after)
            verdict = exact.judge(cell, limit)
            if cell.base != cell.head and verdict.verdict != PASS:
                found.append(Difference(name, verdict.verdict, verdict.sentence))
            elif before.others != after.others:
                found.append(Difference(name, CHANGED, f"{' and '.join(exact.JUDGED)} are the same, other metrics differ"))
    return sorted(found, key=lambda one: one.verdict != REGRESSION)


def as_exact(name: str, before: Numbers, after: Numbers) -> Exact:
    """The two sides as the gate's exact rule takes them; other seeds where both have them."""
    units = {m: "ns" if m.startswith("ns") else "1" for m in exact.JUDGED}
    schedules = (before.seeded, after.seeded) if before.seeded and after.seeded else ({}, {})
    return Exact(Key("coherence", "", name, "compact"), before.judged, after.judged, units, *schedules)


def in_question(golden: Golden, now: Golden) -> list[str]:
    """The cells that differ so much that other seeds are to be asked, and whose golden numbers have them."""
    return [name for name, after in now.cells.items() if (before := golden.cells.get(name)) and before.seeded
            and before.fingerprint == after.fingerprint and exact.in_question(as_exact(name, before, after))]


def comparable(golden: Golden, now: Golden, path: Path) -> None:
    """Raises GoldenError, with exit code 3, where the file's numbers are of another model or of other flags."""
    if golden.model_version != now.model_version:
        raise GoldenError(f"{path}: has numbers of version {golden.model_version} of the model, the program has version "
                          f"{now.model_version}; `make bless` renews them.", 3)
    if golden.flags != now.flags:
        raise GoldenError(f"{path}: has numbers of the flags '{golden.flags}', the program was built with '{now.flags}'; "
                          "`contend gate --base REF` compares with a base instead.", 3)


def no_file(now: Golden, path: Path) -> GoldenError:
    """That there is nothing to compare this compiler's numbers with."""
    return GoldenError(f"{path}: there are no golden numbers for {now.compiler} on {now.architecture}; `make bless` writes "
                       "them, `contend gate --base REF` compares with a base instead.", 3)


def diff(golden: Golden | None, now: Golden) -> list[tuple[str, str, str, str]]:
    """What blessing changes: rows of cell, metric, old, new."""
    rows = []
    old = golden.cells if golden else {}
    for name in sorted(old.keys() | now.cells.keys()):
        before, after = old.get(name), now.cells.get(name)
        if before is None or after is None:
            rows.append((name, "(the cell)", "–" if before is None else "there", "there" if before is None else "–"))
            continue
        for metric in exact.JUDGED:
            if before.judged.get(metric) != after.judged.get(metric):
                rows.append((name, metric, *(f"{v:.6g}" if v is not None else "none"
                                             for v in (before.judged.get(metric), after.judged.get(metric)))))
        if before.others != after.others:
            rows.append((name, "(the others)", before.others, after.others))
        if before.fingerprint != after.fingerprint:
            rows.append((name, "(the workload's source)", before.fingerprint, after.fingerprint))
    if golden:
        for what in ("compiler", "flags", "model_version"):
            if getattr(golden, what) != getattr(now, what):
                rows.append(("(all)", what, getattr(golden, what), getattr(now, what)))
    return rows
