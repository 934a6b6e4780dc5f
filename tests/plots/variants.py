# SPDX-License-Identifier: MIT
"""Synthetic records as newer runs write them: `python3 variants.py small|large counted|no_pmu|paranoid > FILE`.

Peers, what getrusage tells, and counter trials beside the timed cells, or why there are none. No number was measured.
"""
from __future__ import annotations

import copy
import json
import random
import sys

import make_record

# metric, where, name, code, state, share of the time on a counter, why not
EVENTS = [
    ("cycles", "user", "MADE_UP.CYCLES", "type=4 config=0x3c config1=0x0", "counted", 1.0, None),
    ("cycles", "kernel", "MADE_UP.CYCLES", "type=4 config=0x3c config1=0x0", "counted", 1.0, None),
    ("instructions", "user", "MADE_UP.INSTRUCTIONS", "type=4 config=0xc0 config1=0x0", "counted", 1.0, None),
    ("modified_line_hit", "user", "MADE_UP.SNOOP_HITM", "type=4 config=0x4d2 config1=0x0", "counted", 1.0, None),
    ("l1d_miss", "user", "MADE_UP.L1D_REPLACEMENT", "type=4 config=0x151 config1=0x0", "counted", 1.0, None),
    ("llc_miss", "user", "MADE_UP.LLC_MISS", "type=4 config=0x412e config1=0x0", "multiplexed", 0.5, None),
    ("rfo", "user", "MADE_UP.RFO", "type=4 config=0xe224 config1=0x0", "counted", 1.0, None),
    ("remote_hit", "user", "MADE_UP.REMOTE", "type=4 config=0x1b7 config1=0x803fc00002", "counted", 1.0, None),
    ("lock_load", "user", "MADE_UP.LOCK_LOADS", "type=4 config=0x21d0 config1=0x0", "counted", 1.0, None),
    ("memory_order_clear", "user", "MADE_UP.ORDERING", "type=4 config=0x2c3 config1=0x0", "starved", 0.04,
     "memory_order_clear: on a counter for less than a tenth of the time, so no number"),
    ("bus_lock", "user", None, None, "unsupported", None, "bus_lock: the made-up processor has no such event"),
]
OBSTACLES = {
    "no_pmu": ("no hardware counters: the made-up hypervisor gives this machine no PMU (ENOENT)",
               "use a machine whose hypervisor passes the counters on"),
    "paranoid": ("kernel.perf_event_paranoid is 4, which forbids counting (EACCES)",
                 "sysctl kernel.perf_event_paranoid=2"),
}
PEERS = [  # family, name, origin, like which of the synthetic entries, facts that differ
    ("lock", "peer_mutex", "abseil", "std_mutex", {"waiting": "spin_then_park"}),
    ("lock", "peer_queuing_mutex", "oneTBB", "mcs_lock", {"admission": "fifo", "waiting": "spin_with_backoff"}),
    ("queue", "peer_queue", "moodycamel", "mpmc_bounded", {"delivery": "per_producer", "bounded": False, "weak": True}),
]


def key(metric, where):
    return f"{metric}{'_kernel' if where == 'kernel' else ''}_per_op"


def rows():
    """(family, primitive) -> the synthetic entry's row."""
    found = {(family, row[0]): row for family, entries in make_record.FAMILIES.items() for row in entries}
    found.update({(family, name): found[family, like] for family, name, _, like, _ in PEERS})
    return found


def add_peers(document):
    """Peers beside the entries that they resemble, a little faster, so that one of them can be the best."""
    for family, name, origin, like, facts in PEERS:
        for cell in [c for c in document["cells"] if (c["family"], c["primitive"]) == (family, like)]:
            twin = copy.deepcopy(cell)
            twin.update(primitive=name, baseline=False, name=cell["name"].replace(like, name))
            for metric, better in (("throughput", 1.15), ("ns_per_op", 1 / 1.15), ("ns_per_op_thread", 1 / 1.15)):
                one = twin["metrics"][metric]
                for part in ("value", "ci_low", "ci_high"):
                    one[part] = None if one[part] is None else one[part] * better
                one["samples"] = [None if v is None else v * better for v in one["samples"]]
            document["cells"].append(twin)
        entry = next(e for e in document["catalogue"] if (e["family"], e["primitive"]) == (family, like))
        document["catalogue"].append(
            {**entry, "primitive": name, "baseline": False,
             "facts": {**entry["facts"], "summary": f"synthetic peer {name}", "origin": origin, **facts}})


