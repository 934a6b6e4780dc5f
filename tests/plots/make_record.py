# SPDX-License-Identifier: MIT
"""Makes synthetic run records, the same bytes every time: `python3 make_record.py small|large > FILE`.

No number in them was measured. `small` is the frozen record of the tests (data/small.json, ~55 cells);
`large` has the catalogue's width and ~500 cells, for looking at the page and for timing it.
"""
from __future__ import annotations

import json
import math
import random
import sys

REPETITIONS = 5
CPUS = 4

# name, baseline, rung, admission, waiting, progress, cost alone (ns), what contention adds per other thread (ns),
# cost factor when oversubscribed, Jain index at full contention, share of hand-overs to oneself
LOCKS = [
    ("no_lock", True, "no_sharing", "none", "none", "wait_free", 1.5, 0.0, 1, 1.0, None),
    ("std_mutex", True, "mutex", "barging", "park", "blocking", 9, 18, 1.1, 0.93, 0.71),
    ("tas_lock", False, "mutex", "barging", "spin", "blocking", 7, 34, 9, 0.55, 0.9),
    ("ttas_lock", False, "mutex", "barging", "spin_with_backoff", "blocking", 7, 9, 3, 0.74, 0.86),
    ("ticket_lock", False, "mutex", "fifo", "spin", "blocking", 8, 21, None, 1.0, 0.01),
    ("mcs_lock", False, "mutex", "fifo", "spin", "blocking", 11, 15, None, 1.0, 0.01),
    ("clh_lock", False, "mutex", "fifo", "spin", "blocking", 10, 15.5, None, 1.0, 0.01),
    ("adaptive_mutex", False, "mutex", "barging", "spin_then_park", "blocking", 8, 12, 1.2, 0.9, 0.78),
]
RWLOCKS = [
    ("std_mutex", True, "mutex", "barging", "park", "blocking", 9, 18, 1.1, 0.95, None),
    ("shared_mutex", True, "shared_mutex", "barging", "park", "blocking", 16, 22, 1.3, 0.9, None),
    ("reader_preferring", False, "shared_mutex", "reader_first", "spin_then_park", "blocking", 14, 17, 2, 0.7, None),
    ("writer_preferring", False, "shared_mutex", "writer_first", "spin_then_park", "blocking", 15, 18, 2, 0.88, None),
    ("phase_fair", False, "shared_mutex", "phase_fair", "spin", "blocking", 17, 16, None, 0.99, None),
    ("big_reader", False, "sharded", "writer_first", "spin_then_park", "blocking", 12, -2.4, 2, 0.96, None),
    ("seqlock", False, "lock_free", "writer_first", "retry", "obstruction_free", 3, -0.55, 1.2, 0.97, None),
    ("left_right", False, "lock_free", "none", "retry", "wait_free", 9, -1.6, 1.3, 0.98, None),
]
ATOMICS = [
    ("mutex_integer", True, "mutex", "barging", "park", "blocking", 10, 17, 1.1, 0.94, None),
    ("load_relaxed", False, "atomic", "none", "none", "wait_free", 0.4, -0.09, 1, 1.0, None),
    ("load_seq_cst", False, "atomic", "none", "none", "wait_free", 0.4, -0.088, 1, 1.0, None),
    ("store_release", False, "atomic", "none", "none", "wait_free", 0.5, 4, 1.1, 0.9, None),
    ("store_seq_cst", False, "atomic", "none", "none", "wait_free", 4.6, 7, 1.1, 0.9, None),
    ("exchange_acq_rel", False, "atomic", "none", "none", "wait_free", 4.4, 7.5, 1.1, 0.92, None),
    ("fetch_add_relaxed", False, "atomic", "none", "none", "wait_free", 4.2, 4.4, 1.1, 0.93, None),
    ("fetch_add_seq_cst", False, "atomic", "none", "none", "wait_free", 4.2, 4.5, 1.1, 0.93, None),
    ("cas_loop", False, "atomic", "none", "retry", "lock_free", 4.5, 19, 1.3, 0.7, None),
    ("cas_loop_backoff", False, "atomic", "none", "retry", "lock_free", 4.6, 9, 1.2, 0.66, None),
]
COUNTERS = [
    ("mutex_counter", True, "mutex", "barging", "park", "blocking", 10, 19, 1.1, 0.93, None),
    ("one_atomic", True, "atomic", "none", "none", "wait_free", 4.2, 4.5, 1.1, 0.95, None),
    ("unpadded", False, "sharded", "none", "none", "wait_free", 1.1, 3.2, 1.1, 0.9, None),
    ("padded_64", False, "sharded", "none", "none", "wait_free", 1.1, -0.2, 1, 0.99, None),
    ("padded_128", False, "sharded", "none", "none", "wait_free", 1.1, -0.235, 1, 1.0, None),
    ("padded_256", False, "sharded", "none", "none", "wait_free", 1.1, -0.236, 1, 1.0, None),
    ("striped", False, "sharded", "none", "none", "wait_free", 4.6, -0.9, 1, 0.98, None),
    ("per_thread_sum", False, "sharded", "none", "none", "wait_free", 1.4, -0.3, 1, 1.0, None),
]
QUEUES = [
    ("mutex_deque", True, "mutex", "barging", "park", "blocking", 24, 16, 1.2, 0.9, None),
    ("blocking_bounded", False, "channel", "barging", "park", "blocking", 30, 21, 1.1, 0.92, None),
    ("spsc_ring", False, "lock_free", "none", "retry", "wait_free", 3, 0.4, 4, 1.0, None),
    ("mpmc_bounded", False, "lock_free", "none", "retry", "lock_free", 11, 8, 1.5, 0.9, None),
    ("michael_scott", False, "lock_free", "none", "retry", "lock_free", 38, 14, 1.4, 0.88, None),
]
RCUS = [
    ("mutex_published", True, "mutex", "barging", "park", "blocking", 10, 18, 1.1, 0.93, None),
    ("shared_mutex_published", True, "shared_mutex", "barging", "park", "blocking", 17, 21, 1.2, 0.9, None),
    ("atomic_shared_ptr", True, "atomic", "none", "retry", "lock_free", 21, 24, 1.2, 0.85, None),
    ("epoch_rcu", False, "lock_free", "none", "none", "wait_free", 2.6, -0.55, 1, 1.0, None),
    ("qsbr_rcu", False, "lock_free", "none", "none", "wait_free", 1.2, -0.26, 1, 1.0, None),
    ("hazard_pointer", False, "lock_free", "none", "retry", "lock_free", 5.5, -1.1, 1.1, 0.98, None),
]
EMPTY = [("empty", True, "no_sharing", "none", "none", "wait_free", 0.3, -0.07, 1, 1.0, None)]
FAMILIES = {"lock": LOCKS, "rwlock": RWLOCKS, "atomic": ATOMICS, "counter": COUNTERS, "queue": QUEUES, "rcu": RCUS,
            "apparatus": EMPTY}
