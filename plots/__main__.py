# SPDX-License-Identifier: MIT
"""`python3 -m plots RESULTS`: writes the report of a run and its figures. Exits: 0 done, 2 usage or tool error, 130 interrupted."""
from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from .files import write

PACKAGES = {"numpy": "python3-numpy", "matplotlib": "python3-matplotlib", "jinja2": "python3-jinja2"}


def missing_modules() -> list[str]:
    """Modules that drawing needs and this interpreter does not find."""

    def absent(name: str) -> bool:
        try:
            return importlib.util.find_spec(name) is None
        except (ImportError, ValueError):
            return True

    return [name for name in PACKAGES if absent(name)]


def fail(sentence: str) -> int:
    """Says what went wrong; the exit code for it."""
    print(f"plots: {sentence}", file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m plots",
                                     description="Turns a run record into one offline HTML page with figures.")
    parser.add_argument("results", help="results.json, or the directory that holds it")
    parser.add_argument("-o", "--output", metavar="FILE", help="the page (default: report.html beside the record)")
    parser.add_argument("--figures", metavar="DIR", help="for SVG and PNG of every figure (default: figures/ beside it)")
    parser.add_argument("--no-figures", action="store_true", help="write the page only")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something is wrong")
    options = parser.parse_args(arguments)
    started = time.monotonic()

    from . import load  # needs nothing but the standard library, so that a bad record is told first

    try:
        source = load.find(options.results)
        record = load.load(source)
    except load.RecordError as error:
        return fail(str(error))
    lacking = missing_modules()
    if lacking:
        packages = " ".join(PACKAGES[name] for name in lacking)
        return fail(f"{sys.executable} has no module {', '.join(lacking)}; on Debian or Ubuntu: "
                    f"apt-get install {packages} (and use /usr/bin/python3).")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a font cache that is built is nobody's business
    from . import page, render

    output = Path(options.output) if options.output else source.parent / "report.html"
    folder = Path(options.figures) if options.figures else output.parent / "figures"
    keep = not options.no_figures
    try:
        if output.is_dir():
            return fail(f"{output}: is a directory, expected the name of the page to write.")
        if output.exists() and not output.is_file():
            return fail(f"{output}: is not a regular file, so it is not replaced.")
        for directory in {output.parent, folder} if keep else {output.parent}:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):  # better now than after the drawing
                pass
        rendered = render.render_all(record, files=keep)
        text = page.build(record, rendered).encode()
        for part in rendered.values():
            for name, content in part.files.items():
                write(folder / name, content)
        write(output, text)
    except OSError as error:
        return fail(f"{error.filename or output}: cannot be written ({error.strerror}).")
    if not options.quiet:
        count = sum(len(part.files) for part in rendered.values())
        print(f"{output} ({len(text) / 1e6:.1f} MB, {len(record.cells)} cells, {count} figure files, "
              f"{time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
