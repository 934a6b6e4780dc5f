# SPDX-License-Identifier: MIT
"""The verdict as one offline HTML page: looks of plots/, a forest plot of the timed cells, tables of the others."""
from __future__ import annotations

import base64
import gzip
from pathlib import Path

import jinja2
import plots
from markupsafe import Markup, escape

from . import document, forest, texts
from .judge import detectable_words
from .model import NOT_GATED, PASS, REASONS, CellVerdict, RunVerdict

HERE = Path(__file__).parent
MOST_PASSES = 400  # rows of cells that pass; more are counted, and are in gate.json
NUMBER_MOST = 12  # changed metrics of a simulated cell that are shown


def breakable(name: str) -> Markup:
    """A name that may be broken after its slashes and underscores."""
    return escape(name).replace("_", Markup("_<wbr>")).replace("/", Markup("/<wbr>"))


def number(value: float | None) -> str:
    """A count or a time of a simulated cell."""
    return "–" if value is None else f"{value:.4g}"


def build(run: RunVerdict) -> str:
    """The page as HTML text."""
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters.update(breakable=breakable, number=number)
    pairs = {cell.key: cell for cell in run.measured.cells}
    controls = {cell.key: cell for cell in run.measured.control}
    timed = [c for c in run.cells if c.rule != "exact" and c.verdict != NOT_GATED]
    exact = [c for c in run.cells if c.rule == "exact"]
    axis = forest.Axis(run)

    def row(cell: CellVerdict, control: bool = False) -> Markup:
        return forest.row(cell, (controls if control else pairs).get(cell.key), axis, run.plan.max_slowdown)

    reasons: dict[str, list[CellVerdict]] = {}
    for cell in run.cells:
        if cell.reason:
            reasons.setdefault(cell.reason, []).append(cell)
    packed = base64.b64encode(gzip.compress(document.text(document.verdict_document(run)).encode(), 9, mtime=0))
    return environment.get_template("page.html.j2").render(
        run=run, measured=run.measured, plan=run.plan, headline=texts.HEADLINES[run.verdict], words=texts.WORDS,
        accepted=texts.accepted_lines(run),
        tally=texts.tally(run), rules=texts.rules(run), levels=texts.level_words(run), command=texts.command(run.measured),
        timed=[c for c in timed if c.verdict != PASS], passed=[c for c in timed if c.verdict == PASS][:MOST_PASSES],
        passes=sum(c.verdict == PASS for c in timed), exact=[c for c in exact if c.verdict != PASS],
        same=sum(c.verdict == PASS for c in exact), reasons=reasons, advice=REASONS, row=row, scale=forest.scale(axis),
        interval=texts.interval_words, detectable=detectable_words, change=texts.change_words, number_most=NUMBER_MOST,
        about=environment_rows(run), json=packed.decode(),
        css=Markup((Path(plots.__file__).parent / "style.css").read_text(encoding="utf-8")
                   + (HERE / "gate.css").read_text(encoding="utf-8")))


def environment_rows(run: RunVerdict) -> list[tuple[str, str]]:
    """What of the environment a reader of a verdict asks for first; unknown stays unknown."""
    env = run.measured.environment
    cpu, system, topology = (env.get(group) or {} for group in ("cpu", "system", "topology"))
    load = env.get("load") or {}
    cpus = topology.get("available_cpus")
    rows = [("processor", cpu.get("model")), ("processors", len(cpus) if cpus else None),
            ("hypervisor", system.get("hypervisor")), ("kernel", system.get("kernel")),
            ("load at the start", load.get("start")), ("base compiler", run.measured.base.compiler),
            ("base flags", run.measured.base.flags), ("head compiler", run.measured.head.compiler),
            ("head flags", run.measured.head.flags)]
    return [(name, "unknown" if value in (None, "") else str(value)) for name, value in rows]
