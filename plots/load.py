# SPDX-License-Identifier: MIT
"""Reads results.json and checks its shape; every failure is a RecordError of one sentence."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .record import (RUNGS, Cell, Claim, Counters, Event, Fidelity, Field, Line, Metric, Primitive, Record, Simulation,
                     Site, Touched, Workload)

SCHEMA_VERSION = 1
_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "true or false", int: "a whole number",
          float: "a number"}


class RecordError(Exception):
    """The record cannot be used; str() is one sentence that names the file and the place."""


def find(path: str | Path) -> Path:
    """`path` itself, or results.json in it if it is a directory. Raises RecordError if there is none."""
    path = Path(path)
    try:
        if path.is_dir():
            path = path / "results.json"
        if not path.is_file():
            raise RecordError(f"{path}: no such results file.")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from error
    return path


def load(path: str | Path) -> Record:
    """The record in the file `path`, or in `path`/results.json. Raises RecordError."""
    path = find(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: is not UTF-8 text (byte {error.start}), so it is no results file.") from error
    if not text.strip():
        raise RecordError(f"{path}: is empty; the run that wrote it did not get to its first cell.")
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
        what = "ends in the middle of the record (truncated?)" if cut else f"is not JSON ({error.msg})"
        raise RecordError(f"{path}: {what}, line {error.lineno}, column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: is not JSON ({error}).") from error
    try:
        return parse(document)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error


def parse(document: Any) -> Record:
    """The record in a decoded JSON document. Raises RecordError, without the name of the file."""
    _expect(document, dict, "the record")
    version = _get(document, "schema_version", int, "the record")
    if version > SCHEMA_VERSION:
        raise RecordError(f"has schema_version {version}, written by a newer contend; this one reads {SCHEMA_VERSION}.")
    if version != SCHEMA_VERSION:
        raise RecordError(f"has schema_version {version}; this contend reads {SCHEMA_VERSION}.")
    run = _get(document, "run", dict, "the record")
    for key, kind in (("id", str), ("started", str), ("complete", bool), ("profile", str), ("sampling_rule", str),
                      ("commit", str), ("compiler", str), ("flags", str), ("repetitions", int), ("window_ms", float),
                      ("latency_window_ms", float), ("confidence", float), ("placement", str)):
        _get(run, key, kind, "run")
    for word in _get(run, "command_line", list, "run"):
        _expect(word, str, "run.command_line")
    environment = _get(document, "environment", dict, "the record")
    for group in ("cpu", "topology", "system", "load"):
        _get(environment, group, dict, "environment")
    _caveats(environment, "environment")
    _core_to_core(environment.get("core_to_core"))
    return Record(
        run=run,
        environment=environment,
        catalogue=[_primitive(entry, i) for i, entry in enumerate(_get(document, "catalogue", list, "the record"))],
        workloads=[_workload(entry, i) for i, entry in enumerate(_get(document, "workloads", list, "the record"))],
        claims=[_claim(entry, i) for i, entry in enumerate(_get(document, "claims", list, "the record"))],
        cells=[_cell(entry, i) for i, entry in enumerate(_get(document, "cells", list, "the record"))],
        raw=document,
        counters=_counters(environment.get("counters")),
        simulation=_simulation(environment.get("simulation")),
    )


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


def _is(value: Any, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def _expect(value: Any, kind: type, where: str) -> Any:
    if not _is(value, kind):
        raise RecordError(f"{where} is {type(value).__name__}, expected {_NAMES[kind]}.")
    return value


def _get(holder: dict, key: str, kind: type, where: str) -> Any:
    if key not in holder:
        raise RecordError(f"{where} lacks '{key}', so this is not a complete results file.")
    return _expect(holder[key], kind, f"{where}.{key}" if where != "the record" else key)


def _number(holder: dict, key: str, where: str) -> float | None:
    if key not in holder:
        raise RecordError(f"{where} lacks '{key}', so this is not a complete results file.")
    return None if holder[key] is None else float(_expect(holder[key], float, f"{where}.{key}"))


def _caveats(holder: dict, where: str) -> tuple[str, ...]:
    return tuple(_expect(word, str, f"{where}.caveats") for word in _get(holder, "caveats", list, where))


def _details(holder: dict, where: str) -> dict[str, str]:
    details = _expect(holder.get("details", {}), dict, f"{where}.details")
    return {key: _expect(text, str, f"{where}.details.{key}") for key, text in details.items()}


def _core_to_core(block: Any) -> None:
    if block is None:
        return
    where = "environment.core_to_core"
    cpus = _get(_expect(block, dict, where), "cpus", list, where)
    for key in ("start_ns", "end_ns"):
        matrix = block.get(key)
        if matrix is None:
            continue
        rows = _expect(matrix, list, f"{where}.{key}")
        if len(rows) != len(cpus) or any(len(_expect(row, list, f"{where}.{key}")) != len(cpus) for row in rows):
            raise RecordError(f"{where}.{key} is not a square of {len(cpus)} CPUs.")
        for value in (v for row in rows for v in row):
            if value is not None:
                _expect(value, float, f"{where}.{key}")


STATES = ("counted", "multiplexed", "starved", "unsupported", "failed")


def _optional(holder: dict, key: str, kind: type, where: str) -> Any:
    """The value of `key`, None where it is absent or null."""
    value = holder.get(key)
    return None if value is None else _expect(value, kind, f"{where}.{key}")


def _share(holder: dict, where: str) -> float | None:
    running = _optional(holder, "running", float, where)
    if running is not None and not 0 <= running <= 1.001:  # a rounding above 1 is no fault
        raise RecordError(f"{where}.running is {running:g}, expected a share of the time, 0 to 1.")
    return running


def _counters(block: Any) -> Counters | None:
    if block is None:
        return None
    where = "environment.counters"
    _expect(block, dict, where)
    events = [_event(entry, f"{where}.events[{i}]") for i, entry in enumerate(_get(block, "events", list, where))]
    return Counters(_get(block, "available", bool, where), _optional(block, "microarchitecture", str, where),
                    _optional(block, "paranoid", int, where),
                    *(_optional(block, key, str, where) for key in ("caveat", "reason", "cure")), tuple(events))


def _event(entry: Any, where: str) -> Event:
    _expect(entry, dict, where)
    state = _get(entry, "state", str, where)
    if state not in STATES:
        raise RecordError(f"{where}.state is '{state}', expected one of {', '.join(STATES)}.")
    return Event(_get(entry, "metric", str, where), _get(entry, "where", str, where),
                 *(_optional(entry, key, str, where) for key in ("name", "code", "source")), state,
                 _share(entry, where), _optional(entry, "reason", str, where))


def _primitive(entry: Any, i: int) -> Primitive:
    where = f"catalogue[{i}]"
    _expect(entry, dict, where)
    facts = _get(entry, "facts", dict, where)
    for key in ("summary", "admission", "waiting", "progress", "rung", "source"):
        _get(facts, key, str, f"{where}.facts")
    if facts["rung"] not in RUNGS:
        raise RecordError(f"{where}.facts.rung is '{facts['rung']}', expected one of {', '.join(RUNGS)}.")
    _expect(facts.get("origin", ""), str, f"{where}.facts.origin")
    return Primitive(_get(entry, "family", str, where), _get(entry, "primitive", str, where),
                     _get(entry, "baseline", bool, where), RUNGS.index(facts["rung"]), i, facts,
                     _expect(facts.get("group", ""), str, f"{where}.facts.group"))


def _workload(entry: Any, i: int) -> Workload:
    where = f"workloads[{i}]"
    _expect(entry, dict, where)
    reference = entry.get("reference")
    return Workload(_get(entry, "family", str, where), _get(entry, "workload", str, where),
                    _get(entry, "question", str, where), _expect(entry.get("operation", ""), str, f"{where}.operation"),
                    _get(entry, "contends_on", str, where),
                    None if reference is None else _expect(reference, str, f"{where}.reference"),
                    tuple(_expect(name, str, f"{where}.follows_threads")
                          for name in _expect(entry.get("follows_threads", []), list, f"{where}.follows_threads")))


def _claim(entry: Any, i: int) -> Claim:
    where = f"claims[{i}]"
    _expect(entry, dict, where)
    words = {key: _get(entry, key, str, where)
             for key in ("id", "statement", "family", "workload", "metric", "better", "worse")}
    return Claim(**words, source=_expect(entry.get("source", ""), str, f"{where}.source"),
                 params=_get(entry, "params", dict, where),
                 better_params=_expect(entry.get("better_params", {}), dict, f"{where}.better_params"),
                 worse_params=_expect(entry.get("worse_params", {}), dict, f"{where}.worse_params"),
                 min_threads=_get(entry, "min_threads", int, where), at_least=_get(entry, "at_least", float, where))


def _metric(entry: Any, where: str) -> Metric:
    _expect(entry, dict, where)
    samples = _expect(entry.get("samples", []), list, f"{where}.samples")
    return Metric(_number(entry, "value", where), _get(entry, "unit", str, where), _number(entry, "ci_low", where),
                  _number(entry, "ci_high", where),
                  tuple(None if s is None else float(_expect(s, float, f"{where}.samples")) for s in samples),
                  _share(entry, where))


def _cell(entry: Any, i: int) -> Cell:
    where = f"cells[{i}]"
    _expect(entry, dict, where)
    words = {key: _get(entry, key, str, where)
             for key in ("lens", "family", "name", "workload", "primitive", "placement")}
    params = _get(entry, "params", dict, where)
    for key, value in params.items():
        if not (_is(value, float) or isinstance(value, str)):
            raise RecordError(f"{where}.params.{key} is {type(value).__name__}, expected a number or a string.")
    threads = _get(entry, "threads", int, where)
    if threads < 1:
        raise RecordError(f"{where}.threads is {threads}, expected at least 1.")
    metrics = {key: _metric(metric, f"{where}.metrics.{key}")
               for key, metric in _get(entry, "metrics", dict, where).items()}
    return Cell(**words, baseline=_get(entry, "baseline", bool, where), params=params, threads=threads,
                metrics=metrics, caveats=_caveats(entry, where), details=_details(entry, where),
                lines=tuple(_line(line, f"{where}.lines[{k}]")
                            for k, line in enumerate(_optional(entry, "lines", list, where) or [])))


def _whole(holder: dict, key: str, where: str) -> int:
    value = _get(holder, key, int, where)
    if value < 0:
        raise RecordError(f"{where}.{key} is {value}, expected at least 0.")
    return value


def _line(entry: Any, where: str) -> Line:
    _expect(entry, dict, where)
    size = _get(entry, "size", int, where)
    if not 8 <= size <= 1024:
        raise RecordError(f"{where}.size is {size}, expected the bytes of a cache line.")
    fields = []
    for i, one in enumerate(_get(entry, "fields", list, where)):
        here = f"{where}.fields[{i}]"
        _expect(one, dict, here)
        fields.append(Field(_get(one, "name", str, here), _get(one, "offset", int, here), _whole(one, "size", here)))
    touched = []
    for i, one in enumerate(_get(entry, "bytes", list, where)):
        here = f"{where}.bytes[{i}]"
        _expect(one, dict, here)
        touched.append(Touched(_whole(one, "thread", here), *(_ranges(one, key, size, here) for key in ("read", "wrote"))))
    sites = []
    for i, one in enumerate(_get(entry, "sites", list, where)):
        here = f"{where}.sites[{i}]"
        _expect(one, dict, here)
        sites.append(Site(*(_get(one, key, str, here) for key in ("source", "function", "kind")),
                          *(_number(one, key, here) for key in ("true_sharing_per_op", "false_sharing_per_op"))))
    numbers = (_number(entry, f"{key}_per_op", where)
               for key in ("line_transfers", "invalidations", "upgrades", "true_sharing", "false_sharing"))
    return Line(_get(entry, "label", str, where), _get(entry, "object", str, where), size, *numbers, tuple(fields),
                tuple(touched), tuple(sites),
                *(_optional(entry, key, int, where) or 0 for key in ("threads_not_shown", "sites_not_shown")))


def _ranges(holder: dict, key: str, size: int, where: str) -> tuple[tuple[int, int], ...]:
    """Half-open ranges of bytes in a line of `size`."""
    found = []
    for pair in _get(holder, key, list, where):
        if not isinstance(pair, list) or len(pair) != 2 or not all(_is(v, int) for v in pair) \
                or not 0 <= pair[0] < pair[1] <= size:
            raise RecordError(f"{where}.{key} has {json.dumps(pair)}, expected [first byte, one after the last] of {size}.")
        found.append((pair[0], pair[1]))
    return tuple(found)


def _simulation(block: Any) -> Simulation | None:
    if block is None:
        return None
    where = "environment.simulation"
    _expect(block, dict, where)
    validation = _optional(block, "validation", dict, where)
    families = _optional(validation, "per_family", dict, f"{where}.validation") if validation else None
    return Simulation(
        _get(block, "machine", dict, where), _get(block, "line_size", int, where), _optional(block, "seed", int, where),
        bool(_optional(block, "weak", bool, where)), _optional(block, "compiler", str, where) or "",
        *(_optional(block, key, float, where) for key in ("accesses", "seconds")),
        _fidelity(validation, f"{where}.validation") if validation else None,
        {family: _fidelity(one, f"{where}.validation.per_family.{family}") for family, one in (families or {}).items()})


def _fidelity(entry: Any, where: str) -> Fidelity:
    _expect(entry, dict, where)
    return Fidelity(*(_optional(entry, key, float, where) for key in ("median_ape", "kendall_tau")))
