# SPDX-License-Identifier: MIT
"""The command lines of `record` and of `study --live`."""
from __future__ import annotations

import argparse
from pathlib import Path

from . import options


def count(text: str) -> int:
    """A number from 1 to 100000. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"'{text}', expected a number from 1 to 100000")
    return int(text)


def _choice(verb: argparse.ArgumentParser, most: int, budget: float) -> None:
    verb.add_argument("--filter", type=options.expression, default="", metavar="REGEX",
                      help="only cells whose name matches (--filter=-REGEX: does not match)")
    verb.add_argument("--threads", type=options.thread_list, default=(), metavar="LIST", help="thread counts such as 1,2,4")
    verb.add_argument("--most", type=count, default=most, metavar="N", help=f"at most so many cells (default {most})")
    verb.add_argument("--budget", type=options.duration, default=budget, metavar="TIME",
                      help=f"at most so long (default {budget / 60:g}m)")
    verb.add_argument("--quiet", action="store_true", help="no progress")


def add_record(verbs) -> None:
    """The verb `record`."""
    verb = verbs.add_parser("record", help="measure a program against itself and keep the pairs for the study")
    verb.add_argument("--program", required=True, type=Path, metavar="PATH", help="benchmark program")
    verb.add_argument("--rounds", type=count, default=100, metavar="N", help="pairs of each cell (default 100)")
    verb.add_argument("--out", required=True, type=Path, metavar="FILE", help="where to (.csv.gz)")
    verb.add_argument("--seed", type=options.seed, default=1)
    _choice(verb, 50, 1200.0)


def add_live(study: argparse.ArgumentParser) -> None:
    """What `study` is told for live gates."""
    live = study.add_argument_group("live", "whole gates by time of two programs, here and now (--runs: 20 by default)")
    live.add_argument("--live", nargs=2, type=Path, metavar=("BASE", "HEAD"), help="the programs; twice the same: A/A")
    live.add_argument("--slowed", default="", metavar="TEXT",
                      help="cells whose name holds this are slower in the head on purpose")
    _choice(live, 30, 120.0)
