# SPDX-License-Identifier: MIT
"""Records of a few cells, written out in a test so that the right answers can be worked out in one's head."""
from plots import load

RUN = {"id": "r", "started": "2024-01-01T00:00:00Z", "finished": None, "complete": True, "profile": "custom",
       "sampling_rule": "", "commit": "0", "dirty": None, "compiler": "", "flags": "", "command_line": [],
       "repetitions": 5, "window_ms": 1, "latency_window_ms": 1, "confidence": 0.9375, "placement": "none"}


def metric(samples, unit="1/s"):
    """A metric of these samples; None for one that was not measured."""
    if samples is None:
        return {"value": None, "unit": unit, "ci_low": None, "ci_high": None}
    ordered = sorted(s for s in samples if s is not None)
    return {"value": ordered[len(ordered) // 2], "unit": unit, "ci_low": ordered[0], "ci_high": ordered[-1],
            "samples": list(samples)}


def entry(name, rung="mutex", baseline=False, group=None, family="f"):
    facts = {"summary": "", "admission": "none", "waiting": "none", "progress": "blocking", "rung": rung, "source": ""}
    if group:
        facts["group"] = group
    return {"family": family, "primitive": name, "baseline": baseline, "facts": facts, "workloads": ["w"]}


def cell(primitive, threads, throughput, params=None, caveats=(), **metrics):
    """A cell of family f and workload w; `throughput` is a number, samples, or None for one that has none."""
    samples = [throughput] * 5 if isinstance(throughput, (int, float)) else throughput
    found = {"throughput": metric(samples)}
    for name, values in metrics.items():
        found[name] = metric(values if isinstance(values, list) else [values] * 5,
                             "ns" if name.startswith("latency") or "ns_" in name else "1")
    return {"lens": "time", "family": "f", "name": f"w/{primitive}/threads:{threads}", "workload": "w",
            "primitive": primitive, "baseline": False, "params": params or {}, "threads": threads, "placement": "none",
            "metrics": found, "caveats": list(caveats)}


def claim(better, worse, at_least=1.0, metric="throughput", params=None, min_threads=1, **more):
    return {"id": f"{better}_{worse}", "statement": "s", "family": "f", "workload": "w", "metric": metric,
            "better": better, "worse": worse, "params": params or {}, "min_threads": min_threads,
            "at_least": at_least, **more}


def document(cells, catalogue=(), claims=(), workload=None, cpus=4):
    """A whole record's document."""
    known = [e["primitive"] for e in catalogue]
    listed = list(catalogue) + [entry(n) for n in dict.fromkeys(c["primitive"] for c in cells) if n not in known]
    return {"schema_version": 1, "run": dict(RUN),
            "environment": {"cpu": {}, "topology": {"available_cpus": list(range(cpus))}, "system": {}, "load": {},
                            "caveats": []},
            "catalogue": listed,
            "workloads": [{"family": "f", "workload": "w", "question": "q", "contends_on": "c", **(workload or {})}],
            "claims": list(claims), "cells": list(cells)}


def record(*arguments, **named):
    """The same as a plots Record."""
    return load.parse(document(*arguments, **named))


def predicted_cell(primitive, threads, throughput, params=None, caveats=(), lines=(), **counts):
    """A simulated cell of family f and workload w."""
    one = cell(primitive, threads, throughput, params, caveats)
    for metric in one["metrics"].values():
        metric.update(ci_low=None, ci_high=None)
        metric.pop("samples")
    for name, value in counts.items():
        one["metrics"][name] = {"value": value, "unit": "ns" if "ns_per" in name else "1", "ci_low": None, "ci_high": None}
    return {**one, "lens": "coherence", "lines": list(lines)}


def with_simulation(document, **more):
    document["environment"]["simulation"] = {"machine": {"name": "zen4"}, "line_size": 64, "seed": None, "weak": False,
                                             "compiler": "c", "accesses": 1, "seconds": 1.0, **more}
    return document


def line(false=0.1, fields=(), touched=(), sites=(), label="a line", **more):
    return {"label": label, "object": "an object", "size": 64, "line_transfers_per_op": false,
            "invalidations_per_op": false, "upgrades_per_op": 0.0, "true_sharing_per_op": 0.0,
            "false_sharing_per_op": false, "fields": list(fields), "bytes": list(touched), "sites": list(sites), **more}
