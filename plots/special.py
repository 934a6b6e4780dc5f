# SPDX-License-Identifier: MIT
"""The figures that are no lines over threads: the tail of waiting, the core-to-core heatmap."""
from __future__ import annotations

import math

from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from . import style
from .canvas import HEIGHT, LEFT, WIDTH, Drawing, Grid, decades, locate, log_limits, name_rows
from .record import Cell, PanelKey, Record
from .style import PAPER
from .svg import Slice

TAIL = "tail"
PERCENTILES = (("latency_p50", "p50"), ("latency_p99", "p99"), ("latency_p999", "p99.9"))


def tail(record: Record, panels: dict[PanelKey, list[Cell]]) -> Drawing | None:
    """Per panel, p50 – p99 – p99.9 of waiting at the highest thread count that is not oversubscribed."""
    data = {}
    for key, cells in panels.items():
        measured = [c for c in cells if all((c.value(metric) or 0) > 0 for metric, _ in PERCENTILES)]
        counts = {c.threads for c in measured}
        usual = {n for n in counts if n not in record.oversubscribed} or counts
        if counts:
            data[key] = [c for c in measured if c.threads == max(usual)]
    if not data:
        return None
    family, workload = next(iter(data))[:2]
    names = style.looks(record, family)
    most = max(len(cells) for cells in data.values())
    grid = Grid(f"{family}: {workload} – waiting time: p50 (marker), p99 (bar), p99.9 (end)", len(data), [],
                 max(HEIGHT, 0.16 * most + 0.8))
    drawing = Drawing(style.slug(family, workload, TAIL), TAIL, family, workload, grid.figure, {})
    spots, axes = {}, {}
    numbers = [c.value(metric) for cells in data.values() for c in cells for metric, _ in PERCENTILES]
    for i, (key, cells) in enumerate(data.items()):
        cells.sort(key=lambda c: names[c.primitive].index)
        words = style.panel_words(key, panels) or style.constant_words([key])
        ax, box = grid.axes(i, words)
        axes[key], spots[key] = ax, []
        ax.set_xscale("log")
        ax.set_xlim(*log_limits(min(numbers) / 1.2, max(numbers) * 1.2))
        for row, cell in enumerate(cells):
            look = names[cell.primitive]
            p50, p99, p999 = (cell.value(metric) for metric, _ in PERCENTILES)
            for x, marker, size, width in ((p50, look.marker, 5, 0.4), (p99, "|", 8, 1.6), (p999, "|", 4, 0.8)):
                ax.plot([x], [row], color=look.color, marker=marker, markersize=size, linestyle="none",
                        markeredgecolor=PAPER if x == p50 and marker == look.marker and not look.peer else look.color,
                        markeredgewidth=1.0 if look.peer and marker == look.marker else width,
                        markerfacecolor=PAPER if look.peer else look.color, gid=f"dot{look.index}", zorder=3)
            ax.plot([p50, p999], [row, row], color=look.color, linewidth=1, gid=f"band{look.index}")
            spots[key] += [(look.index, value, row, f"{cell.primitive}, {name}: {style.duration(value)}")
                           for (_, name), value in zip(PERCENTILES, (p50, p99, p999))]
        threads = cells[0].threads
        name_rows(ax, [c.primitive for c in cells])
        ax.xaxis.set_major_locator(decades(*ax.get_xlim(), most=4))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: style.duration(v).replace(".00", "").replace(".0", "")))
        ax.set_xlabel(f"waiting at {threads} thread{'s' if threads > 1 else ''}", labelpad=1)
        said = "; ".join(f"{c.primitive} " + ", ".join(f"{name} {style.duration(c.value(metric))}"
                                                       for metric, name in PERCENTILES) for c in cells)
        drawing.slices[key] = Slice({f"panel{i}"}, box, f"Waiting time, {workload} {words}".strip(),
                                    f"Percentiles of waiting at {threads} threads: {said}.")
    drawing.hints = lambda: locate(drawing, axes, spots)
    return drawing


ANNOTATED = 16  # CPUs up to which every square of the heatmap has its number written in it


def core_to_core(record: Record) -> Drawing | None:
    """One-way latency between processors at the start and the end of the run, on one colour scale; None if none."""
    block = record.environment.get("core_to_core") or {}
    cpus = block.get("cpus") or []
    matrices = {name: block.get(key) for name, key in (("start", "start_ns"), ("end", "end_ns")) if block.get(key)}
    numbers = [v for rows in matrices.values() for row in rows for v in row if v]
    if not numbers or len(cpus) < 2:
        return None
    low, high = min(numbers), max(numbers)
    height = 2.95
    grid = Grid("Core to core: one-way latency of a cache line", len(matrices), [], height)
    drawing = Drawing("core-to-core", "core_to_core", "", "", grid.figure, {})
    for i, (name, rows) in enumerate(matrices.items()):
        ax, box = grid.axes(i, f"at the {name} of the run")
        side = height - 0.27 - 0.4
        ax.set_position([(i * WIDTH + LEFT) / grid.width, ax.get_position().y0, side / grid.width, side / grid.total])
        shown = [[math.nan if v is None else v for v in row] for row in rows]
        image = ax.imshow(shown, cmap="cividis_r", norm=LogNorm(low * 0.999, high * 1.001), interpolation="nearest",
                          aspect="auto")
        ax.set_facecolor("none")
        every = max(1, math.ceil(len(cpus) / 12))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(FixedLocator(range(0, len(cpus), every)))
            axis.set_major_formatter(FuncFormatter(lambda k, _: str(cpus[int(k)]) if 0 <= k < len(cpus) else ""))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_xlabel("CPU", labelpad=1)
        ax.set_ylabel("CPU", labelpad=2)
        if len(cpus) <= ANNOTATED:
            for y, row in enumerate(rows):
                for x, value in enumerate(row):
                    if value is not None:
                        red, green, blue, _ = image.cmap(image.norm(value))
                        dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
                        ax.text(x, y, f"{value:.0f}", ha="center", va="center", color="#ffffff" if dark else "#101010",
                                fontsize=9 if len(cpus) <= 8 else 6)
        bar_ax = grid.figure.add_axes([(i * WIDTH + LEFT + side + 0.1) / grid.width, ax.get_position().y0,
                                       0.09 / grid.width, side / grid.total])
        bar_ax.set_gid(f"bar{i}")
        bar = grid.figure.colorbar(image, cax=bar_ax)
        bar.outline.set_visible(False)
        ticks = LogLocator(subs=(1, 2, 5), numticks=12).tick_values(low, high)
        bar.set_ticks([t for t in ticks if low <= t <= high] or [low, high])
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0f}"))
        bar.ax.tick_params(length=2, labelsize=6.5, pad=1)
        bar.ax.set_xlabel("ns", labelpad=1)
        flat = sorted(v for row in rows for v in row if v)
        drawing.slices[name] = Slice(
            {f"panel{i}", f"bar{i}"}, box, f"Core-to-core latency at the {name} of the run",
            f"Heatmap of {len(cpus)} × {len(cpus)} CPUs. Fastest pair {style.duration(flat[0])}, median "
            f"{style.duration(flat[len(flat) // 2])}, slowest {style.duration(flat[-1])}, one way.")
    return drawing
