#!/usr/bin/env bash
# Installs the packages into a Debian that has nothing else, draws there by the program, a C program and Python, and takes
# them away again. Usage: test.sh FOLDER_OF_PACKAGES. Needs root and Debian's mirror.
set -euo pipefail
packages=$(cd "$1" && pwd)
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
system=$(mktemp -d)
trap 'umount -q "$system/proc" || true; rm -rf --one-file-system "$system"' EXIT
inside() { chroot "$system" /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }

# The mirror that this machine itself uses.
mmdebstrap --quiet --variant=apt --mode=root --skip=cleanup/apt/lists bookworm "$system"
mount -t proc proc "$system/proc"
cp "$packages"/*.deb "$source"/examples/draw.{c,py} "$system/root/"
inside sh -c 'apt-get install -q -y --no-install-recommends /root/*.deb gcc libc6-dev pkg-config' >/dev/null

inside sh -c 'cd /root && newbie generate -q -p "1girl, glasses" -s 7 -o program.png'
inside sh -c 'cd /root && gcc draw.c $(pkg-config --cflags --libs newbie) -o draw &&
  ./draw "$(pkg-config --variable=modeldir newbie)" "1girl, glasses" library.png && cmp program.png library.png'
inside sh -c 'cd /root && python3 draw.py "$(pkg-config --variable=modeldir newbie)" "1girl, glasses" python.png &&
  cmp program.png python.png'
inside sh -c 'gzip -t /usr/share/man/man1/newbie.1.gz'
inside apt-get purge -q -y newbie python3-newbie 'libnewbie*' newbie-model-avatar >/dev/null
left=$(inside sh -c 'find /usr /etc /var/lib -path "*newbie*" -not -path "/var/lib/dpkg/*" -not -path "/var/lib/apt/*"')
[[ -z $left ]] || { printf 'left behind:\n%s\n' "$left" >&2; exit 1; }
printf 'the packages install, draw, build and go\n'
