#!/usr/bin/env python3
"""Holds every #include in src/ and apps/ against the room table of docs/map.md.

Usage: check_layers.py [ROOT]     prints each violation as path:line: message, exits 1 if there is one
       check_layers.py --self-test
"""

import re
import sys
import tempfile
from pathlib import Path

# room -> the rooms it may include besides itself
BASE = {"core"}
NETWORK = BASE | {"graph"}
GENERATE = NETWORK | {"image", "text", "weights", "backend", "compile", "models", "adapters", "diffusion"}
ROOMS = {
    "core": set(),
    "image": BASE,
    "text": BASE,
    "weights": BASE,
    "graph": BASE,
    "backend": NETWORK,
    "compile": NETWORK | {"backend"},
    "models": NETWORK,
    "adapters": NETWORK | {"weights", "models"},
    "diffusion": BASE,
    "measure": NETWORK | {"weights", "backend", "compile", "models"},
    "generate": GENERATE,
    "train": GENERATE | {"generate"},
    "evaluate": GENERATE | {"generate"},
    "overflow": GENERATE | {"generate"},
    "serve": GENERATE | {"generate"},
    "onnx": GENERATE | {"generate"},
}

# room -> room -> the only headers it may include from there, with what those include in turn
NARROW = {"compile": {"backend": ["backend/backend.h", "backend/program.h"]}}

# third-party header -> where its one door is, as a pattern for paths below the root, and in words
DOORS = [
    (r"(oneapi/|dnnl)", r"src/backend/cpu/", "src/backend/cpu"),
    (r"hwy/", r"src/backend/cpu/", "src/backend/cpu"),
    (r"vulkan/vulkan", r"src/backend/vulkan/", "src/backend/vulkan"),
    (r"nlohmann/", r"src/core/json\.h$", "src/core/json.h"),
    (r"png(conf)?\.h$", r"src/image/", "src/image"),
    (r"(jpeglib|jerror|jmorecfg)\.h$", r"src/image/", "src/image"),
    (r"webp/", r"src/image/", "src/image"),
    (r"lcms2", r"src/image/", "src/image"),
    (r"mpi\.h$", r"src/train/mpi/", "src/train/mpi"),
    (r"dav1d/", r"src/image/.*\.cpp$", "a .cpp file of src/image"),
    (r"zlib\.h$", r"src/image/.*\.cpp$", "a .cpp file of src/image"),
    (r"openssl/", r"apps/server/http/", "apps/server/http"),
    (r"(unsupported/)?Eigen/", r"src/evaluate/.*\.cpp$", "a .cpp file of src/evaluate"),
    (r"boost/", r"apps/server/http/", "apps/server/http"),
    (r"CLI/", r"apps/", "apps"),
    (r"(toml\+\+/|toml\.hpp$)", r"apps/", "apps"),
]

