# SPDX-License-Identifier: MIT
"""Draws a record's figures, family by family in processes of their own, into panels for the page and files to keep."""
from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from . import figures, style
from .record import PanelKey, Record
from .svg import Sheet, cut, parse


@dataclass
class Picture:
    """One panel: permalink id, what it shows, what to note beside and under it, markup by variant of its y axis ('' if there is one).

    `key`: the PanelKey that it answers, or the name of what it shows.
    """

    id: str
    kind: str
    workload: str
    words: str
    note: str
    svg: dict[str, str]
    key: Any = None
    under: str = ""


@dataclass
class Rendered:
    """The pictures of one family, in order, the stylesheet and the shapes they need, and the files (name -> content)."""

    pictures: list[Picture] = field(default_factory=list)
    css: str = ""
    symbols: str = ""
    files: dict[str, bytes] = field(default_factory=dict)


def render(record: Record, family: str, number: int, files: bool) -> Rendered:
    """All figures of one family ('' for those of the machine); `number` keeps its ids and classes apart."""
    out = Rendered()
    sheet = Sheet(chr(ord("A") + number) if number < 26 else f"K{number}_")  # a page has thirty thousand of these names
    count = 0
    for drawing in figures.draw(record, family):
        pictures: dict = {}
        for variant in drawing.variants:
            text = drawing.svg(variant)
            name = f"{drawing.name}-{variant}" if variant else drawing.name
            if files:
                out.files[f"{name}.svg"] = text.encode()
                out.files[f"{name}.png"] = drawing.png(variant)
            plate = parse(text)
            for key, piece in drawing.slices.items():
                if key not in pictures:
                    words = "-".join(f"{k}{v}" for k, v in key.params) if isinstance(key, PanelKey) else str(key)
                    shown = (style.panel_words(key, drawing.slices) or style.constant_words([key])
                             if isinstance(key, PanelKey) else f"at the {key} of the run")
                    pictures[key] = Picture(style.slug(drawing.name, words), drawing.kind, drawing.workload,
                                            drawing.words.get(key, shown), drawing.notes.get(key, ""), {}, key,
                                            drawing.under.get(key, ""))
                pictures[key].svg[variant] = cut(plate, piece, f"f{number}_{count}", sheet)
                count += 1
        out.pictures += pictures.values()
    out.css = sheet.css()
    out.symbols = sheet.markup()
    return out


_RECORD: Record | None = None  # what the forked workers draw: inherited, as a record is slow to send


def _job(family: str, number: int, files: bool) -> Rendered:
    return render(_RECORD, family, number, files)


def render_all(record: Record, files: bool = True, processes: int | None = None) -> dict[str, Rendered]:
    """Family -> its figures, '' for the machine's. `processes`: workers; None for one per available CPU, at most 8."""
    global _RECORD
    families = ["", *record.families]
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(len(families), 8, cpus if processes is None else processes)
    if workers < 2 or not hasattr(os, "fork"):
        return {family: render(record, family, i, files) for i, family in enumerate(families)}
    _RECORD = record
    figures.warm_up()
    size = {family: sum(c.family == family for c in record.cells) for family in families}
    order = sorted(range(len(families)), key=lambda i: -size[families[i]])  # the longest first
    try:
        with ProcessPoolExecutor(workers, initializer=signal.signal,
                                 initargs=(signal.SIGINT, signal.SIG_DFL)) as pool:
            jobs = {families[i]: pool.submit(_job, families[i], i, files) for i in order}
            return {family: jobs[family].result() for family in families}
    except (OSError, ImportError, BrokenProcessPool):  # no more processes, no semaphores, or one was killed
        return {family: render(record, family, i, files) for i, family in enumerate(families)}
