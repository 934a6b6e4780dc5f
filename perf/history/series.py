# SPDX-License-Identifier: MIT
"""From rows of the database to lines over commits: one point per commit, breaks where numbers are of something else."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from .store import Row

BARS = "▁▂▃▄▅▆▇█"
BREAK = "┆"


class Point(NamedTuple):
    """One commit in one environment: of its runs the one with the median value (the lower of two).

    `label`: the commit, with + for a tree with uncommitted changes, each run of which is a point of its own. `segment`
    counts up where environment, compiler or flags differ from the point before.
    """

    label: str
    started: str
    value: float
    ci_low: float | None
    ci_high: float | None
    runs: int
    segment: int
    environment: str
    caveats: str
    complete: bool


@dataclass(frozen=True)
class Series:
    """A metric of one cell over commits, oldest first. Never empty."""

    lens: str
    family: str
    cell: str
    placement: str
    metric: str
    unit: str
    points: tuple[Point, ...]

    @property
    def title(self) -> str:
        placement = "" if self.placement in ("", "none", "compact") else f" ({self.placement})"
        return f"{self.cell}{placement}"

    @property
    def change(self) -> float | None:
        """Newest value ÷ the one of the point before, minus 1; None where these are not to be compared."""
        if len(self.points) < 2 or self.points[-1].segment != self.points[-2].segment or self.points[-2].value == 0:
            return None
        return self.points[-1].value / self.points[-2].value - 1

    @property
    def within_noise(self) -> bool:
        """Whether the intervals of the two newest points meet. False where there are none."""
        if len(self.points) < 2:
            return False
        a, b = self.points[-2:]
        if None in (a.ci_low, a.ci_high, b.ci_low, b.ci_high):
            return False
        return a.ci_low <= b.ci_high and b.ci_low <= a.ci_high


def of_newest_machine(rows: list[Row]) -> list[Row]:
    """The rows of each lens that are from the machine of its newest row."""
    newest = {row.lens: row.machine for row in rows}  # rows are in order of time
    return [row for row in rows if row.machine == newest[row.lens]]


def build(rows: list[Row], pattern: str = "", last: int | None = None) -> list[Series]:
    """Series of the cells whose names `pattern` finds, `last`: of the newest so many commits. Raises re.error."""
    wanted = re.compile(pattern)
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if wanted.search(row.cell):
            groups.setdefault((row.lens, row.family, row.cell, row.placement, row.metric, row.unit), []).append(row)
    return [Series(*key, _points(own)[-last if last else 0:]) for key, own in groups.items()]


def _points(rows: list[Row]) -> tuple[Point, ...]:
    """Rows of one cell, oldest first, as points."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        state = "" if row.dirty is False else row.run  # what was uncommitted is not known: its runs stay apart
        groups.setdefault((row.commit, state, row.environment, row.compiler, row.flags), []).append(row)
    points: list[Point] = []
    before = None
    for (commit, state, *where), own in groups.items():  # in the order in which each was first measured
        ranked = sorted(own, key=lambda row: row.value)
        middle = ranked[(len(ranked) - 1) // 2]
        segment = points[-1].segment + (where != before) if points else 0
        before = where
        points.append(Point(commit + ("+" if middle.dirty else "" if middle.dirty is False else "?"), own[0].started,
                            middle.value, middle.ci_low, middle.ci_high, len(own), segment,
                            f"{middle.machine}, {middle.compiler}", middle.caveats, all(row.complete for row in own)))
    return tuple(points)


def sparkline(series: Series, most: int = 24) -> str:
    """The newest values as bars from the least to the most, broken where they are of something else."""
    points = series.points[-most:]
    low, high = min(p.value for p in points), max(p.value for p in points)
    bars = []
    for i, point in enumerate(points):
        if i and point.segment != points[i - 1].segment:
            bars.append(BREAK)
        share = (point.value - low) / (high - low) if high > low else 0.5
        bars.append(BARS[min(int(share * len(BARS)), len(BARS) - 1)])
    return "".join(bars)
