#!/usr/bin/env bash
# lean_onednn.sh FOLDER [JOBS]: this Debian's oneDNN, built from its own source into FOLDER as a static library with what
# the engine calls and nothing else: no engine for GPUs (Debian's library wants OpenCL for it), no ways back, no other
# operations. FOLDER/include and FOLDER/lib/libdnnl.a are what CMake is to be told; what is there is kept.
# The source comes by apt from where this machine's own packages do, or from NEWBIE_DEBIAN_MIRROR, with lists inside FOLDER,
# and is checked by Debian's keys; where no mirror has sources, NEWBIE_ONEDNN_SOURCE names a folder with those of 2.6.3.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
jobs=${2:-$(nproc)}
[[ ! -e $folder/lib/libdnnl.a ]] || exit 0
source=${NEWBIE_ONEDNN_SOURCE:-$folder/source}
if [[ ! -e $source/CMakeLists.txt ]]; then
  here=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  mirror=${NEWBIE_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $here" | sed -n 1p)}
  [[ -n $mirror ]] || { echo "lean_onednn.sh: apt knows no mirror here: NEWBIE_DEBIAN_MIRROR may name one" >&2; exit 1; }
  state=$folder/apt
  mkdir -p "$state"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
  : >"$state/status"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'deb-src [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$here" >"$state/sources"
  options=(-o Dir::Etc="$state/etc" -o Dir::Etc::sourcelist="$state/sources" -o Dir::State="$state" -o Dir::State::lists="$state/lists"
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o APT::Sandbox::User= -o APT::Get::AllowUnauthenticated=false)
  apt-get "${options[@]}" -q update
  (cd "$state" && apt-get "${options[@]}" -q --download-only source onednn)
  mkdir -p "$source"
  tar -xf "$state"/onednn_*.orig.tar.* -C "$source" --strip-components 1
  rm -rf "$state"
fi
cmake -S "$source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$folder" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_FLAGS="-fvisibility=hidden -ffunction-sections -fdata-sections" \
  -DDNNL_LIBRARY_TYPE=STATIC -DDNNL_CPU_RUNTIME=OMP -DDNNL_GPU_RUNTIME=NONE -DDNNL_BUILD_EXAMPLES=OFF -DDNNL_BUILD_TESTS=OFF \
  -DDNNL_ENABLE_JIT_PROFILING=OFF -DDNNL_ENABLE_ITT_TASKS=OFF -DDNNL_ENABLE_WORKLOAD=INFERENCE \
  -DDNNL_ENABLE_PRIMITIVE="CONVOLUTION;INNER_PRODUCT;MATMUL;POOLING;REORDER" >"$folder/configure.log"
cmake --build "$folder/build" --parallel "$jobs" >"$folder/build.log" || { tail -n 40 "$folder/build.log" >&2; exit 1; }
cmake --install "$folder/build" >/dev/null
