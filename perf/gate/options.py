# SPDX-License-Identifier: MIT
"""The command line of `contend gate`, checked: bad input is told in one sentence before anything is built."""
from __future__ import annotations

import argparse
import re
from pathlib import Path

LENSES = ("coherence", "time")
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
MOST_THREADS = 128
MACHINE = "zen4"  # that is simulated

ABOUT = """Builds BASE and the working tree with the same flags, runs both in turn, and says whether contention got worse.
BASE is where HEAD left REF (--exact: REF itself). Uncommitted changes belong to the head."""
AFTER = """Exit codes: 0 no regression, 1 regression, 2 wrong use or a tool that failed (a head that does not build), 3 nothing
compared (a base that does not build), 4 inconclusive or invalid, 130 interrupted (the verdict on what was finished
is kept). A commit between base and head accepts a regression with a trailer such as
  Accept-Regression: increment/unpadded/threads:4 25% time: the padded one replaces it"""


def share(text: str) -> float:
    """'10%' or '0.10' as 0.10. Raises argparse.ArgumentTypeError."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"'{text}', expected a share such as 10% or 0.10")
    return value


def positive_share(text: str) -> float:
    """A share above 0. Raises argparse.ArgumentTypeError."""
    value = share(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"'{text}', expected a share above 0, such as 10%")
    return value


def duration(text: str) -> float:
    """'10m', '90s', '1h' or '600' as seconds. Raises argparse.ArgumentTypeError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"'{text}', expected a time from 1s to 24h, such as 10m")
    return seconds


def thread_list(text: str) -> tuple[int, ...]:
    """'1,2,4' as (1, 2, 4). Raises argparse.ArgumentTypeError."""
    try:
        found = tuple(sorted({int(word) for word in text.split(",")}))
    except ValueError:
        found = ()
    if not found or not 1 <= found[0] <= found[-1] <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"'{text}', expected thread counts from 1 to {MOST_THREADS}, such as 1,2,4")
    return found


def lenses(text: str) -> tuple[str, ...]:
    """'coherence,time' as a tuple. Raises argparse.ArgumentTypeError."""
    words = text.split(",")
    if not words or any(word not in LENSES for word in words):
        raise argparse.ArgumentTypeError(f"'{text}', expected {' or '.join(LENSES)}, or both with a comma")
    return tuple(lens for lens in LENSES if lens in words)


def expression(text: str) -> str:
    """A regular expression as it stands. Raises argparse.ArgumentTypeError."""
    try:
        re.compile(text.removeprefix("-"))
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a regular expression: {error}") from None
    return text


def seed(text: str) -> int:
    """A whole number from 0 on. Raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r"\d{1,19}", text) or int(text) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"'{text}', expected a whole number from 0 on")
    return int(text)


def inside(text: str) -> Path:
    """A path below the top of a tree. Raises argparse.ArgumentTypeError."""
    path = Path(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise argparse.ArgumentTypeError(f"'{text}', expected a path relative to the top of the tree, such as "
                                         "build/my_bench")
    return path


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = ABOUT, AFTER
    parser.add_argument("--base", metavar="REF", help="branch, tag or commit to compare with")
    parser.add_argument("--exact", action="store_true", help="compare with REF itself, not with where HEAD left it")
    parser.add_argument("--aa", action="store_true", help="compare the head with itself: what the machine's noise does")
    parser.add_argument("--lens", type=lenses, default=None, metavar="LENSES",
                        help="coherence (exact, no noise), time, or both (default: both, of what the program has)")
    parser.add_argument("--cells", type=expression, default="", metavar="REGEX",
                        help="only cells whose name matches (--cells=-REGEX: does not match)")
    parser.add_argument("--threads", type=thread_list, default=(), metavar="LIST",
                        help="thread counts (default: simulated 1,2,4,16,64; timed as the machine allows)")
    parser.add_argument("--max-slowdown", type=positive_share, default=0.10, metavar="SHARE",
                        help="a timed cell passes only if this is excluded (default 10%%)")
    parser.add_argument("--budget", type=duration, default=600.0, metavar="TIME",
                        help="for the timed pairs, such as 10m; builds and the simulation come on top (default 10m)")
    parser.add_argument("--machine", default=MACHINE, metavar="NAME",
                        help=f"to simulate: zen4, spr-2s, local, or a file *.json (default {MACHINE})")
    parser.add_argument("--seed", type=seed, default=None, metavar="N", help="of the choice of cells and the order of pairs (default: drawn, and told)")
    parser.add_argument("--build", metavar="CMD", help="for another project: what sh runs in each tree to build it")
    parser.add_argument("--bench", type=inside, metavar="PATH",
                        help="the Google Benchmark program that --build makes, relative to the tree; one made by "
                        "contend_add_bench has the lens coherence, too")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where gate.json, gate.xml, gate.md and gate.html go (default results/gate-<utc>-…)")
    parser.add_argument("--plan", action="store_true",
                        help="print cells, minutes and the smallest slowdown that would be found, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress and no table")


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """What one option alone cannot know; ends with exit 2."""
    if options.aa and options.base:
        parser.error(f"--base: '{options.base}' and --aa exclude each other; the base of --aa is the head")
    if not (options.aa or options.base or options.plan):
        parser.error("--base: not given, expected a branch, tag or commit (or --aa)")
    if options.exact and options.aa:
        parser.error("--exact: is about a --base; --aa has none")
    if bool(options.build) != bool(options.bench):
        missing, given = ("--bench", "--build") if options.build else ("--build", "--bench")
        parser.error(f"{missing}: not given, expected beside {given}")
