# SPDX-License-Identifier: MIT
"""Small multiples: one kind of number against the number of threads, a panel per set of parameters."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from . import style
from .canvas import HEIGHT, Drawing, Grid, Spot, decades, edge, hatch, locate, log_limits, name_rows, short
from .claims import compare
from .record import Cell, PanelKey, Record
from .style import FAINT, GRID, SHADE, Look
from .svg import Slice


class Value(NamedTuple):
    """A point of a line: thread count, value and interval in the kind's unit; None where there is no number."""

    threads: int
    value: float | None
    low: float | None
    high: float | None


@dataclass
class Series:
    """One primitive in one panel."""

    name: str
    look: Look
    ceiling: bool
    values: list[Value]


class Kind(NamedTuple):
    """A kind of figure: what its panels show. `scale`: counts (from 0), ratio (log2), share (0–1) or log.

    `values` takes (record, cell, panel's cells) and gives (value, low, high), None where there is none.
    `machine`: the simulated machine, where numbers are simulated: hatched, and said in every title.
    """

    name: str
    title: str
    axis: str
    scale: str
    text: Callable[[float], str]
    values: Callable[[Record, Cell, list[Cell]], tuple[float, float, float] | None]
    machine: str = ""

    def titled(self, words: str) -> str:
        """The title of a panel that `words` tell from its siblings; the figure's names the machine."""
        return ", ".join(filter(None, [words, self.machine and "simulated"]))


def values_of(name: str):
    """A Kind's `values` for one metric, of the timed cell or of the counter trials beside it."""

    def values(record: Record, cell: Cell, _: list[Cell]):
        metric = record.metric(cell, name)
        if metric is None:
            return None
        return (metric.value, metric.value if metric.ci_low is None else metric.ci_low,
                metric.value if metric.ci_high is None else metric.ci_high)

    return values


def _ratio(record: Record, cell: Cell, cells: list[Cell]):
    name = record.reference(record.key(cell))
    base = next((c for c in cells if (c.primitive, c.threads) == (name, cell.threads)), None)
    found = compare(cell, base, "throughput", record.confidence)
    return (found.median, found.low, found.high) if found and found.low > 0 else None


THROUGHPUT = Kind("throughput", "Throughput", "operations/s", "counts", lambda v: style.quantity(v, "1/s"),
                  values_of("throughput"))
KINDS = (
    THROUGHPUT,
    Kind("ratio", "Throughput against the baseline", "times the baseline", "ratio", style.times, _ratio),
    Kind("latency_p99", "Waiting time, 99th percentile", "p99 of waiting", "log", style.duration,
         values_of("latency_p99")),
    Kind("jain_fairness", "Fairness, Jain's index", "1 = equal shares", "share", lambda v: f"{v:.3f}",
         values_of("jain_fairness")),
    Kind("self_handoff", "Self-handoff", "share of hand-overs to oneself", "share", lambda v: f"{v:.3f}",
         values_of("self_handoff")),
    Kind("cpu_ns_per_op", "CPU time per operation", "CPU time per operation", "log", style.duration,
         values_of("cpu_ns_per_op")),
)


def series_of(record: Record, kind: Kind, cells: list[Cell]) -> list[Series]:
    """The lines of a panel, in catalogue order; primitives without any number are left out."""
    family = cells[0].family
    found = []
    for name, look in style.looks(record, family).items():
        values = []
        for cell in sorted((c for c in cells if c.primitive == name), key=lambda c: c.threads):
            numbers = kind.values(record, cell, cells)
            if numbers and kind.scale in ("log", "ratio") and numbers[0] <= 0:
                numbers = None
            if numbers is None and "skipped" in cell.caveats:
                continue  # not asked for: no gap in the line, which has no point there either
            values.append(Value(cell.threads, *(numbers or (None, None, None))))
        if any(v.value is not None for v in values):
            found.append(Series(name, look, record.primitives[family, name].is_ceiling, values))
    return found


STRETCH = 3  # how many times longer than what was measured an axis may be to hold what was simulated beside it
FLAT = 6  # a panel that would fill less than 1/FLAT of the shared axis gets a shorter one


class Limits(NamedTuple):
    """The throughput axis of a family: what the log axis spans, and the top of each panel's linear axis.

    `tops` is the same number for all panels but those that would lie flat on it; these share a shorter axis. Panels
    with a single thread count are not in it. `longest`: the longest linear axis of the family if `tops` lacks it.
    `span`: what the log axis spans exactly, where a simulated panel beside has the same.
    """

    low: float
    high: float
    tops: dict[PanelKey, float]
    longest: float = 0.0
    span: tuple[float, float] | None = None

    def shortening(self, key: PanelKey) -> int:
        """How many times shorter the panel's linear axis is than the family's; 1 for most."""
        return round(max(self.longest, *self.tops.values()) / self.tops[key]) if key in self.tops else 1


