# SPDX-License-Identifier: MIT
"""Regressions that a commit between base and head accepts, by a trailer; they expire as soon as it belongs to the base."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from .model import Accepted
from .trees import git

TRAILER = "Accept-Regression"
GRAMMAR = f"{TRAILER}: CELL-REGEX LIMIT [time|coherence]: REASON"
LENSES = ("time", "coherence")
_VALUE = re.compile(r"(?P<pattern>\S+)\s+(?P<limit>\S+?)(?:\s+(?P<lens>\S+?))?\s*:\s+(?P<reason>\S.*)", re.S)


class Trailers(NamedTuple):
    """What the commits accept, and sentences on trailers that say nothing clear."""

    accepted: tuple[Accepted, ...]
    notes: tuple[str, ...]


def limit_of(text: str) -> float | None:
    """'25%' as 1.25, '3x' as 3.0, 'any' as None. Raises ValueError."""
    if text == "any":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%|x|×)", text)
    ratio = float("nan") if not found else 1 + float(found[1]) / 100 if found[2] == "%" else float(found[1])
    if not 1 < ratio < 1e6:
        raise ValueError(f"'{text}' is no limit, expected such as 25%, 3x or any")
    return ratio


def parse(value: str, commit: str) -> Accepted:
    """One trailer's value. Raises ValueError with what is wrong."""
    found = _VALUE.fullmatch(value.strip())
    if not found:
        raise ValueError(f"expected '{GRAMMAR}'")
    lens = found["lens"]
    if lens is not None and lens not in LENSES:
        raise ValueError(f"'{lens}' is no lens, expected {' or '.join(LENSES)}")
    try:
        re.compile(found["pattern"])
    except re.error as error:
        raise ValueError(f"'{found['pattern']}' is not a regular expression: {error}") from None
    return Accepted(found["pattern"], limit_of(found["limit"]), lens, " ".join(found["reason"].split()), commit)


def read(top: Path, base: str, head: str) -> Trailers:
    """The trailers of the commits that `head` has and `base` has not, newest first. Raises trees.GateError."""
    log = git(top, "log", "--format=%x1e%H%x1f%(trailers:only,unfold)%x1f%B", f"{base}..{head}").stdout
    accepted: list[Accepted] = []
    notes: list[str] = []
    for entry in log.split("\x1e")[1:]:
        commit, trailers, message = entry.split("\x1f", 2)
        where = f"Commit {commit[:10]}"
        values = [line.partition(":")[2] for line in trailers.splitlines()
                  if line.partition(":")[0].strip().lower() == TRAILER.lower()]
        for value in values:
            try:
                accepted.append(parse(value, commit))
            except ValueError as error:
                notes.append(f"{where}: '{TRAILER}:{value[:120]}' is ignored: {error}.")
        loose = len(re.findall(rf"^{TRAILER}\s*:", message, re.M | re.I))
        if loose > len(values):
            notes.append(f"{where}: has '{TRAILER}:' outside of its last paragraph, where git finds no trailers; ignored.")
    return Trailers(tuple(accepted), tuple(notes))