GROUPS = {"load_relaxed": "read", "load_seq_cst": "read", "store_release": "write", "store_seq_cst": "write",
          "exchange_acq_rel": "swap"}
WORKLOADS = {
    ("lock", "critical_section"): ("What does a short critical section cost when others want it too?",
                                   "lock, work inside_ns on shared data, unlock, work outside_ns × threads",
                                   "the lock's word and the line of data that it protects", "std_mutex"),
    ("lock", "lock_placement"): ("Where should the lock live: with its data, on its own line, behind a pointer?",
                                 "lock, change one word, unlock", "the lock's word, the data's line, or both at once",
                                 "std_mutex"),
    ("rwlock", "read_mostly_map"): ("When do reader-writer locks pay?", "one look-up or one insertion in a small map",
                                    "the lock's reader count, and the map's lines after a write", "shared_mutex"),
    ("atomic", "single_word"): ("What does one operation on a shared word cost?", "one operation on the word",
                                "a single cache line", "mutex_integer"),
    ("counter", "increment"): ("How should many threads count?", "add 1", "the counter's line or lines",
                               "mutex_counter"),
    ("counter", "increment_and_sum"): ("What does reading the counter cost those who count?",
                                       "add 1; every sum_every-th time also sum", "all lines of the counter",
                                       "mutex_counter"),
    ("queue", "producer_consumer"): ("Which queue hands items over fastest?", "one item taken out",
                                     "the two ends of the queue and its slots", "mutex_deque"),
    ("rcu", "published_config"): ("How cheaply can many threads read what one replaces?",
                                  "one read of the configuration, or one update",
                                  "the pointer to the current version, and reference counts where there are any",
                                  "shared_mutex_published"),
    ("apparatus", "empty"): ("What does the harness itself cost?", "nothing", "nothing", None),
}
CLAIMS = [
    ("padding_pays", "Counters padded to 64 bytes are at least as fast as unpadded ones.", "counter", "increment",
     "throughput", "padded_64", "unpadded", {}, {}, {}, 2, 1.0),
    ("padding_128_over_64", "128 bytes of padding beat 64 where lines are fetched in pairs.", "counter", "increment",
     "throughput", "padded_128", "padded_64", {}, {}, {}, 2, 1.05),
    ("fast_rwlock_reads", "Reader-writer locks beat a mutex when reads dominate.", "rwlock", "read_mostly_map",
     "throughput", "shared_mutex", "std_mutex", {"read_percent": 99}, {}, {}, 2, 1.0),
    ("rcu_reads", "RCU reads are at least as fast as reads under a shared mutex.", "rcu", "published_config",
     "throughput", "epoch_rcu", "shared_mutex_published", {}, {}, {}, 2, 1.0),
    ("fifo_tail", "FIFO locks have the shorter tail: p99 at most that of test-and-test-and-set.", "lock",
     "critical_section", "latency_p99", "mcs_lock", "ttas_lock", {}, {}, {}, 2, 1.0),
    ("shorter_section", "Minimise the critical section: 0 ns inside beats 1000 ns inside twice over.", "lock",
     "critical_section", "throughput", "std_mutex", "std_mutex", {}, {"inside_ns": 0}, {"inside_ns": 1000}, 2, 2.0),
    ("sharding", "Sharding the map's lock by key reduces contention.", "lock", "keyed_counters", "throughput",
     "sharded_mutex", "std_mutex", {}, {}, {}, 2, 1.0),
]


