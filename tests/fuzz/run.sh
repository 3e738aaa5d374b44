#!/usr/bin/env bash
# Runs the fuzz targets, each for SECONDS on its corpus, and tells how many inputs each was given.
#   cmake --preset fuzz && cmake --build --preset fuzz && tests/fuzz/run.sh SECONDS [TARGET…]
# BUILD names another build folder, FUZZ_FLAGS further libFuzzer flags. New inputs are kept in BUILD/fuzz/TARGET, an input
# that breaks something in BUILD/fuzz/TARGET.crash-…: put it into a unit test with its fix.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../../build/fuzz}
[[ $# -ge 1 && $1 =~ ^[0-9]+$ ]] || { printf 'usage: tests/fuzz/run.sh SECONDS [TARGET…]\n' >&2; exit 2; }
seconds=$1
shift
if [[ $# -eq 0 ]]; then
  for file in "$here"/*.cpp; do set -- "$@" "$(basename "$file" .cpp)"; done
fi
failed=()
for target in "$@"; do
  found=$build/fuzz/$target
  mkdir -p "$found"
  # shellcheck disable=SC2086  # flags are words
  if "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found." ${FUZZ_FLAGS:-} "$found" "$here/corpus/$target" >"$found.log" 2>&1; then
    state=passed
  else
    state="FAILED, see $found.log"
    failed+=("$target")
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log")
  printf '%-18s %12s inputs  %s\n' "$target" "${runs:-?}" "$state"
done
[[ ${#failed[@]} -eq 0 ]]
