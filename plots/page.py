# SPDX-License-Identifier: MIT
"""Assembles the page: one HTML document with everything in it, from the record, the judgements and the pictures."""
from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any, Callable

import jinja2
from markupsafe import Markup, escape

from . import advice, byte_map, claims, events, false_sharing, predicted, sections, simulated, style, verdict
from .multiples import KINDS
from .record import APPARATUS, COHERENCE, Cell, PanelKey, Record
from .render import Picture, Rendered

HERE = Path(__file__).parent
# Column of the table of all cells: heading, metric, what the heading means.
COLUMNS = (
    ("throughput", "throughput", "operations per second, all threads together"),
    ("ns/op/thread", "ns_per_op_thread", "time one thread takes for one operation"),
    ("CPU/op", "cpu_ns_per_op", "processor time per operation"),
    ("p50", "latency_p50", "median of waiting"),
    ("p99", "latency_p99", "99th percentile of waiting"),
    ("p99.9", "latency_p999", "99.9th percentile of waiting"),
    ("Jain", "jain_fairness", "fairness, 1 = equal shares"),
    ("self-handoff", "self_handoff", "share of hand-overs to oneself"),
    ("overlap", "overlap", "share of the window with all threads running"),
    ("switches/op", "context_switches_per_op", "context switches per operation"),
)
# Columns of events, where the record has a number of them above zero; the CSV has all.
EVENTS = (
    ("faults/op", "page_faults_per_op", "page faults per operation"),
    ("kernel cycles/op", "cycles_kernel_per_op", "cycles in the kernel per operation"),
    ("mod. hits/op", "modified_line_hit_per_op", "hits on lines modified in another core, per operation"),
    ("remote/op", "remote_hit_per_op", "fills from another complex's or socket's cache, per operation"),
    ("L1D miss/op", "l1d_miss_per_op", "L1 data cache misses per operation"),
    ("LLC miss/op", "llc_miss_per_op", "last-level cache misses per operation"),
    ("RFO/op", "rfo_per_op", "requests for ownership of a line per operation"),
)
KIND_NOTES = {
    "simulated": "Hatched: predicted, not measured; bands: from the lowest to the highest of several schedules. Strips: what happened to cache lines, per operation.",
    "throughput": "Dotted: ideal; shaded: more threads than processors; bands: interval of the median; y axis 1/n: shorter "
                  "than the family's, on which the lines would lie flat.",
    "ratio": "Per repetition, against the workload's reference (the line at 1×).",
    "latency_p99": "99 % of the waits were shorter.",
    "tail": "Marker: p50, tall bar: p99, end: p99.9, at the highest thread count that is not oversubscribed.",
    "jain_fairness": "1: all threads got the same; 1/n: one thread got everything.",
    "self_handoff": "How often the next owner is the last one.",
    "cpu_ns_per_op": "What waiting burns, all threads together.",
    "false_sharing": "The same counters, side by side on one cache line or padded apart.",
    "core_to_core": "One way, in ns; both on one colour scale.",
}
KIND_TITLES = {kind.name: kind.title for kind in KINDS} | {
    "simulated": "Throughput, simulated",
    "tail": "Waiting time, percentiles", "false_sharing": "False sharing: padded against unpadded",
    "core_to_core": "Core to core"}
FORETOLD = {claims.CONFIRMED: "holds", claims.REFUTED: "does not hold", claims.INCONCLUSIVE: "undecided",
            claims.NOT_MEASURED: "not simulated"}
MARKS = {claims.CONFIRMED: "✓", claims.REFUTED: "✗", claims.INCONCLUSIVE: "?", claims.NOT_MEASURED: "–"}


