#!/usr/bin/env python3
"""Kills a training run at random moments, starts it again, and holds what it leaves against a run that was left alone.

Usage: kill_and_resume.py PROGRAM MODEL PICTURES [--kills N] [--seed S] [--ranks R]

PICTURES are a folder of pictures with captions. Moments are drawn over the whole of a run: opening, encoding, steps,
checkpoints. With --ranks each run is `mpirun -n R`, of which one process is killed; the run that is left alone has one.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """
base_model_path = "{model}"
train_data_dir = "{pictures}"
output_dir = "{output}"
resolution = 64
enable_bucket = false
lora_rank = 4
lora_target_modules = ["layers.*.attention.qkv"]
train_batch_size = 4
learning_rate = 1e-3
max_steps = 8
save_every_steps = 1
keep_checkpoints = 2
caption_dropout = 0.2
"""


def command(args, folder, ranks):
    words = [args.program, "train", folder / "run.toml", "-q", "--threads", "1"]
    if ranks > 1:
        words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] + words
    return [str(w) for w in words]


def prepare(args, folder):
    folder.mkdir()
    text = CONFIG.format(model=args.model, pictures=args.pictures, output=folder / "out")
    (folder / "run.toml").write_text(text)


def result(folder):
    out = {"adapter": (folder / "out" / "adapter.safetensors").read_bytes()}
    last = sorted((folder / "out").glob("checkpoint_*"))[-1]
    for name in ("parameters.safetensors", "optimizer.safetensors", "state.json"):
        out[name] = (last / name).read_bytes()
    rows = [json.loads(line) for line in (folder / "out" / "log.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds", None)
        row.pop("memory_bytes", None)
    out["log"] = rows
    return out


def victim(process, ranks, draw):
    """The process to kill: newbie itself, below mpirun one of several."""
    if ranks == 1:
        return process.pid
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(draw.choice(children)) if children else process.pid


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("pictures", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=1)
    args = parser.parse_args()
    args.program, args.model, args.pictures = (p.resolve() for p in (args.program, args.model, args.pictures))
    draw = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        prepare(args, folder / "alone")
        start = time.monotonic()
        subprocess.run(command(args, folder / "alone", 1), check=True, stdout=subprocess.DEVNULL)
        whole = time.monotonic() - start
        want = result(folder / "alone")
        kills, runs, unfinished, failures = 0, 0, None, 0
        while kills < args.kills or unfinished is not None:
            if unfinished is None:
                unfinished = folder / f"killed_{runs}"
                prepare(args, unfinished)
                runs += 1
            process = subprocess.Popen(command(args, unfinished, args.ranks), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
            was_killed = False
            try:
                if kills < args.kills:
                    process.wait(timeout=draw.uniform(0, whole))
                else:
                    process.wait(timeout=600)
            except subprocess.TimeoutExpired:
                subprocess.run(["kill", f"-{signal.SIGKILL}", str(victim(process, args.ranks, draw))], check=False)
                process.wait()
                kills += 1
                was_killed = True
            if process.returncode == 0:
                if result(unfinished) != want:
                    sys.exit(f"{unfinished.name}: other bytes after {kills} kills")
                shutil.rmtree(unfinished)
                unfinished = None
            # Ranks of a killed launcher may hold the folder for a moment: they are given some tries.
            failures = failures + 1 if process.returncode != 0 and not was_killed else 0
            if failures > (0 if args.ranks == 1 else 5):
                sys.exit(f"exit code {process.returncode}: {process.stderr.read()}")
            process.stderr.close()
    print(f"{kills} kills in {runs} runs: the same bytes")


if __name__ == "__main__":
    main()
