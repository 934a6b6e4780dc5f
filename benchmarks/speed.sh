#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How fast the apparatus itself is: the measuring loop, the peers' adapters, simulated threads, the start of the
# program, the report.
# Numbers, no verdict.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=${1:-build/release/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/contend" bench --workload empty --repetitions 9 --lens time --results "$work" --no-report --quiet >/dev/null
python3 - "$work/latest/results.json" <<'PY'
import json, sys
for cell in json.load(open(sys.argv[1]))["cells"]:
    value = cell["metrics"]["cpu_ns_per_op"]["value"]
    print(f"empty step, {cell['threads']:>3} threads: {value:.2f} ns per operation per thread (goal 1)")
PY

# The same cells with counters on and off, in one run: the events need no PMU, a group is opened all the same.
"$bin/contend" bench --workload critical_section --primitive no_lock,std_mutex,mcs --threads 1,2 --repetitions 15 \
  --filter 'inside_ns:100' --events perf::PERF_COUNT_SW_TASK_CLOCK,page_faults,context_switches --results "$work" --no-report --quiet \
  >/dev/null
python3 - "$work/latest/results.json" <<'PY'
import json, statistics, sys
cells = {}
for cell in json.load(open(sys.argv[1]))["cells"]:
    cells.setdefault(cell["name"], {})[cell["lens"]] = cell["metrics"]["ns_per_op"]["samples"]
for name, by in cells.items():
    ratios = [on / off for on, off in zip(by["counters"], by["time"]) if on and off]
    print(f"counters on ÷ off, {name}: {statistics.median(ratios):.3f} "
          f"(quartiles {statistics.quantiles(ratios)[0]:.3f} to {statistics.quantiles(ratios)[2]:.3f}; goal 1.02)")
PY

"$bin/contend-peers-direct"

if [[ -x $bin/contend-simulation-speed ]]; then # not in builds with sanitizers
  "$bin/contend-simulation-speed" --benchmark_min_time=0.2 --benchmark_out="$work/simulation.json" >/dev/null 2>&1
  python3 - "$work/simulation.json" <<'PY'
import json, sys
goals = {4: 30, 128: 60}
for one in json.load(open(sys.argv[1]))["benchmarks"]:
    name = one["name"].split("/manual_time")[0].split("/iterations")[0]
    threads = int(name.rsplit(":", 1)[1])
    if "ns_per_access" in one:
        goal = f" (goal {goals[threads]})" if threads in goals else ""
        print(f"simulated, {name}: {one['ns_per_access']:.1f} ns per access{goal}, "
              f"{one['ns_per_access_or_pause']:.1f} per access or pause")
    else:
        print(f"simulated, {name}: {one['bytes_per_line']:.0f} bytes per touched line (goal 200)")
PY
  start=$EPOCHREALTIME
  cells=$("$bin/contend" simulate --machine zen4 --results "$work" --no-report --quiet | sed -n 's/ cells simulated.*//p')
  echo "contend simulate: $cells cells in $(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 1000000)) s (goal 60)"
fi

start=$EPOCHREALTIME
for _ in 1 2 3 4 5 6 7 8 9 10; do "$bin/contend" --help >/dev/null; done
echo "contend --help: $(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 10000)) ms (goal 50)"

"$bin/contend" bench --results "$work" --threads 1,2,3,4,5 --repetitions 3 --window-ms 1 --latency-window-ms 1 \
  --no-report --quiet >/dev/null
cells=$(grep -c '"lens":"time"' "$work/latest/results.json")
start=$EPOCHREALTIME
"$bin/contend" report "$work/latest" --quiet
ms=$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 1000))
echo "report of $cells cells: $ms ms (goal 20000 for 500)," \
  "$(($(stat -c %s "$work/latest/report.html") / 1000)) kB (goal 3000)"