def small_plan():
    def some(rows, *names):
        return [row for row in rows if row[0] in names]

    yield "lock", "critical_section", [{"inside_ns": 0, "outside_ns": 100}], some(
        LOCKS, "no_lock", "std_mutex", "ttas_lock", "mcs_lock"), [1, 2, 4, 8]
    yield "lock", "critical_section", [{"inside_ns": 1000, "outside_ns": 100}], some(LOCKS, "std_mutex", "mcs_lock"), [
        1, 4]
    yield "rwlock", "read_mostly_map", [{"read_percent": 99}], some(
        RWLOCKS, "std_mutex", "shared_mutex", "seqlock"), [1, 2, 4]
    yield "atomic", "single_word", [{}], some(ATOMICS, "mutex_integer", "load_relaxed", "fetch_add_relaxed"), [1, 4]
    yield "counter", "increment", [{}], some(COUNTERS, "one_atomic", "unpadded", "padded_64", "padded_128"), [1, 4]
    yield "queue", "producer_consumer", [{"shape": "n_to_n", "producers": 1, "consumers": 1,
                                          "burst": 1, "capacity": 1024}], some(
        QUEUES, "mutex_deque", "spsc_ring", "mpmc_bounded"), [2]
    yield "rcu", "published_config", [{"read_percent": 99}], some(
        RCUS, "shared_mutex_published", "epoch_rcu"), [1, 4]
    yield "apparatus", "empty", [{}], EMPTY, [1, 4]


def large_plan():
    threads = [1, 2, 4, 8]
    yield "lock", "critical_section", [{"inside_ns": i, "outside_ns": o} for i, o in (
        (0, 0), (0, 100), (100, 100), (1000, 0))], LOCKS, threads
    places = [{"placement": place} for place in ("own_line", "data_line", "pointer")]
    yield "lock", "lock_placement", places, LOCKS[1:4], threads
    yield "rwlock", "read_mostly_map", [{"read_percent": p} for p in (50, 90, 99, 100)], RWLOCKS, threads
    yield "atomic", "single_word", [{}], ATOMICS, threads
    yield "counter", "increment", [{}], COUNTERS, threads
    yield "counter", "increment_and_sum", [{"sum_every": 1000}], COUNTERS, threads
    for p, c in ((1, 1), (2, 2), (4, 4), (1, 3)):
        yield "queue", "producer_consumer", [
            {"shape": "n_to_n" if p == c else "one_to_n", "producers": p, "consumers": c, "burst": b, "capacity": 1024}
            for b in (1, 16)], QUEUES if p == c == 1 else [q for q in QUEUES if q[0] != "spsc_ring"], [p + c]
    yield "rcu", "published_config", [{"read_percent": p} for p in (90, 99)], RCUS, threads
    yield "apparatus", "empty", [{}], EMPTY, threads


