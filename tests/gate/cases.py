# SPDX-License-Identifier: MIT
"""Gate runs with known answers, made from seeds: what each test, and a look at the page, starts from."""
import math

import numpy as np
from gate.design import Plan
from gate.model import Exact, Key, Measured, Pairs, Side, Skipped

BASE = Side("origin/main", "0123456789abcdef", False, None, "GNU 12.2.0", "-O2 -falign-functions=64")
HEAD = Side("HEAD", "fedcba9876543210", True, None, "GNU 12.2.0", "-O2 -falign-functions=64")
UNITS = {"line_transfers_per_op": "1", "ns_per_op": "ns", "false_sharing_per_op": "1", "spins_per_op": "1"}


def key(i, lens="time", family="lock"):
    primitive = ("ticket_lock", "mcs_lock", "std_mutex", "ttas_lock", "clh_lock")[i % 5]
    return Key(lens, family, f"critical_section/{primitive}/inside_ns:{i}/threads:{1 + i % 3}", "compact")


def pairs(i, rng, shift=0.0, sd=0.02, first=10, fresh=40, **more):
    """A cell whose head is slower by `shift` (a log ratio)."""
    n = first + fresh
    d = shift + rng.normal(0, sd, n)
    base = 40 * (1 + i % 7) * np.exp(rng.normal(0, 0.1, n))
    return Pairs(more.pop("key", key(i)), tuple(base), tuple(base * np.exp(d)), (1,) * first + (2,) * fresh,
                 tuple(bool(b) for b in rng.random(n) < 0.5), **more)


def gate(cells=(), seed=1, control=12, exact=(), skipped=(), **more):
    """A gate run of `cells`, each (shift, sd); with a clean control and a plan for its timed cells."""
    rng = np.random.default_rng(seed)
    timed = tuple(pairs(i, rng, shift, sd) for i, (shift, sd) in enumerate(cells))
    controls = tuple(pairs(i, rng, 0.0, 0.02) for i in range(control))
    measured = Measured("gate", BASE, HEAD, timed, controls, tuple(exact), tuple(skipped),
                        {"cpu": {"model": "Synthetic CPU"}, "topology": {"available_cpus": [0, 1, 2, 3]}},
                        ("contend", "gate", "--base", "origin/main", "--max-slowdown", "10%"),
                        "2026-11-21T08:00:00Z", "2026-11-21T08:09:00Z", **more)
    return measured, Plan(cells=max(1, len(timed)))


def simulated(i, base, head):
    """A simulated cell from (line transfers, ns) on both sides."""
    names = ("line_transfers_per_op", "ns_per_op")
    return Exact(key(i, "coherence", "counter"), dict(zip(names, base)), dict(zip(names, head)), UNITS)


def everything(seed=1):
    """A run that has a cell of every kind."""
    cells = [(0.0, 0.01), (0.002, 0.03), (math.log(1.28), 0.06), (math.log(1.1), 0.03), (math.log(0.8), 0.04),
             (0.06, 0.3), (-0.004, 0.02), (0.0, 0.05), (0.0, 0.015)]
    exact = [simulated(0, (0.0, 3.4), (1.97, 45.2)), simulated(1, (1.0, 20.0), (1.0, 20.0)),
             simulated(2, (1.0, 20.0), (1.0, 20.1)), simulated(3, (4.0, 80.0), (3.0, 60.0))]
    skipped = [Skipped(key(90), "oversubscribed"), Skipped(key(91), "new"), Skipped(key(92), "removed"),
               Skipped(key(93), "benchmark_changed", "Parameters differ: inside_ns."),
               Skipped(key(94), "timeout", "The base failed in 10 of 10 pairs.")]
    return gate(cells, seed, exact=exact, skipped=skipped, notes=("The tree of the head has uncommitted changes.",))
