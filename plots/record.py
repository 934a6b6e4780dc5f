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

    `value`, `ci_low`, `ci_high` and each of `samples` are in `unit`, or None where there is no number. `running`: share
    of the time that an event was on a counter (0–1), by which its value was scaled; None for what is no event.
    """

    value: float | None
    unit: str
    ci_low: float | None
    ci_high: float | None
    samples: tuple[float | None, ...] = ()
    running: float | None = None


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
        """Whose implementation it is (abseil, oneTBB, …); '' for our own and the standard library's."""
        return self.facts.get("origin") or ""

    @property
    def label(self) -> str:
        """The name for people: with whose it is, where it is a peer."""
        return f"{self.name} ({self.origin})" if self.origin else self.name


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


@dataclass(frozen=True)
class Event:
    """One event that was asked for. `state`: counted, multiplexed, starved, unsupported or failed, in a trial loop.

    `running`: share of that time that it was on a counter (0–1), None if it was on none.
    """

    metric: str
    where: str
    name: str | None
    code: str | None
    source: str | None
    state: str
    running: float | None
    reason: str | None


@dataclass(frozen=True)
class Counters:
    """What the machine can count. `caveat`, `reason`, `cure` say why hardware events cannot be; else they are None."""

    available: bool
    microarchitecture: str | None
    paranoid: int | None
    caveat: str | None
    reason: str | None
    cure: str | None
    events: tuple[Event, ...]


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
    counters: Counters | None = None

    @property
    def confidence(self) -> float:
        return float(self.run["confidence"])

    @cached_property
    def timed(self) -> list[Cell]:
        """Cells of the lens `time`, in the order of the record."""
        return [cell for cell in self.cells if cell.lens == "time"]

    @cached_property
    def counted(self) -> dict[tuple[str, str, str], Cell]:
        """Cells of the lens `counters` by family, name and placement: those of the timed cell that they stand beside."""
        return {(c.family, c.name, c.placement): c for c in self.cells if c.lens == "counters"}

    def metric(self, cell: Cell, name: str) -> Metric | None:
        """`name` of a timed cell, or of the counter trials beside it, whichever has a number; None if neither has."""
        beside = self.counted.get((cell.family, cell.name, cell.placement))
        for one in (cell, beside):
            found = one.metrics.get(name) if one else None
            if found and found.value is not None:
                return found
        return None

    def value(self, cell: Cell, name: str) -> float | None:
        """The median of `metric`, in its unit."""
        found = self.metric(cell, name)
        return found.value if found else None

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
