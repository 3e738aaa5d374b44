#!/usr/bin/env python3
"""Holds the documents against the tree: what they link to is there, tests they name exist, and the two READMEs are one.

Usage: check_docs.py [ROOT]      prints each problem as path:line: message, exits 1 if there is one
       check_docs.py --self-test

Checked: relative links and pictures in every *.md resolve inside ROOT; README.md and README.zh-CN.md have the same
levels of headings in the same order, the same code blocks and the same links (but for the link to each other). No page
holds the marks that git writes where a merge was left undecided. What a page in tests/ names as `Suite.Test`, or after
that as `.Another` of the suite, is a test of some tests/**/*.cpp.
"""

import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

READMES = ("README.md", "README.zh-CN.md")
SKIPPED = re.compile(r"^(build.*|out|\..*)$")  # folders at the root that are not part of the project

FENCE = re.compile(r"^\s*(```+|~~~+)")
HEADING = re.compile(r"^(#{1,6})\s")
INLINE_CODE = re.compile(r"`[^`]*`")
MARKDOWN_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
INNER_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)>?")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
HTML_TARGET = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*\"([^\"]+)\"")
UNDECIDED = re.compile(r"^(<{7}|>{7})( |$)")
TEST = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
NAMED_TEST = re.compile(r"`([A-Z]\w*)?(?:\.([A-Z]\w*))?`")
ELSEWHERE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|//|#)")


class Page:
    """Headings, code blocks and link targets of one document."""

    def __init__(self, text):
        self.headings, self.blocks, self.links, self.undecided = [], [], [], []
        fence, block = None, []
        for number, line in enumerate(text.splitlines(), 1):
            if UNDECIDED.match(line):
                self.undecided.append(number)
            if match := FENCE.match(line):
                mark = match.group(1)
                if fence is None:
                    fence, block = mark, [line.strip()]
                    continue
                if mark.startswith(fence) and line.strip() == mark:
                    self.blocks.append("\n".join(block))
                    fence = None
                    continue
            if fence is not None:
                block.append(line)
                continue
            if match := HEADING.match(line):
                self.headings.append(len(match.group(1)))
            plain = INLINE_CODE.sub("", line)
            targets = []
            for pattern in (MARKDOWN_LINK, INNER_PICTURE, REFERENCE, HTML_TARGET):
                targets += [t for t in pattern.findall(plain) if t not in targets]
            self.links += [(number, target) for target in targets]


def check_links(root, path, page):
    for number, target in page.links:
        if ELSEWHERE.match(target):
            continue
        name = unquote(target.split("#")[0].split("?")[0])
        goal = (root / path).parent / name
        if not goal.resolve().is_relative_to(root.resolve()):
            yield path, number, f"{target} leads out of the project"
        elif not goal.exists():
            yield path, number, f"{target} is not there"


def check_pair(pages):
    (first, a), (second, b) = pages
    if a.headings != b.headings:
        yield second, 1, f"headings of levels {b.headings}, {first} has {a.headings}"
    for i, (x, y) in enumerate(zip(a.blocks, b.blocks), 1):
        if x != y:
            yield second, 1, f"code block {i} is not that of {first}:\n{y}"
    if len(a.blocks) != len(b.blocks):
        yield second, 1, f"{len(b.blocks)} code blocks, {first} has {len(a.blocks)}"
    targets = [{t for _, t in page.links if t not in READMES} for page in (a, b)]
    for target in sorted(targets[0] ^ targets[1]):
        has, lacks = (first, second) if target in targets[0] else (second, first)
        yield lacks, 1, f"does not link to {target}, {has} does"
    for path, page, other in ((first, a, second), (second, b, first)):
        if other not in [t for _, t in page.links]:
            yield path, 1, f"does not link to {other}"


def check_tests(root, path, text):
    tests = {m for file in root.glob("tests/**/*.cpp") for m in TEST.findall(file.read_text(encoding="utf-8"))}
    for number, line in enumerate(text.splitlines(), 1):
        suite = ""
        for named, test in NAMED_TEST.findall(line):
            suite = named or suite
            if suite and test and (suite, test) not in tests:
                yield path, number, f"there is no test {suite}.{test}"


