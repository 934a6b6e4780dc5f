# SPDX-License-Identifier: MIT
"""Records with made-up simulated cells: `python3 simulated.py small|large also|alone > FILE`.

`also`: beside the timed cells of make_record.py; `alone`: instead of them. Shaped after what is known (padded counters
share nothing, unpadded ones a line that is all false sharing, queue locks hand over at constant cost, TTAS grows), but
nothing was simulated.
"""
from __future__ import annotations

import copy
import json
import math
import sys

import make_record
import variants

THREADS = (1, 2, 4, 8, 16, 32, 64)
UNITS = {"throughput": "1/s", "ns_per_op": "ns", "ns_per_op_thread": "ns", "latency_p50": "ns", "latency_p99": "ns",
         "latency_p999": "ns", "latency_max": "ns"}
MACHINE = {
    "name": "zen4", "about": "A made-up machine of two complexes.",
    "protocol": {"value": "MOESI", "source": "made up"},
    "line_size": {"value": 64, "source": "made up"}, "cores": {"value": 128, "source": "made up"},
    "near": {"request": 4, "probe": 5.5, "data": 6, "acknowledge": 4, "source": "made up: a fourth of a hand-over each"},
    "load": {"value": 0.25, "source": "made up"}, "system_call": {"value": 1100, "source": "made up"},
}
VALIDATION = {"median_ape": 0.21, "kendall_tau": 0.92,
              "per_family": {"lock": {"median_ape": 0.18, "kendall_tau": 0.95},
                             "counter": {"median_ape": 0.34, "kendall_tau": 0.81}}}


def per_operation(name, waiting, alone, added, n, work=0.0):
    """Made-up coherence events per operation, and the time of one operation in ns."""
    other = n - 1
    false = 0.1 if name == "unpadded" and n > 1 else 0.0
    if n == 1 or name.startswith(("padded", "no_lock", "load_", "empty", "per_thread")):
        shared = 0.0
    elif name.startswith(("mcs", "clh")):
        shared = 3.0
    elif name.startswith(("tas", "ttas", "cas_loop")):
        shared = 1.5 + 0.22 * other
    elif added <= 0:
        shared = 0.01
    else:
        shared = 0.9
    true = 0.0 if false else shared
    if name == "ticket_lock" and n > 1:
        false, true = 0.4 + 0.02 * other, 0.5 * other
    moved = true + false
    step = alone + 22 * moved if added >= 0 else (alone + 0.5) / n
    if added >= 0 and name.startswith(("padded", "no_lock")):
        step = (alone + work) / n
    else:
        step += work / min(n, 64)
    return {
        "accesses_per_op": 4.0 + moved, "line_transfers_per_op": moved, "invalidations_per_op": 0.9 * moved,
        "upgrades_per_op": 0.2 * moved, "true_sharing_per_op": true, "false_sharing_per_op": false,
        "failed_cas_per_op": 0.3 * other if "cas" in name else 0.0,
        "spins_per_op": 1.7 * other if "spin" in waiting and n > 1 else 0.0,
        "parks_per_op": 0.01 * math.log2(n) if "park" in waiting else 0.0,
        "ns_per_op": step, "ns_per_op_thread": step * n, "throughput": 1e9 / step, "jain_fairness": 1.0,
        "self_handoff": 0.0, "latency_p50": step * n / 2, "latency_p99": step * n, "latency_p999": step * n * 2,
        "latency_max": step * n * 3}


