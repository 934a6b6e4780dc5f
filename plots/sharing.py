# SPDX-License-Identifier: MIT
"""What false sharing costs: counters on one line against counters on lines of their own, in time and in events."""
from __future__ import annotations

import math

from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from . import style
from .canvas import Drawing, Grid, edge, locate
from .multiples import EVENTS, shade
from .record import Cell, PanelKey, Record
from .special import paddings
from .style import GRID
from .svg import Slice

KIND = "false_sharing"


def _time(_: Record, cell: Cell) -> float | None:
    return cell.value("ns_per_op_thread")


def _counted(kind):
    def value(record: Record, cell: Cell) -> float | None:
        found = kind.values(record, cell, [])
        return found[0] if found else None

    return value


def false_sharing(record: Record, panels: dict[PanelKey, list[Cell]]) -> Drawing | None:
    """Time of one thread's operation, and each event that was counted, against threads: unpadded and padded.

    Drawn where a workload has a primitive named unpadded and one or more named padded_<bytes>, over at least two thread
    counts; else None. Logarithmic axes: a counter that shares no line lies flat.
    """
    family, workload = next(iter(panels))[:2]
    steps = paddings(record, family)
    looks = style.looks(record, family)
    cells = [c for key in list(panels)[:1] for c in panels[key] if c.primitive in steps]
    counts = sorted({c.threads for c in cells})
    if 0 not in steps.values() or len(steps) < 2 or len(counts) < 2:
        return None
    shown = [("time of one operation", "ns", style.duration, _time)]
    shown += [(kind.title, "per operation", kind.text, _counted(kind)) for kind in EVENTS]
    data = {}
    for title, axis, text, value in shown:
        lines = {name: [(n, value(record, c)) for n in counts for c in cells if (c.primitive, c.threads) == (name, n)]
                 for name in sorted(steps, key=steps.get)}
        lines = {name: [(n, v) for n, v in points if v] for name, points in lines.items()}
        lines = {name: points for name, points in lines.items() if points}
        if len(lines) > 1:
            data[title] = (axis, text, lines)
    if "time of one operation" not in data:
        return None
    legend = [(name, looks[name]) for name in data["time of one operation"][2]]
    grid = Grid(f"{family}: {workload} – what false sharing costs", len(data), legend)
    drawing = Drawing(style.slug(family, workload, KIND), KIND, family, workload, grid.figure, {})
    spots, axes = {}, {}
    for i, (title, (axis, text, lines)) in enumerate(data.items()):
        ax, box = grid.axes(i, title)
        axes[title], spots[title] = ax, []
        ax.set_xscale("log", base=2)
        ax.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)
        ax.xaxis.set_major_locator(FixedLocator([n for n, after in zip(counts, counts[1:] + [math.inf])
                                                 if after / n > 1.2]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
        numbers = [v for points in lines.values() for _, v in points]
        ax.set_yscale("log")
        ax.set_ylim(min(numbers) / 1.5, max(numbers) * 1.5)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        ax.set_xlabel("threads", labelpad=1)
        ax.set_ylabel(axis, labelpad=2)
        ax.grid(True, color=GRID, linewidth=0.5)
        ax.set_axisbelow(True)
        shade(ax, record, counts)
        for name, points in lines.items():
            look = looks[name]
            ax.plot(*zip(*points), color=look.color, marker=look.marker, markersize=4.2, linewidth=1.3,
                    linestyle=look.line, gid=f"line{look.index}", zorder=3, **edge(look))
            spots[title] += [(look.index, n, v, f"{name}, {n} threads: {text(v)}") for n, v in points]
        drawing.slices[title] = Slice({f"panel{i}"}, box, f"False sharing, {workload}: {title}",
                                      _describe(title, text, lines))
    drawing.hints = lambda: locate(drawing, axes, spots)
    return drawing


def _describe(title: str, text, lines: dict[str, list[tuple[int, float]]]) -> str:
    last = max(n for points in lines.values() for n, _ in points)
    at = [f"{name} {text(v)}" for name, points in lines.items() for n, v in points if n == last]
    return f"{title.capitalize()} at {last} threads: {', '.join(at)}."
