# SPDX-License-Identifier: MIT
"""Strips under the throughput panels: what the hardware and the kernel counted per operation, on the same thread axis."""
from __future__ import annotations

import math
from typing import NamedTuple

from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from . import style
from .canvas import BOTTOM, HEIGHT, Drawing, Grid, locate
from .multiples import Kind, describe, draw_lines, draw_rows, series_of, values_of
from .record import Cell, PanelKey, Record
from .svg import Slice

STRIP = 1.32  # inches of a strip's cell
MANY, WIDE = 8.0, 0.1  # simulated counts that go beyond MANY have a logarithmic axis, linear up to WIDE


class Shown(NamedTuple):
    """An event that has strips: its metric, what it is called, the short word of its button.

    `least`: what is rare or goes over many magnitudes has a logarithmic axis that begins with 0, linear up to `least`.
    """

    metric: str
    title: str
    button: str
    least: float | None = None


SHOWN = (
    Shown("modified_line_hit_per_op", "hits on lines modified in another core, per operation", "modified-line hits"),
    Shown("remote_hit_per_op", "fills from another complex's or socket's cache, per operation", "remote hits"),
    Shown("l1d_miss_per_op", "L1 data cache misses per operation", "L1D misses"),
    Shown("l2_miss_per_op", "L2 cache misses per operation", "L2 misses"),
    Shown("llc_miss_per_op", "last-level cache misses per operation", "LLC misses"),
    Shown("rfo_per_op", "requests for ownership of a line (RFO) per operation", "RFO"),
    Shown("context_switches_per_op", "context switches per operation", "context switches", 1e-4),
)
# One of each group has strips, the first that the record has numbers of: all of them would make the page too big.
GROUPS = (("modified_line_hit_per_op", "remote_hit_per_op"), ("l1d_miss_per_op", "l2_miss_per_op", "llc_miss_per_op"),
          ("rfo_per_op",), ("context_switches_per_op",))

def chosen(record: Record) -> list[Shown]:
    """The events that have strips in this record, one of each group, in the order of their buttons."""
    known = {event.metric: event for event in SHOWN}
    found = []
    for group in GROUPS:
        metric = next((m for m in group if any(record.value(cell, m) is not None for cell in record.timed)), None)
        found += [known[metric]] if metric else []
    return found


def with_numbers(record: Record, family: str) -> tuple[list[Shown], list[Shown]]:
    """The events that have strips in a family, and those that were counted and 0 in all of its cells."""
    shown, zero = [], []
    cells = [cell for cell in record.timed if cell.family == family]
    for event in chosen(record):
        values = [v for v in (record.value(cell, event.metric) for cell in cells) if v is not None]
        if values:
            (shown if max(values) > 0 else zero).append(event)
    return shown, zero


def strips(record: Record, event: Shown, panels: dict[PanelKey, list[Cell]], machine: str = "",
           tall: float = STRIP) -> Drawing | None:
    """One event in all panels of a workload; None if none has a number. Its panels share their axis.

    `machine`: the simulated one, where the events are simulated; `tall`: inches of a strip's cell.
    """
    title = event.title[0].upper() + event.title[1:]
    kind = Kind(event.metric, f"Simulated {event.title}" if machine else title, "per operation", "events", number,
                values_of(event.metric), machine)
    data = {key: series_of(record, kind, cells) for key, cells in panels.items()}
    data = {key: series for key, series in data.items() if series}
    if not data:
        return None
    family, workload = next(iter(data))[:2]
    names = {s.name for series in data.values() for s in series}
    legend = [(name, look) for name, look in style.looks(record, family).items() if name in names]
    single = {key: len({v.threads for s in series for v in s.values}) == 1 for key, series in data.items()}
    most = max(len(series) for series in data.values())
    height = max(HEIGHT, 0.16 * most + 0.8) if any(single.values()) else tall
    bottom = 0.2 if machine and not any(single.values()) else BOTTOM  # rows say at how many threads on their x axis
    simulated = f", simulated on {machine}" if machine else ""
    grid = Grid(f"{family}: {workload} – {event.title}{simulated}", len(data), legend, height, bottom=bottom)
    drawing = Drawing(style.slug(family, workload, event.metric), event.metric, family, workload, grid.figure, {})
    top = max(v for series in data.values() for s in series for p in s.values for v in (p.value, p.high) if v is not None)
    # With dozens of simulated threads some counts grow to hundreds, beside which 0.1, 1 and 4 would be one line.
    least = WIDE if machine and event.least is None and top > MANY else event.least
    axes, spots = {}, {}
    for i, (key, series) in enumerate(data.items()):
        words = style.panel_words(key, panels) or style.constant_words([key])
        axes[key], box = grid.axes(i, kind.titled(words), None if single[key] else tall)
        if single[key]:
            spots[key] = draw_rows(axes[key], record, kind, key, series)
        else:
            spots[key] = draw_lines(axes[key], record, kind, key, series)
            axes[key].set_ylabel("")  # the words above the strip say it
            if bottom < BOTTOM:
                axes[key].set_xlabel("")  # as does the panel beside it
            _same_threads(axes[key], panels[key])
        _axis(axes[key], "x" if single[key] else "y", least, top)
        drawing.slices[key] = Slice({f"panel{i}"}, box, f"{kind.title}, {workload} {words}".strip(),
                                    describe(kind, series, record))
    drawing.hints = lambda: locate(drawing, axes, spots)
    return drawing


def number(value: float) -> str:
    """Events per operation for people: 0.93, 12.3, 1 in 2,500."""
    if 0 < value < 0.01:
        return f"1 in {float(f'{1 / value:.2g}'):,.0f}"
    return style.si(value)


def _same_threads(ax, cells: list[Cell]) -> None:
    """The thread axis of the throughput panel above, also where an event was counted for fewer primitives."""
    measured = {c.primitive for c in cells if c.value("throughput") is not None}
    counts = sorted({c.threads for c in cells if c.primitive in measured})
    if len(counts) > 1:
        ax.set_xlim(counts[0] / 1.15, counts[-1] * 1.15)


def _short(value: float) -> str:
    """1.50 -> '1.5', 0.080 -> '0.08', 2000 -> '2 k'."""
    digits, _, prefix = style.si(value).partition(" ")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} {prefix}".strip()


def _fraction(value: float) -> str:
    """0.001 -> '1/1k'."""
    if value == 0 or value >= 1:
        return f"{value:g}"
    whole = round(1 / value)
    return f"1/{whole // 1000}k" if whole >= 1000 else f"1/{whole}"


def _axis(ax, name: str, least: float | None, top: float) -> None:
    axis = getattr(ax, f"{name}axis")
    set_scale, set_limits = getattr(ax, f"set_{name}scale"), getattr(ax, f"set_{name}lim")
    if least is not None:
        high = max(10 * least, top * 1.6)
        set_scale("symlog", linthresh=least, linscale=0.5)
        set_limits(-0.12 * least, high)
        decades = [10.0**power for power in range(round(math.log10(least)), 6) if 10.0**power <= high]
        every = 1 if len(decades) <= 3 else 2
        axis.set_major_locator(FixedLocator([0.0, *decades[len(decades) % every:: every]]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda v, _: _fraction(v)))
    else:
        set_limits(-0.04 * (top or 1), 1.08 * (top or 1))
        axis.set_major_locator(MaxNLocator(3 if name == "y" else 4))
        axis.set_major_formatter(FuncFormatter(lambda v, _: _short(v)))