def build(record: Record, rendered: dict[str, Rendered]) -> str:
    """The page as HTML text."""
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters.update(duration=_solid(style.duration), quantity=_solid(style.quantity), times=style.times,
                               slug=style.slug, plain=plain, breakable=breakable, si=_solid(style.si), capital=lambda text: text[:1].upper() + text[1:])
    template = environment.get_template("template.html.j2")
    columns = COLUMNS + tuple(c for c in EVENTS if any(record.value(cell, c[1]) for cell in record.timed))
    levels = sections.levels(record)
    view = record.simulated
    judged = record if record.timed or view is None else view  # what nobody measured is judged by its prediction
    _unique([picture for part in rendered.values() for picture in part.pictures])
    return template.render(
        record=record, run=record.run, env=record.environment, columns=columns, advice=advice.advice,
        terms=advice.TERMS, marks=MARKS, close=verdict.CLOSE, unfair=verdict.UNFAIR,
        verdicts=[{**_verdict(judged, v), **_beyond(record, v.family)} for v in verdict.judge(judged)], judged=judged,
        outcomes=[(o, _claim_threads(o)) for o in claims.evaluate_all(record)],
        foretold=[(o, _claim_threads(o)) for o in claims.evaluate_all(view)] if view else [],
        simulated=_simulation(record), with_numbers=_with_numbers(record.timed), places=byte_map.PLACES, site_number=predicted.site_number, number=events.number,
        quiet=predicted.shared_caveats(view), always=simulated.ALWAYS, foretold_words=FORETOLD,
        families=[_family(record, family, rendered.get(family, Rendered()), levels["places"])
                  for family in record.families],
        levels=levels, no_counters=sections.banner(record), counted=sections.events(record),
        asked=record.counters, fact=sections.fact,
        machine=rendered.get("", Rendered()).pictures, kind_titles=KIND_TITLES, kind_notes=KIND_NOTES,
        rows=[_row(record, cell, caveats, columns) for cell, caveats in sections.table_rows(record)],
        threads=sorted({c.threads for c in record.cells}), view=view,
        caveats=_caveats(record), drift=_drift(record), panel_words=_words(record), swatch=swatch,
        looks={family: style.looks(record, family) for family in {c.family for c in record.cells}},
        csv=_packed(to_csv(record).encode()), json=_packed(_compact(record.raw)),
        css=Markup((HERE / "style.css").read_text(encoding="utf-8") + _series_css(record)
                   + "\n".join(part.css for part in rendered.values())),
        js=Markup((HERE / "report.js").read_text(encoding="utf-8")),
        wordy=_wordy, symbols=Markup("".join(part.symbols for part in rendered.values())),
    )


def _solid(function: Callable[..., str]) -> Callable[..., str]:
    """The same text with spaces that no line breaks at."""
    return lambda *arguments: function(*arguments).replace(" ", "\u00a0")


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return escape(name).replace("_", Markup("_<wbr>"))


def plain(value: Any) -> str:
    """A value of the environment for people: None is 'unknown', lists are joined."""
    if value is None or value == "":
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return _ranges(value) if value and all(isinstance(v, int) for v in value) else ", ".join(map(plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(entry)}" for key, entry in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ranges(numbers: list[int]) -> str:
    """[0, 1, 2, 5] -> '0–2, 5'."""
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in runs)


def _wordy(params: dict[str, Any] | tuple) -> str:
    return ", ".join(style.param_words(k, v) for k, v in (params.items() if isinstance(params, dict) else params))


def to_csv(record: Record) -> str:
    """All cells as CSV, a line each; every metric has its value and interval, numbers to six digits, empty for null.

    Metrics of which the record has no number at all have no columns.
    """
    metrics = list(dict.fromkeys(name for cell in record.cells for name, m in cell.metrics.items()
                                 if m.value is not None))
    units = {name: m.unit for cell in record.cells for name, m in cell.metrics.items()}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["lens", "family", "workload", "primitive", "baseline", "params", "threads", "placement", "caveats"]
                    + [head for name in metrics
                       for head in (f"{name} [{units[name]}]", f"{name}_ci_low", f"{name}_ci_high")])
    for cell in record.cells:
        numbers = []
        for name in metrics:
            metric = cell.metrics.get(name)
            for value in (metric.value, metric.ci_low, metric.ci_high) if metric else (None,) * 3:
                numbers.append("" if value is None else f"{value:.6g}")
        writer.writerow([cell.lens, cell.family, cell.workload, cell.primitive, int(cell.baseline),
                         ";".join(f"{k}={v}" for k, v in cell.params.items()), cell.threads, cell.placement,
                         ";".join(cell.caveats), *numbers])
    return out.getvalue()


def _compact(document: dict) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _packed(content: bytes) -> str:
    return f"data:application/gzip;base64,{base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()}"


