# SPDX-License-Identifier: MIT
"""The run record as Python values, field for field as in perf/record/schema.json, and the questions asked of it."""
from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

RUNGS = ("no_sharing", "atomic", "mutex", "shared_mutex", "channel", "sharded", "lock_free")  # simplest first
APPARATUS = "apparatus"  # the family whose cells measure the harness itself
TIME, COHERENCE = "time", "coherence"  # lenses: measured on real threads, simulated


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


class Field(NamedTuple):
    """A field of an object, `size` bytes at byte `offset` of a line."""

    name: str
    offset: int
    size: int


class Touched(NamedTuple):
    """Which bytes of a line one thread read and wrote, as half-open ranges."""

    thread: int
    read: tuple[tuple[int, int], ...]
    wrote: tuple[tuple[int, int], ...]


class Site(NamedTuple):
    """A place in the source whose accesses missed; `kind` is load, store or rmw, the rest are misses per operation."""

    source: str
    function: str
    kind: str
    true_sharing: float | None
    false_sharing: float | None


@dataclass(frozen=True)
class Line:
    """A simulated cache line that missed: what lies on it and who touched which of its `size` bytes.

    Counts are per operation of the cell. `threads_not_shown`: how many more threads than `touched` has touched it;
    `sites_not_shown`: how many more places than `sites` has missed on it.
    """

    label: str
    object: str
    size: int
    line_transfers: float | None
    invalidations: float | None
    upgrades: float | None
    true_sharing: float | None
    false_sharing: float | None
    fields: tuple[Field, ...]
    touched: tuple[Touched, ...]
    sites: tuple[Site, ...]
    threads_not_shown: int = 0
    sites_not_shown: int = 0


class Fidelity(NamedTuple):
    """How far predictions are from timed runs: median absolute error of ns_per_op (0.21: 21 %), Kendall's tau (-1–1)."""

    median_ape: float | None
    kendall_tau: float | None


@dataclass(frozen=True)
class Simulation:
    """What was simulated, and how. `machine` is its description with the source of each figure, as in the record.

    `validation`, `per_family`: what timed runs of the same cells said about it, None and {} if nobody compared them.
    """

    machine: dict[str, Any]
    line_size: int
    seed: int | None
    weak: bool
    compiler: str
    accesses: float | None
    seconds: float | None
    validation: Fidelity | None = None
    per_family: dict[str, Fidelity] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.machine.get("name") or "an unnamed machine")


@dataclass(frozen=True)
class Cell:
    """One measured, or simulated, combination. A metric that is absent, or whose value is None, has no number.

    `lines`: of a simulated cell, the lines that missed most, most misses first.
    """

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
    lines: tuple[Line, ...] = ()

    def value(self, metric: str) -> float | None:
        """The median of `metric` in its unit, None where it was not measured."""
        found = self.metrics.get(metric)
        return found.value if found else None


@dataclass
class Record:
    """A whole run. `raw` is the document as read, for the download and the environment tables.

    All questions are about the cells of one `lens`: of the record itself those that were timed; `simulated` is the same
    record asked about its simulated cells, so that the two are drawn and judged alike and never together.
    """

    run: dict[str, Any]
    environment: dict[str, Any]
    catalogue: list[Primitive]
    workloads: list[Workload]
    claims: list[Claim]
    cells: list[Cell]
    raw: dict[str, Any]
    counters: Counters | None = None
    simulation: Simulation | None = None
    lens: str = TIME

    @property
    def confidence(self) -> float:
        return float(self.run["confidence"])

    @cached_property
    def timed(self) -> list[Cell]:
        """Cells of the lens that this is asked about, in the order of the record."""
        return [cell for cell in self.cells if cell.lens == self.lens]

    @cached_property
    def simulated(self) -> Record | None:
        """This record, asked about its simulated cells; None if it has none."""
        cells = [cell for cell in self.cells if cell.lens == COHERENCE]
        if self.lens == COHERENCE or not cells:
            return None
        view = dataclasses.replace(self, cells=cells, counters=None, lens=COHERENCE)
        view.__dict__["primitives"] = self.primitives  # the same looks, also of what the catalogue does not list
        return view

    @property
    def exact(self) -> bool:
        """Whether a number needs no repetition to be trusted: every run of a simulation gives the same."""
        return self.lens == COHERENCE

    def counterpart(self, key: PanelKey) -> PanelKey | None:
        """The panel of this record that asks what `key` of another view asks; None if it has none.

        Placement is a matter of real processors: without a panel of the same placement, any with the same parameters.
        """
        if key in self.panels:
            return key
        return next((other for other in self.panels if other[:3] == key[:3]), None)

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
        """Families that have timed or simulated cells, in catalogue order; the apparatus last."""
        cells = [cell for cell in self.cells if cell.lens in (TIME, COHERENCE)]
        order = list(dict.fromkeys([p.family for p in self.catalogue] + [c.family for c in cells]))
        present = {cell.family for cell in cells}
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
        if not marked and cpus and self.lens == TIME:
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
