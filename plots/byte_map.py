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
from .svg import BYTES_GROUP, Slice

KIND = "byte_map"
PLACES = 6  # in the source that are told of a line, those with the most misses
LEAST = 0.005  # false sharing per operation below which a line is left out
WROTE, READ = style.OKABE_ITO[1], style.OKABE_ITO[0]
# Points: the width of a line's bytes, of the names of the rows, the height of a row, of a lane of field names.
BYTES, NAMES, ROW, LANE = 576.0, 54.0, 15.0, 11.0
EDGE, TICKS, LETTER = 8.0, 16.0, 4.1
WHOSE = 13  # letters of the name of a row


_INDEX = re.compile(r"\[(\d+)\]")
SMALL = 4  # bytes; neighbouring elements of an array that are smaller are told together,
MANY = 8  # as are more than so many of any size
LONGEST = 32  # letters of a field's name above the bytes


class Shared(NamedTuple):
    """A falsely shared line and the simulated cell that it is from."""

    cell: Cell
    line: Line

    @property
    def of_cell(self) -> float | None:
        """The cell's false sharing per operation, where other lines have a part of it worth telling; else None."""
        whole = self.cell.value("false_sharing_per_op")
        return whole if whole and self.line.false_sharing < 0.95 * whole else None


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


class Label(NamedTuple):
    """Where the name of a field stands: points from the left edge of the line's bytes, lanes from the bytes up."""

    left: float
    lane: int


def arrange(names: list[tuple[float, float]], wide: float = BYTES) -> list[Label]:
    """Places for names (stroke, width) by their strokes, above bytes that are `wide` points wide.

    A name goes from its stroke to the right or, near the right end, to the left. Neither do two names overlap, nor does
    the stroke down from one pass through another: lanes rise to the left among the former, to the right among the latter.
    """
    def fit(k: int) -> bool:
        return all(x + width <= (names[k][0] if k < len(names) else wide) for x, width in names[:k])

    turn = next((k for k in range(len(names), 0, -1) if fit(k)), 0)
    found: dict[int, Label] = {}
    for i in range(turn - 1, -1, -1):
        x, width = names[i]
        found[i] = Label(x, max((found[j].lane + 1 for j in range(i + 1, turn) if names[j][0] < x + width), default=0))
    for i in range(turn, len(names)):
        x, width = names[i]
        below = (found[j].lane + 1 for j in range(i)
                 if found[j].left < x and max(names[j][0], found[j].left + names[j][1]) > x - width)
        found[i] = Label(x - width, max(below, default=0))
    return [found[i] for i in range(len(names))]


def last_parts(name: str, limit: int = LONGEST) -> str:
    """A long name without its first members, as the last ones tell fields of an object apart."""
    if len(name) <= limit:
        return name
    cuts = [m.end() for m in re.finditer(r"\.|->", name) if len(name) - m.end() < limit]
    return f"…{name[cuts[0]:]}" if cuts else f"…{name[-limit + 1:]}"


class _Run:
    """Neighbouring fields of names that differ in one index; `pattern` is None while there is only one."""

    def __init__(self, f: Field, start: int, end: int):
        self.fields, self.end, self.pattern = [(f.name, start, end)], end, None
        self.largest = f.size

    def names(self) -> list[tuple[str, int, int]]:
        if self.pattern is None or (self.largest >= SMALL and len(self.fields) <= MANY):
            return self.fields
        where, (before, after) = self.pattern
        first, last = (_INDEX.findall(name)[where] for name, _, _ in (self.fields[0], self.fields[-1]))
        return [(f"{before}[{first}–{last}]{after}", self.fields[0][1], self.end)]


def joined(fields: list[tuple[Field, int, int]]) -> list[tuple[str, int, int]]:
    """Names of fields with the bytes [from, to) that they take; runs of small or many elements of an array become one.

    std::mutex is a union with an array of bytes: forty names would stand above four words. Of 64 locks of a byte each
    nobody could tell the names apart.
    """
    found: list[_Run] = []
    runs: dict[tuple, _Run] = {}  # (which index, the name around it) -> the last run that it may go on
    for f, start, end in fields:
        keys = [(i, (f.name[:m.start()], f.name[m.end():])) for i, m in enumerate(_INDEX.finditer(f.name))]
        key = next((k for k in keys if k in runs and runs[k].end == start and runs[k].pattern in (None, k)), None)
        if key is None:
            run = _Run(f, start, end)
            found.append(run)
            runs.update({k: run for k in keys})
            continue
        run = runs[key]
        run.pattern, run.end, run.largest = key, end, max(run.largest, f.size)
        run.fields.append((f.name, start, end))
    return sorted((name for run in found for name in run.names()), key=lambda item: item[1])