def family_limits(record: Record, keys: list[PanelKey], beside: dict[PanelKey, float] | None = None) -> Limits:
    """The throughput axis of a family, from its competing primitives: ceilings may leave the frame.

    `beside`: panel -> what its axis should also hold, as far as STRETCH allows it.
    """
    spans = {}
    for key in keys:
        if len({cell.threads for cell in record.panels[key]}) == 1:
            continue  # drawn as rows, on an axis of its own
        series = series_of(record, THROUGHPUT, record.panels[key])
        series = [s for s in series if not s.ceiling] or series
        numbers = [v for s in series for point in s.values for v in (point.low, point.high) if v]
        if numbers:
            spans[key] = (min(numbers), max(numbers))
    if not spans:
        return Limits(1.0, 1.0, {})
    tops: dict[PanelKey, float] = {}
    top = 0.0
    for key in sorted(spans, key=lambda k: -spans[k][1]):
        if spans[key][1] * FLAT < top or not top:
            top = spans[key][1]
        tops[key] = top
    wanted = {top: max((beside or {}).get(key, 0.0) for key in tops if tops[key] == top) for top in tops.values()}
    tops = {key: max(top, min(STRETCH * top, wanted[top])) for key, top in tops.items()}
    return Limits(min(low for low, _ in spans.values()), max(high for _, high in spans.values()), tops)


def lines(record: Record, kind: Kind, panels: dict[PanelKey, list[Cell]], limits: Limits) -> Drawing | None:
    """Small multiples of one kind against the number of threads; None if no panel has a number."""
    data = {key: series_of(record, kind, cells) for key, cells in panels.items()}
    data = {key: series for key, series in data.items() if series}
    if not data or (kind.name == "ratio" and all(len(series) < 2 for series in data.values())):
        return None
    family, workload = next(iter(data))[:2]
    shown = {s.name for series in data.values() for s in series}
    legend = [(name, look) for name, look in style.looks(record, family).items() if name in shown]
    many_names = max(len(series) for series in data.values())
    one_count = {key: len({v.threads for s in series for v in s.values}) == 1 for key, series in data.items()}
    height = max(HEIGHT, 0.16 * many_names + 0.8) if any(one_count.values()) else HEIGHT
    grid = Grid(f"{family}: {workload} – {kind.title.lower()}", len(data), legend, height)
    drawing = Drawing(style.slug(family, workload, kind.name), kind.name, family, workload, grid.figure, {})
    spots, axes = {}, {}
    for i, (key, series) in enumerate(data.items()):
        words = style.panel_words(key, panels) or style.constant_words([key])
        ax, box = grid.axes(i, kind.titled(words))
        axes[key] = ax
        spots[key] = (draw_rows if one_count[key] else draw_lines)(ax, record, kind, key, series)
        drawing.slices[key] = Slice({f"panel{i}"}, box, f"{kind.title}, {workload} {words}".strip(),
                                    describe(kind, series, record))
    if kind.scale == "counts":
        drawing.variants = ["linear", "log"]
        for key in data:
            if limits.shortening(key) > 1:
                drawing.notes[key] = f"y axis 1/{limits.shortening(key)}"
            drawing.under[key] = _leaving(kind, data[key], limits.tops.get(key))
    drawing.set_up = lambda variant: _scale(record, kind, data, axes, one_count, limits, variant)
    drawing.hints = lambda: locate(drawing, axes, spots)
    drawing.set_up(drawing.variants[0])
    return drawing


def _leaving(kind: Kind, series: list[Series], top: float | None) -> str:
    """Which simulated lines leave the frame, which is the measured panel's: on more threads they may go far higher."""
    names = [s.look.label for s in series if top and kind.machine and not s.ceiling
             and any(v.value is not None and v.value > 1.06 * top for v in s.values)]
    many = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Above the frame (see the log axis): {', '.join(short(n, 40) for n in names[:3])}{many}." if names else ""


def _say(kind: Kind, name: str, point: Value) -> str:
    threads = f"{point.threads} thread{'s' if point.threads > 1 else ''}"
    if kind.machine:
        return f"{name}, {threads}: {kind.text(point.value)}{', simulated' if kind.scale == 'counts' else ''}"
    return f"{name}, {threads}: {kind.text(point.value)} [{kind.text(point.low)} … {kind.text(point.high)}]"