def per_operation(cell, row):
    """Made-up events per operation of a timed cell, by metric."""
    _, _, _, _, waiting, _, alone, added, *_ = row
    running = min(cell["threads"], make_record.CPUS)
    moved = max(0.0, added) * (running - 1) / 22
    atomic = 0.0 if row[0] in ("no_lock", "load_relaxed", "empty", "per_thread_sum") else 1.0
    parks = "park" in waiting and cell["threads"] > 1
    return {"cycles_per_op": 3 * alone + 160 * moved, "cycles_kernel_per_op": 900.0 * (running - 1) if parks else 0.4,
            "instructions_per_op": 4 * alone, "modified_line_hit_per_op": moved, "l1d_miss_per_op": 0.004 + 1.1 * moved,
            "llc_miss_per_op": 0.002, "rfo_per_op": 0.003 + 0.8 * moved, "remote_hit_per_op": 0.0,
            "lock_load_per_op": atomic, "memory_order_clear_per_op": None, "bus_lock_per_op": None}


def add_rusage(document, rng):
    for cell in document["cells"]:
        if cell["metrics"]["throughput"]["value"] is None:
            values = (None, None)
        else:
            row = rows()[cell["family"], cell["primitive"]]
            parks = "park" in row[4] and cell["threads"] > 1
            switches = 0.004 * (cell["threads"] - 1) if parks else 1e-6 * (cell["threads"] > make_record.CPUS)
            values = (switches, 0.0)
        for name, value in zip(("context_switches_per_op", "page_faults_per_op"), values):
            cell["metrics"][name] = make_record.metric(rng, value, "1", 0.05)


def add_counters(document, rng, obstacle):
    """Counter cells beside all timed ones: made-up counts, or null with the obstacle's caveat."""
    beside = []
    for cell in document["cells"]:
        counted = cell["metrics"]["throughput"]["value"] is not None and not obstacle
        values = per_operation(cell, rows()[cell["family"], cell["primitive"]]) if counted else {}
        metrics = {}
        for metric, where, _, _, _, running, _ in EVENTS:
            name = key(metric, where)
            metrics[name] = make_record.metric(rng, values.get(name), "1", 0.03)
            if values.get(name) is not None:
                metrics[name]["running"] = running
        caveats = list(cell["caveats"])
        details = dict(cell["details"])
        if obstacle:
            caveats.append(obstacle)
            details[obstacle] = OBSTACLES[obstacle][0]
        elif counted:
            caveats += ["multiplexed", "event_unsupported"]
            details["multiplexed"] = "scaled by the time that they were on a counter: llc_miss_per_op"
            details["event_unsupported"] = EVENTS[-1][-1]
        beside.append({**{k: copy.deepcopy(cell[k]) for k in ("family", "name", "workload", "primitive", "baseline",
                                                               "params", "threads", "placement")},
                       "lens": "counters", "metrics": metrics, "per_thread": None, "caveats": caveats,
                       "details": details})
    document["cells"] += beside
    reason, cure = OBSTACLES.get(obstacle, (None, None))
    events = [{"metric": metric, "where": where, "name": name, "code": code, "source": "made up",
               "state": "failed" if obstacle else state, "running": None if obstacle else running,
               "caveat": obstacle, "reason": reason if obstacle else why}
              for metric, where, name, code, state, running, why in EVENTS]
    document["environment"]["counters"] = {
        "available": not obstacle, "kernel_side": not obstacle, "microarchitecture": "made_up", "paranoid": 2,
        "caveat": obstacle, "reason": reason, "cure": cure, "events": events}


def variant(document, kind):
    """`document` as a newer run would have written it: `kind` is counted, or the caveat that stood in the way."""
    document = copy.deepcopy(document)
    rng = random.Random(kind)
    add_peers(document)
    add_rusage(document, rng)
    add_counters(document, rng, None if kind == "counted" else kind)
    return document


def main():
    plans = {"small": make_record.small_plan, "large": make_record.large_plan}
    if len(sys.argv) != 3 or sys.argv[1] not in plans or sys.argv[2] not in ("counted", *OBSTACLES):
        sys.exit(f"usage: variants.py {'|'.join(plans)} counted|{'|'.join(OBSTACLES)}")
    json.dump(variant(make_record.record(plans[sys.argv[1]]()), sys.argv[2]), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
