# SPDX-License-Identifier: MIT
"""gate.json: reading it (with or without verdicts) and writing it. schema.json is the only description of its shape."""
from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Iterator

from .design import Plan, PlanError
from .model import Accepted, CellVerdict, Exact, Key, Measured, Pairs, RunVerdict, Side, Skipped

SCHEMA = Path(__file__).with_name("schema.json")
_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
          "null": type(None)}


class DocumentError(ValueError):
    """The file cannot be used; str() is one sentence that names it and the place."""


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> Iterator[str]:
    """What in `value` is not as `schema` says, each as a sentence. Knows the keywords that schema.json uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    place = where or "the file"
    if "const" in schema and value != schema["const"]:
        yield f"{place} is {json.dumps(value)[:60]}, expected {schema['const']}"
    if "enum" in schema and (isinstance(value, bool) or value not in schema["enum"]):
        yield f"{place} is {json.dumps(value)[:60]}, expected one of {', '.join(map(str, schema['enum']))}"
    if "type" in schema:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(_is(value, kind) for kind in kinds):
            yield f"{place} is {json.dumps(value)[:60]}, expected {' or '.join(kinds)}"
            return
    if _is(value, "number"):
        if value < schema.get("minimum", value):
            yield f"{place} is {value:g}, expected at least {schema['minimum']}"
        if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
            yield f"{place} is {value:g}, expected more than {schema['exclusiveMinimum']}"
    elif isinstance(value, dict):
        for key in schema.get("required", []):
            if key not in value:
                yield f"{place} lacks '{key}'"
        others = schema.get("additionalProperties")
        for key, entry in value.items():
            inner = schema.get("properties", {}).get(key, others)
            if inner:
                yield from faults(entry, inner, root, f"{where}.{key}" if where else key)
    elif isinstance(value, list) and "items" in schema:
        for i, entry in enumerate(value):
            yield from faults(entry, schema["items"], root, f"{where}[{i}]")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def read(path: str | Path) -> tuple[Measured, Plan]:
    """What was measured and the plan, from gate.json or a pairs file. Raises DocumentError."""
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:  # broken JSON, and what is no UTF-8
        raise DocumentError(f"{path}: is not JSON ({error}).") from error
    try:
        return parse(document)
    except (DocumentError, PlanError) as error:
        raise DocumentError(f"{path}: {error}") from error


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


def parse(document: Any) -> tuple[Measured, Plan]:
    """The same from a decoded document. Raises DocumentError or PlanError, without the name of the file."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for fault in faults(document, schema, schema):
        raise DocumentError(f"{fault}.")
    plan = {key: tuple(value) if isinstance(value, list) else value for key, value in document["plan"].items()
            if key in {f.name for f in fields(Plan)}}
    groups: dict[type, list] = {Pairs: [], Exact: [], Skipped: []}
    seen: set[Key] = set()
    for i, entry in enumerate(document["cells"]):
        cell = _cell(entry, f"cells[{i}]")
        if cell.key in seen:
            raise DocumentError(f"cells[{i}] is {cell.key} of the lens {cell.key.lens} again.")
        seen.add(cell.key)
        groups[type(cell)].append(cell)
    control = [_cell(entry, f"control[{i}]") for i, entry in enumerate(document["control"])]
    if any(not isinstance(cell, Pairs) for cell in control):
        raise DocumentError("control has a cell without pairs.")
    accepted = tuple(Accepted(**{name: entry[name] for name in Accepted._fields})
                     for entry in document.get("accepted", []) if entry)
    sides = [Side(**{f.name: document[side].get(f.name) for f in fields(Side)}) for side in ("base", "head")]
    return Measured(document["kind"], *sides, tuple(groups[Pairs]), tuple(control), tuple(groups[Exact]),
                    tuple(groups[Skipped]), document.get("environment", {}), tuple(document.get("command", ())),
                    document.get("started"), document.get("finished"), document.get("complete", True),
                    tuple(document.get("notes", ())), accepted), Plan(**plan)