def describe(kind: Kind, series: list[Series], record: Record) -> str:
    """One or two sentences for those who cannot see the panel."""
    counts = sorted({v.threads for s in series for v in s.values})
    usual = [n for n in counts if n not in record.oversubscribed] or counts
    at = [(s.name, v.value) for s in series for v in s.values if v.threads == usual[-1] and v.value is not None]
    less = kind.scale in ("log", "events") or kind.name == "self_handoff"
    at.sort(key=lambda pair: pair[1], reverse=not less)
    listed = ", ".join(f"{name} {kind.text(value)}" for name, value in at[:12])
    return (f"{kind.title} against {', '.join(map(str, counts))} threads. "
            f"At {usual[-1]} threads, {'lowest' if kind.scale == 'events' else 'best'} first: {listed or 'no numbers'}.")


def draw_lines(ax: Axes, record: Record, kind: Kind, key: PanelKey, series: list[Series]) -> list[Spot]:
    """The lines of a panel against the thread axis; the value axis is the caller's.

    Strips of events have no bands, which would be a third of their bytes: pointing at a marker tells the interval.
    What was simulated with one schedule has none either.
    """
    counts = sorted({v.threads for s in series for v in s.values})
    ax.set_xscale("log", base=2)
    ax.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)
    ticks = [n for n, after in zip(counts, counts[1:] + [math.inf]) if after / n > 1.2]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("threads", labelpad=1)
    ax.set_ylabel(kind.axis, labelpad=2)
    ax.grid(True, color=GRID, linewidth=0.5, clip_on=False)  # they end at the frame anyway; half of a strip is clip-path
    ax.set_axisbelow(True)
    _shade(ax, record, counts)
    if kind.machine:
        hatch(ax)
    if kind.scale == "counts":
        _ideal(ax, record, key, series, counts)
    if kind.scale == "ratio":
        ax.axhline(1, color=FAINT, linewidth=0.8)
    spots = []
    for s in series:
        x = [v.threads for v in s.values]
        nan = [math.nan if v.value is None else v.value for v in s.values]
        low = [math.nan if v.low is None else v.low for v in s.values]
        high = [math.nan if v.high is None else v.high for v in s.values]
        if kind.scale != "events" and any(v.low != v.high for v in s.values):
            ax.fill_between(x, low, high, color=s.look.color, alpha=0.17, linewidth=0, gid=f"band{s.look.index}")
        still = kind.scale == "events" and bool(kind.machine) and all(v.value in (0, None) for v in s.values)
        ax.plot(x, nan, color=s.look.color, marker=s.look.marker, markersize=4.2, linewidth=1.3,
                linestyle=s.look.line, **edge(s.look), gid=f"line{s.look.index}", zorder=2.5 if still else 3,
                markevery=[len(x) - 1] if still else None, clip_on=kind.scale in ("counts", "ratio"))  # other axes hold all
        if kind.scale == "events" and kind.machine:  # of dozens of strips: one title for a line, not one for each marker
            points = ", ".join(f"{kind.text(v.value)} at {v.threads}" for v in s.values if v.value is not None)
            said = "0 throughout" if still else f"{points} thread{'s' if x[-1] > 1 else ''}"
            spots.append((s.look.index, math.nan, math.nan, f"{s.look.label}: {said}"))
            continue
        spots += [(s.look.index, v.threads, v.value, _say(kind, s.look.label, v)) for v in s.values if v.value is not None]
    return spots


def draw_rows(ax: Axes, record: Record, kind: Kind, key: PanelKey, series: list[Series]) -> list[Spot]:
    """For panels with a single thread count, where lines would be dots above each other: a row per primitive."""
    spots = []
    for row, s in enumerate(series):
        point = next(v for v in s.values if v.value is not None)
        if point.low != point.high:
            ax.plot([point.low, point.high], [row, row], color=s.look.color, linewidth=2.6, alpha=0.45,
                    solid_capstyle="butt", gid=f"band{s.look.index}")
        ax.plot([point.value], [row], color=s.look.color, marker=s.look.marker, markersize=5, linestyle="none",
                **edge(s.look), gid=f"line{s.look.index}", zorder=3)
        spots.append((s.look.index, point.value, row, _say(kind, s.look.label, point)))
    threads = next(v.threads for s in series for v in s.values)
    name_rows(ax, [s.name for s in series])
    if kind.machine:
        hatch(ax)
    ax.set_xlabel(f"{kind.axis} at {threads} thread{'s' if threads > 1 else ''}", labelpad=1)
    if kind.scale == "ratio":
        ax.axvline(1, color=FAINT, linewidth=0.8)
    return spots


