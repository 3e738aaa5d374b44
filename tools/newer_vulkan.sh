#!/usr/bin/env bash
# newer_vulkan.sh FOLDER: a newer Debian's Mesa and glslang, unpacked into FOLDER beside this machine's own, which they do
# not touch. Packages come by apt from where this machine's own do, or from NEWBIE_DEBIAN_MIRROR, with lists and a cache
# inside FOLDER, and are checked by Debian's keys. What is there is kept. Afterwards FOLDER/run PROGRAM… runs a program under
# that release's C library and Mesa's driver for the CPU, FOLDER/glslang is its compiler of shaders, FOLDER/spirv-val its
# validator.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
own_mirror() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" | sed -n 1p
}
packages=(mesa-vulkan-drivers/trixie-backports libvulkan1 glslang-tools spirv-tools libstdc++6)
root=$folder/root
if [[ ! -e $folder/done ]]; then
  mirror=${NEWBIE_DEBIAN_MIRROR:-$(own_mirror)}
  [[ -n $mirror ]] || { echo "newer_vulkan.sh: apt knows no mirror here: NEWBIE_DEBIAN_MIRROR may name one" >&2; exit 1; }
  state=$folder/apt
  mkdir -p "$state"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d} "$root"
  : >"$state/status"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'deb [signed-by=%s] %s %s main\n' "$keys" "$mirror" trixie "$keys" "$mirror" trixie-backports >"$state/sources"
  options=(-o Dir::Etc="$state/etc" -o Dir::Etc::sourcelist="$state/sources" -o Dir::State="$state" -o Dir::State::lists="$state/lists"
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o Dir::Cache::archives="$state/cache/archives"
    -o APT::Sandbox::User= -o APT::Get::AllowUnauthenticated=false)
  apt-get "${options[@]}" -q update
  apt-get "${options[@]}" -q -y --no-install-recommends --download-only install "${packages[@]}"
  for package in "$state"/cache/archives/*.deb; do dpkg -x "$package" "$root"; done
  rm -rf "$state/cache" "$state/lists"
  touch "$folder/done"
fi
libraries=$root/usr/lib/x86_64-linux-gnu
sed "s|\"library_path\": *\"[^\"]*\"|\"library_path\": \"$libraries/libvulkan_lvp.so\"|" \
  "$root"/usr/share/vulkan/icd.d/lvp_icd*.json >"$folder/lvp.json"
runner() {  # runner NAME WORDS…: FOLDER/NAME is a script that runs WORDS with that release's libraries
  local name=$1
  shift
  cat >"$folder/$name" <<SCRIPT
#!/bin/sh
export VK_DRIVER_FILES="$folder/lvp.json" VK_ICD_FILENAMES="$folder/lvp.json"
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu" $* "\$@"
SCRIPT
  chmod +x "$folder/$name"
}
runner run
runner glslang "$root/usr/bin/glslangValidator"
runner spirv-val "$root/usr/bin/spirv-val"
