# SPDX-License-Identifier: MIT
"""Regressions that a commit between base and head accepts, by a trailer; they expire as soon as it belongs to the base."""
from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from .model import ACCEPTED, REGRESSION, Accepted, CellVerdict

TRAILER = "Accept-Regression"
GRAMMAR = f"{TRAILER}: CELL-REGEX LIMIT [time|coherence]: REASON"
LOG_FORMAT = "--format=%x00%H%x00%(trailers:only,unfold)%x00%B"  # of git log, as read() wants it; no message has a NUL
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
    ratio = 0.0 if not found else 1 + float(found[1]) / 100 if found[2] == "%" else float(found[1])
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


def read(log: str) -> Trailers:
    """The trailers in what git log printed with LOG_FORMAT."""
    accepted: list[Accepted] = []
    notes: list[str] = []
    parts = iter(log.split("\0")[1:])
    for commit, trailers, message in zip(parts, parts, parts):
        where = f"Commit {commit[:10]}"
        values = [line.partition(":")[2] for line in trailers.split("\n")  # splitlines() also splits at \x1e
                  if line.partition(":")[0].strip().lower() == TRAILER.lower()]
        for value in values:
            try:
                accepted.append(parse(value, commit))
            except ValueError as error:
                notes.append(f"{where}: '{TRAILER}:{value[:120]}' is ignored: {error}.")
        if len(re.findall(rf"^{TRAILER}\s*:", message, re.M | re.I)) > len(values):
            notes.append(f"{where}: has '{TRAILER}:' outside of its last paragraph, where git finds no trailers; it is "
                         "ignored.")
    return Trailers(tuple(accepted), tuple(notes))


def limit_words(limit: float | None) -> str:
    """up to +25 %, up to 3×, or without a limit."""
    if limit is None:
        return "without a limit"
    return f"up to {100 * (limit - 1):+.3g} %" if limit < 2 else f"up to {limit:.3g}×"


def words(one: Accepted) -> str:
    """A trailer as a clause."""
    return f"{limit_words(one.limit)} by {one.commit[:10]} ({one.reason})"


def ratio_of(cell: CellVerdict) -> float | None:
    """How much worse a regression is: of all metrics that are, the largest ratio; infinite from 0 on; None where the
    head has no number."""
    if cell.rule != "exact":
        return cell.ratio
    worse = [change for change in cell.changes if change.worse]
    if any(change.head is None for change in worse):
        return None
    return max(change.head / change.base if change.base else float("inf") for change in worse)


def apply(cell: CellVerdict, accepted: tuple[Accepted, ...]) -> CellVerdict:
    """The verdict with what the commits accept: a head that has no number is never accepted."""
    fitting = [one for one in accepted if one.lens in (None, cell.key.lens) and re.fullmatch(one.pattern, cell.key.name)]
    ratio = ratio_of(cell) if cell.verdict == REGRESSION and fitting else None
    if ratio is None:
        return cell
    for one in fitting:
        if one.limit is None or ratio <= one.limit:
            return replace(cell, verdict=ACCEPTED, accepted=one, sentence=f"{cell.sentence}; accepted {words(one)}")
    return replace(cell, sentence=f"{cell.sentence}; more than what is accepted {words(fitting[0])}")
