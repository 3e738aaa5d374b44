#!/usr/bin/env python3
"""The memory of pictures on cards, planned: no card, and no weights, are needed.

Usage: bench/card_plans.py PROGRAM [--write FILE | --check FILE]

Makes a full-size folder without weights (`PROGRAM dev synthesize --shapes`) in a temporary place and plans pictures on an
assumed card by `PROGRAM plan --device vulkan:assumed --vram SIZE --json`. --write puts the table between the markers of a
Markdown file; --check fails where the file's table is another one. Either way it fails where a plan breaks its promise:
more of the card than --vram, or weights kept and streamed that are not all of them.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

PROMPT = "1girl, solo, blue hair, smile"
BEGIN, END = "<!-- card plans: begin -->", "<!-- card plans: end -->"
MIB = 1 << 20
CARDS = ["6GiB", "8GiB", "12GiB", "16GiB"]
TEXT, WALK = ("gemma", "jina"), ("context", "denoise")


def run(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def mib(count):
    return -(-count // MIB)


def row(program, model, size, dtype, card):
    words = ["-m", model, "-p", PROMPT, "-W", size, "-H", size, "--dtype", dtype, "-t", 2, "--memory", "8GiB", "--json", "-q"]
    plan = run([program, "plan", *words, "--device", "vulkan:assumed", "--vram", card])
    device, stages = plan["device"], plan["stages"]
    if device["allocated_peak_bytes"] > device["budget_bytes"]:
        sys.exit(f"{size} {dtype} {card}: takes {device['allocated_peak_bytes']} of {device['budget_bytes']} bytes")
    if device["allocated_peak_bytes"] != max(s["device"]["peak_bytes"] for s in stages):
        sys.exit(f"{size} {dtype} {card}: the peak is none of its stages")
    for part in plan["streamed"]:
        if part["resident_bytes"] >= part["weights_bytes"] or part["read_bytes"] == 0:
            sys.exit(f"{size} {dtype} {card}: {part['part']} streams nothing, or keeps all")

    def peak(names):
        return mib(max(s["device"]["peak_bytes"] for s in stages if s["name"] in names))

    streamed = [
        f"{p['part']}: {mib(p['resident_bytes'])} of {mib(p['weights_bytes'])} kept, {mib(p['read_bytes'])} in each of {p['runs']} runs"
        for p in plan["streamed"]
    ]
    return [f"{size}²", dtype, card.replace("GiB", " GiB"), peak(TEXT), peak(WALK), peak(["decode"]),
            mib(plan["allocated_peak_bytes"]), "; ".join(streamed) or "–"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run([args.program, "dev", "synthesize", "--shapes", folder, "--json", "-q"])
        rows = [row(args.program, folder, size, dtype, card)
                for dtype in ["int8", "bf16", "f32"] for size in [512, 1024] for card in CARDS]
    head = ["picture", "dtype", "`--vram`", "text", "denoise", "decode", "host", "streamed"]
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    table = BEGIN + "\n" + "\n".join(lines) + "\n" + END
    print("\n".join(lines))
    path = args.write or args.check
    if path is None:
        return 0
    text = path.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    now = before + table + after
    if args.write:
        path.write_text(now)
    elif now != text:
        print(f"{path} has another table: bench/card_plans.py PROGRAM --write {path}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
