#!/usr/bin/env python3
"""Times newbie and other programs that do the same work, by turns, and prints the ratios of the medians.

    bench/compare_program.py --work step --flags "--size 512 --dtype bf16 --no-peak" --peer NAME=COMMAND [--peer ...]

A peer is any program that prints a line of JSON when it is ready and warm, one with "seconds" for every line it reads
from standard input, and one with "peak_resident_bytes" when its input ends (newbie bench --on-request does that, so
another build of newbie can be a peer). All hold what they need at once and run A B C A B C ...; a ratio is the peer's
median time over ours: above 1, newbie is faster. The last line with --json is one JSON object.
"""
import argparse
import json
import shlex
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from turns import Newbie, OnRequest, spread  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default="step", help="of newbie bench (step)")
    p.add_argument("--flags", default="", help="of newbie bench, in one string")
    p.add_argument("--peer", action="append", required=True, metavar="NAME=COMMAND")
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--newbie", default=str(HERE.parent / "build/release/newbie"), help="the program")
    p.add_argument("--rest", type=float, default=0.3, help="seconds between turns: idle threads of all stop spinning")
    p.add_argument("--json", action="store_true")
    return p.parse_args()


def main():
    a = arguments()
    peers = dict(words.split("=", 1) for words in a.peer)
    programs = {"newbie": Newbie(a.newbie, a.work, shlex.split(a.flags), a.repeats)}
    programs.update((name, OnRequest(shlex.split(command))) for name, command in peers.items())
    times = {name: [] for name in programs}
    for turn in range(a.repeats):
        for name, program in programs.items():
            time.sleep(a.rest)
            times[name].append(program.run())
        told = ", ".join(f"{name} {t[-1]:.3f} s" for name, t in times.items())
        print(f"{turn + 1}/{a.repeats}: {told}", file=sys.stderr, flush=True)
    memory = {name: program.finish()["peak_resident_bytes"] for name, program in programs.items()}
    out = {"work": a.work, "flags": a.flags, "repeats": a.repeats}
    for name in programs:
        out[name] = {"seconds": spread(times[name]), "peak_resident_bytes": memory[name]}
    for name in peers:
        out[name]["ratio"] = out[name]["seconds"]["median"] / out["newbie"]["seconds"]["median"]
    if a.json:
        print(json.dumps(out))
    else:
        for name in peers:
            print(f"{name} {out[name]['seconds']['median']:.3f} s, newbie {out['newbie']['seconds']['median']:.3f} s, "
                  f"ratio {out[name]['ratio']:.2f}")


if __name__ == "__main__":
    main()
