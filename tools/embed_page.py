#!/usr/bin/env python3
"""Writes the bundled page as a C++ file that apps/server embeds: embed_page.py WEB BUNDLE OUT.cpp

BUNDLE has main-HASH.js and main-HASH.css of esbuild; WEB/index.html gets their names in place of %SCRIPT% and %STYLE%."""

import pathlib
import sys


def literal(data: bytes) -> str:
    """Bytes as string literals: compilers take those far faster than lists of numbers. A piece ends before a digit
    could join an escape, and long before any limit."""
    pieces, line = [], ""
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            line += "\\" + char
        elif 32 <= byte < 127 and char != "?":
            line += char
        else:
            line += f"\\{byte:03o}"
        if len(line) > 110:
            pieces.append(line)
            line = ""
    pieces.append(line)
    return "\n".join(f'    "{piece}"' for piece in pieces)


def main() -> None:
    web, bundle, out = map(pathlib.Path, sys.argv[1:])
    assets = {kind: next(bundle.glob(f"main-*.{kind}")) for kind in ("js", "css")}
    page = (web / "index.html").read_text(encoding="utf-8")
    page = page.replace("%SCRIPT%", f"assets/{assets['js'].name}").replace("%STYLE%", f"assets/{assets['css'].name}")
    files = [("index.html", page.encode())] + [(f"assets/{a.name}", a.read_bytes()) for a in assets.values()]
    rows = [f'  {{"{name}", std::string_view(\n{literal(data)},\n    {len(data)})}}' for name, data in files]
    out.write_text(
        "// Written by tools/embed_page.py.\n#include \"page_files.h\"\n\nnamespace newbie {\n\n"
        "std::span<const PageFile> page_files() {\n  static constexpr PageFile kFiles[] = {\n"
        + ",\n".join(rows)
        + "};\n  return kFiles;\n}\n\n}  // namespace newbie\n",
        encoding="ascii",
    )


if __name__ == "__main__":
    main()
