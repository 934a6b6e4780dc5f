#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Configures, builds and tests one kind of build in build/KIND, and says what each step took:
#   build.sh KIND programs                    the two programs, without tests
#   build.sh KIND gate                        the program contend alone; the gate builds what it compares itself
#   build.sh KIND speed                       these and those that `make speed` needs besides
#   build.sh KIND test [CTEST ARGUMENT…]      everything, then ctest
#   build.sh KIND simulation                  the programs and the tests with simulated threads, then these tests
# Kinds: release, asan (address and undefined behaviour), tsan (data races), clang.
# The whole output of a step is in build/KIND/STEP.log. CONTEND_JOBS overrides the number of parallel jobs, CONTEND_PEERS
# (ON, OFF or a list) whether other people's primitives are built.
set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES # the make that called us has a job server of its own
kind=${1-}
what=${2-}
shift 2 || exit 2
folder=build/$kind

case $kind in
  release) flags=(-D CMAKE_BUILD_TYPE=Release) ;;
  # Without other people's primitives: it is not their memory that is watched here, and they double the build.
  # By clang, which compiles this in two thirds of g++'s time, so that both compilers see everything in CI; with two
  # sanitizers -O1 takes twice as long as -O0, and the tests are short.
  asan) flags=(-D CMAKE_BUILD_TYPE=RelWithDebInfo -D "CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0 -g1" -D CMAKE_CXX_COMPILER=clang++
    -D "CONTEND_SANITIZE=address,undefined" -D CONTEND_PEERS=OFF) ;;
  tsan) flags=(-D CMAKE_BUILD_TYPE=RelWithDebInfo -D "CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1"
    -D CONTEND_SANITIZE=thread -D CONTEND_PEERS=OFF) ;;
  # The second compiler is there for its warnings and its code for the tests, not for speed.
  clang) flags=(-D CMAKE_BUILD_TYPE=Release -D "CMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG" -D CMAKE_CXX_COMPILER=clang++) ;;
  *)
    echo "build: no such kind of build: '$kind' (release, asan, tsan, clang)" >&2
    exit 2
    ;;
esac
[[ -n ${CONTEND_PEERS-} ]] && flags+=(-D "CONTEND_PEERS=$CONTEND_PEERS")

jobs() { # as many as there are processors, and no more than 1.5 GB of free memory each allow
  local processors memory_kb limit used
  processors=$(nproc)
  memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null)
  used=$(cat /sys/fs/cgroup/memory.current 2>/dev/null)
  if [[ $limit =~ ^[0-9]+$ && $used =~ ^[0-9]+$ ]] && (((limit - used) / 1024 < memory_kb)); then
    memory_kb=$(((limit - used) / 1024))
  fi
  local by_memory=$((memory_kb / 1500000))
  ((by_memory < 1)) && by_memory=1
  echo $((by_memory < processors ? by_memory : processors))
}
jobs=${CONTEND_JOBS:-$(jobs)}

alive() { # NAME LOG: a sign of life every half minute, from the log's last line
  local start=$SECONDS
  while ! read -rt 30 && kill -0 $$ 2>/dev/null; do # read, not sleep: no child stays behind
    printf '   %s %s, %d s: %s\n' "$1" "$kind" $((SECONDS - start)) "$(tail -n 1 "$2" | cut -c 1-100)"
  done <> <(:)
}

step() { # NAME COMMAND…: on a terminal its output is seen, elsewhere only that of a step that failed
  local name=$1 rc start=$EPOCHREALTIME
  shift
  local log=$folder/$name.log
  mkdir -p "$folder"
  if [[ -t 1 ]]; then
    printf '== %s %s: in %s\n' "$name" "$kind" "$folder"
    "$@"
    rc=$?
  else
    : >"$log"
    alive "$name" "$log" &
    local watcher=$!
    "$@" >"$log" 2>&1
    rc=$?
    kill "$watcher"
    wait "$watcher" 2>/dev/null
    ((rc == 0)) || tail -n 60 "$log"
  fi
  local us=$((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
  printf '== %s %s: %s in %d.%d s\n' "$name" "$kind" "$( ((rc == 0)) && echo "done" || echo "FAILED (exit $rc)")" \
    $((us / 1000000)) $((us / 100000 % 10))
  if ((rc)); then
    if [[ $name == configure ]]; then
      echo "   contend needs, by Debian's names: $(cmake/setup.sh --list build test | tr '\n' ' ')"
    fi
    [[ -t 1 ]] || echo "   the whole output is in $log"
    exit 1
  elif [[ $name == configure && ! -t 1 ]]; then
    sed -n 's/^-- \(Peers: .*\)/   \1/p' "$log"
  fi
}

tests=OFF
[[ $what == test || $what == simulation || $(grep -s '^CONTEND_BUILD_TESTS:' "$folder/CMakeCache.txt") == *=ON ]] && tests=ON
generator=()
[[ ! -e $folder/CMakeCache.txt ]] && command -v ninja >/dev/null 2>&1 && generator=(-G Ninja)
step configure cmake -S . -B "$folder" "${generator[@]}" "${flags[@]}" -D CONTEND_BUILD_TESTS=$tests

case $what in
  programs) step build cmake --build "$folder" --parallel "$jobs" --target contend contend-bench ;;
  gate) step build cmake --build "$folder" --parallel "$jobs" --target contend ;;
  speed)
    step build cmake --build "$folder" --parallel "$jobs" --target contend contend-bench contend-peers-direct \
      contend-simulation-speed
    ;;
  test | simulation)
    targets=()
    [[ $what == simulation ]] && targets=(--target contend-bench-simulated simulation_tests) && set -- --label-regex simulation
    step build cmake --build "$folder" --parallel "$jobs" "${targets[@]}"
    # Address randomisation of more bits than the sanitizers of gcc 12 and clang 14 know kills them at the start.
    runner=()
    if [[ $kind == ?san ]] && setarch -R true 2>/dev/null; then
      runner=(setarch -R)
    elif [[ $kind == ?san && $(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null) -gt 28 ]]; then
      echo "   address randomisation cannot be turned off here (a container's seccomp filter?): tests may die at once"
    fi
    start=$SECONDS
    # A test with threads of its own counts for two processors.
    "${runner[@]}" ctest --test-dir "$folder" --output-on-failure --no-tests=error \
      --parallel "$jobs" "$@"
    rc=$?
    printf '== test %s: %s in %d s\n' "$kind" "$( ((rc == 0)) && echo passed || echo FAILED)" $((SECONDS - start))
    exit $((rc ? 1 : 0))
    ;;
  *)
    echo "build: '$what' is none of programs, gate, speed, test, simulation" >&2
    exit 2
    ;;
esac
