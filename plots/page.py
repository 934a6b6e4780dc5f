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

from . import advice, claims, costs, style, verdict
from .multiples import EVENTS, KINDS
from .record import APPARATUS, Cell, PanelKey, Record
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
# Columns of events, where they were counted: heading, event, what the heading means.
EVENT_COLUMNS = (
    ("cycles/op", "cycles", "cycles in user space per operation"),
    ("instr/op", "instructions", "instructions in user space per operation"),
    ("modified/op", "modified_line_hit", "hits on lines modified in another core, per operation"),
    ("L1 miss/op", "l1d_miss", "L1 data cache misses per operation"),
    ("LLC miss/op", "llc_miss", "last-level cache misses per operation"),
)
KIND_NOTES = {
    "throughput": "Dotted: ideal; shaded: more threads than processors; bands: interval of the median; y axis 1/n: shorter "
                  "than the family's, on which the lines would lie flat.",
    "ratio": "Per repetition, against the workload's reference (the line at 1×).",
    "latency_p99": "99 % of the waits were shorter.",
    "tail": "Marker: p50, tall bar: p99, end: p99.9, at the highest thread count that is not oversubscribed.",
    "jain_fairness": "1: all threads got the same; 1/n: one thread got everything.",
    "self_handoff": "How often the next owner is the last one.",
    "cpu_ns_per_op": "What waiting burns, all threads together.",
    "padding": "The same counter at several distances between the threads' slots.",
    "core_to_core": "One way, in ns; both on one colour scale.",
    "context_switches_per_op": "From getrusage; none at all has no place on this axis.",
    "false_sharing": "Counters that lie on one line (unpadded) and on lines of their own: the distance between the lines "
                     "is false sharing and nothing else.",
} | {kind.name: "Counted in user space." for kind in EVENTS}
KIND_TITLES = {kind.name: kind.title for kind in KINDS} | {
    "tail": "Waiting time, percentiles", "padding": "Padding sweep", "core_to_core": "Core to core",
    "false_sharing": "What false sharing costs"}
MARKS = {claims.CONFIRMED: "✓", claims.REFUTED: "✗", claims.INCONCLUSIVE: "?", claims.NOT_MEASURED: "–"}


def build(record: Record, rendered: dict[str, Rendered]) -> str:
    """The page as HTML text."""
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters.update(duration=_solid(style.duration), quantity=_solid(style.quantity), times=style.times,
                               slug=style.slug, plain=plain, breakable=breakable)
    template = environment.get_template("template.html.j2")
    _unique([picture for part in rendered.values() for picture in part.pictures])
    return template.render(
        record=record, run=record.run, env=record.environment, columns=COLUMNS, advice=advice.advice,
        terms=advice.TERMS, marks=MARKS, close=verdict.CLOSE, unfair=verdict.UNFAIR,
        verdicts=[_verdict(record, v) for v in verdict.judge(record)],
        outcomes=[(o, _claim_threads(o)) for o in claims.evaluate_all(record)],
        families=[_family(record, family, rendered.get(family, Rendered())) for family in record.families],
        machine=rendered.get("", Rendered()).pictures, kind_titles=KIND_TITLES, kind_notes=KIND_NOTES,
        rows=[_row(record, cell) for cell in record.timed], threads=sorted({c.threads for c in record.timed}),
        event_columns=_event_columns(record), levels=_levels(record), cost_levels=costs.LEVELS,
        peers=sorted({p.origin for p in record.catalogue if p.origin}),
        caveats=_caveats(record), drift=_drift(record), panel_words=_words(record), swatch=swatch,
        looks={family: style.looks(record, family) for family in {c.family for c in record.cells} | {p.family for p in record.catalogue}},
        csv=_data("text/csv;charset=utf-8", to_csv(record).encode()),
        json=_data("application/gzip", gzip.compress(_compact(record.raw), 9, mtime=0)),
        css=Markup((HERE / "style.css").read_text(encoding="utf-8") + _series_css(record)
                   + "\n".join(part.css for part in rendered.values())),
        js=Markup((HERE / "report.js").read_text(encoding="utf-8")),
        wordy=_wordy,
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
    """All cells as CSV, a line each, but those of the lens counters without a number; every metric has its value and interval, numbers to six digits, empty for null."""
    metrics = list(dict.fromkeys(name for cell in record.cells for name in cell.metrics
                                 if cell.lens != "counters" or cell.name in record.counted))
    units = {name: m.unit for cell in record.cells for name, m in cell.metrics.items()}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["lens", "family", "workload", "primitive", "baseline", "params", "threads", "placement", "caveats"]
                    + [head for name in metrics
                       for head in (f"{name} [{units[name]}]", f"{name}_ci_low", f"{name}_ci_high")])
    for cell in record.cells:
        if cell.lens == "counters" and cell.name not in record.counted:
            continue
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


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _unique(pictures: list[Picture]) -> None:
    """Makes ids differ where names that differ have the same slug."""
    seen: dict[str, int] = {}
    for picture in pictures:
        seen[picture.id] = seen.get(picture.id, 0) + 1
        if seen[picture.id] > 1:
            picture.id += f"-{seen[picture.id]}"


def _words(record: Record) -> dict[PanelKey, str]:
    """Panel -> its parameters, only those that differ among the panels of its workload."""
    siblings: dict[tuple[str, str], list[PanelKey]] = {}
    for key in record.panels:
        siblings.setdefault(key[:2], []).append(key)
    return {key: style.panel_words(key, siblings[key[:2]]) for key in record.panels}


