#!/usr/bin/env python3
"""Writes the table of docs/numerics.md from what the golden tests measure.

Usage: numerics_table.py [PROGRAM]     runs PROGRAM (default: build/release/tests/test_golden) and rewrites the table
       numerics_table.py --from LOG    takes the lines of a log instead ('-': standard input), as `ctest -V` prints them
       numerics_table.py --self-test

The tests print `[ measured ] STAGE  WAY  VALUE of BOUND`. A run with a failed test changes nothing.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/numerics.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

MEASURED = re.compile(r"\[ measured \]\s+(\S.*?)\s+(\S+)\s+(\S+) of\s+(\S+)\s*$")
FAILED = re.compile(r"\[  FAILED  \]|\*\*\*Failed|\*\*\*Timeout|\*\*\*Exception")
WAYS = ["cpu", "cpu_unfused", "reference"]
HEADS = {"cpu": "cpu, fused", "cpu_unfused": "cpu, unfused", "reference": "reference"}


def parse(log):
    """{stage: (bound, {way: value})}, in the order of the log."""
    rows = {}
    for line in log.splitlines():
        if match := MEASURED.search(line):
            stage, way, value, bound = match.groups()
            kept, values = rows.setdefault(stage, (bound, {}))
            if kept != bound:
                raise ValueError(f"{stage}: bounds {kept} and {bound} in one log")
            values[way] = value
    return rows


def table(rows):
    others = [way for _, values in rows.values() for way in values if way not in WAYS]
    ways = [way for way in WAYS + list(dict.fromkeys(others)) if any(way in values for _, values in rows.values())]
    lines = ["| stage | bound | " + " | ".join(HEADS.get(way, way) for way in ways) + " |",
             "|---|---|" + "---|" * len(ways)]
    for stage, (bound, values) in rows.items():
        at_least = stage.endswith(" >=")
        name = stage.removesuffix(" >=").strip()
        limit = f"≥ {bound} dB" if at_least else f"≤ {bound}"
        cells = [values.get(way, "").replace("inf", "equal" if at_least else "inf") for way in ways]
        lines.append(f"| {name} | {limit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def processor():
    """What this machine computes with, as far as it matters to the numbers."""
    try:
        flags = set(re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
    except (OSError, AttributeError):
        return "another processor than x86-64"
    for flag, name in (("avx512_bf16", "AVX512-BF16"), ("avx512f", "AVX-512"), ("avx2", "AVX2")):
        if flag in flags:
            return f"x86-64 with {name}"
    return "x86-64"


def rewritten(page, rows, where):
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f"the marks {BEGIN} and {END} are not there")
    body = f"{BEGIN}\nMeasured on {where}.\n\n{table(rows)}\n" if rows else f"{BEGIN}\n"
    return page[:begin] + body + page[end:]


SAMPLE = """1: [ RUN      ] x
1: [ measured ] gemma f32                    cpu            3.1e-06 of     0.0001
[ measured ] gemma f32                    cpu_unfused    3.2e-06 of     0.0001
[ measured ] velocity bf16 / PyTorch bf16 reference        0.981 of        1.5
[ measured ] single_euler18_cfg5_cfg_trunc0.25 PSNR >= cpu                 inf of         50
"""
SAMPLE_TABLE = """| stage | bound | cpu, fused | cpu, unfused | reference |
|---|---|---|---|---|
| gemma f32 | ≤ 0.0001 | 3.1e-06 | 3.2e-06 |  |
| velocity bf16 / PyTorch bf16 | ≤ 1.5 |  |  | 0.981 |
| single_euler18_cfg5_cfg_trunc0.25 PSNR | ≥ 50 dB | equal |  |  |"""


def self_test():
    got = table(parse(SAMPLE))
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    new = rewritten(page, parse(SAMPLE), "x86-64")
    good = got == SAMPLE_TABLE and "old" not in new and new.startswith("before\n") and new.endswith(f"{END}\nafter\n")
    good = good and rewritten(new, parse(SAMPLE), "x86-64") == new and FAILED.search("[  FAILED  ] a.b (3 ms)")
    print("self-test passed" if good else f"self-test failed:\n{got}\n{new}")
    return 0 if good else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) == 2 and arguments[0] == "--from":
        log = sys.stdin.read() if arguments[1] == "-" else Path(arguments[1]).read_text(encoding="utf-8")
        passed = not FAILED.search(log)
    elif len(arguments) <= 1 and not any(a.startswith("-") for a in arguments):
        program = Path(arguments[0]) if arguments else ROOT / "build/release/tests/test_golden"
        if not program.is_file():
            print(f"{program} is not there: ./dev build makes it", file=sys.stderr)
            return 2
        run = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
        log, passed = run.stdout, run.returncode == 0
    else:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    rows = parse(log)
    if not passed or not rows:
        print(log if not passed else "no measured lines in the log", file=sys.stderr)
        return 1
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), rows, processor()), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(rows)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
