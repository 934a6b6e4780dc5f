# SPDX-License-Identifier: MIT
"""What the page says about simulated cells: on which machine, how far they are to be trusted, their table and captions."""
from __future__ import annotations

from typing import Any, NamedTuple

from . import style, verdict
from .record import Cell, Fidelity, Record, Simulation

# Column of the table of simulated cells: heading, metric, what the heading means.
COLUMNS = (
    ("throughput", "throughput", "predicted operations per second, all threads together"),
    ("ns/op/thread", "ns_per_op_thread", "predicted time one thread takes for one operation"),
    ("line transfers", "line_transfers_per_op", "cache lines that came from another core, per operation"),
    ("false sharing", "false_sharing_per_op", "misses on bytes that nobody else wrote, per operation"),
    ("true sharing", "true_sharing_per_op", "misses on bytes that another core wrote, per operation"),
    ("invalidations", "invalidations_per_op", "copies of lines that other cores lost, per operation"),
    ("upgrades", "upgrades_per_op", "writes to a line that this core had for reading only, per operation"),
    ("failed CAS", "failed_cas_per_op", "compare-and-swaps that failed, per operation"),
    ("spins", "spins_per_op", "calls of relax(), per operation"),
    ("parks", "parks_per_op", "times that a thread went to sleep, per operation"),
    ("accesses", "accesses_per_op", "loads, stores and atomic operations, per operation"),
    ("p99", "latency_p99", "predicted 99th percentile of waiting"),
    ("Jain", "jain_fairness", "fairness, 1 = equal shares"),
    ("self-handoff", "self_handoff", "share of hand-overs to oneself"),
)
COUNTS = ("cores", "cores_per_cluster", "clusters_per_socket", "store_buffer")  # the other numbers of a machine are ns
BYTES = ("line_size",)


class Figure(NamedTuple):
    """One figure of a machine's description, in words, with where it is from."""

    name: str
    text: str
    source: str


def figures(simulation: Simulation) -> list[Figure]:
    """The description of the simulated machine as rows; figures without a source say so."""
    found = []
    for key, entry in simulation.machine.items():
        if key in ("name", "about"):
            continue
        if key == "calibration":
            found += _calibration(entry)
            continue
        source = entry.get("source") if isinstance(entry, dict) else None
        if isinstance(entry, dict):
            parts = {k: v for k, v in entry.items() if k != "source"}
            text = _figure(key, parts["value"]) if "value" in parts else ", ".join(
                f"{k.replace('_', ' ')} {_figure(k, v)}" for k, v in parts.items())
        else:
            text = _figure(key, entry)
        found.append(Figure(key.replace("_", " "), text, str(source) if source else "not stated"))
    return found