def _shade(ax: Axes, record: Record, counts: list[int]) -> None:
    """Tints the part of the x axis where there are more threads than CPUs."""
    over = [n for n in counts if n in record.oversubscribed]
    if over:
        usual = [n for n in counts if n < over[0]]
        start = math.sqrt(usual[-1] * over[0]) if usual else ax.get_xlim()[0]
        ax.axvspan(start, ax.get_xlim()[1], color=SHADE, linewidth=0, zorder=0)


def _ideal(ax: Axes, record: Record, key: PanelKey, series: list[Series], counts: list[int]) -> None:
    """Dotted: n threads, each at the speed of the fastest alone; work outside, which grows with n, is allowed for."""
    alone = max((v.value for s in series for v in s.values if v.threads == 1 and v.value and not s.ceiling), default=0)
    if not alone or len(counts) < 2:
        return
    cpus = max((n for n in counts if n not in record.oversubscribed), default=counts[-1])
    outside = dict(key.params).get("outside_ns", 0)
    extra = outside * 1e-9 if isinstance(outside, (int, float)) else 0.0
    x = [counts[0] * (counts[-1] / counts[0]) ** (i / 24) for i in range(25)]
    y = [min(n, cpus) / (1 / alone + (n - 1) * extra) for n in x]
    ax.plot(x, y, color=FAINT, linewidth=0.9, linestyle=(0, (1, 1.6)), zorder=1)


def _scale(record: Record, kind: Kind, data: dict, axes: dict, one_count: dict, limits: Limits,
           variant: str) -> None:
    """Sets the value axis of every panel of a figure for one variant."""
    own = {key: [v for s in series for p in s.values for v in (p.low, p.high) if v is not None]
           for key, series in data.items()}
    competing = {key: [v for s in series for p in s.values for v in (p.low, p.high) if v is not None and not s.ceiling]
                 for key, series in data.items()}
    everything = [v for values in (competing if kind.scale == "ratio" else own).values() for v in values]
    everything = everything or [v for values in own.values() for v in values]
    for key, ax in axes.items():
        axis, name = (ax.xaxis, "x") if one_count[key] else (ax.yaxis, "y")
        set_scale, set_limits = getattr(ax, f"set_{name}scale"), getattr(ax, f"set_{name}lim")
        if kind.scale == "counts" and variant != "log":
            set_scale("linear")
            set_limits(0, 1.06 * (limits.tops.get(key) or max(own[key]) or 1))
            if name == "y" and limits.shortening(key) > 1:
                ax.set_ylabel(f"{kind.axis}, axis 1/{limits.shortening(key)}", labelpad=2)
            axis.set_major_locator(MaxNLocator(5 if name == "y" else 4))
        elif kind.scale == "share":
            set_limits(0, 1.04)
            axis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        else:
            base = 2 if kind.scale == "ratio" else 10
            # Zero has no place on a logarithmic axis: its point lies below the edge.
            positive = [v for v in everything if v > 0] or [1.0]
            low, high = min(positive), max(positive)
            if kind.scale == "counts" and name == "y":
                low, high = min([low, limits.low] if limits.low > 0 else [low]), max(high, limits.high)
                ax.set_ylabel(kind.axis, labelpad=2)
            if kind.scale == "counts" and limits.span:
                low, high = limits.span
            if base == 2 and high < 2 * low:
                low, high = low / 2**0.5, high * 2**0.5
            low, high = (low / 1.15, high * 1.15) if base == 2 else log_limits(low, high)
            set_scale("log", base=base)
            set_limits(low, high)
            axis.set_major_locator(LogLocator(base=2, numticks=6 if name == "y" else 5) if base == 2 else
                                   decades(low, high, 6 if name == "y" else 4))
            axis.set_minor_locator(NullLocator())
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(_tick(kind)))


def _tick(kind: Kind) -> Callable[[float, int], str]:
    def shorten(text: str) -> str:
        return text.rstrip("0").rstrip(".") if "." in text else text

    def label(value: float, _: int) -> str:
        if kind.scale == "share":
            return f"{value:g}"
        if kind.scale == "ratio":
            return f"{value:g}×" if value >= 1 else f"1/{round(1 / value)}×"
        number, _, unit = (style.si(value) if kind.scale == "counts" else style.duration(value)).partition(" ")
        return f"{shorten(number)} {unit}".strip()

    return label