def _cell(entry: dict[str, Any], where: str) -> Pairs | Exact | Skipped:
    key = Key(entry["lens"], entry["family"], entry["name"], entry["placement"])
    kinds = [kind for kind in ("pairs", "exact", "skipped") if kind in entry]
    if len(kinds) != 1:
        raise DocumentError(f"{where} has {' and '.join(kinds) or 'nothing'}, expected one of pairs, exact, skipped.")
    if "skipped" in entry:
        return Skipped(key, entry["skipped"]["reason"], entry["skipped"]["detail"])
    if "exact" in entry:
        found = entry["exact"]
        schedules = [{name: tuple(values) for name, values in found.get(side, {}).items()}
                     for side in ("base_schedules", "head_schedules")]
        return Exact(key, found["base"], found["head"], found["units"], *schedules)
    pairs = entry["pairs"]
    count = len(pairs["stage"])
    first = pairs.get("head_first", [None] * count)
    for name, values in (("base", pairs["base"]), ("head", pairs["head"]), ("head_first", first)):
        if len(values) != count:
            raise DocumentError(f"{where}.pairs.{name} has {len(values)} entries, stage has {count}.")
    failed = {f["pair"]: (f["side"], f["caveat"]) for f in pairs.get("failed", [])}
    return Pairs(key, tuple(pairs["base"]), tuple(pairs["head"]), tuple(pairs["stage"]), tuple(first), failed,
                 pairs["metric"], pairs["unit"])


def measured_document(measured: Measured, plan: Plan) -> dict[str, Any]:
    """A pairs file: everything but the verdicts."""
    return {
        "schema_version": 1, "kind": measured.kind, "command": list(measured.command), "started": measured.started,
        "finished": measured.finished, "complete": measured.complete, "notes": list(measured.notes),
        "accepted": [one._asdict() for one in measured.accepted],
        "base": asdict(measured.base), "head": asdict(measured.head),
        "plan": {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(plan).items()},
        "environment": measured.environment,
        "cells": [_entry(cell) for cell in (*measured.cells, *measured.exact, *measured.skipped)],
        "control": [_entry(cell) for cell in measured.control],
    }


def _entry(cell: Pairs | Exact | Skipped) -> dict[str, Any]:
    out: dict[str, Any] = cell.key._asdict()
    if isinstance(cell, Skipped):
        out["skipped"] = {"reason": cell.reason, "detail": cell.detail}
    elif isinstance(cell, Exact):
        out["exact"] = {"base": cell.base, "head": cell.head, "units": cell.units}
        if cell.base_schedules or cell.head_schedules:
            out["exact"] |= {side: {name: list(values) for name, values in getattr(cell, side).items()}
                             for side in ("base_schedules", "head_schedules")}
    else:
        out["pairs"] = {"metric": cell.metric, "unit": cell.unit, "stage": list(cell.stage), "base": list(cell.base),
                        "head": list(cell.head), "head_first": list(cell.head_first) or [None] * len(cell.stage),
                        "failed": [{"pair": i, "side": side, "caveat": caveat}
                                   for i, (side, caveat) in sorted(cell.failed.items())]}
    return out


def verdict_document(run: RunVerdict) -> dict[str, Any]:
    """gate.json: what was measured, with a verdict on each cell and on the run."""
    out = measured_document(run.measured, run.plan)
    said = {cell.key: cell for cell in run.cells}
    for entry in out["cells"]:
        entry["verdict"] = _verdict(said[Key(*(entry[name] for name in Key._fields))])
    control = {cell.key: cell for cell in run.control.cells} if run.control else {}
    for entry in out["control"]:
        entry["verdict"] = _verdict(control[Key(*(entry[name] for name in Key._fields))])
    about = None
    if run.control:
        about = {"rejected": run.control.rejected, "p_one_way": run.control.p_one_way, "sentence": run.control.sentence}
    out["verdict"] = {"verdict": run.verdict, "exit_code": run.exit_code, "sentence": run.sentence,
                      "counts": run.counted(), "hidden": run.hidden, "control": about}
    return out


def _verdict(cell: CellVerdict) -> dict[str, Any]:
    out = {f.name: getattr(cell, f.name) for f in fields(CellVerdict) if f.name not in ("key", "changes", "accepted")}
    out["accepted"] = cell.accepted._asdict() if cell.accepted else None
    out["changes"] = [change._asdict() for change in cell.changes]
    return out


def text(document: dict[str, Any]) -> str:
    """A document as JSON text with one cell per line: a diff shows which cells changed."""
    lists = {name: document[name] for name in ("cells", "control")}
    head = json.dumps({k: v for k, v in document.items() if k not in lists}, indent=1, allow_nan=False)
    body = "".join(f',\n "{name}": [' + ",".join("\n  " + json.dumps(entry, allow_nan=False) for entry in entries)
                   + "\n ]" for name, entries in lists.items())
    return head.removesuffix("\n}") + body + "\n}\n"
