# SPDX-License-Identifier: MIT
"""Series as a picture: one panel a cell, commits in order from left to right, lines that break where numbers move house."""
from __future__ import annotations

import html
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from .series import Series  # noqa: E402

MOST_PANELS = 60
COLUMNS = 3
BLUE, GREY = "#0072B2", "#777777"  # Okabe and Ito's


def svg(lines: list[Series]) -> str:
    """An SVG with a panel for each of the first MOST_PANELS series."""
    shown = lines[:MOST_PANELS]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with plt.rc_context({"svg.hashsalt": "contend", "svg.fonttype": "none", "font.size": 8}):
        figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 2.3 * rows + 0.3), squeeze=False)
        for axis in axes.flat[len(shown):]:
            axis.set_visible(False)
        for axis, line in zip(axes.flat, shown):
            _panel(axis, line)
        figure.tight_layout()
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)
    return out.getvalue()


def _panel(axis, line: Series) -> None:
    points = line.points
    for segment in sorted({p.segment for p in points}):
        own = [(i, p) for i, p in enumerate(points) if p.segment == segment]
        axis.plot([i for i, _ in own], [p.value for _, p in own], "o-", color=BLUE, markersize=3, linewidth=1)
        for i, p in own:
            if p.ci_low is not None and p.ci_high is not None:
                axis.plot([i, i], [p.ci_low, p.ci_high], color=BLUE, alpha=0.4, linewidth=2)
        if segment and own:
            axis.axvline(own[0][0] - 0.5, color=GREY, linestyle=":", linewidth=1)
    step = max(1, len(points) // 8)
    axis.set_xticks(range(0, len(points), step), [p.label[:8] for p in points[::step]], rotation=30, ha="right", fontsize=6)
    axis.set_xlim(-0.6, len(points) - 0.4)
    top = max(max(p.value, p.ci_high or p.value) for p in points)
    axis.set_ylim(0, top * 1.1 if top > 0 else 1)
    kind = "simulated" if line.lens == "coherence" else "measured"
    axis.set_title(f"{line.title}\n{kind}: {line.metric} ({line.unit})", fontsize=7, loc="left")
    axis.spines[["top", "right"]].set_visible(False)


def page(lines: list[Series]) -> str:
    """One HTML page with the picture; no script, no request."""
    picture = svg(lines)
    picture = picture[picture.index("<svg"):]
    more = len(lines) - MOST_PANELS
    told = "Dotted lines: from there on measured on another machine, kernel, compiler or with other flags. " \
           "Thick bars: the interval of the run."
    if more > 0:
        told += f" {more} more cells are not drawn."
    title = html.escape(f"contend: {lines[0].metric} over commits")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 16px system-ui, sans-serif; margin: 1rem }} svg {{ max-width: 100%; height: auto }}</style></head>
<body><h1>{title}</h1><p>{told}</p>
{picture}</body></html>
"""
