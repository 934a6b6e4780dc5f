# SPDX-License-Identifier: MIT
"""Which cost level a measured point sits at: derived from events, else from times and getrusage, else not told apart."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .record import APPARATUS, Cell, PanelKey, Record
from .style import duration, si

OFTEN, SELDOM = 0.1, 0.01  # events per operation: from the one on they make the level, up to the other they do not
SWITCHES = 0.001  # context switches per operation below which preemption explains them
SWITCH_NS = 1000.0  # processor time that a context switch takes at least
KERNEL_CYCLES, KERNEL_SHARE = 100.0, 0.25  # cycles per operation, and share of all cycles, in the kernel
AS_ALONE = 0.25  # an operation that takes up to this share longer than alone takes as long as alone


class Level(NamedTuple):
    """A cost level; `letter` stands for it in tables, `typical` is the order of magnitude on today's servers."""

    name: str
    letter: str
    words: str
    typical: str


PRIVATE = Level("private line", "P", "The data are in this core's own cache: nobody else writes them. Reading what all "
                "only read costs the same.", "about 1 ns (4–5 cycles)")
ATOMIC = Level("uncontended atomic", "A", "A read-modify-write or a fenced store on a line that this core owns already: "
               "the core waits for its own earlier stores, for nobody else.", "2–10 ns (8–20 cycles)")
SHARED = Level("shared line", "S", "Another core wrote the line last, so it must come from there; or another core wants "
               "it at the same time.", "20–100 ns within a socket, 100–300 ns between sockets")
KERNEL = Level("kernel entry", "K", "A system call or a page fault: a futex wake, a failed futex wait, a yield.",
               "0.1–1 µs")
SWITCH = Level("context switch", "C", "The thread sleeps, another one runs, and waking it again takes its time; its "
               "caches may be cold by then.", "1–10 µs, and whatever the thread then waits for")
EITHER = Level("shared line or kernel entry", "S/K", "It may park its waiters, and without counters a kernel entry that "
               "puts nobody to sleep looks like a shared line.", "")
LEVELS = (PRIVATE, ATOMIC, SHARED, KERNEL, SWITCH)


class Place(NamedTuple):
    """Where a point sits. `level` is None where the data do not decide; `why` says by what, in a few words."""

    level: Level | None
    why: str
    by_events: bool = False


@dataclass
class Ruler:
    """The lengths of this machine that times are held against."""

    record: Record

    @cached_property
    def line_ns(self) -> float | None:
        """One way of a line between the closest pair of processors, None if it was not measured."""
        block = self.record.environment.get("core_to_core") or {}
        ways = [v for key in ("start_ns", "end_ns") for row in block.get(key) or [] for v in row if v]
        return min(ways, default=None)

    @cached_property
    def line_range(self) -> tuple[float, float] | None:
        """The shortest and the longest way of a line that was measured, in ns."""
        block = self.record.environment.get("core_to_core") or {}
        ways = [v for key in ("start_ns", "end_ns") for row in block.get(key) or [] for v in row if v]
        return (min(ways), max(ways)) if ways else None

    @cached_property
    def loop_ns(self) -> float:
        """What the measuring loop costs by itself on one thread; 0 if that was not measured."""
        return min(self._alone(lambda cell: cell.family == APPARATUS), default=0.0)

    @cached_property
    def private_ns(self) -> float | None:
        """The cheapest operation that shares nothing (a ceiling such as no_lock, or a plain load), on one thread."""
        def private(cell: Cell) -> bool:
            return (cell.primitive.startswith(("load_", "per_thread")) or self._entry(cell).is_ceiling) and \
                cell.family != APPARATUS and not _work(cell)
        return min(self._alone(private), default=None)

    @cached_property
    def atomic_ns(self) -> float | None:
        """One read-modify-write on one thread, with the loop around it; None if none was measured."""
        return min(self._alone(lambda cell: cell.primitive.startswith("fetch_add") or cell.primitive == "one_atomic"),
                   default=None)

    def _entry(self, cell: Cell):
        return self.record.primitives[cell.family, cell.primitive]

    def _alone(self, wanted) -> list[float]:
        values = [c.value("ns_per_op") for c in self.record.timed if c.threads == 1 and wanted(c)]
        return [v for v in values if v]


def _work(cell: Cell) -> float:
    """The work that a workload states, in ns per operation of one thread (0 if it states none)."""
    inside, outside = (cell.params.get(name, 0) for name in ("inside_ns", "outside_ns"))
    return sum(float(v) for v in (inside, outside) if isinstance(v, (int, float)))


