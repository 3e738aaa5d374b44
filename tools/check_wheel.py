#!/usr/bin/env python3
"""check_wheel.py WHEEL: what a wheel that goes to others has to be: for any machine as old as Debian 12, small, and without
libraries that need security updates of their own or a graphics card's. Prints what is in it; exit code 1 says what is wrong.
"""

import re
import sys
import zipfile
from pathlib import Path

MOST_BYTES = 12 * 10**6
FORBIDDEN = re.compile(r"lib(crypto|ssl|OpenCL)")


def problems_of(wheel):
    found = []
    if "-manylinux" not in wheel.name:
        found.append("its tag is not manylinux: auditwheel did not repair it")
    if wheel.stat().st_size > MOST_BYTES:
        found.append(f"{wheel.stat().st_size} bytes, at most {MOST_BYTES}")
    with zipfile.ZipFile(wheel) as archive:
        libraries = [one for one in archive.infolist() if ".so" in one.filename]
        for one in sorted(libraries, key=lambda one: -one.compress_size):
            print(f"{one.file_size:>10} {one.compress_size:>10}  {one.filename}")
            if FORBIDDEN.search(one.filename):
                found.append(f"{one.filename} is in it")
            elif needed := FORBIDDEN.search(archive.read(one).decode("latin-1")):
                found.append(f"{one.filename} speaks of {needed.group()}")
    if not libraries:
        found.append("there is no library in it")
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wheel = Path(sys.argv[1])
    found = problems_of(wheel)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    for problem in found:
        print(f"check_wheel: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
