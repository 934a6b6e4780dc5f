# SPDX-License-Identifier: MIT
"""What all figures stand on: matplotlib's settings, the grid of cells with title and legend, and a finished drawing."""
from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import Callable

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from .style import FAINT, GRID, HATCH, INK, PAPER, YELLOW, Look
from .svg import HATCH_GROUP, TITLE, Hint

SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "contend", "text.parse_math": False, "font.size": 7.5,
    "font.family": "sans-serif", "text.color": INK, "axes.labelcolor": FAINT, "axes.edgecolor": FAINT,
    "xtick.color": FAINT, "ytick.color": FAINT, "axes.linewidth": 0.6, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "axes.titlesize": 8,
    "axes.labelsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7.5, "axes.spines.top": False,
    "axes.spines.right": False, "axes.facecolor": "none", "axes.unicode_minus": True,
}
WIDTH, HEIGHT, COLUMNS = 3.3, 2.35, 3  # inches of a panel's cell, and cells in a row
LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.1, 0.27, 0.4  # inches of a cell around the axes
HEADER = 0.42  # inches above the grid, for the figure's title
DPI = 110


def configure() -> None:
    """Makes SETTINGS matplotlib's own, for this process; to be called before anything is drawn."""
    matplotlib.rcParams.update(SETTINGS)


@dataclass
class Drawing:
    """A drawn figure. `slices` has one entry per panel, keyed by PanelKey or a name, `notes` what to say beside some of
    them, `under` what to say under them, `words` what stands above those of which the parameters do not say it.

    `variants`: names of the ways to draw the y axis, the first being the default; [''] where there is one way only.
    """

    name: str
    kind: str
    family: str
    workload: str
    figure: Figure
    slices: dict
    notes: dict = field(default_factory=dict)
    under: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    variants: list[str] = field(default_factory=lambda: [""])
    set_up: Callable[[str], None] = lambda variant: None
    hints: Callable[[], None] = lambda: None

    def svg(self, variant: str) -> str:
        """The figure as an SVG document; fills the slices' hints for this variant."""
        self.set_up(variant)
        out = io.StringIO()
        FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None, "Creator": "contend"})
        self.hints()
        return out.getvalue()

    def png(self, variant: str) -> bytes:
        """The figure as a PNG file at DPI dots per inch."""
        self.set_up(variant)
        self.figure.set_dpi(DPI)
        out = io.BytesIO()
        FigureCanvasAgg(self.figure).print_png(out, metadata={"Software": "contend"})
        self.figure.set_dpi(72)
        return out.getvalue()


class Grid:
    """A figure with room for `count` cells, a title above and a legend below; positions in points from the top left."""

    def __init__(self, title: str, count: int, legend: list[tuple[str, Look]], height: float = HEIGHT,
                 left: float = LEFT, bottom: float = BOTTOM):
        columns = min(COLUMNS, count)
        rows = math.ceil(count / columns)
        width = max(columns * WIDTH, 2 * WIDTH if legend else WIDTH)
        widest = max((len(look.label) for _, look in legend), default=0)
        per_row = max(1, int(width / max(1.6, 0.062 * min(widest, 34) + 0.55)))
        legend_height = 0.2 * math.ceil(len(legend) / per_row) + 0.12 if legend else 0.0
        total = HEADER + rows * height + legend_height
        self.columns, self.height, self.total, self.width = columns, height, total, width
        self.left, self.bottom = left, bottom
        self.figure = Figure(figsize=(width, total), dpi=72, facecolor=PAPER)
        self.figure.text(0.12 / width, 1 - 0.22 / total, title, fontsize=10, fontweight="bold", va="center")
        if legend:
            handles = [Line2D([], [], color=look.color, marker=look.marker, markersize=4.5, linewidth=1.3,
                              linestyle=look.line, **edge(look))
                       for _, look in legend]
            names = [short(look.label, 34) for _, look in legend]
            self.figure.legend(handles, names, loc="lower left", ncol=per_row, frameon=False, bbox_to_anchor=(0, 0), borderaxespad=0.3)

    def axes(self, i: int, title: str, height: float | None = None) -> tuple[Axes, tuple[float, float, float, float]]:
        """Axes in the i-th cell, and the cell's box below the panel's title; `height`: inches of less than the cell."""
        x, y = i % self.columns * WIDTH, HEADER + i // self.columns * self.height
        height = height or self.height
        ax = self.figure.add_axes([(x + self.left) / self.width, 1 - (y + height - self.bottom) / self.total,
                                   (WIDTH - self.left - RIGHT) / self.width,
                                   (height - TOP - self.bottom) / self.total])
        ax.set_gid(f"panel{i}")
        ax.patch.set_visible(False)
        label = ax.set_title(title, loc="left", y=1.0, pad=5)  # a given y spares matplotlib the search for one
        label.set_gid(TITLE)
        trim = TOP - 0.09
        return ax, (x * 72, (y + trim) * 72, WIDTH * 72, (height - trim) * 72)


