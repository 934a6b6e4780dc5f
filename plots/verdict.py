# SPDX-License-Identifier: MIT
"""Which primitive to use: for each question and thread count, the simplest one that comes close to the fastest."""
from __future__ import annotations

from dataclasses import dataclass, field

from .record import APPARATUS, Cell, PanelKey, Primitive, Record

CLOSE = 0.90  # "within 10 % of the best": at least this share of the fastest one's throughput
UNFAIR = 0.80  # a Jain index below it earns a warning beside the name


@dataclass(frozen=True)
class Pick:
    """The answer at one thread count: the simplest close one and the fastest one (often the same cell).

    `share`: throughput of the simplest ÷ that of the fastest, CLOSE … 1. `contenders`: how many were compared.
    """

    threads: int
    oversubscribed: bool
    simplest: Cell
    fastest: Cell
    share: float
    contenders: int


@dataclass(frozen=True)
class Row:
    """Picks of one question (and one group of exchangeable primitives) by thread count; one with no number lacks."""

    key: PanelKey
    group: str
    picks: dict[int, Pick]


@dataclass(frozen=True)
class AllRounder:
    """The one primitive to take if only one may be taken.

    `close` of `cases` in which it comes within 10 % of the fastest; `worst`: its smallest share, at `worst_cell`.
    `missing`: cases that it was not measured in (they count as not close).
    """

    primitive: str
    close: int
    cases: int
    missing: int
    worst: float
    worst_cell: Cell


@dataclass
class FamilyVerdict:
    """Everything said about one family. `best` and `best_oversubscribed` map a group to its all-rounder.

    `own`: the all-rounder among what needs no other project, for groups in which `best` is a peer.
    """

    family: str
    threads: list[int]
    rows: list[Row] = field(default_factory=list)
    best: dict[str, AllRounder] = field(default_factory=dict)
    best_oversubscribed: dict[str, AllRounder] = field(default_factory=dict)
    own: dict[str, AllRounder] = field(default_factory=dict)


def simplicity(primitive: Primitive) -> tuple[int, bool, int]:
    """Sort key, simplest first: rung, then baselines before others, then catalogue order (where peers come last)."""
    return (primitive.rung, not primitive.baseline, primitive.order)


def pick(record: Record, cells: list[Cell]) -> Pick | None:
    """The verdict among cells of one question, group and thread count; None if none has a throughput above zero.

    Ceilings (baselines that share nothing) do not compete.
    """
    entry = lambda cell: record.primitives[cell.family, cell.primitive]
    contenders = [c for c in cells if (c.value("throughput") or 0) > 0 and not entry(c).is_ceiling]
    if not contenders:
        return None
    fastest = max(contenders, key=lambda c: c.value("throughput"))
    best = fastest.value("throughput")
    close = [c for c in contenders if c.value("throughput") >= CLOSE * best]
    simplest = min(close, key=lambda c: simplicity(entry(c)))
    return Pick(fastest.threads, fastest.threads in record.oversubscribed, simplest, fastest,
                simplest.value("throughput") / best, len(contenders))


def all_rounder(record: Record, cases: list[list[Cell]], own: bool = False) -> AllRounder | None:
    """The primitive close to the fastest in most of `cases` (cells of one question and thread count each).

    `own`: peers may be the fastest, but are not taken.
    Ties go to the one with the better worst case, then to the simpler one. None if no case has two contenders.
    """
    shares: dict[str, list[tuple[float, Cell]]] = {}
    counted = 0
    for cells in cases:
        found = pick(record, cells)
        if found is None or found.contenders < 2:
            continue
        counted += 1
        for cell in cells:
            value = cell.value("throughput")
            if own and record.primitives[cell.family, cell.primitive].origin:
                continue
            if value and not record.primitives[cell.family, cell.primitive].is_ceiling:
                share = value / found.fastest.value("throughput")
                shares.setdefault(cell.primitive, []).append((share, cell))
    if not shares:
        return None

    def rank(name: str) -> tuple:
        family = shares[name][0][1].family
        values = [share for share, _ in shares[name]]
        close = sum(share >= CLOSE for share in values)
        return (-close, counted - len(values), -min(values), simplicity(record.primitives[family, name]))

    name = min(shares, key=rank)
    worst, cell = min(shares[name], key=lambda pair: pair[0])
    return AllRounder(name, sum(share >= CLOSE for share, _ in shares[name]), counted, counted - len(shares[name]),
                      worst, cell)


def judge(record: Record) -> list[FamilyVerdict]:
    """The verdicts of all families with something to choose from, in the order of the record."""
    verdicts = []
    for family in record.families:
        if family == APPARATUS:
            continue
        panels = {key: cells for key, cells in record.panels.items() if key.family == family}
        threads = sorted({c.threads for cells in panels.values() for c in cells})
        verdict = FamilyVerdict(family, threads)
        cases: dict[tuple[str, bool], list[list[Cell]]] = {}
        for key, cells in panels.items():
            groups: dict[str, list[Cell]] = {}
            for cell in cells:
                groups.setdefault(record.primitives[family, cell.primitive].group, []).append(cell)
            for group, members in groups.items():
                picks = {}
                for n in threads:
                    at_n = [c for c in members if c.threads == n]
                    found = pick(record, at_n)
                    if found:
                        picks[n] = found
                        cases.setdefault((group, found.oversubscribed), []).append(at_n)
                if picks:
                    verdict.rows.append(Row(key, group, picks))
        for (group, oversubscribed), found in cases.items():
            best = all_rounder(record, found)
            if best:
                (verdict.best_oversubscribed if oversubscribed else verdict.best)[group] = best
            if best and not oversubscribed and record.primitives[family, best.primitive].origin:
                without = all_rounder(record, found, own=True)
                if without:
                    verdict.own[group] = without
        if verdict.rows:
            verdicts.append(verdict)
    return verdicts
