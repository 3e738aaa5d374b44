#!/usr/bin/env bash
# Unpacks the libraries that an arm64 Debian would have into a folder: cmake/aarch64/sysroot.sh FOLDER PACKAGES…
# apt works out what they depend on with a state of its own, so nothing is installed, no architecture is added to this
# system, and its own development packages stay. Needs no root. Does nothing when the folder has these packages already.
set -euo pipefail

folder=$(realpath -m "$1")
shift
stamp=$folder/.packages
if [[ -f $stamp && $(<"$stamp") == "$*" ]]; then exit 0; fi

state=$folder.apt
rm -rf "$folder" "$state"
mkdir -p "$folder/usr/lib" "$state/lists/partial" "$state/cache/archives/partial"
: >"$state/status"
apt() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
    -o "APT::Sandbox::User=$(id -un)" -o "Dir::State=$state" -o "Dir::State::status=$state/status" \
    -o "Dir::Cache=$state/cache" -o Debug::NoLocking=true "$@"
}
# Other people's archives among the system's sources may have no arm64; what matters is whether the packages are found.
apt update >"$state/log" 2>&1 || true
apt install -y --download-only "$@" >>"$state/log" 2>&1 || {
  cat "$state/log" >&2
  exit 1
}

# As in Debian's own file systems /lib is usr/lib; tar keeps the link where dpkg -x would put a folder in its place.
ln -s usr/lib "$folder/lib"
for package in "$state"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --no-same-owner --keep-directory-symlink -C "$folder"
done
# Links meant for the root of a system lead out of the folder.
find "$folder" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
  ln -sfn "$(realpath -ms --relative-to="$(dirname "$link")" "$folder$(readlink "$link")")" "$link"
done
rm -rf "$state"
printf '%s' "$*" >"$stamp"
