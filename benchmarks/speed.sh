#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How fast the apparatus itself is: the measuring loop, the start of the program, the report. Numbers, no verdict.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=${1:-build/release/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/contend" bench --workload empty --repetitions 9 --results "$work" --no-report --quiet >/dev/null
python3 - "$work/latest/results.json" <<'PY'
import json, sys
for cell in json.load(open(sys.argv[1]))["cells"]:
    value = cell["metrics"]["cpu_ns_per_op"]["value"]
    print(f"empty step, {cell['threads']:>3} threads: {value:.2f} ns per operation per thread (goal 1)")
PY

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
