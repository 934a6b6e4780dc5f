# SPDX-License-Identifier: MIT
"""The forest plot: one small SVG per cell on one common log axis, in percent of the width, so that no screen distorts it."""
from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup, escape

from .model import ACCEPTED, FAILED, IMPROVEMENT, INCONCLUSIVE, NOT_GATED, REGRESSION, CellVerdict, Pairs, RunVerdict

HEIGHT = 22  # pixels of a row
MOST_DOTS = 60  # pairs drawn behind an interval
STEPS = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)


class Axis:
    """Log ratios from -half … half, wide enough for every estimate and nearly every interval; symmetric around 1."""

    def __init__(self, run: RunVerdict):
        least = math.log1p(run.plan.max_slowdown) * 1.3
        reach = [least]
        for cell in run.cells:
            if cell.rule != "exact":
                reach += [abs(math.log(x)) for x in (cell.ratio, cell.low, cell.high) if x]
        widest = float(np.quantile(reach, 0.98)) if len(reach) > 50 else max(reach)
        estimates = [abs(math.log(c.ratio)) for c in run.cells if c.ratio and c.rule != "exact"]
        self.half = min(max([least, widest, *estimates]) * 1.08, math.log(200))

    def place(self, log_ratio: float) -> float:
        """Percent of the width, kept within it."""
        return min(100.0, max(0.0, 50 + 50 * log_ratio / self.half))

    def ticks(self) -> list[tuple[float, str]]:
        """Place and words of at most four ticks on each side of 1."""
        inside = [step for step in STEPS if math.log(step) <= 0.95 * self.half]
        chosen: list[float] = []
        for step in reversed(inside):  # far enough from each other and from the middle to be read
            if math.log(step) > 0.24 * self.half and all(
                    math.log(other / step) > 0.26 * self.half for other in chosen):
                chosen.append(step)
        found = [(50.0, "1×")]
        for step in chosen:
            found += [(self.place(math.log(step)), f"{step:.4g}×"), (self.place(-math.log(step)), f"{1 / step:.3g}×")]
        return sorted(found)


def scale(axis: Axis) -> Markup:
    """The axis as an SVG of its own, for the head of the table."""
    words = "".join(f'<text x="{x:.2f}%" y="13">{text}</text>' for x, text in axis.ticks())
    return Markup(f'<svg class="scale-of" role="img" aria-label="ratio, logarithmic"><title>head / base, logarithmic'
                  f'</title>{words}</svg>')


def row(cell: CellVerdict, pairs: Pairs | None, axis: Axis, max_slowdown: float) -> Markup:
    """One cell: grid, the zone beyond max_slowdown, the pairs as dots where the verdict is no pass, interval, estimate."""
    middle = HEIGHT / 2
    beyond = axis.place(math.log1p(max_slowdown))
    parts = [f'<rect class="beyond" x="{beyond:.2f}%" y="0" width="{100 - beyond:.2f}%" height="{HEIGHT}"/>']
    parts += [f'<line class="{"one" if x == 50 else "tick"}" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="{HEIGHT}"/>'
              for x, _ in axis.ticks()]
    if pairs and cell.verdict in (REGRESSION, ACCEPTED, INCONCLUSIVE, IMPROVEMENT):
        parts += _dots(pairs, axis)
    low, high = (None if x is None else math.log(x) for x in (cell.low, cell.high))
    if cell.ratio is not None:
        left, right = axis.place(-FAILED if low is None else low), axis.place(FAILED if high is None else high)
        parts.append(f'<line class="range" x1="{left:.2f}%" x2="{right:.2f}%" y1="{middle}" y2="{middle}"/>')
        for x, bound in ((left, low), (right, high)):
            if bound is not None and abs(bound) < axis.half:  # an open end has no cap: it goes on
                parts.append(f'<line class="range" x1="{x:.2f}%" x2="{x:.2f}%" y1="{middle - 4}" y2="{middle + 4}"/>')
        parts.append(_mark(cell, axis.place(math.log(cell.ratio)), middle))
    elif cell.head_failed:
        parts.append('<text class="failed" x="100%" y="15">head failed ▸</text>')
    return Markup(f'<svg class="forest-row {cell.verdict}" role="img" aria-label="{escape(_words(cell))}">'
                  f'{"".join(parts)}</svg>')


def _mark(cell: CellVerdict, x: float, middle: float) -> str:
    """The estimate: a shape for each verdict, so that colour is not needed to tell them apart."""
    if cell.verdict == REGRESSION:
        return f'<rect class="mark" x="{x:.2f}%" y="{middle - 5}" width="10" height="10" transform="translate(-5 0)"/>'
    if cell.verdict == INCONCLUSIVE:
        return f'<circle class="mark hollow" cx="{x:.2f}%" cy="{middle}" r="4.5"/>'
    return f'<circle class="mark" cx="{x:.2f}%" cy="{middle}" r="4"/>'


def _dots(pairs: Pairs, axis: Axis) -> list[str]:
    fresh = pairs.log_ratios(2)
    d = (fresh if len(fresh) else pairs.log_ratios(1))[:MOST_DOTS]
    return [f'<circle class="dot" cx="{axis.place(float(x)):.1f}%" cy="{HEIGHT / 2 + (i % 5 - 2) * 2.4:.1f}" r="1.4"/>'
            for i, x in enumerate(d)]


def _words(cell: CellVerdict) -> str:
    if cell.verdict == NOT_GATED or cell.ratio is None:
        return cell.sentence
    bounds = [f"{x:.3f}" if x is not None else "unbounded" for x in (cell.low, cell.high)]
    return f"ratio {cell.ratio:.3f}, from {bounds[0]} to {bounds[1]}"
