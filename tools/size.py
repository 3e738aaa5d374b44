#!/usr/bin/env python3
"""Lines of code by room: lines that are not blank and not only comment, in .h and .cpp files. size.py [ROOT]"""
import sys
from pathlib import Path


def lines_of_code(path):
    count, in_comment = 0, False
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if in_comment:
            in_comment = "*/" not in text
        elif text.startswith("/*"):
            in_comment = "*/" not in text
        elif text and not text.startswith("//"):
            count += 1
    return count


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    rooms = sorted(p for p in (root / "src").iterdir() if p.is_dir()) + sorted(p for p in (root / "apps").iterdir() if p.is_dir())
    product = 0
    for place in rooms + [root / "tests", root / "bench"]:
        files = [p for p in place.rglob("*") if p.suffix in (".h", ".cpp")]
        size = sum(map(lines_of_code, files))
        product += size if place in rooms else 0
        print(f"{place.relative_to(root).as_posix():16} {size:7} in {len(files):3} files")
    print(f"{'src and apps':16} {product:7}")


if __name__ == "__main__":
    main()
