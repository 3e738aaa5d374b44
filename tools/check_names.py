#!/usr/bin/env python3
"""Finds two types of one name: structs, classes and enums that two headers of src/ and apps/ declare in one namespace.

Programs that see both break the one-definition rule, and no compiler or linker says so: one type's destructor may run
on the other. Names inside .cpp files are safe in unnamed namespaces, which this does not look into.

Usage: check_names.py [ROOT]     prints each pair, exits 1 if there is one
       check_names.py --self-test
"""

import re
import sys
import tempfile
from pathlib import Path

NAMESPACE = re.compile(r"^(?:inline )?namespace ([A-Za-z0-9_:]+) \{")
TYPE = re.compile(r"^(?:struct|class|enum class|enum|union) (?:alignas\([^)]*\) )?([A-Za-z0-9_]+)(?: final)?(?: ?:[^;]*)? \{")


def types(path):
    """(namespace, name, line) of every type at namespace scope. The house format indents nothing else to column one."""
    namespace = ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if match := NAMESPACE.match(line):
            namespace = match.group(1)
        elif match := TYPE.match(line):
            yield namespace, match.group(1), number


def check(root):
    """Messages, one for each name declared twice."""
    places = {}
    for folder in ("src", "apps"):
        for path in sorted((root / folder).rglob("*.h")):
            for namespace, name, number in types(path):
                places.setdefault((namespace, name), []).append(f"{path.relative_to(root)}:{number}")
    return [f"{where[0]}: {namespace}::{name} is also in {', '.join(where[1:])}"
            for (namespace, name), where in sorted(places.items()) if len(where) > 1]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        (root / "apps").mkdir()
        (root / "src/a.h").write_text("namespace n {\nstruct One {\n};\nstruct Two {};\n}\n")
        (root / "apps/b.h").write_text("namespace n {\nclass Two final : public One {\n};\n}\nnamespace m {\nstruct One {\n};\n}\n")
        assert check(root) == ["src/a.h:4: n::Two is also in apps/b.h:2"], check(root)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    messages = check(root)
    print("\n".join(messages) if messages else "no type has two declarations")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
