#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sees to it that the packages of the groups named (see packages.txt) are installed: setup.sh GROUP…
#
# Missing ones are shown as one apt line. On a terminal it asks; without one (CI set, or no terminal) it goes ahead
# where it may: as root, or with a sudo that wants no password. Everywhere else it stops with the line and exit 2.
# CONTEND_NO_INSTALL=1 forbids installing. `setup.sh --list GROUP…` prints the packages and does nothing.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lock_timeout=300 # seconds that another apt may hold its locks
apt_lists=${CONTEND_APT_LISTS-/var/lib/apt/lists}

say() { printf 'setup: %s\n' "$*" >&2; }

read_packages() { # GROUP… -> packages[], proof_of[package]
  packages=()
  declare -gA proof_of=()
  local group package proof
  while read -r group package proof; do
    [[ -n $package && $group != \#* && " $* " == *" $group "* ]] || continue
    packages+=("$package")
    proof_of[$package]=$proof
  done <"$here/packages.txt"
  if ((${#packages[@]} == 0)); then
    say "no such group of packages: $*"
    exit 2
  fi
}

there_in_another_way() { # PACKAGE: proved by a command or by a Python module
  local proof=${proof_of[$1]} name names
  case $proof in
    command:*)
      IFS=, read -ra names <<<"${proof#command:}"
      for name in "${names[@]}"; do
        command -v "$name" >/dev/null 2>&1 && return 0
      done
      ;;
    python:*) [[ -n $python ]] && return 0 ;;
  esac
  return 1
}

find_missing() { # -> missing[]
  local installed=" " package status modules=() unproved=()
  missing=()
  if ((debian)); then
    while read -r package status; do
      [[ $status == ii* ]] && installed+="$package "
    done < <(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null)
  fi
  for package in "${packages[@]}"; do
    [[ $installed == *" $package "* ]] && continue
    unproved+=("$package")
    # Elsewhere than on Debian cmake looks for libraries and modules; only the commands are looked for here.
    [[ ${proof_of[$package]} == python:* ]] && modules+=("${proof_of[$package]#python:}")
  done
  python=
  if ((${#modules[@]} && debian)); then # one interpreter must have them all, so all are asked of it
    for package in "${packages[@]}"; do
      [[ ${proof_of[$package]} == python:* ]] && modules+=("${proof_of[$package]#python:}")
    done
    python=$("$BASH" "$here/find_python.sh" "${modules[@]}")
  fi
  ((${#unproved[@]})) || return 0
  for package in "${unproved[@]}"; do
    ((debian)) || [[ ${proof_of[$package]} == command:* ]] || continue
    there_in_another_way "$package" || missing+=("$package")
  done
}

as_root() { "${rights[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

apt() { # ARGUMENT…: as root, and waits where another apt holds a lock (the option covers dpkg's, not the lists')
  local until=$((SECONDS + lock_timeout)) rc
  while true; do
    as_root apt-get -q -o DPkg::Lock::Timeout="$lock_timeout" -o Acquire::Retries=3 "$@" </dev/null 2>&1 |
      tee "$log" | sed -un 's/^\(Need to get\|Fetched\) /setup: &/p' >&2
    rc=${PIPESTATUS[0]}
    if ((rc == 0)) || ! grep -q 'Could not get lock' "$log" || ((SECONDS >= until)); then return "$rc"; fi
    sleep 5
  done
}

lists_are_fresh() { [[ -n $(find "$apt_lists" -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1) ]]; }

install_missing() {
  local start=$SECONDS updated=0
  log=$(mktemp) || exit 2
  trap 'rm -f "$log"' EXIT
  say "installing ${#missing[@]} packages …"
  if ! lists_are_fresh; then
    apt update || say "apt-get update failed, trying with the lists there are"
    updated=1
  fi
  if ! apt install -y --no-install-recommends "${missing[@]}"; then
    # Lists of yesterday name packages that the mirror has replaced since.
    if ((updated)) || ! apt update || ! apt install -y --no-install-recommends "${missing[@]}"; then
      tail -n 20 "$log" >&2
      say "apt-get failed; this is the line to run by hand:"
      printf '  %s\n' "$line" >&2
      exit 2
    fi
  fi
  find_missing
  if ((${#missing[@]})); then
    say "apt-get succeeded, and yet these are missing: ${missing[*]}"
    exit 2
  fi
  say "installed in $((SECONDS - start)) s"
}

debian=0
command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && debian=1

if [[ ${1-} == --list ]]; then
  shift
  read_packages "$@"
  printf '%s\n' "${packages[@]}"
  exit 0
fi
read_packages "$@"
find_missing
((${#missing[@]})) || exit 0

if ((!debian)); then
  say "not found: ${missing[*]} (Debian's names). This system has no apt: install them with its own package manager."
  exit 2
fi

rights=()
prefix=
may=yes
if [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null 2>&1 && prefix="sudo "
  if [[ -z $prefix ]]; then
    may=no
  elif sudo -n true >/dev/null 2>&1; then
    rights=(sudo -n)
  else
    may=password
    rights=(sudo)
  fi
fi
line="${prefix}apt-get install --no-install-recommends ${missing[*]}"
lists_are_fresh || line="${prefix}apt-get update && $line"
say "missing packages: ${#missing[@]}. This line installs them:"
printf '  %s\n' "$line" >&2

terminal=0
[[ -t 0 && -t 2 && -z ${CI-} ]] && terminal=1
if [[ -n ${CONTEND_NO_INSTALL-} && ${CONTEND_NO_INSTALL-} != 0 ]]; then
  say "stopped: CONTEND_NO_INSTALL forbids installing"
  exit 2
elif [[ $may == no ]]; then
  say "stopped: neither root nor sudo here; run the line as root"
  exit 2
elif ((terminal)); then
  read -r -p "setup: run it now? [Y/n] " answer || answer=n
  case $answer in
    "" | [yY] | [yY][eE][sS]) ;;
    *)
      say "stopped: nothing was installed"
      exit 2
      ;;
  esac
elif [[ $may == password ]]; then
  say "stopped: sudo wants a password and there is no terminal to ask on"
  exit 2
fi
install_missing
