# SPDX-License-Identifier: MIT
"""Comparing simulated cells. A schedule's numbers have no noise, but a cell may have many schedules.

Where threads contend, another seed, or a change of the code that does not matter, leads to another schedule, and some
cells' numbers with it. So a difference in one schedule is a question, and several others answer it.
"""
from __future__ import annotations

from math import comb
from statistics import median

from .model import CHANGED, IMPROVEMENT, PASS, REGRESSION, CellVerdict, Change, Exact
from .statistics import rank_sum

FLOOR = 0.02  # share by which a judged metric may grow
COUNT_FLOOR = 0.005  # and what a count per operation must grow by besides: a line that moves once in 200 is start-up
JUDGED = ("line_transfers_per_op", "ns_per_op")  # more of these is worse; the others say why, and are told
QUESTION = 0.005  # share of a difference in one schedule from which on others are asked for
BUDGET = 0.01  # of any false regression among the cells that were simulated with several schedules


def in_question(cell: Exact) -> bool:
    """Whether one schedule's difference is large enough to be looked at in others."""
    return any(c.metric in JUDGED and (c.base is None or c.head is None or _apart(c.base, c.head, c.metric, QUESTION))
               for c in changes(cell))


def level(cells: int) -> float:
    """What a p must not exceed for a regression, where `cells` cells have several schedules."""
    return BUDGET / (len(JUDGED) * max(1, cells))


def schedules(cells: int, least: int) -> int:
    """How many schedules on either side can prove a regression where so many cells share the budget; `least` or more."""
    n = least
    while _attainable(n, n) > level(cells):
        n += 1
    return n


def _attainable(base: int, head: int) -> float:
    """The smallest p of so many schedules: all of the head's beyond all of the base's."""
    return 1 / comb(base + head, base)


def changes(cell: Exact) -> tuple[Change, ...]:
    """Every metric that differs in the first schedule, the judged ones first."""
    names = sorted(cell.base.keys() | cell.head.keys(), key=lambda name: (name not in JUDGED, name))
    found = []
    for name in names:
        base, head = cell.base.get(name), cell.head.get(name)
        if base != head:
            judged = name in JUDGED
            lost = judged and head is None  # it hung, crashed or was wrong: worse than any number
            found.append(Change(name, cell.units.get(name, ""), base, head, lost or judged and _grew(base, head, name),
                                judged and _grew(head, base, name)))
    return tuple(found)


def _apart(one: float, other: float, metric: str, share: float) -> bool:
    low, high = sorted((one, other))
    floor = COUNT_FLOOR if metric.endswith("_per_op") and metric != "ns_per_op" else 0.0
    return high > low * (1 + share) and high - low > floor * share / FLOOR


def _grew(before: float | None, after: float | None, metric: str) -> bool:
    return before is not None and after is not None and after > before and _apart(before, after, metric, FLOOR)


def _of_schedules(cell: Exact, limit: float) -> tuple[list[Change], float | None, bool]:
    """The judged metrics by their medians over the schedules; the smallest p of one that is worse; whether one was
    judged by its range.

    Ranks prove a difference. Where the schedules are too few for the limit whatever they say, as in stored runs with
    their three, the ranges must lie apart by more than the floor: equal programs have equal numbers, seed by seed.
    """
    found, smallest, ranged = [], None, False
    for name in JUDGED:
        sides = [s.get(name, ()) for s in (cell.base_schedules, cell.head_schedules)]
        base, head = ([v for v in side if v is not None] for side in sides)
        if not base and not head:
            continue
        lost = bool(base) and (not head or len(base) == len(sides[0]) and len(head) < len(sides[1]))
        middle = [median(side) if side else None for side in (base, head)]
        if base and head and _attainable(len(base), len(head)) > limit:
            up, worse, better = None, _grew(max(base), min(head), name), _grew(max(head), min(base), name)
            ranged = ranged or (worse or better) and not lost
        else:
            up = rank_sum(base, head)
            worse = _grew(*middle, name) and up <= limit
            better = _grew(*reversed(middle), name) and rank_sum(head, base) <= limit
        if worse and not lost and up is not None:
            smallest = up if smallest is None else min(up, smallest)
        found.append(Change(name, cell.units.get(name, ""), middle[0], None if lost else middle[1], lost or worse,
                            better and not lost))
    return found, smallest, ranged


def judge(cell: Exact, limit: float = 1.0) -> CellVerdict:
    """The verdict on one simulated cell. `limit`: see level(); nothing to a cell that has one schedule."""
    first = changes(cell)
    n = max((len(side) for side in cell.base_schedules.values()), default=0)
    found, p, ranged = _of_schedules(cell, limit) if n else (list(first), None, False)
    worse = [c for c in found if c.worse]
    better = [c for c in found if c.better]
    told = worse or better or (list(first) if not n else [c for c in found if c.base != c.head] or list(first))
    many = f" (medians of {n} schedules{', whose ranges lie apart; too few for a test by ranks' if ranged else ''})" if n else ""
    if not first and not n:
        verdict, sentence = PASS, "the same to the last digit"
    elif worse:
        verdict, sentence = REGRESSION, "; ".join(map(words, told)) + many
    elif better:
        verdict, sentence = IMPROVEMENT, "; ".join(map(words, told)) + many
    elif n:
        verdict = CHANGED
        sentence = f"no difference of more than {FLOOR:.0%} that {n} schedules on either side prove: " + "; ".join(
            _range(c, cell) for c in told[:2]) if told else f"the same in {n} schedules"
    else:
        verdict = CHANGED
        sentence = f"{len(found)} metric{'s differ' if len(found) > 1 else ' differs'}, none judged worse by more than " \
                   f"{FLOOR:.0%}: " + "; ".join(map(words, told[:3])) + ("; …" if len(told) > 3 else "")
    main = next((c for c in told if c.metric in JUDGED), None)
    ratio = main.head / main.base if main and main.base and main.head is not None else None if main else 1.0
    shown = (*found, *(c for c in first if c.metric not in JUDGED)) if n else first
    return CellVerdict(cell.key, verdict, sentence, ratio=ratio, p=p, limit=limit if n else None, rule="exact",
                       changes=tuple(c for c in shown if c.base != c.head))


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def words(change: Change) -> str:
    """line_transfers_per_op 0 → 1.98, or ns_per_op 10.2 → 20.4 (2.00×)."""
    text = f"{change.metric} {_number(change.base)} → {_number(change.head)}"
    if change.base and change.head is not None:
        text += f" ({change.head / change.base:.3g}×)"
    return text


def _range(change: Change, cell: Exact) -> str:
    """ns_per_op 268 → 327 (1.22×), from 164 … 301 to 171 … 352."""
    sides = [[v for v in side.get(change.metric, ()) if v is not None] for side in
             (cell.base_schedules, cell.head_schedules)]
    if not all(sides):
        return words(change)
    spans = [f"{_number(min(side))} … {_number(max(side))}" for side in sides]
    return f"{words(change)}, from {spans[0]} to {spans[1]}"