def check_tree(root):
    """All problems as (path, line, message)."""
    problems, pages = [], {}
    for file in sorted(root.rglob("*.md")):
        path = file.relative_to(root)
        if SKIPPED.match(path.parts[0]) and len(path.parts) > 1:
            continue
        text = file.read_text(encoding="utf-8")
        page = pages[path.as_posix()] = Page(text)
        if path.parts[0] == "tests":
            problems += check_tests(root, path.as_posix(), text)
        problems += check_links(root, path.as_posix(), page)
        problems += [(path.as_posix(), number, "an undecided merge") for number in page.undecided]
    missing = [name for name in READMES if name not in pages]
    problems += [(name, 1, "is not there") for name in missing]
    if not missing:
        problems += check_pair([(name, pages[name]) for name in READMES])
    return problems


GOOD = {
    "README.md": "# A\n[zh](README.zh-CN.md) [![p](docs/p.png)](docs/a%20b.md#top)\n## B\n```sh\nrun # not a heading\n```\n",
    "README.zh-CN.md": "# 甲\n[en](README.md) [![图](docs/p.png)](docs/a%20b.md#top)\n## 乙\n```sh\nrun # not a heading\n```\n",
    "docs/a b.md": "[up](../README.md), [web](https://example.org/x), [here](#there), `[no](link.md)`\n```\n[no](link.md)\n```\n",
    "docs/p.png": "",
    "tests/cases.md": "`Suite.Works`, `.StillWorks` and `other.thing`\n",
    "tests/unit/a_test.cpp": "TEST(Suite, Works) {}\nTEST_F(Suite,\n       StillWorks) {}\n",
    "build/x.md": "[no](matter.md)\n",
}

# One change of the good tree each, and a part of every message it must cause.
BAD = [
    ("docs/c.md", "\n[gone](no.md)\n", ["docs/c.md:2: no.md is not there"]),
    ("docs/c.md", "![gone](no.png)\n", ["no.png is not there"]),
    ("docs/c.md", '<img src="no.svg">\n', ["no.svg is not there"]),
    ("docs/c.md", "[x]: gone.md\n", ["gone.md is not there"]),
    ("docs/c.md", "[![gone](no.png)](p.png)\n", ["no.png is not there"]),
    ("docs/c.md", "[out](../../etc)\n", ["leads out of the project"]),
    ("tests/cases.md", "`Suite.Works`,\n`Suite.Works`, `.Gone`\n", ["tests/cases.md:2: there is no test Suite.Gone"]),
    ("docs/c.md", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n", ["docs/c.md:1: an undecided", "docs/c.md:5: an undecided"]),
    ("README.zh-CN.md", GOOD["README.zh-CN.md"] + "### 丙\n", ["headings of levels [1, 2, 3]"]),
    ("README.zh-CN.md", GOOD["README.zh-CN.md"].replace("run", "walk"), ["code block 1 is not that of README.md"]),
    ("README.zh-CN.md", GOOD["README.zh-CN.md"] + "```\nmore\n```\n", ["2 code blocks, README.md has 1"]),
    ("README.zh-CN.md", GOOD["README.zh-CN.md"] + "[w](https://w.org)\n", ["does not link to https://w.org"]),
    ("README.md", GOOD["README.md"].replace("[zh](README.zh-CN.md)", ""), ["does not link to README.zh-CN.md"]),
]


def self_test():
    """Every kind of problem is found, and nothing in a tree without one."""
    problems = []
    for path, text, parts in [(None, None, [])] + BAD:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {**GOOD, **({path: text} if path else {})}.items():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).write_text(content, encoding="utf-8")
            found = [f"{p}:{line}: {message}" for p, line, message in check_tree(Path(folder))]
        if len(found) != len(parts) or not all(any(part in f for f in found) for part in parts):
            problems.append(f"{path}: expected {parts}, got {found}")
    print("\n".join(problems) if problems else f"self-test passed: {len(BAD)} problems found")
    return 1 if problems else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    problems = check_tree(root)
    for path, line, message in problems:
        print(f"{path}:{line}: {message}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