def metric(rng, value, unit, spread, top=None, digits=4):
    """A metric object: median and extremes of REPETITIONS noisy samples around `value`."""
    if value is None:
        return {"value": None, "unit": unit, "ci_low": None, "ci_high": None, "samples": [None] * REPETITIONS}
    samples = [value * math.exp(rng.gauss(0, spread)) for _ in range(REPETITIONS)]
    if top is not None:
        samples = [min(top, s) for s in samples]
    samples = [float(f"{s:.{digits}g}") for s in samples]
    ordered = sorted(samples)
    return {"value": ordered[REPETITIONS // 2], "unit": unit, "ci_low": ordered[0], "ci_high": ordered[-1],
            "samples": samples}


def cell(rng, family, workload, params, row, threads):
    name, baseline, _, _, waiting, _, alone, added, over, jain, handoff = row
    oversubscribed = threads > CPUS
    caveats, details = [], {}
    if oversubscribed:
        caveats.append("oversubscribed")
        details["oversubscribed"] = f"{threads} threads on {CPUS} CPUs"
    running = min(threads, CPUS)
    inside = float(params.get("inside_ns", 0))
    outside = float(params.get("outside_ns", 0)) * threads
    writes = 1 - float(params.get("read_percent", 50 if family == "rwlock" else 100)) / 100
    cost = alone + inside + outside / running
    if added >= 0:
        cost += added * (running - 1) ** 0.8
    else:  # scales with the threads, less so with writes
        cost = alone / running * (1 + (alone * running / (alone * running + 40) + 6 * writes) * (running - 1) / 2)
        cost *= 1 + (added + alone * 0.22) / alone
    if family == "lock" and name == "no_lock":
        cost = (alone + inside + outside) / running
    cost *= {"data_line": 1.35, "pointer": 1.12}.get(params.get("placement"), 1)
    cost *= 1 / (1 + math.log2(params.get("burst", 1)) / 9)
    if oversubscribed and over is None:
        caveats.append("skipped")
        details["skipped"] = f"{name} hands over in order and spins: with more threads than CPUs it would not end"
        missing = True
    else:
        missing = False
        cost *= over if oversubscribed else 1
    spread = 0.008 + 0.02 * (running > 1) + 0.06 * oversubscribed
    if rng.random() < 0.04 and not missing:
        caveats.append("noisy")
        spread *= 4
    if rng.random() < 0.03 and threads > 1 and not oversubscribed:
        caveats.append("low_overlap")
    jain_here = 1 - (1 - jain) * (running - 1) / (CPUS - 1)
    rate = None if missing else 1e9 / cost
    contended = inside + alone + abs(added) * (running - 1)
    p50 = None if missing or family in ("atomic", "counter", "apparatus") else alone + 0.6 * contended * (running - 1)
    tail = 3 + 60 * (1 - jain_here) + (3000 if waiting == "park" else 900) * oversubscribed
    burned = None if missing else cost * running * (1.0 if waiting in ("spin", "none", "retry") else 0.8)
    metrics = {
        "throughput": metric(rng, rate, "1/s", spread),
        "ns_per_op": metric(rng, None if missing else cost, "ns", spread),
        "ns_per_op_thread": metric(rng, None if missing else cost * threads, "ns", spread),
        "cpu_ns_per_op": metric(rng, burned, "ns", spread),
        "jain_fairness": metric(rng, None if missing else jain_here, "1", 0.004, top=1.0),
        "overlap": metric(rng, None if missing else (0.5 if oversubscribed else 0.995), "1", 0.003, top=1.0),
        "involuntary_switches": metric(rng, None if missing else (800.0 if oversubscribed else 3.0), "1/s", 0.2),
    }
    if p50 is not None or missing:
        for key, factor in (("latency_p50", 1), ("latency_p99", tail), ("latency_p999", tail * 6),
                            ("latency_max", tail * 300)):
            metrics[key] = metric(rng, None if missing else p50 * factor, "ns", spread * 2)
    if handoff is not None and threads > 1:
        metrics["self_handoff"] = metric(rng, None if missing else handoff, "1", 0.02, top=1.0)
    label = "/".join([workload, name] + [f"{k}:{v}" for k, v in params.items()] + [f"threads:{threads}"])
    operations = [0] * threads if missing else [int((rate or 0) * 0.05 / threads)] * threads
    return {"lens": "time", "family": family, "name": label, "workload": workload, "primitive": name,
            "baseline": baseline, "params": params, "threads": threads, "placement": "compact", "metrics": metrics,
            "per_thread": None if missing else {
                "role": ["worker"] * threads, "cpu": [i % CPUS for i in range(threads)],
                "operations": operations, "failed": [0] * threads},
            "caveats": caveats, "details": details}


def matrix(rng, scale):
    def one_way(a, b):
        return None if a == b else round((22 if a // 2 == b // 2 else 61) * scale * math.exp(rng.gauss(0, 0.04)), 1)

    return [[one_way(a, b) for b in range(CPUS)] for a in range(CPUS)]


def record(plan, seed=20240229):
    """A whole record of `plan`, which yields (family, workload, list of params, primitives, thread counts)."""
    rng = random.Random(seed)
    cells, described, listed = [], [], {}
    for family, workload, all_params, rows, threads in plan:
        if (family, workload) not in described:
            described.append((family, workload))
        for row in rows:
            listed.setdefault((family, row[0]), (row, []))[1].append(workload)
        for params in all_params:
            for row in rows:
                cells += [cell(rng, family, workload, params, row, n) for n in threads]
    # One cell of each way to have no number, beside the skipped ones.
    for chosen, caveat, why in ((-4, "crashed", "the worker ended with signal 11"), (-6, "timeout", "no end in 10 s")):
        for entry in cells[chosen]["metrics"].values():
            entry.update(value=None, ci_low=None, ci_high=None, samples=[None] * REPETITIONS)
        cells[chosen].update(per_thread=None, caveats=[caveat], details={caveat: why})
    catalogue = []
    order = {family: [row[0] for row in rows] for family, rows in FAMILIES.items()}
    for (family, name), (row, workloads) in sorted(
            listed.items(), key=lambda item: (list(FAMILIES).index(item[0][0]), order[item[0][0]].index(item[0][1]))):
        facts = {"summary": f"synthetic entry {name}", "admission": row[3], "waiting": row[4], "progress": row[5],
                 "rung": row[2], "source": ""}
        if family == "atomic" and name != "mutex_integer":
            facts["group"] = GROUPS.get(name, "add")
        elif family == "atomic":
            facts["group"] = "add"
        catalogue.append({"family": family, "primitive": name, "baseline": row[1], "facts": facts,
                          "workloads": list(dict.fromkeys(workloads))})
    claims = [dict(zip(("id", "statement", "family", "workload", "metric", "better", "worse", "params",
                        "better_params", "worse_params", "min_threads", "at_least"), claim), source="synthetic")
              for claim in CLAIMS]
    return {
        "schema_version": 1,
        "run": {"id": "20240229T120000Z-synthetic-0000000", "started": "2024-02-29T12:00:00Z",
                "finished": "2024-02-29T12:04:31Z", "complete": True, "profile": "quick",
                "sampling_rule": "synthetic: made by make_record.py, nothing was measured", "commit": "0000000",
                "dirty": False, "version": "0.1.0", "compiler": "none 0.0", "flags": "-O2",
                "command_line": ["contend", "bench", "--profile", "quick"], "repetitions": REPETITIONS,
                "window_ms": 20.0, "latency_window_ms": 10.0, "confidence": 0.9375, "placement": "compact"},
        "environment": {
            "cpu": {"model": "Synthetic CPU of four cores", "family": 0, "microcode": None, "governor": None},
            "topology": {"available_cpus": list(range(CPUS)), "sockets": 1, "smt": None},
            "system": {"host": "synthetic", "kernel": "none", "hypervisor": "none", "clock_source": "none",
                       "perf_event_paranoid": 2},
            "load": {"start": 0.1, "end": 3.9, "steal": 0.0},
            "libraries": {"libc": "none"},
            "core_to_core": {"cpus": list(range(CPUS)), "start_ns": matrix(rng, 1), "end_ns": matrix(rng, 1.24)},
            "caveats": ["virtual_machine", "topology_drift"],
            "details": {"topology_drift": "the median pair took 24 % longer at the end than at the start"}},
        "catalogue": catalogue,
        "workloads": [dict(zip(("family", "workload", "question", "operation", "contends_on", "reference"),
                               (*key, *WORKLOADS[key])),
                           follows_threads=["producers", "consumers"] if key[0] == "queue" else [])
                      for key in described],
        "claims": claims,
        "cells": cells,
    }


def main():
    plans = {"small": small_plan, "large": large_plan}
    if len(sys.argv) != 2 or sys.argv[1] not in plans:
        sys.exit("usage: make_record.py small|large")
    json.dump(record(plans[sys.argv[1]]()), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