def hatch(ax: Axes, gap: float = 9.0) -> None:
    """Diagonals `gap` points apart behind everything: what stands here is simulated. One path, so that it stays small."""
    box = ax.get_position()
    width, height = box.width * ax.figure.get_figwidth() * 72, box.height * ax.figure.get_figheight() * 72
    x, y = [], []
    for k in range(1, math.ceil((width + height) / gap)):
        d = k * gap
        x += [max(0.0, d - height) / width, min(d, width) / width, math.nan]
        y += [min(d, height) / height, max(0.0, d - width) / height, math.nan]
    ax.plot(x, y, transform=ax.transAxes, color=HATCH, linewidth=0.7, zorder=0.5, gid=HATCH_GROUP, clip_on=False, scalex=False, scaley=False)


def short(name: str, limit: int = 26) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def name_rows(ax: Axes, names: list[str]) -> None:
    """Rows from the top down, their names inside the frame above the grid line that ends at the marker."""
    box = ax.get_position()
    shift = 0.72 / ax.figure.get_figwidth()
    ax.set_position([box.x0 + shift, box.y0, box.width - shift, box.height])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.yaxis.set_major_locator(FixedLocator(range(len(names))))
    ax.set_yticklabels([short(name, 22) for name in names], fontsize=6.5 if len(names) < 16 else 5.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, color=GRID, linewidth=0.5)
    ax.set_axisbelow(True)


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Limits of a log axis around two numbers above zero; at least a whole decade, so that it has two ticks."""
    if high < 10 * low:
        return 10.0 ** math.floor(math.log10(low)) / 1.15, 10.0 ** math.ceil(math.log10(high) + 1e-9) * 1.15
    return low / 1.15, high * 1.15


def decades(low: float, high: float, most: int = 5) -> FixedLocator:
    """Ticks at powers of ten between two numbers above zero, thinned out to about `most`."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / most))
    return FixedLocator([10.0**power for power in range(first, last + 1, step)] or [low, high])


Spot = tuple[int, float, float, str]  # series index, x and y in data units, what to say there


def edge(look: Look) -> dict:
    """The edge of a marker: paper, so that markers on each other stay apart; yellow needs ink to show on white.

    A peer's marker is hollow.
    """
    if look.peer:
        return {"markerfacecolor": PAPER, "markeredgecolor": look.color, "markeredgewidth": 1.0}
    if look.color == YELLOW:
        return {"markeredgecolor": FAINT, "markeredgewidth": 0.5}
    return {"markeredgecolor": PAPER, "markeredgewidth": 0.4}


def locate(drawing: Drawing, axes: dict, spots: dict) -> None:
    """Fills the hints of a drawing's slices from `spots`, panel -> list of Spot, as the axes stand now."""
    height = drawing.figure.get_figheight() * 72
    for key, ax in axes.items():
        points = ax.transData.transform([(x, y) for _, x, y, _ in spots[key]]) if spots[key] else []
        drawing.slices[key].hints = [Hint(index, px, height - py, text)
                                     for (px, py), (index, _, _, text) in zip(points, spots[key])]