def _unique(pictures: list[Picture]) -> None:
    """Makes ids differ where names that differ have the same slug."""
    seen: dict[str, int] = {}
    for picture in pictures:
        seen[picture.id] = seen.get(picture.id, 0) + 1
        if seen[picture.id] > 1:
            picture.id += f"-{seen[picture.id]}"


def _words(record: Record) -> dict[PanelKey, str]:
    """Panel -> its parameters, only those that differ among the panels of its workload."""
    found: dict[PanelKey, str] = {}
    for source in filter(None, [record, record.simulated]):  # apart, as the two may differ in their placement alone
        siblings: dict[tuple[str, str], list[PanelKey]] = {}
        for key in source.panels:
            siblings.setdefault(key[:2], []).append(key)
        found |= {key: style.panel_words(key, siblings[key[:2]]) for key in source.panels if key not in found}
    return found


def _simulation(record: Record) -> dict[str, Any] | None:
    """What the page says of the simulation as a whole, and its table; None without simulated cells."""
    view = record.simulated
    if view is None:
        return None
    about = view.simulation
    columns = predicted.columns(view)
    return {"about": about, "machine": about.name if about else "an unnamed machine",
            "trust": predicted.trust(about) if about else "", "figures": predicted.figures(about) if about else [],
            "here": predicted.against_measured(record), "columns": columns, "rows": predicted.rows(view, columns),
            "most": max(c.threads for c in view.timed), "cells": _with_numbers(view.timed),
            "without": len(view.timed) - _with_numbers(view.timed)}


def _with_numbers(cells: list[Cell]) -> int:
    """How many of the cells have a number."""
    return sum(any(m.value is not None for m in cell.metrics.values()) for cell in cells)


def _verdict(record: Record, found: verdict.FamilyVerdict) -> dict[str, Any]:
    """A family's verdict, its rows by workload, with what the template needs to say about the all-rounders."""
    groups = dict.fromkeys([*found.best, *found.best_oversubscribed])
    leads = [(group, found.best.get(group), found.own.get(group), found.best_oversubscribed.get(group))
             for group in groups]
    workloads: dict[str, list[verdict.Row]] = {}
    for row in found.rows:
        workloads.setdefault(row.key.workload, []).append(row)
    return {"family": found.family, "threads": found.threads, "leads": leads, "workloads": workloads}


def _beyond(record: Record, family: str) -> dict[str, Any]:
    """Who is predicted to lead where this machine has not enough processors, and how far that can be trusted."""
    about = record.simulated.simulation if record.simulated else None
    return {"beyond": predicted.beyond(record, family), "trust": predicted.trust(about, family) if about else ""}


def _claim_threads(outcome: claims.Outcome) -> list[tuple[int, str, claims.Point | None]]:
    return [(n, word, point) for n, (word, point) in outcome.by_threads.items()]


def _family(record: Record, family: str, rendered: Rendered, places: dict) -> dict[str, Any]:
    """One family's section: legend, then per workload the kinds of figure with their panels, and strips under them."""
    view = record.simulated
    present = {c.primitive for c in [*record.timed, *(view.timed if view else [])] if c.family == family}
    strips_of_lines, still = simulated.with_numbers(view, family) if view else ([], [])
    counts = {event.metric for event in strips_of_lines}
    workloads = []
    shown, zero = events.with_numbers(record, family)
    titles = {event.metric: event.title for event in shown}
    every = [*record.panels, *(view.panels if view else ())]
    for name in dict.fromkeys(key.workload for key in every if key.family == family):
        keys = [key for key in record.panels if key[:2] == (family, name)]
        kinds: dict[str, list[Picture]] = {}
        strips: dict[PanelKey, list[Picture]] = {}
        of_lines: dict[PanelKey, list[Picture]] = {}
        for picture in rendered.pictures:
            if picture.workload == name and picture.kind in titles:
                strips.setdefault(picture.key, []).append(picture)
            elif picture.workload == name and picture.kind in counts:
                of_lines.setdefault(picture.key, []).append(picture)
            elif picture.workload == name:
                kinds.setdefault(picture.kind, []).append(picture)
        apart = {kind: kinds.pop(kind, []) for kind in (simulated.KIND, byte_map.KIND)}
        pairs = _pairs(record, family, name, kinds, apart[simulated.KIND], of_lines)
        single = all(len(pictures) == 1 for kind, pictures in kinds.items() if kind != false_sharing.KIND)
        workloads.append({"name": name, "single": single, "about": record.workload(family, name), "kinds": kinds,
                          "strips": strips, "pairs": pairs, "maps": _maps(view, family, name, apart[byte_map.KIND]),
                          "sharing": false_sharing.compared(record, family, name),
                          "levels": sections.level_table(record, keys, places),
                          "constant": style.constant_words(keys or [key for key in every if key[:2] == (family, name)]),
                          "reference": record.reference(keys[0]) if keys else None})
    return {"name": family, "id": style.slug(family), "workloads": workloads, "apparatus": family == APPARATUS,
            "legend": [p for p in record.members(family) if p.name in present], "events": shown, "zero": zero,
            "titles": titles | {event.metric: event.title for event in strips_of_lines}, "counts": strips_of_lines,
            "still": still, "foretold": any(w["pairs"] for w in workloads), "trust": predicted.trust(view.simulation, family) if view and view.simulation else "",
            "here": predicted.against_measured(record, family), "peers": sections.peers(record, family, present)}