def _visible(line: Line) -> list[tuple[Field, float, float]]:
    """The fields on the line by their place, with their first byte and the one after their last, cut to the line."""
    cut = [(f, max(0, f.offset), min(line.size, f.offset + f.size)) for f in line.fields]
    return sorted(((f, a, b) for f, a, b in cut if a < b), key=lambda item: (item[1], item[2]))


def _draw(shared: Shared, machine: str) -> Drawing:
    cell, line = shared.cell, shared.line
    byte = BYTES / line.size
    fields = joined(_visible(line))
    names = [last_parts(name) for name, _, _ in fields]
    labels = arrange([(start * byte, LETTER * len(name) + 6) for name, (_, start, _) in zip(names, fields)])
    above = (max(label.lane for label in labels) + 1) * LANE + 11 if labels else 0.0
    rows = alike(cell, line)
    sources = [f"{s.source}  {short(s.function, 90)}  {s.kind}" for s in line.sites[:PLACES]]
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
    _fields(ax, fields, names, labels, above, byte)
    _rows(ax, line, rows, above, byte)
    drawing = Drawing(style.slug(cell.family, cell.workload, KIND, cell.primitive), KIND, cell.family, cell.workload,
                      figure, {})
    drawing.slices[cell.primitive] = Slice({"panel0"}, (0, top, width, height), f"Byte map of {line.label}, simulated",
                                           describe(shared))
    drawing.words[cell.primitive] = words
    return drawing


def _fields(ax, fields: list, names: list[str], labels: list[Label], above: float, byte: float) -> None:
    """The names of the fields in their lanes, each with a stroke down to its bar above the bytes."""
    for (_, start, end), name, label in zip(fields, names, labels):
        y = above - 8 - LANE * label.lane
        x = start * byte + 1
        right = label.left < start * byte - 0.01  # the name stands on the left of its stroke
        ax.text(x - 3 if right else x + 3, y - 2.5, name, fontsize=7, color=INK, va="bottom",
                ha="right" if right else "left", family="monospace")
        ax.plot([x, x, end * byte - 1], [y - 7, above - 3.5, above - 3.5], color=INK, linewidth=1.0,
                solid_capstyle="butt")


def _whose(cell: Cell, thread: int) -> str:
    """The number after the last thread's is whoever starts and stops the others."""
    return f"thread {thread}" if thread < cell.threads else "starter"


def alike(cell: Cell, line: Line) -> list[tuple[str, list[Touched]]]:
    """The threads of a line as (who, them): those that touch the same bytes together, in the order of the first."""
    groups: dict[tuple, list[Touched]] = {}
    for touched in line.touched:
        groups.setdefault((touched.read, touched.wrote, touched.thread >= cell.threads), []).append(touched)
    found = []
    for members in groups.values():
        runs: list[list[int]] = []
        for n in sorted(t.thread for t in members):
            if runs and n == runs[-1][1] + 1:
                runs[-1][1] = n
            else:
                runs.append([n, n])
        numbers = ", ".join(f"{a}–{b}" if b > a else str(a) for a, b in runs)
        who = _whose(cell, members[0].thread) if len(members) == 1 else f"threads {numbers}"
        if len(who) > WHOSE:
            who = numbers if len(numbers) <= WHOSE else f"{len(members)} threads"
        found.append((who, members))
    return found


def _rows(ax, line: Line, rows: list[tuple[str, list[Touched]]], top: float, byte: float) -> None:
    """A row for each: in the upper half of a byte's cell what was written, in the lower half what was read."""
    bottom = top + ROW * max(1, len(rows))
    boxes: dict[str, list[tuple[float, float, float, float]]] = {WROTE: [], READ: []}
    for i, (who, (touched, *_)) in enumerate(rows):
        y = top + i * ROW
        ax.text(-5, y + ROW / 2, who, fontsize=7, ha="right", va="center", color=FAINT)
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
    ax.plot(x, y, color=GRID, linewidth=0.4, gid=BYTES_GROUP, clip_on=False)
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
    parts = []
    for who, members in alike(shared.cell, line):
        s = "s" if len(members) == 1 else ""
        parts.append(f"{who} write{s} {_said(members[0].wrote)} and read{s} {_said(members[0].read)}")
    laid = [f"{name} at {a}–{b - 1}" for name, a, b in joined(_visible(line))]
    hidden = f"; {line.threads_not_shown} more threads are not shown" if line.threads_not_shown else ""
    return (f"A line of {line.size} bytes with {', '.join(laid) or 'unnamed bytes'}. "
            f"Bytes by thread: {'; '.join(parts) or 'not recorded'}{hidden}.")
