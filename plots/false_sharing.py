# SPDX-License-Identifier: MIT
"""False sharing: the same counters side by side on one cache line and padded apart, in time and in events."""
from __future__ import annotations

import math
import re
from typing import Any, Callable, Iterator, NamedTuple

from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from . import simulated, style
from .canvas import Drawing, Grid, hatch, locate
from .claims import compare
from .events import number
from .record import COHERENCE, Cell, Metric, PanelKey, Record
from .statistics import Interval
from .style import GRID, PAPER
from .svg import Slice

KIND = "false_sharing"
_PADDED = re.compile(r"^(?:.*_)?padded_?(\d+)$")


class Quantity(NamedTuple):
    """What is drawn against the padding: its metric, title, axis label and number for people."""

    metric: str
    title: str
    axis: str
    text: Callable[[float], str]


TIME = Quantity("ns_per_op_thread", "time of one operation in one thread", "time per operation", style.duration)
QUANTITIES = (
    TIME,
    Quantity("modified_line_hit_per_op", "hits on lines modified in another core", "per operation", number),
    Quantity("l1d_miss_per_op", "L1 data cache misses", "per operation", number),
    Quantity("rfo_per_op", "requests for ownership of a line (RFO)", "per operation", number),
    Quantity("memory_order_clear_per_op", "memory-order pipeline clears", "per operation", number),
)


SIMULATED = (
    Quantity("false_sharing_per_op", "false sharing, simulated", "per operation", number),
    Quantity("line_transfers_per_op", "line transfers, simulated", "per operation", number),
)
MOST = 5  # thread counts that have a line in a simulated figure


class Step(NamedTuple):
    """One padding at one thread count. `ratio`: how many times faster than unpadded, by repetition; None if unknown.

    `numbers`: quantity -> text, of the events that were counted; `simulated`: of those that were simulated, with the
    predicted time.
    """

    name: str
    time: Metric | None
    ratio: Interval | None
    numbers: dict[str, str]
    simulated: dict[str, str]


class Comparison(NamedTuple):
    """A question's rows: thread count -> steps by falling density (unpadded first)."""

    key: PanelKey
    paddings: list[str]
    rows: dict[int, list[Step]]


def paddings(record: Record, family: str) -> dict[str, int]:
    """Primitive -> bytes from one thread's counter to the next (0: unpadded), densest first; {} without a pair."""
    steps: dict[str, int] = {}
    for primitive in record.members(family):
        match = _PADDED.match(primitive.name)
        if primitive.name == "unpadded" or match and not primitive.name.startswith("unpadded"):
            steps[primitive.name] = int(match[1]) if match else 0
    found = dict(sorted(steps.items(), key=lambda item: item[1]))
    return found if "unpadded" in found and len(found) > 1 else {}


def _cells(record: Record, key: PanelKey, steps: dict[str, int]) -> dict[tuple[str, int], Cell]:
    cells = {(c.primitive, c.threads): c for c in record.panels[key] if c.primitive in steps
             and c.value(TIME.metric) is not None}
    return cells if any(name == "unpadded" for name, _ in cells) and len({name for name, _ in cells}) > 1 else {}


def compared(record: Record, family: str, workload: str) -> list[Comparison]:
    """Padded against unpadded, for each question of a workload that has both, measured or simulated."""
    steps = paddings(record, family)
    found = []
    view = record.simulated
    for measured, predicted in simulated.paired(record, family, workload):
        key = measured or predicted
        cells = _cells(record, measured, steps) if measured else {}
        twins = _cells(view, predicted, steps) if predicted else {}
        names = [name for name in steps if any(name == other for other, _ in [*cells, *twins])]
        rows: dict[int, list[Step]] = {}
        for n in sorted({n for _, n in [*cells, *twins]}):
            rows[n] = []
            for name in names:
                cell = cells.get((name, n))
                events = {q.title: q.text(v) for q in QUANTITIES[1:] if cell
                          and (v := record.value(cell, q.metric)) is not None}
                ratio = None if name == "unpadded" else compare(cell, cells.get(("unpadded", n)), TIME.metric,
                                                                record.confidence)
                rows[n].append(Step(name, cell.metrics.get(TIME.metric) if cell else None, ratio, events,
                                    _simulated(twins.get((name, n)))))
        if rows:
            found.append(Comparison(key, names, rows))
    return found


def _simulated(cell: Cell | None) -> dict[str, str]:
    if cell is None:
        return {}
    found = {"": TIME.text(cell.value(TIME.metric))}
    return found | {q.title.partition(",")[0]: q.text(v) for q in SIMULATED if (v := cell.value(q.metric)) is not None}


def draw(record: Record, panels: dict[PanelKey, list[Cell]]) -> Iterator[Drawing]:
    """A figure per quantity that has numbers: panels with the padding as their axis and a line per thread count."""
    family, workload = next(iter(panels))[:2]
    steps = paddings(record, family)
    data = {key: cells for key in panels if (cells := _cells(record, key, steps))}
    quantities = SIMULATED[:1] if record.lens == COHERENCE else QUANTITIES
    for quantity in quantities if data else ():
        drawing = _draw(record, quantity, family, workload, steps, data)
        if drawing:
            yield drawing


