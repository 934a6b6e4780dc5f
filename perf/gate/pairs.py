# SPDX-License-Identifier: MIT
"""Two stored run records as something to judge: matches their cells, and says of each other cell why it is not compared."""
from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from plots import load
from plots.load import RecordError
from plots.record import COHERENCE, TIME, Cell, Record

from history.figures import bare

from .exact import JUDGED
from .model import FAULTS, Exact, Key, Measured, Pairs, Side, Skipped

METRIC = "ns_per_op"


def compare(base: str | Path, head: str | Path, command: tuple[str, ...] = ()) -> Measured:
    """The cells of two records (files, or directories of runs), by key. Raises RecordError of one sentence."""
    paths = [load.find(base), load.find(head)]
    records = [load.load(path) for path in paths]
    timed, exact, skipped = matched(records, paths)
    sides = [_side(str(name), record) for name, record in zip((base, head), records)]
    return Measured("compare", *sides, tuple(timed), (), tuple(exact), tuple(skipped), records[1].environment, command,
                    records[0].run["started"], records[1].run.get("finished"), True, tuple(_notes(records)))


def matched(records: list[Record], paths: list[Path]) -> tuple[list[Pairs], list[Exact], list[Skipped]]:
    """The cells of two records, [base, head]; `paths` are for messages. Raises RecordError."""
    cells = [_by_key(record, path) for record, path in zip(records, paths)]
    timed: list[Pairs] = []
    exact: list[Exact] = []
    skipped: list[Skipped] = []
    apart = _not_comparable(*records)
    for key in dict.fromkeys([*cells[0], *cells[1]]):
        one, two = (side.get(key) for side in cells)
        found = _matched(key, one, two, records, apart)
        (timed if isinstance(found, Pairs) else exact if isinstance(found, Exact) else skipped).append(found)
    return timed, exact, skipped


def alone(record: Record, path: Path, reason: str, detail: str = "") -> list[Skipped]:
    """The cells of a record that has no other to be compared with. Raises RecordError."""
    return [Skipped(key, reason, detail) for key in _by_key(record, path)]


def _side(name: str, record: Record) -> Side:
    run = record.run
    return Side(name, run["commit"], run.get("dirty"), run["id"], run["compiler"], run["flags"])


def _by_key(record: Record, path: Path) -> dict[Key, Cell]:
    """Cells of the lenses that are compared; counters only explain. Raises RecordError where a key is there twice."""
    keys = [Key(c.lens, c.family, c.name, c.placement) for c in record.cells]
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise RecordError(f"{path}: has the cell {twice[0]} of the lens {twice[0].lens} twice.")
    return {key: cell for key, cell in zip(keys, record.cells) if key.lens in (TIME, COHERENCE)}


def _matched(key: Key, base: Cell | None, head: Cell | None, records: list[Record], apart: str) -> Pairs | Exact | Skipped:
    if base is None or head is None:
        return Skipped(key, "new" if base is None else "removed")
    changed = _changed(base, head, records)
    if changed:
        return Skipped(key, "benchmark_changed", changed)
    if key.lens == COHERENCE:
        return _exact(key, base, head, apart)
    if "oversubscribed" in base.caveats or "oversubscribed" in head.caveats:
        return Skipped(key, "oversubscribed")
    for cell, side in ((base, "base"), (head, "head")):
        if _value(cell) is None:
            fault = next((c for c in cell.caveats if c in FAULTS), None)
            if side == "head" and fault:
                return _failing(key, base, fault)
            why = next(iter(cell.details.values()), "") or ", ".join(cell.caveats)
            return Skipped(key, fault or "not_measurable", f"In the {side}: {why}." if why else f"In the {side}.")
    samples = [cell.metrics[METRIC].samples or (_value(cell),) for cell in (base, head)]
    n = min(map(len, samples))
    values = [tuple(v if v is not None and v > 0 else None for v in side[:n]) for side in samples]
    return Pairs(key, *values, (1,) * n, (None,) * n)


def _failing(key: Key, base: Cell, fault: str) -> Pairs:
    """A cell that only the head did not finish: each repetition of the base is a pair that the head failed in."""
    values = tuple(v for v in base.metrics[METRIC].samples or (_value(base),) if v is not None and v > 0)
    n = len(values)
    return Pairs(key, values, (None,) * n, (1,) * n, (None,) * n, {i: ("head", fault) for i in range(n)})


def _value(cell: Cell) -> float | None:
    metric = cell.metrics.get(METRIC)
    return metric.value if metric else None


