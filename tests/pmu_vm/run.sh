#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs guest.cpp on an emulated arm64 machine (QEMU, counted instructions): hardware counters that count exactly,
# on any host. Once with a PMU, once without. Exits 0 if every check passed, 1 if one failed, 2 if it could not be run.
# usage: tests/pmu_vm/run.sh            Files are kept under build/pmu_vm; the kernel is fetched once.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
work=${CONTEND_BUILD_DIR:-build}/pmu_vm
limit=120 # seconds for a boot with all checks; it takes about 5

give_up() {
  echo "pmu_vm: $1" >&2
  exit 2
}

for tool in qemu-system-aarch64:qemu-system-arm aarch64-linux-gnu-g++:g++-aarch64-linux-gnu cpio:cpio \
  dpkg-deb:dpkg apt-get:apt cmake:cmake; do
  command -v "${tool%%:*}" >/dev/null || give_up "${tool%%:*} is missing; install ${tool##*:} (apt-get install ${tool##*:})"
done
mkdir -p "$work" || give_up "cannot make the directory '$work'"
work=$(cd "$work" && pwd)

# Debian's arm64 kernel, and libpfm4 with Arm's tables, which no other architecture's has: through an apt root of our
# own, from the machine's own mirror, and nothing of it is installed.
fetch() {
  local root=$work/apt package
  mkdir -p "$root"/{lists/partial,cache/archives/partial,parts} && : >"$root/status" || return
  cp /etc/apt/sources.list.d/*.sources "$root/parts/" 2>/dev/null
  [[ -s /etc/apt/sources.list ]] && cp /etc/apt/sources.list "$root/parts/debian.list"
  cat >"$root/apt.conf" <<END
APT::Architecture "arm64"; APT::Architectures { "arm64"; };
Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "$root/parts"; Dir::State "$root";
Dir::State::Lists "$root/lists"; Dir::State::status "$root/status"; Dir::Cache "$root/cache";
APT::Sandbox::User "root"; Acquire::Languages "none";
END
  APT_CONFIG=$root/apt.conf apt-get -qq update || return
  package=$(APT_CONFIG=$root/apt.conf apt-cache depends linux-image-cloud-arm64 | awk '/Depends/ {print $2; exit}')
  [[ -n $package ]] || return
  (cd "$root" && APT_CONFIG=$root/apt.conf apt-get -qq download "$package") || return
  dpkg-deb --fsys-tarfile "$root/$package"_*.deb | tar -xO --wildcards './boot/vmlinuz-*' >"$work/Image.new" || return
  [[ -s $work/Image.new ]] || return
  (cd "$root" && APT_CONFIG=$root/apt.conf apt-get -qq download libpfm4-dev) || return
  dpkg-deb -x "$root"/libpfm4-dev_*.deb "$work/arm64" || return
  mv "$work/Image.new" "$work/Image" && rm -r "$root"
}
pfm=$work/arm64/usr/lib/aarch64-linux-gnu/libpfm.a
if [[ ! -s $work/Image || ! -s $pfm ]]; then
  echo "pmu_vm: fetching Debian's arm64 kernel and libpfm4 …"
  for pause in 5 20 0; do # a mirror may be busy
    fetch >"$work/fetch.log" 2>&1 && break
    sleep "$pause"
  done
  [[ -s $work/Image && -s $pfm ]] ||
    give_up "cannot fetch Debian's packages linux-image-cloud-arm64 and libpfm4-dev for arm64: $(tail -n 1 "$work/fetch.log")"
fi

# The instrument, the thread team and the checks, for arm64 and without any library, as they need none; libpfm4 is there
# to be compared with.
cmake -D FROM=perf/counters/events.tsv -D TO="$work/events.inc" -P perf/counters/embed.cmake || give_up "cannot embed events.tsv"
aarch64-linux-gnu-g++ -std=c++20 -O2 -Wall -Wextra -Wpedantic -Wno-psabi -Werror -static -pthread -I . -I benchmarks -I "$work" \
  -isystem "$work/arm64/usr/include" perf/counters/*.cpp benchmarks/trial.cpp tests/pmu_vm/guest.cpp "$pfm" \
  -o "$work/guest" || give_up "the guest program does not build"

root=$work/root
rm -rf "$root"
{ mkdir -p "$root/dev" && cp "$work/guest" "$root/init"; } || give_up "cannot make the guest's files"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -1n) >"$work/initrd.gz" || give_up "cannot pack the guest's files"

boot() { # NAME CPU ARGUMENT…
  local log=$work/$1.log
  timeout "$limit" qemu-system-aarch64 -M virt,dtb-randomness=off -cpu "$2" -smp 1 -icount shift=0,sleep=off \
    -rtc base=2024-01-01T00:00:00,clock=vm -m 512 -display none -nodefaults -serial stdio -no-reboot \
    -kernel "$work/Image" -initrd "$work/initrd.gz" \
    -append "console=ttyAMA0 quiet panic=-1 nokaslr norandmaps -- ${*:3}" </dev/null 2>"$log.qemu" | tr -d '\r' >"$log"
  grep -E '^(ok|FAILED|CHECKS|emulated) ' "$log"
  if ! grep -q '^CHECKS ' "$log"; then
    tail -n 15 "$log" "$log.qemu" >&2
    give_up "the $1 machine did not come to the end of its checks within $limit s"
  fi
  grep -q '^CHECKS [0-9]* passed, 0 failed$' "$log"
}

status=0
echo "== pmu_vm: a machine with a PMU"
boot with-pmu neoverse-n1 || status=1
echo "== pmu_vm: a machine without one"
boot without-pmu cortex-a57,pmu=off no-pmu || status=1
exit $status
