# SPDX-License-Identifier: MIT
"""From a decoded results.json or gate.json to what the history keeps of it."""
from __future__ import annotations

import hashlib
import json
import statistics
from typing import Any, Iterable, Iterator

from .figures import bare
from .store import Environment, Run, Value

COHERENCE = "coherence"
HASH = 10  # letters of a commit, as records have it


class SourceError(Exception):
    """The document is no run; str() is one sentence."""


def of_document(document: dict[str, Any]) -> tuple[Run, list[Value]]:
    """A run and its numbers. Raises SourceError."""
    try:
        if "cells" in document and "run" in document:
            return _of_record(document)
        if "base" in document and "head" in document and "cells" in document:
            return _of_gate(document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(f"the document is not a whole run ({type(error).__name__}: {error}).") from error
    raise SourceError("the document is neither a run's record nor a gate's.")


def host(environment: dict[str, Any]) -> Environment:
    """The real machine: what must be equal for two timed numbers to be comparable. Unknown stays None. Of a hypervisor only
    that there is one: a gate by time cannot ask for its name as a program does, and must not become another machine by it."""
    cpu, topology, system = (environment.get(key) or {} for key in ("cpu", "topology", "system"))
    kernel = system.get("kernel")
    cores = len(topology.get("available_cpus") or []) or None
    model = cpu.get("model")
    words = str(model or "unknown processor") + (f", {cores} processors" if cores else "")
    return Environment(words, {"cpu": model, "processors": cores,
                               "kernel": ".".join(str(kernel).split(".")[:2]) if kernel else None,
                               "governor": cpu.get("governor"), "virtual": bool(system.get("hypervisor"))})


def simulated(simulation: dict[str, Any]) -> Environment:
    """The simulated machine and whatever else decides simulated counts; where it ran does not."""
    machine = simulation.get("machine") or {}
    digest = hashlib.sha256(json.dumps(bare(machine), sort_keys=True).encode()).hexdigest()[:16]
    name = f"simulated {machine.get('name') or 'machine'}"
    return Environment(name, {"machine": digest, **{key: simulation.get(key) for key in (
        "line_size", "model_version", "seed", "schedules", "weak", "compiler")}})


def _environments(environment: dict[str, Any], lenses: Iterable[str]) -> dict[str, Environment]:
    return {lens: simulated(environment.get("simulation") or {}) if lens == COHERENCE else host(environment)
            for lens in sorted(set(lenses))}


def _of_record(document: dict[str, Any]) -> tuple[Run, list[Value]]:
    run = document["run"]
    values = list(_values(document["cells"]))
    lenses = {cell["lens"] for cell in document["cells"]}
    kind = "simulate" if lenses == {COHERENCE} else "bench"
    return Run(run["id"], kind, run["started"], run["commit"][:HASH], run.get("dirty"), run["compiler"], run["flags"],
               run["complete"], _environments(document["environment"], lenses)), values


def _values(cells: list[dict[str, Any]]) -> Iterator[Value]:
    for cell in cells:
        for name, metric in cell["metrics"].items():
            if metric["value"] is not None:  # absent where it was not measured; the record says why
                yield Value(cell["lens"], cell["family"], cell["name"], cell["placement"], cell["primitive"], name,
                            metric["unit"], metric["value"], metric["ci_low"], metric["ci_high"], " ".join(cell["caveats"]))


def _of_gate(document: dict[str, Any]) -> tuple[Run, list[Value]]:
    """The head's numbers: of a timed cell the median over its pairs, and head / base with the bounds of its verdict."""
    if document["kind"] != "gate":
        raise SourceError("it compares stored runs and measured nothing itself.")
    values: list[Value] = []
    for cell in document["cells"]:
        parts = cell["name"].split("/")
        verdict = cell.get("verdict") or {}

        def add(metric: str, unit: str, value: float, low: float | None = None, high: float | None = None) -> None:
            values.append(Value(cell["lens"], cell["family"], cell["name"], cell["placement"],
                                parts[1] if len(parts) > 1 else "", metric, unit, value, low, high, verdict.get("reason") or ""))

        if "pairs" in cell:
            numbers = [v for v in cell["pairs"]["head"] if v is not None]
            if numbers:
                add(cell["pairs"]["metric"], cell["pairs"]["unit"], statistics.median(numbers))
            if verdict.get("ratio") is not None:
                add("gate_ratio", "1", verdict["ratio"], verdict.get("low"), verdict.get("high"))
        elif "exact" in cell:
            for name, value in cell["exact"]["head"].items():
                if value is not None:
                    add(name, cell["exact"]["units"].get(name, "1"), value)
    head, started = document["head"], document.get("started") or document.get("finished")
    if not started:
        raise SourceError("the gate's file does not say when it was measured.")
    commit = head.get("commit") or "unknown"
    told = [document["base"], head, started, document.get("finished"), document.get("command")]
    identity = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    return Run(f"gate-{started}-{identity}", "gate", started, commit[:HASH], head.get("dirty"),
               head.get("compiler") or "unknown", head.get("flags") or "unknown", bool(document.get("complete", True)),
               _environments(document.get("environment") or {}, (one.lens for one in values))), values