def _calibration(entry: Any) -> list[Figure]:
    pairs = entry.items() if isinstance(entry, dict) else [("", entry)]
    return [Figure(f"calibration {key}".replace("_", " ").strip(), _plain(value), "written by the calibration")
            for key, value in pairs]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _figure(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _plain(value)
    if key in COUNTS:
        return f"{value:g}"
    return f"{value:g} B" if key in BYTES else style.duration(float(value))


def trust(simulation: Simulation, family: str | None = None) -> str:
    """How far predictions were from timed runs, in a sentence; '' if nobody compared them."""
    found = simulation.validation
    if found is None:
        return ""
    own = simulation.per_family.get(family) if family else None
    parts = []
    if found.median_ape is not None:
        here = f" ({family}: {_percent(own.median_ape)})" if own and own.median_ape is not None else ""
        parts.append(f"the median error of the time per operation is {_percent(found.median_ape)}{here}")
    if found.kendall_tau is not None:
        here = f" ({family}: {own.kendall_tau:.2f})" if own and own.kendall_tau is not None else ""
        parts.append(f"Kendall's τ of the order of primitives is {found.kendall_tau:.2f}{here}")
    return f"Against timed runs of the same cells, {' and '.join(parts)}." if parts else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def tau(pairs: list[tuple[float, float]]) -> tuple[int, int]:
    """Of all pairs of (measured, predicted): how many are in the same order less how many are not, and of how many."""
    agree = total = 0
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[:i]:
            sign = (a > c) - (a < c), (b > d) - (b < d)
            if sign[0] and sign[1]:
                total += 1
                agree += 1 if sign[0] == sign[1] else -1
    return agree, total


class Compared(NamedTuple):
    """Predictions against what this very record measured of the same cells."""

    cells: int
    fidelity: Fidelity


def against_measured(record: Record, family: str | None = None) -> Compared | None:
    """How far the predictions are from the timed cells of the record; None where the two are of different machines.

    Cells with more threads than processors, and what shares nothing, are left out. The order is that of primitives with
    the same question and thread count; ties decide nothing.
    """
    view = record.simulated
    if view is None or view.simulation is None or view.simulation.name != "local":
        return None
    errors: list[float] = []
    agree = total = 0
    for key, cells in record.panels.items():
        twin = view.counterpart(key)
        if twin is None or family not in (None, key.family):
            continue
        predicted = {(c.primitive, c.threads): c.value("ns_per_op") for c in view.panels[twin]}
        orders: dict[int, list[tuple[float, float]]] = {}
        for cell in cells:
            one, other = cell.value("ns_per_op"), predicted.get((cell.primitive, cell.threads))
            if one and other and cell.threads not in record.oversubscribed \
                    and not record.primitives[cell.family, cell.primitive].is_ceiling:
                errors.append(abs(other - one) / one)
                orders.setdefault(cell.threads, []).append((one, other))
        for pairs in orders.values():
            same, of = tau(pairs)
            agree, total = agree + same, total + of
    if not errors:
        return None
    errors.sort()
    middle = (errors[(len(errors) - 1) // 2] + errors[len(errors) // 2]) / 2
    return Compared(len(errors), Fidelity(middle, agree / total if total else None))


class Lead(NamedTuple):
    """At `first` to `last` threads `best` is predicted to be close to the fastest most often; its numbers are `last`'s."""

    first: int
    last: int
    best: verdict.AllRounder


def beyond(record: Record, family: str) -> dict[str, list[Lead]]:
    """Group -> who is predicted to lead with more threads than this machine has processors, by rising thread count.

    {} where nothing was measured beside it, where the number of processors is unknown, or where the record does not say
    which machine was simulated.
    """
    view = record.simulated
    cpus = len(record.environment["topology"].get("available_cpus") or [])
    if view is None or not record.timed or not cpus or not (view.simulation and view.simulation.machine.get("name")):
        return {}
    cases: dict[tuple[str, int], list[list[Cell]]] = {}
    for key in (key for key in view.panels if key.family == family):
        together: dict[tuple[str, int], list[Cell]] = {}
        for cell in view.panels[key]:
            if cell.threads > cpus:
                group = view.primitives[family, cell.primitive].group
                together.setdefault((group, cell.threads), []).append(cell)
        for at, cells in together.items():
            cases.setdefault(at, []).append(cells)
    found: dict[str, list[Lead]] = {}
    for (group, n), members in sorted(cases.items(), key=lambda item: item[0][1]):
        best = verdict.all_rounder(view, members)
        if best is None:
            continue
        leads = found.setdefault(group, [])
        if leads and leads[-1].best.primitive == best.primitive:
            leads[-1] = Lead(leads[-1].first, n, best)
        else:
            leads.append(Lead(n, n, best))
    return found


def shared_caveats(view: Record | None) -> dict[str, str]:
    """Caveat -> sentence of what all simulated cells with a number have in common, to be said once.

    not_validated is one, whether the cells say so or not, where the record has no comparison with timed runs.
    """
    if view is None:
        return {}
    cells = [c for c in view.timed if any(m.value is not None for m in c.metrics.values())]
    found = {name: cells[0].details.get(name, "") for name in (cells[0].caveats if cells else ())
             if all(name in c.caveats and c.details.get(name, "") == cells[0].details.get(name, "") for c in cells)}
    return found if view.simulation and trust(view.simulation) else {"not_validated": "", **found}


def columns(view: Record) -> tuple:
    """The columns of the table of simulated cells that have a number."""
    return tuple(c for c in COLUMNS if any(cell.value(c[1]) is not None for cell in view.timed))


def rows(view: Record, shown: tuple) -> list[dict[str, Any]]:
    """The lines of the table of simulated cells: values to sort by and texts."""
    quiet = shared_caveats(view)
    found = []
    for cell in view.timed:
        found.append({"cell": cell, "numbers": [_number(cell, metric) for _, metric, _ in shown],
                      "origin": view.primitives[cell.family, cell.primitive].origin,
                      "caveats": [(c, cell.details.get(c)) for c in cell.caveats if c not in quiet]})
    return found


def _number(cell: Cell, name: str) -> tuple[float | None, str]:
    metric = cell.metrics.get(name)
    if metric is None or metric.value is None:
        return None, "–"
    if metric.unit in ("1/s", "ns"):
        return metric.value, style.quantity(metric.value, metric.unit)
    return None, f"{metric.value:.4g}"  # the text itself is what is sorted by


def site_number(value: float | None) -> str:
    """Misses per operation of one place in the source: decimals that can be compared down a column."""
    if value is None:
        return "–"
    return style.si(value) if value == 0 or value >= 0.001 else "< 0.001"
