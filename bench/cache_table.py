#!/usr/bin/env python3
"""Step caches: speed against likeness to the whole picture, over prompts of the embedded model.

Usage: bench/cache_table.py PROGRAM [--prompts N] [--steps N] [--write FILE]

Draws N prompts (tests/data/avatar_val/captions.jsonl) without a cache and with every mode and threshold, one process a
row so that all load the model once, and compares the pictures by `PROGRAM evaluate ssim`. Time is what the processors
spent on a whole row, which other work on the machine changes little. --write puts the table between the markers of a Markdown file.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

CAPTIONS = pathlib.Path(__file__).parent.parent / "tests/data/avatar_val/captions.jsonl"
BEGIN, END = "<!-- cache: begin -->", "<!-- cache: end -->"
ROWS = [("off", 0.0)] + [(m, t) for m in ("first-block", "linear") for t in (0.02, 0.03, 0.04, 0.05, 0.06)]


def call(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def draw(program, listing, folder, steps, mode, threshold):
    folder.mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = call([program, "generate", "--prompts", listing, "-o", folder / "%03d.png", "--steps", steps, "--cache", mode,
                "--cache-threshold", threshold, "--json", "-q"])
    result = json.loads(out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, result["evaluations"], result["shortened_evaluations"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--write")
    args = parser.parse_args()
    captions = [json.loads(line) for line in CAPTIONS.read_text().splitlines() if line.strip()]
    lines = [f"{args.prompts} prompts, {args.steps} steps of the default sampler, cfg 4.5.", "",
             "| cache | threshold | steps shortened | CPU time | speed | SSIM mean | SSIM least |", "|" + "---|" * 7]
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        listing = root / "prompts.jsonl"
        rows = [{"prompt": c["xml"], "seed": i} for i, c in enumerate(captions[: args.prompts])]
        listing.write_text("".join(json.dumps(row) + "\n" for row in rows))
        whole = None
        for i, (mode, threshold) in enumerate(ROWS):
            folder = root / f"{i}"
            seconds, evaluations, shortened = draw(args.program, listing, folder, args.steps, mode, threshold)
            if mode == "off":
                whole = (folder, seconds)
                likeness = {"mean": 1.0, "least": 1.0}
            else:
                out = json.loads(call([args.program, "evaluate", "ssim", folder, whole[0], "--json"]))
                likeness = {"mean": out["mean"], "least": out["worst"]}
            lines.append(f"| {mode} | {threshold if mode != 'off' else '–'} | {shortened / evaluations:.0%} | {seconds:.1f} s | "
                         f"{whole[1] / seconds:.2f} × | {likeness['mean']:.4f} | {likeness['least']:.4f} |")
            print(lines[-1], file=sys.stderr)
    print("\n".join(lines))
    if args.write:
        path = pathlib.Path(args.write)
        before, rest = path.read_text().split(BEGIN)
        path.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
