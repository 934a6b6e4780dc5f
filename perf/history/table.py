# SPDX-License-Identifier: MIT
"""Series as a table for a terminal, and rows as CSV."""
from __future__ import annotations

import csv
import io

from .series import Series, sparkline
from .store import Row

MOST_ROWS = 40
COLUMNS = ("run", "kind", "started", "commit", "dirty", "complete", "compiler", "flags", "machine", "environment", "lens",
           "family", "cell", "placement", "primitive", "metric", "unit", "value", "ci_low", "ci_high", "caveats")


def change_words(series: Series) -> str:
    """+3.2 %, with ~ where the intervals of both meet; in words where there is nothing to compare with."""
    if len(series.points) < 2:
        return "first"
    if series.points[-1].segment != series.points[-2].segment:
        return "moved"
    if series.change is None:
        return "same" if series.points[-1].value == 0 else "from 0"
    if series.change == 0:
        return "same"
    return f"{'~' if series.within_noise else ''}{series.change * 100:+.3g} %"


def console(lines: list[Series], most: int = MOST_ROWS) -> str:
    """One row a cell, the greatest changes first; what is beyond `most` rows is counted."""
    def rank(series: Series) -> tuple:
        proven = series.change is not None and not series.within_noise
        return not proven, -abs(series.change or 0.0), series.lens, series.cell

    ranked = sorted(lines, key=rank)
    lenses = len({line.lens for line in lines}) > 1
    rows = [("cell", "lens", "commit", "value", "unit", "change", "commits", "")]
    for line in ranked[:most]:
        newest = line.points[-1]
        rows.append((line.title, line.lens, newest.label, f"{newest.value:.5g}", line.unit, change_words(line),
                     str(len(line.points)), sparkline(line)))
    if not lenses:
        rows = [row[:1] + row[2:] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = {"value", "change", "commits"}
    out = [f"{ranked[0].metric}, newest commit last; change: against the commit before"
           + (" (~: the intervals meet)" if any(line.within_noise for line in lines) else "")]
    for row in rows:
        out.append("  ".join(word.rjust(width) if head in right else word.ljust(width)
                             for word, width, head in zip(row, widths, rows[0])).rstrip())
    if len(ranked) > most:
        out.append(f"{len(ranked) - most} more cells; --cell REGEX chooses, --csv FILE has all of them")
    if any(word == "moved" for word in map(change_words, ranked[:most])):
        out.append("moved: measured on another machine, kernel, compiler or with other flags than the commit before")
    return "\n".join(out) + "\n"


def csv_text(rows: list[Row]) -> str:
    """Every number of every run, one a line; what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(["" if (v := getattr(row, name)) is None else int(v) if isinstance(v, bool) else v for name in COLUMNS])
    return out.getvalue()
