#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the first Python 3 that can import all the modules named; exit 1 if none can. CONTEND_PYTHON is tried first.
set -u

shopt -s nullglob
imports="import sys; assert sys.version_info >= (3, 9)"
for module in "$@"; do imports+="; import $module"; done

seen=" "
IFS=: read -ra path_folders <<<"${PATH-}"
candidates=("${CONTEND_PYTHON-}")
for folder in "${path_folders[@]}"; do candidates+=("$folder/python3"); done
candidates+=(/usr/bin/python3 /usr/local/bin/python3)
for folder in "${path_folders[@]}" /usr/bin /usr/local/bin; do
  candidates+=("$folder"/python3.[0-9] "$folder"/python3.[0-9][0-9])
done
for candidate in "${candidates[@]}"; do
  [[ -n $candidate && -x $candidate && $seen != *" $candidate "* ]] || continue
  seen+="$candidate "
  if "$candidate" -c "$imports" >/dev/null 2>&1; then
    printf '%s\n' "$candidate"
    exit 0
  fi
done
exit 1