def _exact(key: Key, base: Cell, head: Cell, apart: str) -> Exact | Skipped:
    if apart:
        return Skipped(key, "not_comparable", apart)
    values = [{name: metric.value for name, metric in cell.metrics.items()} for cell in (base, head)]
    for cell, side, own in ((base, "base", values[0]), (head, "head", values[1])):
        fault = next((c for c in cell.caveats if c in FAULTS), None)
        if all(v is None for v in own.values()) and not (side == "head" and fault):
            why = next(iter(cell.details.values()), "") or ", ".join(cell.caveats)
            return Skipped(key, fault or "not_measurable", f"In the {side}: {why}." if why else f"In the {side}.")
    units = {name: metric.unit for cell in (base, head) for name, metric in cell.metrics.items()}
    several = [_schedules(cell) for cell in (base, head)]
    return Exact(key, *values, units, *several) if all(several) else Exact(key, *values, units)


def _schedules(cell: Cell) -> dict[str, tuple[float | None, ...]]:
    """The judged metrics in each of several schedules; empty where there is one."""
    return {name: metric.samples for name in JUDGED if (metric := cell.metrics.get(name)) and len(metric.samples) > 1}


def answered(cells: tuple[Exact, ...], base: str | Path, head: str | Path) -> tuple[Exact, ...]:
    """The cells, those that are in two further records (of several other schedules) with what these say.

    Raises RecordError of one sentence, also where the records have but one schedule.
    """
    sides = []
    for path in (base, head):
        record = load.load(load.find(path))
        if (record.raw["environment"].get("simulation") or {}).get("schedules", 1) < 2:
            raise RecordError(f"{path}: was simulated with one schedule, expected several.")
        sides.append({key: _schedules(cell) for key, cell in _by_key(record, Path(path)).items() if key.lens == COHERENCE})
    return tuple(replace(cell, base_schedules=sides[0][cell.key], head_schedules=sides[1][cell.key])
                 if sides[0].get(cell.key) and sides[1].get(cell.key) else cell for cell in cells)


def fingerprint(record: Record, cell: Cell) -> str | None:
    """What the record says the source of the cell's workload was; None if it does not say."""
    for entry in record.raw.get("workloads", []):
        if (entry.get("family"), entry.get("workload")) == (cell.family, cell.workload):
            found = entry.get("fingerprint")
            return found if isinstance(found, str) else None
    return None


def _changed(base: Cell, head: Cell, records: list[Record]) -> str:
    """What about the benchmark itself differs; '' where nothing is known to."""
    if base.params != head.params:
        names = [n for n in {**base.params, **head.params} if base.params.get(n) != head.params.get(n)]
        return f"Parameters differ: {', '.join(names)}."
    if (base.workload, base.threads) != (head.workload, head.threads):
        return "Workload or threads differ."
    prints = [fingerprint(record, cell) for record, cell in zip(records, (base, head))]
    if all(prints) and prints[0] != prints[1]:
        return f"The source of {base.workload} differs ({prints[0]} and {prints[1]})."
    operations = [record.workload(cell.family, cell.workload).operation for record, cell in zip(records, (base, head))]
    return "What counts as one operation differs." if operations[0] != operations[1] else ""


def _not_comparable(base: Record, head: Record) -> str:
    """Why simulated cells of two records are not comparable; '' if they are."""
    one, two = (record.raw["environment"].get("simulation") or {} for record in (base, head))
    differ = [word for key, word in (("model_version", "version of the model"), ("line_size", "line size"),
                                     ("seed", "seed"), ("weak", "memory order"), ("compiler", "compiler"))
              if one.get(key) != two.get(key)]
    if bare(one.get("machine")) != bare(two.get("machine")):
        differ.insert(0, "machine description")
    return f"Differs: {', '.join(differ)}." if differ else ""


def _notes(records: list[Record]) -> list[str]:
    """What a reader of a comparison of stored runs must know."""
    base, head = records
    notes = ["Stored runs do not gate: they were measured at different times, and a machine that moved in between looks "
             "like a change of the code. Only simulated cells are exact. A gate measures both sides in turn, pair by pair."]
    cpu = [record.environment["cpu"].get("model") for record in records]
    if cpu[0] != cpu[1]:
        notes.append(f"The processors differ: {cpu[0] or 'unknown'} and {cpu[1] or 'unknown'}.")
    for key, word in (("compiler", "Compilers"), ("flags", "Flags"), ("window_ms", "Timed windows"),
                      ("repetitions", "Repetitions")):
        if base.run[key] != head.run[key]:
            notes.append(f"{word} differ: {base.run[key]} and {head.run[key]}.")
    for record, side in zip(records, ("base", "head")):
        if not record.run["complete"]:
            notes.append(f"The {side} is a partial run.")
    return notes + blind(records)


def blind(records: list[Record]) -> list[str]:
    """A sentence where records do not say what the sources of workloads that both have were; else nothing."""
    present = [{(c.family, c.workload) for c in record.cells if c.lens in (TIME, COHERENCE)} for record in records]
    for key in present[0] & present[1]:
        if not all(any((e.get("family"), e.get("workload")) == key and isinstance(e.get("fingerprint"), str)
                       for e in record.raw["workloads"]) for record in records):
            return ["The records do not say what the workloads' sources were, so a changed benchmark would be taken "
                    "for a changed primitive."]
    return []
