# SPDX-License-Identifier: MIT
"""Which level of cost each primitive sits at: derived from counters where there are any, else from times alone."""
from __future__ import annotations

from dataclasses import dataclass

from .record import APPARATUS, RUNGS, Cell, PanelKey, Record

PRIVATE, ATOMIC, SHARED, KERNEL, SWITCH, OPEN = (
    "private line", "uncontended atomic", "shared line", "kernel entry", "context switch", "not told apart here")

# Level, what an operation at it costs in general, the rule that puts a primitive there, in plain words.
LEVELS = (
    (PRIVATE, "about 1 ns", "no slower per thread than alone (within a quarter; work outside that grows with the threads "
                            "is taken off), and within 3 ns of one thread's plain work, for primitives that give each "
                            "thread memory of its own or only read: what it touches stays in its own cache"),
    (ATOMIC, "5–20 ns", "no slower per thread than alone (within a quarter), but with a shared word, atomic operation "
                        "or fence to pay: nobody takes the line away"),
    (SHARED, "the core-to-core time of this machine", "with counters: a hit on a line modified in another core, or a "
     "request for ownership, in at least every tenth operation; without: one operation takes at least half of the "
     "median core-to-core time longer than alone, and there is less than one context switch in 100"),
    (KERNEL, "0.1–1 µs", "with counters: at least 50 instructions in the kernel per operation, and less than one "
                         "context switch in 20; without counters a call that does not sleep is not seen"),
    (SWITCH, "1–10 µs", "at least one context switch in 20 operations, by getrusage"),
)


@dataclass(frozen=True)
class Level:
    """Where one primitive sits in one panel, and what says so."""

    primitive: str
    level: str
    evidence: str


def _core_to_core(record: Record) -> float | None:
    block = record.environment.get("core_to_core") or {}
    numbers = sorted(v for rows in (block.get("start_ns") or []) for v in rows if v)
    return numbers[len(numbers) // 2] if numbers else None


def _own_time(cell: Cell) -> float | None:
    """Time of one thread's operation, ns, without the work outside that a workload makes grow with the threads."""
    time, outside = cell.value("ns_per_op_thread"), cell.params.get("outside_ns", 0)
    return None if time is None else time - (outside * (cell.threads - 1) if isinstance(outside, (int, float)) else 0)


def _level(record: Record, here: Cell, alone: Cell | None, plain: float | None, hop: float | None) -> tuple[str, str]:
    switches = here.value("context_switches_per_op")
    if switches is not None and switches >= 0.05:
        return SWITCH, f"{switches:.2g} context switches per operation"
    kernel = record.event(here, "instructions_kernel")
    if kernel and kernel.value >= 50:
        return KERNEL, f"{kernel.value:.3g} instructions in the kernel per operation"
    for name, words in (("modified_line_hit", "hits on modified lines"), ("rfo", "requests for ownership")):
        event = record.event(here, name)
        if event and event.value >= 0.1:
            return SHARED, f"{event.value:.2g} {words} per operation"
    together, single = _own_time(here), _own_time(alone) if alone else None
    if together is None or single is None or here is alone:
        return OPEN, "not measured both alone and together"
    if together <= 1.25 * single:
        entry = record.primitives[here.family, here.primitive]
        apart = RUNGS[entry.rung] in ("no_sharing", "sharded") or entry.group == "read"
        if apart and plain is not None and single <= plain + 3:
            return PRIVATE, f"{together:.3g} ns per thread, {single:.3g} ns alone"
        return ATOMIC, f"{together:.3g} ns per thread, {single:.3g} ns alone"
    shares = not record.primitives[here.family, here.primitive].is_ceiling
    if shares and hop is not None and together - single >= 0.5 * hop and switches is not None and switches < 0.01:
        return SHARED, f"{together:.3g} ns per thread, {single:.3g} ns alone; core to core {hop:.3g} ns"
    return OPEN, f"{together:.3g} ns per thread, {single:.3g} ns alone"


def levels(record: Record) -> dict[PanelKey, tuple[int, list[Level]]]:
    """Panel -> (thread count, levels in catalogue order), at its highest thread count that is not oversubscribed.

    Panels without two such thread counts, and those of the apparatus, are left out. One operation's plain work is that
    of the panel's ceiling alone (no_lock) where it has one, else 0 ns.
    """
    hop = _core_to_core(record)
    out = {}
    for key, cells in record.panels.items():
        if key.family == APPARATUS:
            continue
        counts = sorted({c.threads for c in cells if c.value("throughput")} - record.oversubscribed)
        if len(counts) < 2 or counts[0] != 1:
            continue
        ceilings = [c.value("ns_per_op_thread") for c in cells
                    if c.threads == 1 and record.primitives[c.family, c.primitive].is_ceiling]
        plain = next((v for v in ceilings if v is not None), 0.0)
        by = {(c.primitive, c.threads): c for c in cells}
        found = [Level(p.name, *_level(record, by[p.name, counts[-1]], by.get((p.name, 1)), plain, hop))
                 for p in record.members(key.family)
                 if (p.name, counts[-1]) in by and by[p.name, counts[-1]].value("throughput")]
        if found:
            out[key] = (counts[-1], found)
    return out