SUFFIXES = {".h", ".hpp", ".inc", ".inl", ".c", ".cc", ".cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path):
    """(line number, opening mark, header) for every include of a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1), match.group(2)


def allowed_headers(root, roots_of_closure, room):
    """The headers of `room` that the given headers include, directly or not, and themselves."""
    seen, waiting = set(), list(roots_of_closure)
    while waiting:
        header = waiting.pop()
        path = root / "src" / header
        if header in seen or not header.startswith(room + "/"):
            continue
        seen.add(header)
        if path.is_file():
            waiting += [name for _, _, name in includes(path)]
    return seen


def check_room(root, room, header, narrow):
    """What is wrong with a file of `room` including `header` of another room, or None."""
    target = header.split("/")[0]
    if target == room:
        return None
    if target not in ROOMS[room]:
        may = ", ".join(sorted(ROOMS[room])) or "the standard library only"
        return f'{room} must not include {target} ("{header}"); it may include: {may}'
    if (room, target) in narrow and header not in narrow[room, target]:
        return f'{room} may include from {target} only {", ".join(NARROW[room][target])} and what that includes, not "{header}"'
    return None


def check_third_party(path, header):
    for pattern, door, words in DOORS:
        if re.match(pattern, header) and not re.match(door, path):
            return f"<{header}> has one door: {words}"
    return None


def check_file(root, file, narrow):
    path = file.relative_to(root).as_posix()
    parts = path.split("/")
    room = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    if parts[0] == "src" and room not in ROOMS:
        yield path, 1, "this file is in no room of the table"
        return
    for number, mark, header in includes(file):
        target = header.split("/")[0]
        if message := check_third_party(path, header):
            yield path, number, message
        elif ".." in header.split("/"):
            yield path, number, f'write the path from src/, not relative: "{header}"'
        elif target in ROOMS and "/" in header and (mark == '"' or (root / "src" / header).is_file()):
            if room and (message := check_room(root, room, header, narrow)):
                yield path, number, message
        elif room and mark == '"':
            yield path, number, f'write includes as "room/file.h": "{header}" names no room'


def check_tree(root):
    """All violations as (path, line, message)."""
    narrow = {(room, target): allowed_headers(root, headers, target)
              for room, targets in NARROW.items() for target, headers in targets.items()}
    files = [f for top in ("src", "apps") for f in (root / top).rglob("*") if f.suffix in SUFFIXES and f.is_file()]
    return [violation for file in sorted(files) for violation in check_file(root, file, narrow)]


GOOD = {
    "src/core/json.h": "#include <nlohmann/json.hpp>\n",
    "src/core/json.cpp": '#include "core/json.h"\n#include <vector>\n',
    "src/backend/backend.h": '#include "backend/report.h"\n#include "graph/graph.h"\n',
    "src/backend/report.h": '#include "core/shape.h"\n',
    "src/backend/cpu/matmul.cpp": "#include <oneapi/dnnl/dnnl.hpp>\n#include <hwy/highway.h>\n",
    "src/compile/compile.cpp": '#include "backend/backend.h"\n#include "backend/report.h"\n',
    "src/generate/stages.cpp": '#include "models/registry.h"\n#include "image/png.h"\n',
    "src/image/png.cpp": "#include <png.h>\n",
    "src/image/avif.cpp": "#include <dav1d/dav1d.h>\n#include <zlib.h>\n",
    "apps/cli/main.cpp": '#include <CLI/CLI.hpp>\n#include <toml++/toml.h>\n#include "generate/stages.h"\n#include "bar.h"\n',
}

# One violation of each kind: file, its text, the line it is on, a part of the message.
BAD = [
    ("src/core/up.cpp", '#include "graph/graph.h"\n', 1, "core must not include graph"),
    ("src/image/side.cpp", '\n#include "text/utf8.h"\n', 2, "image must not include text"),
    ("src/text/side.h", '#include "weights/store.h"\n', 1, "text must not include weights"),
    ("src/weights/side.cpp", '#include "image/png.h"\n', 1, "weights must not include image"),
    ("src/graph/up.cpp", '#include "backend/backend.h"\n', 1, "graph must not include backend"),
    ("src/backend/up.cpp", '#include "compile/compile.h"\n', 1, "backend must not include compile"),
    ("src/compile/deep.cpp", '#include "backend/executor.h"\n', 1, "only backend/backend.h"),
    ("src/models/side.cpp", '#include "backend/backend.h"\n', 1, "models must not include backend"),
    ("src/generate/side.cpp", '#include "onnx/export.h"\n', 1, "generate must not include onnx"),
    ("src/adapters/up.cpp", '#include "compile/compile.h"\n', 1, "adapters must not include compile"),
    ("src/diffusion/side.cpp", '#include "graph/graph.h"\n', 1, "diffusion must not include graph"),
    ("src/generate/up.cpp", '#include "evaluate/fid.h"\n', 1, "generate must not include evaluate"),
    ("src/train/up.cpp", '#include "evaluate/fid.h"\n', 1, "train must not include evaluate"),
    ("src/core/angle.cpp", "#include <backend/backend.h>\n", 1, "core must not include backend"),
    ("src/graph/relative.cpp", '#include "../backend/backend.h"\n', 1, "not relative"),
    ("src/graph/near.cpp", '#include "graph.h"\n', 1, "names no room"),
    ("src/graph/app.cpp", '#include "cli/main.h"\n', 1, "names no room"),
    ("src/cellar/wine.cpp", "", 1, "in no room"),
    ("src/loose.cpp", "", 1, "in no room"),
    ("src/backend/reference/dnnl.cpp", "#include <oneapi/dnnl/dnnl.hpp>\n", 1, "src/backend/cpu"),
    ("src/backend/dnnl_old.cpp", "#include <dnnl.hpp>\n", 1, "src/backend/cpu"),
    ("src/graph/hwy.cpp", '#  include "hwy/highway.h"\n', 1, "src/backend/cpu"),
    ("src/weights/json.cpp", "#include <nlohmann/json.hpp>\n", 1, "src/core/json.h"),
    ("src/core/json_too.h", "#include <nlohmann/json_fwd.hpp>\n", 1, "src/core/json.h"),
    ("src/generate/png.cpp", "#include <png.h>\n", 1, "src/image"),
    ("src/image/avif.h", "#include <dav1d/dav1d.h>\n", 1, "a .cpp file of src/image"),
    ("src/weights/unpack.cpp", "#include <zlib.h>\n", 1, "a .cpp file of src/image"),
    ("src/weights/hash.cpp", "#include <openssl/evp.h>\n", 1, "apps/server/http"),
    ("src/evaluate/matrix.h", "#include <Eigen/Dense>\n", 1, "a .cpp file of src/evaluate"),
    ("src/generate/args.cpp", "#include <CLI/CLI.hpp>\n", 1, "apps"),
    ("src/generate/settings.cpp", "#include <toml++/toml.h>\n", 1, "apps"),
    ("apps/cli/png.cpp", "#include <png.h>\n", 1, "src/image"),
    ("apps/cli/relative.cpp", '#include "../../src/core/json.h"\n', 1, "not relative"),
]


def self_test():
    """Every kind of violation is caught, at its line, and nothing else is."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)

        def put(path, text):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")

        for path, text in GOOD.items():
            put(path, text)
        problems = [f"caught without reason: {v}" for v in check_tree(root)]
        for path, text, _, _ in BAD:
            put(path, text)
        found = check_tree(root)
        for path, _, line, part in BAD:
            mine = [v for v in found if v[0] == path]
            if len(mine) != 1 or mine[0][1] != line or part not in mine[0][2]:
                problems.append(f'{path}:{line}: expected one violation with "{part}", got {mine}')
        if len(found) != len(BAD):
            problems.append(f"expected {len(BAD)} violations, got {len(found)}")
    print("\n".join(problems) if problems else f"self-test passed: {len(BAD)} violations caught")
    return 1 if problems else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    if not (root / "src").is_dir():
        print(f"{root}: there is no src/ here", file=sys.stderr)
        return 2
    violations = check_tree(root)
    for path, line, message in violations:
        print(f"{path}:{line}: {message}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
