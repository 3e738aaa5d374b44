#!/usr/bin/env bash
# The benchmarks, as JSON lines: kernels against the measured peak, then whole pictures by stage in both precisions.
# Run it when nothing else runs. Arguments go to bench_end_to_end: [MODEL_DIR] [REPEATS].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/avatar}
repeats=${2:-5}
if [[ -x build/release/bench_kernels ]]; then build/release/bench_kernels; fi
for dtype in bf16 f32; do build/release/bench_end_to_end "$model" "$repeats" "$dtype"; done
