# SPDX-License-Identifier: MIT
"""The time lens in a gate: the programs of both builds, the copy for the control, and what is left where there is no base."""
from __future__ import annotations

import csv
import io
import random
import time
from pathlib import Path
from typing import NamedTuple

from plots.files import write

from . import rounds
from .builds import Built
from .choice import Asked, evenly
from .model import Skipped
from .points import Program, ToolError
from .progress import Progress
from .trees import GateError, environment

HEAD_ALONE_SHARE = 0.25  # of the budget, at most, where the head is measured without a base


class Alone(NamedTuple):
    """The head's own times, which nothing could be compared with. `error`: as in rounds.Timed."""

    skipped: tuple[Skipped, ...]
    complete: bool
    error: str = ""


def program(built: Built) -> Program:
    """A build's program. Raises ToolError."""
    return Program(built.program, built.tree, environment())


def refusal(built: Built, asked: Asked) -> str:
    """Why a build's program cannot be asked for its cells, as a sentence; '' if it can."""
    try:
        program(built).cells(asked.pattern, asked.threads)
    except ToolError as error:
        return str(error)
    return ""


def measure(base: Built, head: Built, again: Built, asked: Asked, progress: Progress) -> rounds.Timed:
    """Interleaved pairs of base and head, and of the base with `again`, its copy. Raises GateError."""
    try:
        return rounds.measure(program(base), program(head), program(again), asked, progress)
    except ToolError as error:
        raise GateError(str(error)) from error


def alone(head: Built, asked: Asked, why: str, out: Path, progress: Progress) -> Alone:
    """One point of each of the head's cells, kept as `out`/points.csv; each cell is skipped, for `why`. Raises GateError,
    OSError."""
    until = time.monotonic() + HEAD_ALONE_SHARE * asked.budget_s
    rows, skipped, complete, ended = [], [], True, ""
    try:
        own = program(head)
        cells = evenly([cell for cell in own.cells(asked.pattern, asked.threads) if not cell.oversubscribed],
                       random.Random(asked.seed))[: asked.most_cells]
        for cell in cells:
            if time.monotonic() > until:
                break
            point = own.point(cell, asked.window_ms, asked.trials, asked.limit_s)
            rows.append([*cell.key[1:], "" if point.value is None else f"{point.value:.5g}", point.caveat])
            number = f"{point.value:.4g} ns per operation" if point.value is not None else f"none ({point.sentence})"
            skipped.append(Skipped(cell.key, "not_measurable", f"{why} The head: {number}."))
            progress.step(f"the head alone: {len(rows)} of {len(cells)} cells")
    except KeyboardInterrupt:
        complete = False
    except ToolError as error:
        if not rows:
            raise GateError(str(error)) from error
        complete, ended = False, str(error)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["family", "name", "placement", "ns_per_op", "caveat"], *rows])
    write(out / "points.csv", text.getvalue())
    return Alone(tuple(skipped), complete, ended)
