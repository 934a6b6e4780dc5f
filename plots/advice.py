# SPDX-License-Identifier: MIT
"""What to do about each caveat, and what the words on the page mean."""
from __future__ import annotations

# The closed set of the record's schema; a test compares the two.
CAVEATS = {
    "no_pmu": "There are no hardware counters here (a virtual machine without them, most often): run on bare metal or "
              "ask for a vPMU if you need counts.",
    "paranoid": "The kernel forbids counting: lower kernel.perf_event_paranoid (2 lets you count your own processes) "
                "and run again.",
    "seccomp": "The container's seccomp filter blocks perf_event_open: allow that system call or run outside.",
    "event_unsupported": "This processor does not have the event: there is no number to be had, which is not zero.",
    "multiplexed": "More events than counters, so the count is scaled up from a part of the time: measure fewer at "
                   "once before you trust small differences.",
    "not_counted": "The event was never on a counter while the cell ran: measure fewer at once.",
    "oversubscribed": "More threads than processors: the scheduler is measured as much as the primitive, so compare "
                      "only with other cells of the same thread count.",
    "skipped": "Not run on purpose, as it would not end in useful time: take another primitive if you cannot rule out "
               "that situation.",
    "timeout": "The cell did not end in its time limit and was killed: expect the same in production under this load.",
    "crashed": "The worker died in this cell: run this one cell under a debugger or sanitizer, it is a bug.",
    "not_applicable": "This pair of workload and primitive makes no sense; the reason is with the cell.",
    "low_overlap": "Not all threads ran at the same time, so contention was lower than asked for: free the machine and "
                   "run again, and read the number as too good.",
    "steal": "The hypervisor gave processor time to others: run again at a quieter time or on a machine of your own.",
    "throttled": "The cgroup's CPU quota stopped the threads for a while: raise the quota or use fewer threads.",
    "topology_drift": "Distances between processors changed during the run (virtual processors move): compare cells "
                      "within this run only, and pin the virtual machine if you can.",
    "virtual_machine": "Measured in a virtual machine: the processors' real distances are unknown and may change; the "
                       "order of primitives carries over better than the numbers.",
    "noisy": "The repetitions differ a lot: look at the interval, not at the value, and measure longer.",
    "partial_run": "The run did not get to its end: run again before you decide by what is missing.",
    "not_validated": "Nothing has checked this number: an event's encoding against a known count on this processor, or "
                     "a simulated machine's predictions against timed runs. Trust shapes and ratios before values.",
    "check_failed": "The workload's check of the result failed, so the number was thrown away: the primitive is broken "
                    "here, report it.",
}

TERMS = {
    "throughput": "Operations that all threads together finish per second. Higher is better, but see fairness: a lock "
                  "that one thread keeps looks fast.",
    "operation": "What one operation is depends on the workload; it is listed with each.",
    "ns_per_op": "Wall-clock time divided by all operations. Times the number of threads it is ns_per_op_thread: how "
                 "long one thread takes for one operation.",
    "cpu_ns_per_op": "Processor time of all threads divided by all operations: what waiting burns. Spinning threads "
                     "burn all of it, parked ones almost none.",
    "latency p50, p99, p99.9": "Waiting for the acquiring part of an operation, from the first attempt to the one that "
                               "succeeds, in trials of their own: half, 99 % and 99.9 % of the waits were shorter.",
    "Jain's index": "Fairness of the shares that the threads got: 1 means equal, 1/n means one thread got everything.",
    "self-handoff": "How often the next owner of a lock is the last one. Near 1 the lock stays where it is: fast, and "
                    "unfair to the others.",
    "overlap": "Share of the timed window in which all threads were really running. Well below 1 the contention was "
               "less than the thread count says.",
    "oversubscribed": "More threads than processors that this process may use. Shaded in the plots and left out of "
                      "claims.",
    "baseline": "The simpler thing that a primitive must beat to be worth its complexity. Dashed in the plots. One "
                "that shares nothing (no_lock) is a ceiling: it shows what is possible and does not compete.",
    "within 10 %": "At least 0.9 times the throughput of the fastest, by medians. Among those the simplest wins: "
                   "lowest rung, then baselines first, then catalogue order.",
    "rung": "Place in the ladder of 'simplest that works': no sharing, atomic, mutex, shared mutex, channel, sharded, "
            "lock-free.",
    "ideal": "Dotted: n threads, each as fast as the fastest one alone, up to the number of processors.",
    "interval": "Order statistics of the median over the repetitions: no assumption about the shape of the noise. With "
                "few repetitions it runs from the smallest to the largest.",
    "paired ratio": "Repetitions of all cells are shuffled over the whole run, so a machine that drifts, drifts for all "
                    "alike. Ratios are taken between repetitions of equal number, which are independent draws; the "
                    "median of those is shown.",
    "confirmed, refuted, inconclusive": "The ratio's whole interval is at or above what the claim demands, all of "
                                        "it is below, or neither. A claim is refuted if it is at any thread count.",
    "core to core": "Time for a cache line written by one processor to be seen by another, one way. Contended "
                    "primitives cost a multiple of it.",
    "simulated": "Predicted by running the same compiled code on simulated cores with a model of cache lines and their "
                 "directory, in virtual time. Counts are exact in that model and the same in every run; times are as "
                 "good as the description of the machine. Hatched everywhere, and never mixed with what was measured.",
    "line transfer": "A cache line that had to come from another core, or from memory after another core gave it up. "
                     "Most of what contention costs is the waiting for it.",
    "invalidation": "A copy of a line that a core lost because another one writes to it.",
    "upgrade": "A write to a line of which this core has a copy for reading: the data need not travel, but all other "
               "copies must go first.",
    "true sharing": "A miss on bytes that another core wrote since this one lost the line: the threads really exchange "
                    "data, and only less sharing helps.",
    "false sharing": "Threads that use different bytes of one cache line fight for it as if for one word. Simulated: a "
                     "miss on bytes that no other core wrote. Padding the data apart ends it.",
}


def advice(caveat: str) -> str:
    """One sentence on what to do about a caveat; for one that this version does not know, that it does not."""
    return CAVEATS.get(caveat, "This version of the report does not know this caveat.")
