# SPDX-License-Identifier: MIT
"""Comparing simulated cells: their numbers have no noise, so every difference is told and one above a floor is judged."""
from __future__ import annotations

from .model import CHANGED, IMPROVEMENT, PASS, REGRESSION, CellVerdict, Change, Exact

FLOOR = 0.02  # share by which a judged metric may grow
COUNT_FLOOR = 0.005  # and what a count per operation must grow by besides: a line that moves once in 200 is start-up
JUDGED = ("line_transfers_per_op", "ns_per_op")  # more of these is worse; the others say why, and are told


def changes(cell: Exact) -> tuple[Change, ...]:
    """Every metric that differs, the judged ones first."""
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


def _grew(before: float | None, after: float | None, metric: str) -> bool:
    if before is None or after is None:
        return False
    floor = COUNT_FLOOR if metric.endswith("_per_op") and metric != "ns_per_op" else 0.0
    return after > before * (1 + FLOOR) and after - before > floor


def judge(cell: Exact) -> CellVerdict:
    """The verdict on one simulated cell."""
    found = changes(cell)
    worse = [c for c in found if c.worse]
    better = [c for c in found if c.better]
    told = worse or better or list(found)
    if not found:
        verdict, sentence = PASS, "the same to the last digit"
    elif worse:
        verdict, sentence = REGRESSION, "; ".join(map(words, told))
    elif better:
        verdict, sentence = IMPROVEMENT, "; ".join(map(words, told))
    else:
        verdict = CHANGED
        sentence = f"{len(found)} metric{'s differ' if len(found) > 1 else ' differs'}, none judged worse by more than " \
                   f"{FLOOR:.0%}: " + "; ".join(map(words, told[:3])) + ("; …" if len(told) > 3 else "")
    main = next((c for c in told if c.metric in JUDGED), None)
    ratio = main.head / main.base if main and main.base and main.head is not None else None if main else 1.0
    return CellVerdict(cell.key, verdict, sentence, ratio=ratio, rule="exact", changes=found)


def words(change: Change) -> str:
    """line_transfers_per_op 0 → 1.98, or ns_per_op 10.2 → 20.4 (2.00×)."""
    def number(value: float | None) -> str:
        return "none" if value is None else f"{value:.4g}"

    text = f"{change.metric} {number(change.base)} → {number(change.head)}"
    if change.base and change.head is not None:
        text += f" ({change.head / change.base:.3g}×)"
    return text
