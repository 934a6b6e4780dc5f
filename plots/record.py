# SPDX-License-Identifier: MIT
"""The run record as Python values, field for field as in perf/record/schema.json, and the questions asked of it."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

RUNGS = ("no_sharing", "atomic", "mutex", "shared_mutex", "channel", "sharded", "lock_free")  # simplest first
APPARATUS = "apparatus"  # the family whose cells measure the harness itself


@dataclass(frozen=True)
class Metric:
    """One measured quantity: the median over the repetitions, its interval, and one sample per repetition.

    `value`, `ci_low`, `ci_high` and each of `samples` are in `unit`, or None where there is no number.
    """

    value: float | None
    unit: str
    ci_low: float | None
    ci_high: float | None
    samples: tuple[float | None, ...] = ()
    running: float | None = None  # events: share of the time that the event was on a counter, 0–1


@dataclass(frozen=True)
class Primitive:
    """A catalogue entry. `rung` is the index into RUNGS; `order` its place in the catalogue.

    `group`: primitives of one family replace each other only within a group (a load is no cheaper fetch_add).
    """

    family: str
    name: str
    baseline: bool
    rung: int
    order: int
    facts: dict[str, Any]
    group: str = ""

    @property
    def is_ceiling(self) -> bool:
        """True for a baseline that shares nothing (no_lock): what an answer could reach at most, not an answer."""
        return self.baseline and RUNGS[self.rung] == "no_sharing"

    @property
    def origin(self) -> str:
        """Whose implementation it is ("abseil"); '' for our own."""
        return self.facts.get("origin") or ""

    @property
    def behaviour(self) -> str:
        """Admission order, waiting and bound in words: what differs between implementations that do the same."""
        words = [self.facts.get(key, "none").replace("_", " ") for key in ("admission", "waiting")]
        words = [word for word in words if word != "none"]
        if "bounded" in self.facts and self.family == "queue":
            words.append("bounded" if self.facts["bounded"] else "unbounded")
        return ", ".join(words)


@dataclass(frozen=True)
class Workload:
    """What a workload asks.

    `reference`: the primitive that ratios are drawn against, or None. `follows_threads`: parameters that are given by
    the thread count (producers, consumers) and so do not tell one line from another.
    """

    family: str
    name: str
    question: str
    operation: str
    contends_on: str
    reference: str | None
    follows_threads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What theory expects; see the schema for how the fields read."""

    id: str
    statement: str
    source: str
    family: str
    workload: str
    metric: str
    better: str
    worse: str
    params: dict[str, Any]
    better_params: dict[str, Any]
    worse_params: dict[str, Any]
    min_threads: int
    at_least: float


class PanelKey(NamedTuple):
    """One question with its parameters: what a small panel shows and a verdict row answers."""

    family: str
    workload: str
    params: tuple[tuple[str, Any], ...]
    placement: str


@dataclass(frozen=True)
class Cell:
    """One measured combination. A metric that is absent, or whose value is None, was not measured."""

    lens: str
    family: str
    name: str
    workload: str
    primitive: str
    baseline: bool
    params: dict[str, Any]
    threads: int
    placement: str
    metrics: dict[str, Metric]
    caveats: tuple[str, ...]
    details: dict[str, str] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """The median of `metric` in its unit, None where it was not measured."""
        found = self.metrics.get(metric)
        return found.value if found else None


@dataclass
class Record:
    """A whole run. `raw` is the document as read, for the download and the environment tables."""

    run: dict[str, Any]
    environment: dict[str, Any]
    catalogue: list[Primitive]
    workloads: list[Workload]
    claims: list[Claim]
    cells: list[Cell]
    raw: dict[str, Any]

    @property
    def confidence(self) -> float:
        return float(self.run["confidence"])

    @cached_property
    def timed(self) -> list[Cell]:
        """Cells of the lens `time`, in the order of the record."""
        return [cell for cell in self.cells if cell.lens == "time"]

    @cached_property
    def counted(self) -> dict[str, Cell]:
        """Name of a cell -> its twin of the lens `counters`, where that has a number."""
        return {cell.name: cell for cell in self.cells
                if cell.lens == "counters" and any(m.value is not None for m in cell.metrics.values())}

    @property
    def counters(self) -> dict[str, Any]:
        """The block environment.counters: what could be counted; {} where nothing was asked for."""
        return self.environment.get("counters") or {}

    def event(self, cell: Cell, name: str) -> Metric | None:
        """Events per operation of a timed cell's twin: 'rfo' in user space, 'rfo_kernel' in the kernel; else None."""
        twin = self.counted.get(cell.name)
        found = twin.metrics.get(f"{name}_per_op") if twin else None
        return found if found and found.value is not None else None

    @cached_property
    def panels(self) -> dict[PanelKey, list[Cell]]:
        """Timed cells by question and parameters, in the order of the record."""
        found: dict[PanelKey, list[Cell]] = {}
        for cell in self.timed:
            found.setdefault(self.key(cell), []).append(cell)
        return found

    def key(self, cell: Cell) -> PanelKey:
        """The question that a cell answers, without the parameters that follow its thread count."""
        follows = self.workload(cell.family, cell.workload).follows_threads
        params = tuple((name, value) for name, value in cell.params.items() if name not in follows)
        return PanelKey(cell.family, cell.workload, params, cell.placement)

    @cached_property
    def families(self) -> list[str]:
        """Families that have timed cells, in catalogue order; the apparatus last."""
        order = list(dict.fromkeys([p.family for p in self.catalogue] + [c.family for c in self.timed]))
        present = {cell.family for cell in self.timed}
        return sorted((f for f in order if f in present), key=lambda f: f == APPARATUS)

    @cached_property
    def primitives(self) -> dict[tuple[str, str], Primitive]:
        """(family, name) -> catalogue entry; an entry is made up for a cell whose primitive is not listed."""
        found = {(p.family, p.name): p for p in self.catalogue}
        for cell in self.cells:
            key = (cell.family, cell.primitive)
            if key not in found:
                found[key] = Primitive(*key, cell.baseline, RUNGS.index("mutex"), len(found), {})
        return found

    def members(self, family: str) -> list[Primitive]:
        """Primitives of `family` in catalogue order."""
        return sorted((p for p in self.primitives.values() if p.family == family), key=lambda p: p.order)

    def workload(self, family: str, name: str) -> Workload:
        """The description of a workload; an empty one if the record does not describe it."""
        for workload in self.workloads:
            if (workload.family, workload.name) == (family, name):
                return workload
        return Workload(family, name, "", "", "", None)

    @cached_property
    def oversubscribed(self) -> frozenset[int]:
        """Thread counts above what the machine runs at once: from the cells' caveats, else from the CPU count."""
        marked = {c.threads for c in self.timed if "oversubscribed" in c.caveats}
        cpus = self.environment.get("topology", {}).get("available_cpus") or []
        if not marked and cpus:
            marked = {c.threads for c in self.timed if c.threads > len(cpus)}
        return frozenset(marked)

    def reference(self, key: PanelKey) -> str | None:
        """The primitive that ratios of a panel are drawn against: the workload's, else the first real baseline."""
        present = {cell.primitive for cell in self.panels.get(key, [])}
        named = self.workload(key.family, key.workload).reference
        if named in present:
            return named
        for primitive in self.members(key.family):
            if primitive.baseline and not primitive.is_ceiling and primitive.name in present:
                return primitive.name
        return None
