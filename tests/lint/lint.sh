#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Layout and lint of what is in the tree: C++ by clang-format, scripts by shellcheck, YAML by yamllint.
# The lints written in Python are ctest entries with the label lint.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
rc=0

list() { # PATTERN…: the tree's files, with git or without
  git ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null || {
    local names=() pattern
    for pattern in "$@"; do names+=(-o -path "./*$pattern"); done
    find . -path ./build -prune -o -type f \( "${names[@]:1}" \) -print
  }
}

lint() { # TOOL PATTERN… -- ARGUMENT…
  local tool=$1 patterns=() files
  shift
  while [[ $1 != -- ]]; do
    patterns+=("$1")
    shift
  done
  shift
  mapfile -t files < <(list "${patterns[@]}")
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "== lint: $tool is not installed; ${#files[@]} files were not looked at"
  elif "$tool" "$@" "${files[@]}"; then
    echo "== lint: $tool is content with ${#files[@]} files"
  else
    rc=1
  fi
}

lint clang-format '*.hpp' '*.cpp' -- --dry-run -Werror
lint shellcheck '*.sh' '.ci/run' '.ci/gate' --
lint yamllint '*.yml' '*.yaml' '.yamllint' -- --strict
exit $rc
