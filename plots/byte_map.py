# SPDX-License-Identifier: MIT
"""Byte maps: which thread reads and writes which bytes of a falsely shared line, under the fields that lie there."""
from __future__ import annotations

import math
import re
from typing import Iterator, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from . import style
from .canvas import Drawing, short
from .record import Cell, Field, Line, Record, Touched
from .style import FAINT, GRID, INK, PAPER
from .svg import Slice

KIND = "byte_map"
LEAST = 0.005  # false sharing per operation below which a line is left out
WROTE, READ = style.OKABE_ITO[1], style.OKABE_ITO[0]
# Points: the width of a line's bytes, of the names of the rows, the height of a row, of a lane of field names.
BYTES, NAMES, ROW, LANE = 576.0, 54.0, 15.0, 11.0
EDGE, TICKS, LETTER = 8.0, 16.0, 4.1


_ELEMENT = re.compile(r"^(.*)\[([\d–]+)\]$")
SMALL = 4  # bytes; neighbouring elements of an array that are smaller are told together


class Shared(NamedTuple):
    """A falsely shared line and the simulated cell that it is from."""

    cell: Cell
    line: Line


def worst(view: Record, family: str, workload: str) -> list[Shared]:
    """Per primitive of a workload the line with the most false sharing, most first.

    Of the largest thread count at which the primitive has a line with at least LEAST false sharing per operation.
    """
    found: dict[str, Shared] = {}
    for cell in view.timed:
        if (cell.family, cell.workload) != (family, workload):
            continue
        for line in cell.lines:
            amount = line.false_sharing or 0.0
            if amount < LEAST:
                continue
            known = found.get(cell.primitive)
            if known is None or (cell.threads, amount) > (known.cell.threads, known.line.false_sharing):
                found[cell.primitive] = Shared(cell, line)
    return sorted(found.values(), key=lambda shared: -shared.line.false_sharing)


def draw(view: Record, family: str, workload: str) -> Iterator[Drawing]:
    """A figure for each of the lines that `worst` gives."""
    machine = view.simulation.name if view.simulation else "an unnamed machine"
    for shared in worst(view, family, workload):
        yield _draw(shared, machine)


def lanes(labels: list[tuple[float, float]]) -> list[int]:
    """For labels (left, right) by their left edges: a lane each, above all that begin below its own text.

    So neither two labels overlap, nor does the stroke down from one pass through another.
    """
    found: list[tuple[float, int]] = []
    for left, right in reversed(labels):
        found.append((left, max((lane + 1 for start, lane in found if start < right), default=0)))
    return [lane for _, lane in reversed(found)]


def joined(fields: list[tuple[Field, int, int]]) -> list[tuple[str, int, int]]:
    """Names of fields with the bytes [from, to) that they take; runs of small elements of one array become one name.

    std::mutex is a union with an array of bytes: forty names would stand above four words.
    """
    found: list[tuple[str, int, int]] = []
    runs: dict[str, int] = {}  # stem of an array -> its last entry in `found`
    for f, start, end in fields:
        element = _ELEMENT.match(f.name)
        stem = element[1] if element else ""
        last = runs.get(stem) if element and f.size < SMALL else None
        if last is not None and found[last][2] == start:
            first = _ELEMENT.match(found[last][0])[2].partition("–")[0]
            found[last] = (f"{stem}[{first}–{element[2]}]", found[last][1], end)
            continue
        if element and f.size < SMALL:
            runs[stem] = len(found)
        found.append((f.name, start, end))
    return found


def _visible(line: Line) -> list[tuple[Field, float, float]]:
    """The fields on the line by their place, with their first byte and the one after their last, cut to the line."""
    cut = [(f, max(0, f.offset), min(line.size, f.offset + f.size)) for f in line.fields]
    return sorted(((f, a, b) for f, a, b in cut if a < b), key=lambda item: (item[1], item[2]))


