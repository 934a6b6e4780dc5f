# SPDX-License-Identifier: MIT
"""The gate's nouns: what was measured on both sides, and the one verdict object that all outputs are written from."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

PASS, REGRESSION, IMPROVEMENT, CHANGED = "pass", "regression", "improvement", "changed"
INCONCLUSIVE, NOT_GATED, ACCEPTED = "inconclusive", "not_gated", "accepted"
VERDICTS = (REGRESSION, INCONCLUSIVE, ACCEPTED, IMPROVEMENT, CHANGED, NOT_GATED, PASS)  # worst first, as everything is listed

OK, INVALID, NOTHING = "ok", "invalid", "nothing_compared"  # of a run, beside REGRESSION and INCONCLUSIVE
EXIT = {OK: 0, REGRESSION: 1, NOTHING: 3, INVALID: 4, INCONCLUSIVE: 4}

# Why a cell has no verdict: a closed set, each with what to do about it.
REASONS = {
    "oversubscribed": "More threads than processors: who is scheduled decides, not the code. Ask for fewer threads.",
    "timeout": "The base did not finish it in its time limit. Raise the limit, or gate a smaller cell.",
    "crashed": "The base crashed in it, so there is nothing to compare with. Mend the base.",
    "check_failed": "The base's result was wrong, so its time means nothing. Mend the base.",
    "not_measurable": "There is no number on one of the sides; the detail says which and why.",
    "left_out": "More cells than a run takes, and this one was not drawn. Ask for it with --cells, or raise --budget.",
    "new": "Only the head has it; it is gated from the next base on.",
    "removed": "Only the base has it. If that was not meant, look for a renamed cell.",
    "benchmark_changed": "The workload's source or parameters differ, so the two numbers are not of the same thing.",
    "not_comparable": "Simulated on another machine description, by another version of the model, or after another compiler.",
    "too_few_pairs": "Fewer pairs than the first stage needs. Raise the budget or gate fewer cells.",
}

FAULTS = ("timeout", "crashed", "check_failed")  # caveats of a cell that did not come to a number

FAILED = 100.0  # ln(head / base) of a pair in which only the head failed: slower than any number; e**100 is no ratio


class Key(NamedTuple):
    """What a cell is matched by."""

    lens: str
    family: str
    name: str
    placement: str

    def __str__(self) -> str:
        placement = "" if self.placement in ("", "none", "compact") else f" ({self.placement})"
        return f"{self.name}{placement}"


@dataclass(frozen=True)
class Pairs:
    """One cell's pairs, in the order of measuring: entry i of each tuple is of pair i.

    `base`, `head`: `metric` in `unit`, where more is worse; None where that side failed, with `failed[i]` = (side,
    caveat). `stage`: 1 for the pairs that choose candidates, 2 for fresh ones. `head_first`: which side ran first, None
    if unknown.
    """

    key: Key
    base: tuple[float | None, ...]
    head: tuple[float | None, ...]
    stage: tuple[int, ...]
    head_first: tuple[bool | None, ...] = ()
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    metric: str = "ns_per_op"
    unit: str = "ns"

    def log_ratios(self, stage: int) -> np.ndarray:
        """ln(head / base) of a stage's pairs, shape (n,); ±FAILED where one side failed, none where both did."""
        found = []
        for base, head, own in zip(self.base, self.head, self.stage):
            if own != stage or (base is None and head is None):
                continue
            found.append(FAILED if head is None else -FAILED if base is None else float(np.log(head / base)))
        return np.array(found)


@dataclass(frozen=True)
class Exact:
    """One simulated cell: its metrics on both sides, each the same in every run; None where there is no number.

    `base_schedules`, `head_schedules`: judged metric → its value with each of several other seeds. Empty where one
    schedule was enough, because it gave both sides the same, or is all there is.
    """

    key: Key
    base: dict[str, float | None]
    head: dict[str, float | None]
    units: dict[str, str]
    base_schedules: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    head_schedules: dict[str, tuple[float | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A cell without a comparison: `reason` of REASONS, `detail` on this very case ('' if there is no more to say)."""

    key: Key
    reason: str
    detail: str = ""


class Accepted(NamedTuple):
    """A regression that a commit accepts: in cells whose whole name matches `pattern`, in `lens` (None: any), up to the
    ratio `limit` (None: any)."""

    pattern: str
    limit: float | None
    lens: str | None
    reason: str
    commit: str


@dataclass(frozen=True)
class Side:
    """One of the two builds. Unknown is None. `name` is what the user called it: a ref, a path."""

    name: str
    commit: str | None = None
    dirty: bool | None = None
    run_id: str | None = None
    compiler: str | None = None
    flags: str | None = None

    def __str__(self) -> str:
        commit = f" ({self.commit[:12]}{', dirty' if self.dirty else ''})" if self.commit else ""
        return f"{self.name}{commit}"


@dataclass(frozen=True)
class Measured:
    """Everything that a verdict is made from. `kind`: gate (interleaved pairs) or compare (two stored runs)."""

    kind: str
    base: Side
    head: Side
    cells: tuple[Pairs, ...] = ()
    control: tuple[Pairs, ...] = ()
    exact: tuple[Exact, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    started: str | None = None
    finished: str | None = None
    complete: bool = True
    notes: tuple[str, ...] = ()
    accepted: tuple[Accepted, ...] = ()


class Change(NamedTuple):
    """A metric of a simulated cell that differs. `worse` and `better`: by more than the floor."""

    metric: str
    unit: str
    base: float | None
    head: float | None
    worse: bool
    better: bool


@dataclass(frozen=True)
class CellVerdict:
    """What is said about one cell.

    Ratios are head / base of a metric where more is worse; None where there is none (inf is never used). `low`, `high`
    hold the ratio with probability `level`. `p` was compared with `limit`. `pair_sd`: standard deviation of the log
    ratios. `detectable`: the smallest slowdown (0.10: 10 %) that these pairs' noise lets the gate find 4 times in 5.
    `rule`: which part of the plan spoke last.
    """

    key: Key
    verdict: str
    sentence: str
    reason: str | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    p: float | None = None
    limit: float | None = None
    pairs: int = 0
    pair_sd: float | None = None
    detectable: float | None = None
    rule: str = ""
    changes: tuple[Change, ...] = ()
    head_failed: int = 0
    accepted: Accepted | None = None


@dataclass(frozen=True)
class Control:
    """The A/A pairs: the same binary from two paths. `p_one_way`: as if all cells moved by chance, None without cells."""

    cells: tuple[CellVerdict, ...]
    p_one_way: float | None
    rejected: bool
    sentence: str


@dataclass(frozen=True)
class RunVerdict:
    """The verdict on a run, with everything that an output needs. `hidden`: share of the timed cells hidden by noise."""

    verdict: str
    exit_code: int
    sentence: str
    cells: tuple[CellVerdict, ...]
    control: Control | None
    hidden: float | None
    measured: Measured
    plan: Any

    def counted(self) -> dict[str, int]:
        """How many cells have each verdict; all of VERDICTS are keys."""
        return {name: sum(c.verdict == name for c in self.cells) for name in VERDICTS}
