#!/usr/bin/env bash
# Installs a build, moves what was installed, and draws with it from another folder and without an environment: by the
# program, and by a C program built against header and library. Usage: moved_prefix.sh BUILD SOURCE
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$1" --prefix "$folder/first" >/dev/null
mv "$folder/first" "$folder/moved here"
prefix="$folder/moved here"
mkdir "$folder/work"
cd "$folder/work"

env -i "$prefix/bin/newbie" generate -q -p "1girl, glasses" -s 7 -o program.png
pc=$(cd "$prefix" && find . -name newbie.pc)
library="$prefix/$(dirname "$(dirname "$pc")")"
mapfile -t flags < <(PKG_CONFIG_PATH="$library/pkgconfig" pkg-config --cflags --libs newbie | xargs -n 1)
cc "$2/examples/draw.c" "${flags[@]}" -o draw
env -i LD_LIBRARY_PATH="$library" ./draw "$prefix/share/newbie/models/avatar" "1girl, glasses" library.png
cmp program.png library.png
env -i LD_LIBRARY_PATH="$library" ./draw "1girl, glasses" found.png  # the model beside the library
cmp program.png found.png
env -i LD_LIBRARY_PATH="$library" NEWBIE_MODEL="$prefix/share/newbie/models/avatar" ./draw "1girl, glasses" named.png
cmp program.png named.png
! env -i LD_LIBRARY_PATH="$library" ./draw "1girl, glasses" nowhere/a.png 2>told || exit 1
grep -q nowhere told
[[ $(ls) == $'draw\nfound.png\nlibrary.png\nnamed.png\nprogram.png\ntold' ]]