def _pairs(record: Record, family: str, workload: str, kinds: dict[str, list[Picture]], foretold: list[Picture],
           of_lines: dict[PanelKey, list[Picture]]) -> list[tuple[Picture | None, Picture | None, list[Picture]]]:
    """The throughput panels of a workload: measured, simulated, strips of the latter; [] if nothing was simulated.

    Takes the measured ones out of `kinds`, if any has its simulated one beside it.
    """
    if not foretold:
        return []
    left, right = {p.key: p for p in kinds.get("throughput", [])}, {p.key: p for p in foretold}
    kinds.pop("throughput", None)
    found = [(left.get(one), right.get(other), of_lines.get(other, []))
             for one, other in simulated.paired(record, family, workload)]
    return [row for row in found if row[0] or row[1]]


def _maps(view: Record | None, family: str, workload: str, pictures: list[Picture]) -> list[tuple[Picture, Any]]:
    """The byte maps of a workload with what they show, most false sharing first."""
    known = {p.key: p for p in pictures}
    found = byte_map.worst(view, family, workload) if view else []
    return [(known[shared.cell.primitive], shared) for shared in found if shared.cell.primitive in known]


def _row(record: Record, cell: Cell, caveats: list, columns: tuple) -> dict[str, Any]:
    """One line of the table of all cells: sort values and texts, also of the counter trials beside the cell."""
    numbers = []
    for _, name, _ in columns:
        metric = record.metric(cell, name) or cell.metrics.get(name)
        value = metric.value if metric else None
        interval = ""
        if metric and value is not None and metric.ci_low is not None and metric.ci_high is not None:
            interval = f"{style.quantity(metric.ci_low, metric.unit)} … {style.quantity(metric.ci_high, metric.unit)}"
        said = style.si(value) if name.endswith("_per_op") and metric and metric.unit == "1" else style.quantity(
            value, metric.unit) if metric else "–"
        numbers.append((value, said, interval))
    return {"cell": cell, "params": _wordy(cell.params), "numbers": numbers,
            "origin": record.primitives[cell.family, cell.primitive].origin,
            "caveats": [(c, why or advice.advice(c)) for c, why in caveats]}


def _caveats(record: Record) -> list[dict[str, Any]]:
    """Every caveat of the run and its cells: how many cells, what it was in up to five of them."""
    found: dict[str, dict[str, Any]] = {}

    def entry(name: str, sentence: str = "", **also: bool) -> dict[str, Any]:
        one = found.setdefault(name, {"name": name, "run": False, "simulated": False, "cells": 0, "examples": []})
        one.update(also)
        one["examples"] += [sentence] if sentence and len(one["examples"]) < 5 else []
        return one

    details = record.environment.get("details", {})
    timed = {(c.family, c.name, c.placement): c for c in record.timed}
    for name in record.environment["caveats"]:
        entry(name, details.get(name, ""), run=True)
    foretold, quiet = predicted.shared_caveats(record.simulated), sections.known_for_all(record)
    for name, sentence in foretold.items():
        entry(name, sentence and f"all simulated cells: {sentence}", simulated=True)
    for name, sentence in quiet.items():
        entry(name, sentence and f"all counter trials: {sentence}", run=True)
    for cell in record.cells:
        beside = cell.lens == "counters" and (cell.family, cell.name, cell.placement) in timed
        for name in cell.caveats:
            if cell.lens == COHERENCE and name in foretold:
                continue
            if beside and (name in quiet or name in timed[cell.family, cell.name, cell.placement].caveats):
                continue
            entry(name, f"{cell.name}: {cell.details[name]}" if name in cell.details else "")["cells"] += 1
    return list(found.values())


