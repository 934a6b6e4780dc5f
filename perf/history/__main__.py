# SPDX-License-Identifier: MIT
"""`python3 -m history`: what the runs measured over commits. Exits: 0 shown, 2 usage or tool error, 3 nothing to show."""
from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from plots import files

EMPTY = 3


def fail(sentence: str, code: int = 2) -> int:
    """Says what went wrong; the exit code for it."""
    print(f"contend history: {sentence}", file=sys.stderr)
    return code


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def count(text: str) -> int:
    """A number of commits. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"'{text}', expected a number of commits, 1 or more")
    return int(text)


def regex(text: str) -> str:
    """A regular expression. Raises argparse.ArgumentTypeError."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression ({error})") from error
    return text


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="contend history", description="What the runs of this folder measured, over commits.")
    parser.add_argument("--metric", default="ns_per_op", help="what to show (default ns_per_op)")
    parser.add_argument("--cell", type=regex, default="", metavar="REGEX", help="only cells whose name has this")
    parser.add_argument("--lens", help="time, counters or coherence")
    parser.add_argument("--primitive", help="only this primitive")
    parser.add_argument("--last", type=count, metavar="N", help="only the newest N commits")
    parser.add_argument("--csv", metavar="FILE", help="write every number of every run; - is standard output")
    parser.add_argument("--svg", metavar="FILE", help="draw it: a panel a cell")
    parser.add_argument("--html", metavar="FILE", help="the same as a page")
    parser.add_argument("--all-machines", action="store_true",
                        help="also what was measured on other machines than the newest run")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder with the history (default results)")
    parser.add_argument("--import", dest="imported", nargs="+", metavar="RUN",
                        help="add stored runs: their folders, results.json or gate.json files")
    parser.add_argument("--quiet", action="store_true", help="no table")
    return parser


def put(path: str, text: str) -> None:
    """Puts `text` into a file, or on standard output for '-'. Raises OSError."""
    if path == "-":
        sys.stdout.write(text)
    else:
        files.write(Path(path), text)


def read(path: Path) -> dict[str, Any]:
    """The document of a run: the file, or the one in the folder. Raises OSError, ValueError."""
    if path.is_dir():
        path = next((path / name for name in ("results.json", "gate.json") if (path / name).is_file()), path / "results.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    return document


def import_runs(names: list[str], results: Path, quiet: bool) -> int:
    """Adds stored runs; what is none is told and left. 0 if any was added or was there, else 2."""
    from . import source, store

    paths = [Path(name) for name in names]
    paths = [path for path in paths if not path.is_symlink()]  # results/* has `latest`, too
    added = there = 0
    with store.History(results / store.NAME) as history:
        for path in paths:
            if path.is_file() and path.suffix != ".json" or path.name in ("local.json", "validation.json"):
                continue  # what else lies in a results folder
            try:
                fresh = history.add(*source.of_document(read(path)))
            except (OSError, ValueError, source.SourceError) as error:
                fail(f"{path}: is not imported: {getattr(error, 'strerror', None) or error}")
                continue
            added, there = added + fresh, there + (not fresh)
    if not quiet:
        print(f"{added} runs added, {there} were there already")
    return 0 if added or there else 2


def append_run(path: Path) -> int:
    """What `contend bench` calls when its record is written. Always 0: the history is no reason to fail."""
    from . import append, not_added

    try:
        document = read(path)
    except (OSError, ValueError) as error:
        not_added(f"{path}: {error}")
    else:
        append(path.parent.parent, document)
    return 0


def unknown(history, what: str, asked: str) -> int:
    """Which name was wrong and which are near; 2."""
    names = history.names(what)
    near = difflib.get_close_matches(asked, names, 3, 0.5) or names[:12]
    return fail(f"--{what}: there is nothing of '{asked}' in the history; did you mean {', '.join(near)}?")


def show(options: argparse.Namespace) -> int:
    """The table and the files that were asked for."""
    from . import series, store, table

    path = options.results / store.NAME
    empty = f"{path}: there are no runs yet; contend bench, simulate and gate add theirs, and --import adds stored ones."
    if not path.exists():
        return fail(empty, EMPTY)
    with store.History(path, read_only=True) as history:
        if history.runs() == 0:
            return fail(empty, EMPTY)
        for what in ("metric", "lens", "primitive"):
            asked = getattr(options, what)
            if asked and asked not in history.names(what):
                return unknown(history, what, asked)
        rows = history.select(options.metric, options.lens, options.primitive)
    here = rows if options.all_machines else series.of_newest_machine(rows)
    lines = series.build(here, options.cell, options.last)
    if not lines:
        return fail("no number matches what was asked for.", EMPTY)
    if not options.quiet and options.csv != "-":
        print(table.console(lines), end="")
        if len(here) < len(rows):
            machines = len({row.machine for row in rows}) - len({row.machine for row in here})
            print(f"{len(rows) - len(here)} numbers of {machines} other machines are not shown; --all-machines shows them")
    if options.csv:
        wanted = re.compile(options.cell)
        put(options.csv, table.csv_text([row for row in here if wanted.search(row.cell)]))
    if options.svg or options.html:
        try:
            from . import picture
        except ImportError as error:
            return fail(f"{sys.executable} has no module {error.name}, which pictures need; on Debian or Ubuntu: "
                        "apt-get install python3-matplotlib (and use /usr/bin/python3).")
        if len(lines) > picture.MOST_PANELS:
            print(f"the picture has the first {picture.MOST_PANELS} of {len(lines)} cells; --cell REGEX chooses", file=sys.stderr)
        if options.svg:
            put(options.svg, picture.svg(lines))
        if options.html:
            put(options.html, picture.page(lines))
    return 0


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["append"] and len(words) == 2:
        return append_run(Path(words[1]))
    options = arguments().parse_args(words)
    try:
        from . import store
    except ImportError as error:
        return fail(f"{sys.executable} has no module {error.name}, which the history is kept with; use a Python that has it, "
                    "such as /usr/bin/python3.")
    try:
        if options.imported:
            return import_runs(options.imported, options.results, options.quiet)
        return show(options)
    except store.HistoryError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or options.results}: cannot be written ({error.strerror}).")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(0)