def _draw(shared: Shared, machine: str) -> Drawing:
    cell, line = shared.cell, shared.line
    byte = BYTES / line.size
    fields = joined(_visible(line))
    labels = []
    for name, start, _ in fields:
        text = short(name, 30)
        width = LETTER * len(text) + 6
        left = max(0.0, min(start * byte, BYTES - width))
        labels.append((text, left, left + width))
    lane = lanes([(left, right) for _, left, right in labels])
    above = (max(lane) + 1) * LANE + 8 if lane else 0.0
    rows = list(line.touched)
    sources = [f"{s.source}  {s.function}  {s.kind}" for s in line.sites]
    top = 34.0  # the title of the file's figure
    height = above + max(1, len(rows)) * ROW + TICKS
    width = EDGE + NAMES + BYTES + EDGE
    total = top + height + (9.0 * len(sources) + 14 if sources else 0) + 6
    figure = Figure(figsize=(width / 72, total / 72), dpi=72, facecolor=PAPER)
    words = f"{cell.primitive}, {cell.threads} threads"
    figure.text(EDGE / width, 1 - 12 / total, f"{cell.family}: {cell.workload} – {words}, simulated on {machine}",
                fontsize=9, fontweight="bold", va="center")
    figure.text(EDGE / width, 1 - 25 / total, f"{line.object}: {short(line.label, 90)}; "
                f"{style.si(line.false_sharing)} false sharing per operation", fontsize=7.5, va="center")
    for i, source in enumerate(sources):
        figure.text((EDGE + NAMES) / width, 1 - (top + height + 10 + 9 * i) / total, source, fontsize=6.5, va="center",
                    color=FAINT)
    ax = figure.add_axes([0, 1 - (top + height) / total, 1, height / total])
    ax.set_gid("panel0")
    ax.axis("off")
    ax.set_xlim(-(EDGE + NAMES), BYTES + EDGE)
    ax.set_ylim(height, 0)
    _fields(ax, fields, labels, lane, above, byte)
    _rows(ax, cell, line, rows, above, byte)
    drawing = Drawing(style.slug(cell.family, cell.workload, KIND, cell.primitive), KIND, cell.family, cell.workload,
                      figure, {})
    drawing.slices[cell.primitive] = Slice({"panel0"}, (0, top, width, height), f"Byte map of {line.label}, simulated",
                                           describe(shared))
    drawing.words[cell.primitive] = words
    return drawing


def _fields(ax, fields: list, labels: list, lane: list[int], above: float, byte: float) -> None:
    """The names of the fields in their lanes, each with a stroke down to its bar above the bytes."""
    for (_, start, end), (text, left, _), row in zip(fields, labels, lane):
        y = above - 8 - LANE * row
        x = start * byte + 1
        ax.text(left + 4, y - 2.5, text, fontsize=7, color=INK, va="bottom", family="monospace")
        high = y - 7 if left + 2 >= start * byte else y - 1  # a label that had to move to the left stands on its stroke
        ax.plot([x, x, end * byte - 1], [high, above - 3.5, above - 3.5], color=INK, linewidth=1.0,
                solid_capstyle="butt")


def _whose(cell: Cell, thread: int) -> str:
    """The number after the last thread's is whoever starts and stops the others."""
    return f"thread {thread}" if thread < cell.threads else "starter"


def _rows(ax, cell: Cell, line: Line, rows: list[Touched], top: float, byte: float) -> None:
    """A row per thread: in the upper half of a byte's cell what it wrote, in the lower half what it read."""
    bottom = top + ROW * max(1, len(rows))
    boxes: dict[str, list[tuple[float, float, float, float]]] = {WROTE: [], READ: []}
    for i, touched in enumerate(rows):
        y = top + i * ROW
        ax.text(-5, y + ROW / 2, _whose(cell, touched.thread), fontsize=7, ha="right", va="center", color=FAINT)
        for ranges, color, part, letter in ((touched.wrote, WROTE, 0, "W"), (touched.read, READ, 1, "r")):
            for start, end in ranges:
                boxes[color].append((start * byte, y + part * ROW / 2, end * byte, y + (part + 1) * ROW / 2))
                if (end - start) * byte > 6:
                    ax.text(start * byte + 2, y + part * ROW / 2 + ROW / 4, letter, fontsize=6, color="#ffffff",
                            va="center_baseline", fontweight="bold")
    for color, found in boxes.items():
        if found:  # one path for all of a colour
            corners = [corner for a, b, c, d in found for corner in ((a, b), (c, b), (c, d), (a, d), (a, b))]
            steps = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(found)
            ax.add_patch(PathPatch(Path(corners, steps), facecolor=color, linewidth=0))
    x, y = [], []
    for k in range(line.size + 1):
        x += [k * byte, k * byte, math.nan]
        y += [top, bottom, math.nan]
    ax.plot(x, y, color=GRID, linewidth=0.4)
    x, y = [], []
    for k in range(max(1, len(rows)) + 1):
        x += [0, BYTES, math.nan]
        y += [top + k * ROW, top + k * ROW, math.nan]
    for k in range(0, line.size + 1, 8):
        x += [k * byte, k * byte, math.nan]
        y += [top, bottom + 3, math.nan]
        ax.text(k * byte, bottom + 4, str(k), fontsize=6.5, ha="center", va="top", color=FAINT)
    ax.plot(x, y, color=FAINT, linewidth=0.6)
    ax.text(-5, bottom + 4, "byte", fontsize=6.5, ha="right", va="top", color=FAINT)


def _said(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{a}–{b - 1}" if b - a > 1 else str(a) for a, b in ranges) or "nothing"


def describe(shared: Shared) -> str:
    """The map in words."""
    line = shared.line
    parts = [f"{_whose(shared.cell, t.thread)} writes {_said(t.wrote)} and reads {_said(t.read)}" for t in line.touched]
    laid = [f"{name} at {a}–{b - 1}" for name, a, b in joined(_visible(line))]
    hidden = f"; {line.threads_not_shown} more threads are not shown" if line.threads_not_shown else ""
    return (f"A line of {line.size} bytes with {', '.join(laid) or 'unnamed bytes'}. "
            f"Bytes by thread: {'; '.join(parts) or 'not recorded'}{hidden}.")