def _draw(record: Record, quantity: Quantity, family: str, workload: str, steps: dict[str, int],
          data: dict[PanelKey, dict[tuple[str, int], Cell]]) -> Drawing | None:
    metrics = {key: {at: m for at, cell in cells.items() if (m := record.metric(cell, quantity.metric))}
               for key, cells in data.items()}
    metrics = {key: found for key, found in metrics.items() if found}
    if not metrics:
        return None
    grid = Grid(f"{family}: {workload} – padded against unpadded, {quantity.title}", len(metrics), [])
    drawing = Drawing(style.slug(family, workload, KIND, quantity.metric), KIND, family, workload, grid.figure, {})
    spots: dict[Any, list] = {}
    axes = {}
    for i, (key, found) in enumerate(metrics.items()):
        words = style.panel_words(key, data)
        ax, box = grid.axes(i, words)
        axes[key] = ax
        if record.lens == COHERENCE:
            found = _thinned(found)
            hatch(ax)
        names = [name for name in steps if any(name == other for other, _ in found)]
        spots[key], said = _lines(record, ax, quantity, names, found)
        _frame(ax, quantity, [f"{steps[name]} B" if steps[name] else "none" for name in names],
               max((y for _, _, y, _ in spots[key]), default=0))
        shown = ", ".join(filter(None, [quantity.title, words]))
        drawing.words[key] = shown
        drawing.slices[key] = Slice({f"panel{i}"}, box, f"False sharing, {workload}: {shown}",
                                    f"{quantity.title[0].upper()}{quantity.title[1:]} at each padding: {said}.")
    drawing.hints = lambda: locate(drawing, axes, spots)
    return drawing


def _thinned(found: dict[tuple[str, int], Metric]) -> dict[tuple[str, int], Metric]:
    """At most MOST of the thread counts, with the first two and the last: more lines could not be told apart."""
    counts = sorted({n for _, n in found})
    middle, k = counts[2:-1], MOST - 3
    if len(middle) > k:
        middle = [middle[len(middle) * (2 * i + 1) // (2 * k)] for i in range(k)]
    kept = {*counts[:2], *middle, *counts[-1:]}
    return {at: metric for at, metric in found.items() if at[1] in kept}


def _lines(record: Record, ax, quantity: Quantity, names: list[str], found: dict) -> tuple[list, str]:
    """A line per thread count; returns the spots and the numbers in words."""
    spots, said = [], []
    for j, n in enumerate(sorted({n for _, n in found})):
        points = [found.get((name, n)) for name in names]
        color, over = style.OKABE_ITO[j % 6], n in record.oversubscribed
        ax.plot(range(len(names)), [math.nan if p is None else p.value for p in points], color=color,
                marker=style.MARKERS[j % len(style.MARKERS)], markersize=4, linewidth=1.3,
                linestyle=(0, (1, 1.5)) if over else "-", markeredgecolor=PAPER, markeredgewidth=0.4,
                gid=f"line{90 + j}", zorder=3,
                label=f"{n} thread{'s' if n > 1 else ''}{' (more than CPUs)' if over else ''}")
        low, high = ([math.nan if p is None or getattr(p, side) is None else getattr(p, side) for p in points]
                     for side in ("ci_low", "ci_high"))
        if record.lens != COHERENCE:
            ax.fill_between(range(len(names)), low, high, color=color, alpha=0.17, linewidth=0, gid=f"band{90 + j}")
        numbers = [(x, name, p.value) for x, (name, p) in enumerate(zip(names, points)) if p]
        spots += [(90 + j, x, v, f"{name}, {n} threads: {quantity.text(v)}") for x, name, v in numbers]
        said.append(f"{n} threads " + ", ".join(f"{name} {quantity.text(v)}" for _, name, v in numbers))
    return spots, "; ".join(said)


def _frame(ax, quantity: Quantity, ticks: list[str], top: float) -> None:
    ax.set_ylim(-0.03 * (top or 1) if quantity is not TIME else 0, 1.12 * (top or 1))
    ax.set_xlim(-0.2, len(ticks) - 0.8)
    ax.xaxis.set_major_locator(FixedLocator(range(len(ticks))))
    ax.set_xticklabels(ticks)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    text = style.duration if quantity is TIME else style.si
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: "0" if v == 0 else text(v).replace(".00", "").replace(".0 ", " ")))
    ax.set_xlabel("padding: from one thread's counter to the next", labelpad=1)
    ax.set_ylabel(quantity.axis, labelpad=2)
    ax.grid(True, color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.legend(loc="upper right", frameon=True, facecolor=PAPER, framealpha=1, edgecolor="none", ncol=1, fontsize=6.5, borderaxespad=0.1, handlelength=2.2)