def _drift(record: Record) -> tuple[float, float] | None:
    """By which factor, up or down, pairs of processors changed from start to end: median and largest."""
    block = record.environment.get("core_to_core") or {}
    factors = sorted(max(e / s, s / e) for rows in zip(block.get("start_ns") or [], block.get("end_ns") or [])
                     for s, e in zip(*rows) if s and e)
    return (factors[len(factors) // 2], factors[-1]) if factors else None


def swatch(look: style.Look | None) -> Markup:
    """A short piece of line with its marker, as in the plots."""
    if look is None:
        return Markup("")
    shapes = {"o": '<circle cx="13" cy="6" r="3.4"/>', "s": '<path d="M10 3h6v6h-6z"/>',
              "^": '<path d="M13 2l4 7.4h-8z"/>', "D": '<path d="M13 1.5l4.5 4.5l-4.5 4.5l-4.5-4.5z"/>',
              "v": '<path d="M13 10l4-7.4h-8z"/>',
              "P": '<path d="M11.7 2h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7v-2.6h2.7z"/>',
              "X": '<path d="M9.5 4l1.5-1.5l2 2l2-2l1.5 1.5l-2 2l2 2l-1.5 1.5l-2-2l-2 2l-1.5-1.5l2-2z"/>',
              "<": '<path d="M9 6l7.4-4v8z"/>', ">": '<path d="M17 6l-7.4-4v8z"/>',
              "*": '<path d="M13 1.2l1.3 3.1l3.3.3l-2.5 2.2l.8 3.3l-2.9-1.8l-2.9 1.8l.8-3.3l-2.5-2.2l3.3-.3z"/>',
              "p": '<path d="M13 2l3.9 2.9l-1.5 4.6h-4.8l-1.5-4.6z"/>',
              "h": '<path d="M13 1.8l3.7 2.1v4.2l-3.7 2.1l-3.7-2.1v-4.2z"/>',
              "d": '<path d="M13 1.2l2.9 4.8l-2.9 4.8l-2.9-4.8z"/>',
              "8": '<path d="M11.5 2.4h3l2.1 2.1v3l-2.1 2.1h-3l-2.1-2.1v-3z"/>'}
    color = {style.BLACK: "var(--black)", style.YELLOW: "var(--yellow)"}.get(look.color, look.color.lower())
    dash = (' stroke-dasharray="6 2 1.5 2"' if look.peer else ' stroke-dasharray="5 3"') if look.line != "-" else ""
    words = "swatch peer" if look.peer else "swatch"
    return Markup(f'<svg class="{words}" viewBox="0 0 26 12" aria-hidden="true" style="--c:{color}">'
                  f'<path d="M0 6h26" class="l"{dash}/>{shapes[look.marker]}</svg>')


def _series_css(record: Record) -> str:
    """Rules that hide or bring out one series of a family, for the legend's buttons."""
    most = max((len(record.members(family)) for family in record.families), default=0)
    rules = [f".hide-{i} .s{i}{{display:none}}"
             f".focus-{i} .panel:not(.false_sharing) g:is(.line,.band,.dot):not(.s{i}){{opacity:.1}}" for i in range(most)]
    rules += [f".pick-{event.metric}:checked ~ .plots .count.{event.metric}{{display:block}}"
              f".pick-{event.metric}:checked ~ .bar .to-{event.metric}{{background:var(--ink);color:var(--paper)}}"
              for event in simulated.STRIPS if event.metric != simulated.ALWAYS]
    rules += [f".pick-{event.metric}:checked ~ .plots .strip.{event.metric}{{display:block}}"
              f".pick-{event.metric}:checked ~ .bar .to-{event.metric}{{background:var(--ink);color:var(--paper)}}"
              for event in events.SHOWN]
    return "\n" + "\n".join(rules) + "\n"