def _verdict(record: Record, found: verdict.FamilyVerdict) -> dict[str, Any]:
    """A family's verdict, its rows by workload, with what the template needs to say about the all-rounders."""
    groups = dict.fromkeys([*found.best, *found.best_oversubscribed])
    leads = [(group, found.best.get(group), found.best_oversubscribed.get(group)) for group in groups]
    workloads: dict[str, list[verdict.Row]] = {}
    for row in found.rows:
        workloads.setdefault(row.key.workload, []).append(row)
    return {"family": found.family, "threads": found.threads, "leads": leads, "workloads": workloads}


def _claim_threads(outcome: claims.Outcome) -> list[tuple[int, str, claims.Point | None]]:
    return [(n, word, point) for n, (word, point) in outcome.by_threads.items()]


def _family(record: Record, family: str, rendered: Rendered) -> dict[str, Any]:
    """One family's section: legend, then per workload the kinds of figure with their panels."""
    present = {c.primitive for c in record.timed if c.family == family}
    workloads = []
    for name in dict.fromkeys(key.workload for key in record.panels if key.family == family):
        keys = [key for key in record.panels if key[:2] == (family, name)]
        kinds: dict[str, list[Picture]] = {}
        for picture in rendered.pictures:
            if picture.workload == name:
                kinds.setdefault(picture.kind, []).append(picture)
        single = all(len(pictures) == 1 for pictures in kinds.values())
        workloads.append({"name": name, "single": single, "about": record.workload(family, name), "kinds": kinds,
                          "constant": style.constant_words(keys), "reference": record.reference(keys[0])})
    return {"name": family, "id": style.slug(family), "workloads": workloads, "apparatus": family == APPARATUS,
            "legend": [p for p in record.members(family) if p.name in present]}


def _row(record: Record, cell: Cell) -> dict[str, Any]:
    """One line of the table of all cells: sort values and texts."""
    numbers = []
    for _, name, _ in COLUMNS:
        metric = cell.metrics.get(name)
        value = metric.value if metric else None
        interval = ""
        if metric and value is not None and metric.ci_low is not None and metric.ci_high is not None:
            interval = f"{style.quantity(metric.ci_low, metric.unit)} … {style.quantity(metric.ci_high, metric.unit)}"
        numbers.append((value, style.quantity(value, metric.unit) if metric else "–", interval))
    for _, name, _ in _event_columns(record):
        metric = record.event(cell, name)
        numbers.append((metric.value, style.quantity(metric.value, "1"), "") if metric else (None, "–", ""))
    return {"cell": cell, "params": _wordy(cell.params), "numbers": numbers,
            "primitive": record.primitives[cell.family, cell.primitive],
            "caveats": [(c, cell.details.get(c) or advice.advice(c)) for c in cell.caveats]}


def _event_columns(record: Record) -> list[tuple[str, str, str]]:
    """The EVENT_COLUMNS that have a number in this record."""
    return [column for column in EVENT_COLUMNS
            if any(record.event(cell, column[1]) for cell in record.timed)]


def _levels(record: Record) -> list[dict[str, Any]]:
    """Per panel, the primitives at each level of cost, in the order of the levels."""
    out = []
    for key, (threads, found) in costs.levels(record).items():
        by: dict[str, list[costs.Level]] = {name: [] for name, _, _ in costs.LEVELS} | {costs.OPEN: []}
        for level in found:
            by[level.level].append(level)
        out.append({"key": key, "threads": threads, "by": by})
    return out


def _caveats(record: Record) -> list[dict[str, Any]]:
    """Every caveat of the run and its cells: how many cells, what it was in up to five of them."""
    found: dict[str, dict[str, Any]] = {}
    details = record.environment.get("details", {})
    for name in record.environment["caveats"]:
        found[name] = {"name": name, "run": True, "cells": 0, "examples": [details[name]] if name in details else []}
    for cell in record.cells:
        for name in cell.caveats:
            if cell.lens == "counters" and name == record.counters.get("caveat"):
                # Said once for the whole run, not by every cell that has no events.
                found.setdefault(name, {"name": name, "run": True, "cells": 0,
                                        "examples": [record.counters.get("reason") or ""]})
                continue
            entry = found.setdefault(name, {"name": name, "run": False, "cells": 0, "examples": []})
            entry["cells"] += 1
            if name in cell.details and len(entry["examples"]) < 5:
                entry["examples"].append(f"{cell.name}: {cell.details[name]}")
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
              "<": '<path d="M9 6l7.4-4v8z"/>', ">": '<path d="M17 6l-7.4-4v8z"/>'}
    color = {style.BLACK: "var(--black)", style.YELLOW: "var(--yellow)"}.get(look.color, look.color.lower())
    dash = ' stroke-dasharray="6 2 1.5 2"' if look.origin else ' stroke-dasharray="5 3"' if look.dashed else ""
    kind = "swatch peer" if look.origin else "swatch"
    return Markup(f'<svg class="{kind}" viewBox="0 0 26 12" aria-hidden="true" style="--c:{color}">'
                  f'<path d="M0 6h26" class="l"{dash}/>{shapes[look.marker]}</svg>')


def _series_css(record: Record) -> str:
    """Rules that hide or bring out one series of a family, for the legend's buttons."""
    most = max((len(record.members(family)) for family in record.families), default=0)
    rules = [f".hide-{i} .s{i}{{display:none}}"
             f".focus-{i} .panel:not(.padding) g:is(.line,.band,.dot):not(.s{i}){{opacity:.1}}" for i in range(most)]
    return "\n" + "\n".join(rules) + "\n"
