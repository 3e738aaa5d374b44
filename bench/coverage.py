#!/usr/bin/env python3
"""coverage.py PROGRAM PICTURES CAPTIONS [FLAGS of newbie dev coverage…]

Whether the intervals and tests of newbie evaluate keep what they say, by simulation with the program's own code
(newbie dev coverage). Writes the table between its marks in docs/evaluate.md; exit 1 where a row is out of bounds:
intervals hold the truth in 92 to 98 % and tests find what is not there in 3 to 7 %, give or take three standard
deviations of shares of that many repetitions.
"""
import json
import math
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "evaluate.md"
BEGIN, END = "<!-- coverage -->\n", "<!-- /coverage -->"


def out_of_bounds(row):
    def slack(share):
        return 3 * math.sqrt(share * (1 - share) / row["repetitions"])

    bad = []
    if row["covered"] is not None and not 0.92 - slack(0.92) <= row["covered"] <= 0.98 + slack(0.98):
        bad.append("interval")
    if row["found"] is not None and row["truth"] == 0 and not 0.03 - slack(0.03) <= row["found"] <= 0.07 + slack(0.07):
        bad.append("test")
    return bad


def table(rows, command):
    lines = [f"By `{command}`. *Found* is the share of sets in which a difference was found: the false alarms where there is "
             "none, else the power.", "",
             "| Estimate | N | repetitions | truth | deviation of estimates | interval holds it | found |",
             "|---|---|---|---|---|---|---|"]
    for r in rows:
        covered, found = ("–" if r[key] is None else f"{100 * r[key]:.1f} %" for key in ("covered", "found"))
        lines.append(f"| {r['what']} | {r['n']} | {r['repetitions']} | {r['truth']:.4g} | {r['deviation']:.2g} | "
                     f"{covered} | {found} |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, pictures, captions, *flags = sys.argv[1:]
    words = ["dev", "coverage", pictures, "--captions", captions, *flags]
    rows = json.loads(subprocess.run([program, *words, "--json"], check=True, stdout=subprocess.PIPE).stdout)
    shown = ["dev", "coverage", Path(pictures).name, "--captions", Path(captions).name, *flags]
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:begin] + table(rows, "newbie " + " ".join(shown)) + text[end:])
    bad = [(r["what"], r["n"], what) for r in rows for what in out_of_bounds(r)]
    for what, n, which in bad:
        print(f"{what}, N = {n}: the {which} is out of bounds", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