def place(record: Record, ruler: Ruler, cell: Cell, cells: list[Cell]) -> Place | None:
    """Where `cell` of the panel `cells` sits; None if it has no throughput."""
    if not cell.value("throughput"):
        return None
    entry = record.primitives[cell.family, cell.primitive]
    if entry.is_ceiling:
        return Place(PRIVATE, "shares nothing, by construction")
    alone = next((c for c in cells if (c.primitive, c.threads) == (cell.primitive, 1)), None)
    ceiling = next((c for c in cells if record.primitives[c.family, c.primitive].is_ceiling
                    and c.threads == cell.threads), None)
    added = _added(cell, alone, ceiling)
    asleep = _switches(record, cell, alone, ceiling, added)
    if asleep:
        return asleep
    found = _by_events(record, cell, alone)
    if found:
        return found
    over = cell.threads in record.oversubscribed
    if cell.threads == 1:
        return _alone(ruler, cell, ceiling)
    if over:
        return _crowded(record, ruler, cell, alone, cells)
    return _together(record, ruler, cell, alone, cells, added, entry.facts.get("waiting", ""))


def _outside(cell: Cell) -> float:
    outside = cell.params.get("outside_ns", 0)
    return float(outside) * (cell.threads - 1) if isinstance(outside, (int, float)) else 0.0


def _added(cell: Cell, alone: Cell | None, ceiling: Cell | None) -> tuple[float, float] | None:
    """By how much a thread's operation takes longer than if nothing was shared: interval in ns.

    Compared with the ceiling beside it, else with one thread alone; what `inside_ns` serialises is no cost of sharing.
    """
    metric = cell.metrics.get("ns_per_op_thread")
    if metric is None or metric.value is None:
        return None
    floor = ceiling.value("ns_per_op_thread") if ceiling else None
    if floor is None and alone is not None and alone is not cell:
        own = alone.value("ns_per_op_thread")
        floor = None if own is None else own + _outside(cell)
    if floor is None:
        return None
    inside = cell.params.get("inside_ns", 0)
    floor = max(floor, cell.threads * float(inside) if isinstance(inside, (int, float)) else 0.0)
    low, high = (metric.value if v is None else v for v in (metric.ci_low, metric.ci_high))
    return low - floor, high - floor


def _switches(record: Record, cell: Cell, alone: Cell | None, ceiling: Cell | None, added) -> Place | None:
    """A context switch, where switches explain at least half of what an operation adds."""
    switches, burned = record.value(cell, "context_switches_per_op"), cell.value("cpu_ns_per_op")
    if switches is None or burned is None or switches < SWITCHES:
        return None
    said = f"{switches:.2g} context switches per operation"
    base = ceiling.value("cpu_ns_per_op") if ceiling else None
    if base is None and alone is not None and alone is not cell:
        base = alone.value("cpu_ns_per_op")
        base = None if base is None else base + _outside(cell)
    if base is not None and switches * SWITCH_NS >= 0.5 * (burned - base):
        return Place(SWITCH, f"{said}; at 1 µs each, at least half of the added processor time")
    thread = cell.value("ns_per_op_thread")
    if added and thread and cell.threads not in record.oversubscribed and thread - burned >= 0.5 * added[1] > 0:
        return Place(SWITCH, f"{said}; threads sleep for at least half of the added time")
    return None


def _by_events(record: Record, cell: Cell, alone: Cell | None) -> Place | None:
    """The level by hardware events; None where they were not counted, Place(None) where they do not decide."""
    def count(name: str, of: Cell | None = cell) -> float | None:
        return record.value(of, name) if of else None

    user, kernel = count("cycles_per_op"), count("cycles_kernel_per_op")
    if user is not None and kernel is not None and kernel >= KERNEL_CYCLES and kernel >= KERNEL_SHARE * (user + kernel):
        return Place(KERNEL, f"{si(kernel)} of {si(user + kernel)} cycles per operation in the kernel", True)
    if cell.threads > 1:
        modified, remote, misses = (count(f"{name}_per_op") for name in ("modified_line_hit", "remote_hit", "l1d_miss"))
        if modified is not None:
            moved, what = modified + (remote or 0), "hits on lines that another core had modified"
        elif remote is not None and remote >= OFTEN:
            moved, what = remote, "lines from another cache"
        elif misses is not None and count("l1d_miss_per_op", alone) is not None:
            moved, what = misses - count("l1d_miss_per_op", alone), "L1D misses more than alone"
        else:
            return None
        if moved >= OFTEN:
            return Place(SHARED, f"{moved:.2g} {what} per operation", True)
        if moved > SELDOM:
            return Place(None, f"{moved:.2g} {what} per operation: some, not many", True)
    locked = count("lock_load_per_op")
    if locked is None:
        return None
    if locked >= 0.5:
        return Place(ATOMIC, f"{locked:.2g} locked instructions per operation, and no line moves", True)
    if locked <= 0.05:
        return Place(PRIVATE, "neither locked instructions nor moving lines", True)
    return Place(None, f"{locked:.2g} locked instructions per operation: some operations have one", True)


