# SPDX-License-Identifier: MIT
"""`python3 -m gate golden check|bless`: 0 as blessed, 1 worse, 2 usage or tool error, 3 nothing to compare with."""
from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from . import golden
from .golden import GoldenError
from .model import REGRESSION

PROGRAM = Path(__file__).parents[2] / "build" / "release" / "bin" / "contend"
MOST_ROWS = 40


def table(rows: list[tuple[str, ...]], most: int) -> str:
    """Rows under each other, columns as wide as they must be."""
    shown = rows[:most]
    widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))] if shown else []
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in shown]
    if len(rows) > most:
        lines.append(f"… and {len(rows) - most} more")
    return "\n".join(lines)


def check(program: Path, folder: Path, quick: bool) -> int:
    """Compares the built program with its compiler's file and prints what differs. Raises GoldenError."""
    built = golden.Program(program)
    now = built.simulate(built.names(quick))
    path = golden.path_for(now, folder)
    if not path.exists():
        raise golden.no_file(now, path)
    then = golden.read(path)
    golden.comparable(then, now, path)
    found = golden.differences(then, now, quick)
    questions = golden.in_question(then, now)
    if questions:
        found = golden.differences(then, built.seeded(now, questions), quick)
    same = len(now.cells) - sum(one.verdict != "removed" for one in found)
    if found:
        print(table([(one.verdict, one.cell, one.sentence) for one in found], MOST_ROWS))
    print(f"golden: {same} of {len(now.cells)} simulated cells are as in {path.name}"
          + "".join(f", {count} {verdict}" for verdict, count in Counter(one.verdict for one in found).items()))
    if any(one.verdict == REGRESSION for one in found):
        print("If that is meant: make bless, and commit the file with the reason.")
        return 1
    if found:
        print("Nothing is worse. `make bless` takes the new numbers.")
    if len(found) > len(now.cells) / 2:
        print("Most cells differ: if the model changed, or how long a cell is simulated, raise model_version in "
              "perf/coherence/model_version.hpp.")
    return 0


def bless(program: Path, folder: Path) -> int:
    """Writes the program's numbers into its compiler's file and prints what that changes. Raises GoldenError, OSError."""
    from plots.files import write

    built = golden.Program(program)
    now = built.simulate(built.names())
    path = golden.path_for(now, folder)
    then = golden.read(path) if path.exists() else None
    rows = golden.diff(then, now)
    if not rows:
        raise GoldenError(f"{path}: nothing to bless, all {len(now.cells)} cells are as in the file.")
    same = then is not None and (then.model_version, then.flags, then.compiler) == (now.model_version, now.flags, now.compiler)
    kept = {name: then.cells[name].seeded for name, one in now.cells.items()
            if same and name in then.cells and then.cells[name]._replace(seeded={}) == one}
    now = built.seeded(now, [name for name in now.cells if name not in kept])
    now = replace(now, cells={name: one._replace(seeded=kept.get(name, one.seeded)) for name, one in now.cells.items()})
    write(path, golden.text(now))
    print(table([("cell", "metric", "old", "new"), *rows], 400))
    print(f"{path}: {len(now.cells)} cells written; look at the diff before you commit it.")
    return 0


def main(words: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="contend gate golden", description="Golden numbers of simulated cells.")
    parser.add_argument("what", choices=("check", "bless"))
    parser.add_argument("--program", type=Path, default=PROGRAM, help="contend, as built (default build/release/bin/contend)")
    parser.add_argument("--folder", type=Path, default=golden.FOLDER, help="the files (default perf/gate/golden)")
    parser.add_argument("--quick", action="store_true", help="check a third of the cells")
    options = parser.parse_args(words)
    try:
        if options.what == "bless":
            if options.quick:
                raise GoldenError("--quick is for check: a file has all cells.")
            return bless(options.program, options.folder)
        return check(options.program, options.folder, options.quick)
    except GoldenError as error:
        print(f"contend: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"contend: {error.filename or options.folder}: cannot be written ({error.strerror}).", file=sys.stderr)
        return 2
