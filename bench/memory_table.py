#!/usr/bin/env python3
"""Planned against measured memory over sizes, batches, dtypes and budgets.

Usage: bench/memory_table.py PROGRAM [--full MODEL_DIR] [--draw MODEL_DIR] [--write FILE]

Draws one step of every combination with the embedded model by `PROGRAM generate --json` and compares the plan's peak
with the kernel's count of the process (VmHWM) and the allocator's. --full adds rows of a full-size folder (newbie dev
synthesize) that are planned and not drawn; --draw draws those, which takes minutes. --write puts the tables between the
markers of a Markdown file.
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PROMPT = "1girl, blue_hair, twintails, smile"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
MIB = 1 << 20
SMALL = 6 * MIB  # what libraries and the heap may take less than a plan allows them, whatever the model's size


def run(words):
    env = {k: v for k, v in os.environ.items() if k != "NEWBIE_MODEL"}
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def request(width, height, batch, dtype, model=None):
    words = ["-p", PROMPT, "-W", width, "-H", height, "-b", batch, "--dtype", dtype, "--steps", 1, "--json", "-q"]
    return words + (["--model", model] if model else [])


def smallest_budget(program, words):
    """MiB that a refusal names; a little more, as the resident pages of libraries differ between runs."""
    done = subprocess.run([str(w) for w in [program, "plan", *words, "--memory", "1MiB"]], capture_output=True, text=True)
    for word, after in zip(done.stderr.split(), done.stderr.split()[1:]):
        if word == "needs" and after.isdigit():
            return int(after) + 2
    sys.exit(f"no smallest budget in: {done.stderr}")


def row(program, width, height, batch, dtype, budget, draw, model=None):
    words = request(width, height, batch, dtype, model)
    free = run([program, "plan", *words])["peak_bytes"] / MIB
    memory = None
    if budget != "free":
        least = smallest_budget(program, words)
        memory = least if budget == "least" else round((least + free) / 2)
        words += ["--memory", f"{memory}MiB"]
    out = {"size": f"{width}x{height}", "batch": batch, "dtype": dtype, "budget_mib": memory}
    if not draw:
        plan = run([program, "plan", *words])
        return out | {"planned": plan["peak_bytes"], "plan": plan}
    with tempfile.TemporaryDirectory() as folder:
        result = run([program, "generate", *words, "-o", pathlib.Path(folder) / "%03d.png"])
    m = result["memory"]
    return out | {
        "planned": m["planned_peak_bytes"],
        "measured": m["measured_peak_bytes"],
        "exact": m["planned_allocated_bytes"] == m["measured_allocated_bytes"],
        "plan": result["plan"],
    }


def how(plan):
    words = [c["what"] for c in plan["choices"]]
    return "; ".join(dict.fromkeys(words)) or "everything the fastest way"


def table(rows):
    drawn = any("measured" in r for r in rows)
    head = ["size", "batch", "dtype", "budget MiB", "planned MiB"] + (["measured MiB", "planned / measured", "allocated"] if drawn else [])
    lines = ["| " + " | ".join(head + ["how"]) + " |", "|" + "---|" * (len(head) + 1)]
    for r in rows:
        cells = [r["size"], r["batch"], r["dtype"], r["budget_mib"] or "–", f"{r['planned'] / MIB:.1f}"]
        if drawn:
            cells += [f"{r['measured'] / MIB:.1f}", f"{r['planned'] / r['measured']:.4f}", "exact" if r["exact"] else "OFF"]
        lines.append("| " + " | ".join(map(str, cells + [how(r["plan"])])) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--full")
    parser.add_argument("--draw")
    parser.add_argument("--write")
    args = parser.parse_args()

    rows = [
        row(args.program, w, h, batch, dtype, budget, True)
        for (w, h), batch, dtype, budget in itertools.product(
            [(64, 64), (128, 128), (192, 128), (256, 256)], [1, 3], ["bf16", "f32", "f16"], ["free", "half", "least"]
        )
    ]
    ratios = [r["planned"] / r["measured"] for r in rows]
    over = [(r["planned"] - r["measured"]) / MIB for r in rows]
    lines = [
        f"{len(rows)} requests of one step with the embedded model; planned / measured from {min(ratios):.4f} to "
        f"{max(ratios):.4f}, planned less measured from {min(over):.1f} to {max(over):.1f} MiB; more than 3 % too much in "
        f"{sum(x > 1.03 for x in ratios)}, more than 1 % too little in {sum(x < 0.99 for x in ratios)}; allocated bytes "
        f"exact in {sum(r['exact'] for r in rows)}.",
        "",
        *table(rows),
    ]
    if args.full:
        sizes = [(512, 512), (1024, 1024)]
        full = [row(args.program, w, h, 1, d, b, False, args.full) for (w, h) in sizes for d in ["bf16", "f32"] for b in ["free", "half", "least"]]
        lines += ["", "Full size, planned:", "", *table(full)]
    if args.draw:
        drawn = [row(args.program, 512, 512, 1, "bf16", b, True, args.draw) for b in ["free", "least"]]
        lines += ["", "Full size, drawn (made-up weights, one step):", "", *table(drawn)]
    print("\n".join(lines))
    if args.write:
        path = pathlib.Path(args.write)
        text = path.read_text()
        before, rest = text.split(BEGIN)
        path.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1])
    bad = [r for r in rows if not 0.99 <= r["planned"] / r["measured"] <= 1.03 + SMALL / r["measured"] or not r["exact"]]
    for r in bad:
        print(f"outside the promise: {r['size']} batch {r['batch']} {r['dtype']} budget {r['budget_mib']}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
