# SPDX-License-Identifier: MIT
"""`contend gate --plan`: cells, minutes and the smallest slowdown that would be found, asked of a program that is there."""
from __future__ import annotations

import os
from pathlib import Path

from . import builds, choice, simulated
from .points import Program, ToolError
from .progress import in_words
from .trees import GateError, environment


def built_before(top: Path, recipe: builds.Recipe) -> Path | None:
    """A program that somebody has built already, of this checkout; None where there is none."""
    if recipe.command is not None:
        places = [top / recipe.bench]
    else:
        places = [top / "build" / "release" / "bin" / "contend-bench"]
        if os.environ.get("CONTEND_BIN"):
            places.insert(0, Path(os.environ["CONTEND_BIN"]) / "contend-bench")
    return next((place for place in places if os.access(place, os.X_OK) and place.is_file()), None)


def text(program: Path, lenses: tuple[str, ...] | None, question: simulated.Question, asked: choice.Asked) -> str:
    """What a gate would do, by a program that stands for both sides. Raises GateError."""
    lenses = simulated.lenses(lenses, program.with_name(program.name + builds.TWIN).is_file(), program)
    lines = [f"Asked was {program}, as it was built last, for base and head.", ""]
    if "coherence" in lenses:
        lines += [_simulated(program, question), ""]
    if "time" in lenses:
        try:
            own = Program(program, program.parent, environment())
            lines += [choice.plan_text(own, own, asked), ""]
        except ToolError as error:
            raise GateError(str(error)) from error
    return "\n".join([*lines, "Building both sides comes on top.", ""])


def _simulated(program: Path, question: simulated.Question) -> str:
    plan = simulated.planned(program, question, program.parent)
    if plan is None:
        return "No cell is simulated: none has a name that --cells asks for."
    told = plan["simulation"]
    cells = [cell for cell in told["cells"] if cell["not_applicable"] is None]
    name = Path(told["machine"]).name
    return (f"{len(cells)} simulated cells on '{name}', at {', '.join(map(str, question.threads or simulated.THREADS))} "
            f"threads: about {in_words(2 * told['seconds'])} for both sides. They are exact: every difference is told, and "
            "2 % more line transfers or predicted time is a regression.")