def line(name, values, n):
    """The falsely shared line of a made-up cell: threads with a word each, or a lock's two words."""
    if name == "unpadded":
        label, owner = "counts_[0 … 7]", "counter::unpadded"
        fields = [{"name": f"counts_[{k}]", "offset": 8 * k, "size": 8} for k in range(8)]
        touched = [{"thread": t, "read": [[8 * t, 8 * t + 8]], "wrote": [[8 * t, 8 * t + 8]]} for t in range(min(n, 8))]
        sites = [("primitives/counter/unpadded.hpp:27", "unpadded::add", "rmw", 0.0, 1.0)]
    else:
        label, owner = "lock_.next, lock_.serving", f"critical_section::state<{name}>"
        fields = [{"name": "lock_.next", "offset": 0, "size": 4}, {"name": "lock_.serving", "offset": 4, "size": 4},
                  {"name": "data_.words", "offset": 16, "size": 48}]
        touched = [{"thread": t, "read": [[0, 8], [16, 24]], "wrote": [[0, 8]] if t % 2 else [[0, 4]]}
                   for t in range(min(n, 8))]
        sites = [("primitives/lock/ticket.hpp:31", "ticket::lock", "rmw", 0.3, 0.6),
                 ("primitives/lock/ticket.hpp:34", "ticket::lock", "load", 0.7, 0.4)]
    kept = ("line_transfers", "invalidations", "upgrades", "true_sharing", "false_sharing")
    return {"label": label, "object": owner, "size": 64, **{f"{k}_per_op": values[f"{k}_per_op"] for k in kept},
            "fields": fields, "bytes": touched, **({"threads_not_shown": n - 8} if n > 8 else {}),
            "sites": [{"source": source, "function": function, "kind": kind,
                       "true_sharing_per_op": share * values["true_sharing_per_op"],
                       "false_sharing_per_op": part * values["false_sharing_per_op"]}
                      for source, function, kind, share, part in sites]}


def cells_of(document, threads=THREADS):
    """Simulated twins of the timed cells at `threads`; those of several roles only at the counts that they have."""
    found = {}
    rows = variants.rows()
    for timed in document["cells"]:
        if timed["lens"] != "time":
            continue
        follows = timed["workload"] == "producer_consumer"
        for n in (timed["threads"],) if follows else threads:
            name = timed["name"].rpartition("/")[0] + f"/threads:{n}"
            if name in found:
                continue
            _, _, _, _, waiting, _, alone, added, *_ = rows[timed["family"], timed["primitive"]]
            inside, outside = (float(timed["params"].get(part, 0)) for part in ("inside_ns", "outside_ns"))
            values = per_operation(timed["primitive"], waiting, alone, added, n, inside * n + outside * n)
            cell = {key: copy.deepcopy(timed[key]) for key in ("family", "workload", "primitive", "baseline", "params")}
            found[name] = {
                "lens": "coherence", "name": name, **cell, "threads": n, "placement": "none",
                "metrics": {key: {"value": value, "unit": UNITS.get(key, "1"), "ci_low": None, "ci_high": None}
                            for key, value in values.items()},
                "per_thread": {"role": ["worker"] * n, "cpu": list(range(n)), "operations": [100] * n,
                               "failed": [0] * n},
                "lines": [line(timed["primitive"], values, n)] if values["false_sharing_per_op"] else [],
                "caveats": ["not_validated"], "details": {}}
    return list(found.values())


def simulated(document, kind="also", validation=None, threads=THREADS, machine="zen4"):
    """`document` with made-up simulated cells, beside its own or alone."""
    document = copy.deepcopy(document)
    cells = cells_of(document, threads)
    document["cells"] = (document["cells"] if kind == "also" else []) + cells
    document["environment"]["simulation"] = {
        "machine": {**MACHINE, "name": machine}, "line_size": 64, "seed": None, "weak": False, "compiler": "none 0.0",
        "accesses": 123456789, "seconds": 42.5, **({"validation": validation} if validation else {})}
    if validation:
        for cell in cells:
            cell["caveats"] = []
    return document


def main():
    plans = {"small": make_record.small_plan, "large": make_record.large_plan}
    if len(sys.argv) != 3 or sys.argv[1] not in plans or sys.argv[2] not in ("also", "alone"):
        sys.exit("usage: simulated.py small|large also|alone")
    json.dump(simulated(make_record.record(plans[sys.argv[1]]()), sys.argv[2]), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
