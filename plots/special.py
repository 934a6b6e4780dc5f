# SPDX-License-Identifier: MIT
"""The figures that are no lines over threads: the tail of waiting, the padding sweep, the core-to-core heatmap."""
from __future__ import annotations

import math
import re

from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from . import style
from .canvas import HEIGHT, LEFT, WIDTH, Drawing, Grid, decades, edge, locate, log_limits, name_rows
from .multiples import THROUGHPUT, series_of
from .record import Cell, PanelKey, Record
from .style import GRID, PAPER
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
                whole = edge(look) if marker == look.marker else {"markeredgecolor": look.color, "markeredgewidth": width}
                ax.plot([x], [row], color=look.color, marker=marker, markersize=size, linestyle="none", **whole, gid=f"dot{look.index}", zorder=3)
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


_PADDED = re.compile(r"^(?:.*_)?padded_?(\d+)$")


def paddings(record: Record, family: str) -> dict[str, int]:
    """Primitives of a family that are one counter at several paddings: name -> bytes, 0 for unpadded."""
    steps: dict[str, int] = {}
    for primitive in record.members(family):
        match = _PADDED.match(primitive.name)
        if match or primitive.name.startswith("unpadded"):
            steps[primitive.name] = int(match[1]) if match else 0
    return steps


def padding_sweep(record: Record, panels: dict[PanelKey, list[Cell]]) -> Drawing | None:
    """Throughput of one counter at several paddings, a line per thread count.

    Drawn where a workload has a primitive named unpadded and two or more named padded_<bytes>; else None.
    """
    family, workload = next(iter(panels))[:2]
    steps = paddings(record, family)
    if sorted(steps.values())[:1] != [0] or len(steps) < 3:
        return None
    names = sorted(steps, key=steps.get)
    data = {key: {s.name: s for s in series_of(record, THROUGHPUT, cells) if s.name in steps}
            for key, cells in panels.items()}
    data = {key: series for key, series in data.items() if len(series) > 2}
    if not data:
        return None
    grid = Grid(f"{family}: {workload} – throughput by padding", len(data), [])
    drawing = Drawing(style.slug(family, workload, "padding"), "padding", family, workload, grid.figure, {})
    spots, axes = {}, {}
    for i, (key, series) in enumerate(data.items()):
        words = style.panel_words(key, panels) or style.constant_words([key])
        ax, box = grid.axes(i, words)
        axes[key], spots[key] = ax, []
        counts = sorted({v.threads for s in series.values() for v in s.values})
        said = []
        for j, n in enumerate(counts):
            points = [next((v for v in series[name].values if v.threads == n), None) if name in series else None
                      for name in names]
            y = [math.nan if p is None or p.value is None else p.value for p in points]
            color = style.OKABE_ITO[j % 6]
            over = n in record.oversubscribed
            ax.plot(range(len(names)), y, color=color, marker=style.MARKERS[j % len(style.MARKERS)], markersize=4,
                    linewidth=1.3, linestyle=(0, (1, 1.5)) if over else "-", markeredgecolor=PAPER,
                    markeredgewidth=0.4, gid=f"line{90 + j}", zorder=3,
                    label=f"{n} thread{'s' if n > 1 else ''}{' (more than CPUs)' if over else ''}")
            ax.fill_between(range(len(names)), [math.nan if p is None or p.low is None else p.low for p in points],
                            [math.nan if p is None or p.high is None else p.high for p in points], color=color,
                            alpha=0.17, linewidth=0, gid=f"band{90 + j}")
            spots[key] += [(90 + j, x, p.value, f"{name}, {n} threads: {THROUGHPUT.text(p.value)}")
                           for x, (name, p) in enumerate(zip(names, points)) if p and p.value is not None]
            said.append(f"{n} threads " + ", ".join(f"{name} {THROUGHPUT.text(p.value)}"
                                                    for name, p in zip(names, points) if p and p.value is not None))
        ax.set_ylim(0, 1.3 * max((y for _, _, y, _ in spots[key]), default=1) or 1)
        ax.set_xlim(-0.2, len(names) - 0.8)
        ax.xaxis.set_major_locator(FixedLocator(range(len(names))))
        ax.set_xticklabels([f"{steps[name]} B" if steps[name] else "none" for name in names])
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: style.si(v).replace(".00", "").replace(".0", "")))
        ax.set_xlabel("padding: distance of one thread's counter from the next", labelpad=1)
        ax.set_ylabel("operations/s", labelpad=2)
        ax.grid(True, color=GRID, linewidth=0.5)
        ax.set_axisbelow(True)
        ax.legend(loc="upper left", frameon=False, ncol=2, fontsize=6.5, borderaxespad=0.1, handlelength=2.2,
                  columnspacing=1.2)
        drawing.slices[key] = Slice({f"panel{i}"}, box, f"Throughput by padding, {workload} {words}".strip(),
                                    "Throughput with each padding: " + "; ".join(said) + ".")
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
