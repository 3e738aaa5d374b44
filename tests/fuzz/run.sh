#!/usr/bin/env bash
# Runs the fuzz targets, as many at once as there are CPUs, each for SECONDS on its corpus, and tells how many inputs
# each was given.
#   cmake --preset fuzz && cmake --build --preset fuzz && tests/fuzz/run.sh SECONDS [TARGET…]
# The seed is fixed, so that two runs try the same inputs as far as they come. SECONDS 0 is no limit; FUZZ_FLAGS has
# further libFuzzer flags (-runs=10000000), BUILD another build folder, JOBS how many run at once. New inputs are kept in
# BUILD/fuzz/TARGET, one that breaks something in BUILD/fuzz/TARGET.crash-…: put it into the corpus and into a unit test
# with its fix.
set -euo pipefail
export here build seconds
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../../build/fuzz}
[[ $# -ge 1 && $1 =~ ^[0-9]+$ ]] || {
  printf 'usage: tests/fuzz/run.sh SECONDS [TARGET…]\n' >&2
  exit 2
}
seconds=$1
shift
if [[ $# -eq 0 ]]; then
  for file in "$here"/*.cpp; do set -- "$@" "$(basename "$file" .cpp)"; done
fi

# Few bytes of freed memory are kept apart and no stacks of allocations: several times as many inputs, and a crash can
# be run again by itself with everything on.
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=0:${ASAN_OPTIONS:-}

fuzz_one() {
  local target=$1 found=$build/fuzz/$1 state=passed code=0 timed_out=70 slow runs
  mkdir -p "$found"
  # shellcheck disable=SC2086  # flags are words
  "$build/tests/fuzz/fuzz_$target" -seed=1 -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$found." ${FUZZ_FLAGS:-} "$found" "$here/corpus/$target" \
    >"$found.log" 2>&1 || code=$?
  if [[ $code -eq $timed_out ]]; then  # a machine that stood still for a while looks like a slow input
    slow=$(sed -n 's/.*Test unit written to //p' "$found.log" | tail -n 1)
    if "$build/tests/fuzz/fuzz_$target" -timeout=60 "$slow" >>"$found.log" 2>&1; then
      code=0 state="passed (an input took long once, and not by itself: $slow)"
    fi
  fi
  [[ $code -eq 0 ]] || state="FAILED, see $found.log"
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log")
  printf '%-18s %12s inputs  %s\n' "$target" "${runs:-?}" "$state"
  [[ $code -eq 0 ]] || tail -n 60 "$found.log" | cut -c 1-200
  return $code
}
export -f fuzz_one
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 bash -c 'fuzz_one "$1"' run
