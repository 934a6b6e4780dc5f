# SPDX-License-Identifier: MIT
"""What the page says about peers, events and cost levels: plain values for the template."""
from __future__ import annotations

from typing import Any

from . import cost, style
from .record import APPARATUS, COHERENCE, Cell, Event, PanelKey, Primitive, Record

# Facts that can differ from one implementation to the next: heading and key.
FACTS = (("admits", "admission"), ("waits", "waiting"), ("progress", "progress"), ("delivers", "delivery"),
         ("bounded", "bounded"), ("weak try", "weak"))


def peers(record: Record, family: str, present: set[str]) -> dict[str, Any] | None:
    """The peers of a family with the facts that can differ, against the family's own baseline; None without peers.

    Columns in which nobody of the family differs are left out. A row's facts are (text, differs from the baseline).
    """
    members = [p for p in record.members(family) if p.name in present]
    theirs = [p for p in members if p.origin]
    ours = [p for p in members if not p.origin and not p.is_ceiling]
    if not theirs:
        return None
    base = next((p for p in ours if p.baseline), ours[0] if ours else None)
    shown = [(head, key) for head, key in FACTS if len({fact(p, key) for p in theirs + ours}) > 1]

    def row(p: Primitive) -> dict[str, Any]:
        return {"primitive": p, "facts": [(fact(p, key), base is not None and fact(p, key) != fact(base, key))
                                          for _, key in shown]}

    return {"heads": [head for head, _ in shown], "base": row(base) if base else None, "rows": [row(p) for p in theirs],
            "origins": sorted({p.origin for p in theirs}, key=str.lower)}


def fact(primitive: Primitive, key: str) -> str:
    """A fact in words; '–' where it is absent or does not apply."""
    value = primitive.facts.get(key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in (None, "", "not_applicable") else str(value).replace("_", " ")


def events(record: Record) -> list[dict[str, Any]]:
    """The events that were asked for: each with whether its reason is the machine's, which is then said once."""
    if record.counters is None:
        return []
    return [{"event": e, "reason": "" if e.reason == record.counters.reason else e.reason or "",
             "in_cells": span(record, e)} for e in record.counters.events]


def span(record: Record, event: Event) -> tuple[float, float] | None:
    """The smallest and the largest share of the time that an event was on a counter in the cells; None if in none."""
    key = f"{event.metric}{'_kernel' if event.where == 'kernel' else ''}_per_op"
    found = [m.running for cell in record.counted.values() if (m := cell.metrics.get(key))
             and m.value is not None and m.running is not None]
    return (min(found), max(found)) if found else None


def banner(record: Record) -> dict[str, Any] | None:
    """Why no hardware event was counted, and what to do; None where some were, or where nothing was asked for."""
    about = record.counters
    if about is None or about.available:
        return None
    return {"caveat": about.caveat, "reason": about.reason or "the record does not say why", "cure": about.cure,
            "switches": any(c.value("context_switches_per_op") is not None for c in record.timed)}


def known_for_all(record: Record) -> dict[str, str]:
    """Caveat -> sentence of what all counter trials have in common, so that no cell needs to repeat it.

    Where nothing was counted at all, which events this processor lacks is no cell's affair either.
    """
    found = banner(record)
    if found:
        sentence = f"{found['reason']}; {found['cure']}" if found["cure"] else found["reason"]
        lacking = in_common([c for c in record.counted.values() if "event_unsupported" in c.caveats])
        why = {found["caveat"]: sentence} if found["caveat"] else {}
        return why | {name: text for name, text in lacking.items() if name == "event_unsupported"}
    return in_common([c for c in record.counted.values() if _has_number(c)])


def of_the_run(record: Record) -> set[str]:
    """Caveats of the whole run that every measured cell repeats word for word: they stand at the top of the page."""
    return set(in_common([c for c in record.timed if _has_number(c)])) & set(record.environment["caveats"])


def _has_number(cell: Cell) -> bool:
    return any(m.value is not None for m in cell.metrics.values())


def in_common(cells: list[Cell]) -> dict[str, str]:
    """Caveat -> sentence of what all of the cells have, with the same words; {} without cells."""
    said: dict[str, set[str]] = {}
    for cell in cells:
        for name in cell.caveats:
            said.setdefault(name, set()).add(cell.details.get(name, ""))
    return {name: sentences.pop() for name, sentences in said.items()
            if len(sentences) == 1 and all(name in c.caveats for c in cells)}


def levels(record: Record) -> dict[str, Any]:
    """The table of cost levels with what this machine measured of them, and the points of all panels by workload."""
    ruler = cost.Ruler(record)
    solid = lambda ns: style.duration(ns).replace(" ", "\u00a0")
    here = {
        cost.PRIVATE: style.duration(ruler.private_ns) if ruler.private_ns else "",
        cost.ATOMIC: style.duration(ruler.atomic_ns) if ruler.atomic_ns else "",
        cost.SHARED: " to ".join(map(solid, ruler.line_range)) if ruler.line_range else "",
    }
    found = cost.places(record)
    every = [place for rows in found.values() for row in rows.values() for place in row.values() if place]
    return {"levels": cost.LEVELS, "either": cost.EITHER, "here": here, "places": found, "ruler": ruler,
            "points": len(every), "open": sum(place.level is None for place in every),
            "by_events": sum(place.by_events for place in every)}


def level_table(record: Record, keys: list[PanelKey], places: dict) -> dict[str, Any] | None:
    """One workload's points: a row per primitive, a column per panel, in it a place per thread count; None if none.

    A thread count at which nothing of the panel was measured has no place in it.
    """
    keys = [key for key in keys if key in places and any(p for row in places[key].values() for p in row.values())]
    if not keys or keys[0].family == APPARATUS:
        return None
    counts = {key: sorted({n for row in places[key].values() for n, p in row.items() if p}) for key in keys}
    rows = []
    for primitive in record.members(keys[0].family):
        cells = [[(n, places[key].get(primitive.name, {}).get(n)) for n in counts[key]] for key in keys]
        if any(place for cell in cells for _, place in cell):
            rows.append((primitive, cells))
    return {"heads": [(style.panel_words(key, keys), counts[key]) for key in keys], "rows": rows}


def table_rows(record: Record) -> list[tuple[Cell, list[tuple[str, str | None]]]]:
    """The lines of the table of all cells, with their caveats: counter trials stand in the row of the timed cell."""
    timed = {(c.family, c.name, c.placement) for c in record.timed}
    quiet, whole = known_for_all(record), of_the_run(record)
    found = []
    for cell in record.cells:
        if cell.lens == COHERENCE:
            continue  # has a table of its own, so that nobody takes it for measured
        at = (cell.family, cell.name, cell.placement)
        if cell.lens == "counters" and at in timed:
            continue
        beside = record.counted.get(at) if cell.lens == "time" else None
        more = [c for c in beside.caveats if c not in cell.caveats and c not in quiet and c not in whole] if beside else []
        said = [(c, cell.details.get(c)) for c in cell.caveats if c not in whole]
        found.append((cell, said + [(c, beside.details.get(c)) for c in more]))
    return found