def _alone(ruler: Ruler, cell: Cell, ceiling: Cell | None) -> Place:
    """One thread: a private line or an uncontended atomic, by what it costs above the loop or above the ceiling."""
    took, atomic = cell.value("ns_per_op"), ruler.atomic_ns
    if took is None or atomic is None:
        return Place(None, "no uncontended atomic was measured in this run")
    atomic = max(atomic - ruler.loop_ns, 0.1)
    base = (ceiling.value("ns_per_op") if ceiling else None) or ruler.loop_ns + _work(cell)
    cost = took - base
    if 0.05 * took > 0.5 * atomic and _work(cell) or cost < -0.5 * atomic:
        return Place(None, "the work in it hides so small a cost")
    if cost < 0.5 * atomic:
        return Place(PRIVATE, f"{duration(max(cost, 0))} above nothing; an atomic costs {duration(atomic)}")
    if cost < (0.25 * ruler.line_ns if ruler.line_ns else 6 * atomic):
        return Place(ATOMIC, f"{duration(cost)} above nothing; an atomic costs {duration(atomic)}")
    return Place(None, f"{duration(cost)} alone: work of its own, beside atomics")


def _crowded(record: Record, ruler: Ruler, cell: Cell, alone: Cell | None, cells: list[Cell]) -> Place:
    """More threads than processors: only the processor time can be compared."""
    burned, own = cell.value("cpu_ns_per_op"), alone.value("cpu_ns_per_op") if alone else None
    if burned and own and burned <= (1 + AS_ALONE) * (own + _outside(cell)) and not _work(cell):
        return _like_alone(record, ruler, alone, cells)
    return Place(None, "waiting for a processor hides the rest")


def _together(record: Record, ruler: Ruler, cell: Cell, alone: Cell | None, cells: list[Cell], added,
              waiting: str) -> Place:
    """Several threads: as long as alone, or longer by what moving a line takes."""
    if ruler.line_ns is None:
        return Place(None, "the latency between processors was not measured")
    if added is None or alone is None or alone.value("ns_per_op_thread") is None:
        return Place(None, "not measured on one thread, so there is nothing to compare with")
    low, high = added
    own = max(alone.value("ns_per_op_thread") - _work(cell), 1.0)
    thread = cell.value("ns_per_op_thread") or 0.0
    if low >= max(own, OFTEN * ruler.line_ns, 0.1 * thread if _work(cell) else 0.0):
        said = f"{duration(low)} longer than alone; a line takes {duration(ruler.line_ns)}"
        return Place(EITHER if "park" in waiting else SHARED, said)
    if high <= max(AS_ALONE * own, 0.5) and not _work(cell):
        return _like_alone(record, ruler, alone, cells)
    return Place(None, "the work in it hides the rest" if _work(cell) else
                 f"{duration(max(low, 0))} to {duration(max(high, 0))} longer than alone: too little to tell")


def _like_alone(record: Record, ruler: Ruler, alone: Cell, cells: list[Cell]) -> Place:
    found = place(record, ruler, alone, cells)
    if found is None or found.level is None:
        return Place(None, "as long as alone, where it is not told apart")
    return Place(found.level, f"as long as alone: {found.why}", found.by_events)


def places(record: Record) -> dict[PanelKey, dict[str, dict[int, Place | None]]]:
    """Panel -> primitive -> thread count -> place, of all panels but those of the apparatus."""
    ruler = Ruler(record)
    found: dict[PanelKey, dict[str, dict[int, Place | None]]] = {}
    for key, cells in record.panels.items():
        if key.family == APPARATUS:
            continue
        for cell in cells:
            found.setdefault(key, {}).setdefault(cell.primitive, {})[cell.threads] = place(record, ruler, cell, cells)
    return found
