# SPDX-License-Identifier: MIT
"""Run records with chosen numbers, for tests of the history."""
import copy

ENVIRONMENT = {"cpu": {"model": "Synthetic CPU", "governor": None}, "topology": {"available_cpus": [0, 1, 2, 3]},
               "system": {"kernel": "6.1.0-9", "hypervisor": "KVM"}, "load": {}, "caveats": [],
               "simulation": {"machine": {"name": "zen4", "near": {"request": {"value": 4, "source": "a book"}}},
                              "line_size": 64, "seed": None, "weak": False, "compiler": "GNU 12.2.0", "model_version": "1"}}


def cell(name, metrics, lens="time", family="counter", caveats=()):
    """`metrics`: name → value or (value, low, high)."""
    out = {}
    for metric, value in metrics.items():
        value, low, high = value if isinstance(value, tuple) else (value, None, None)
        out[metric] = {"value": value, "unit": "ns" if "ns_" in metric else "1", "ci_low": low, "ci_high": high}
    return {"lens": lens, "family": family, "name": name, "workload": name.split("/")[0], "primitive": name.split("/")[1],
            "placement": "compact", "metrics": out, "caveats": list(caveats)}


def record(i, cells, commit=None, dirty=False, compiler="GNU 12.2.0", **environment):
    """Run number i of an hour, of the commit of the same number unless another is named."""
    block = copy.deepcopy(ENVIRONMENT)
    for group, values in environment.items():
        block[group].update(values)
    return {"run": {"id": f"run-{i}", "started": f"2026-11-21T{i // 60:02}:{i % 60:02}:00Z", "complete": True,
                    "commit": commit or f"{i:010x}", "dirty": dirty, "compiler": compiler, "flags": "-O3"},
            "environment": block, "workloads": [], "catalogue": [], "cells": cells}


def simple(i, ns, **more):
    """A run with one timed and one simulated cell."""
    return record(i, [cell("increment/padded/threads:2", {"ns_per_op": (ns, ns * 0.99, ns * 1.01), "overlap": 1.0}),
                      cell("increment/padded/threads:2", {"ns_per_op": 3.5}, lens="coherence")], **more)
