#!/usr/bin/env bash
# Runs a program of the aarch64 build in the emulator: cmake/aarch64/run.sh SYSROOT PROGRAM ARGS…
set -euo pipefail
self=$(realpath "${BASH_SOURCE[0]}")
# The program is told this script as its own name. A test that starts itself anew (GoogleTest's death tests) so comes
# back here, with arguments alone, and not to a file that this machine cannot execute.
if [[ -z ${NEWBIE_ARM_PROGRAM:-} ]]; then
  NEWBIE_ARM_SYSROOT=$(realpath "$1")
  NEWBIE_ARM_PROGRAM=$(realpath "$2")
  export NEWBIE_ARM_SYSROOT NEWBIE_ARM_PROGRAM
  shift 2
fi
# The emulator notes something of every mapped page: the 16 TiB stacks which a test asks for, to be refused, would be
# granted and take the machine's memory. (Its own limit, -R, makes it report bus errors at wrong addresses.)
ulimit -v $((16 << 20))
exec qemu-aarch64 -L "$NEWBIE_ARM_SYSROOT" -0 "$self" "$NEWBIE_ARM_PROGRAM" "$@"
