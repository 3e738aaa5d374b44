#!/usr/bin/env python3
"""Prints what is read of other programs as tables for docs/: adapters, weights, and pictures.

Usage: format_tables.py PROGRAM adapters|weights|pictures     runs PROGRAM on tests/data and the embedded model
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data"
SMALL = ["-p", "1girl, smile", "-W", "64", "-H", "64", "--steps", "4", "-s", "3", "-q"]
TYPES = ["f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]


def run(program, *words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True)


def pixels(path):
    """RGB of a picture as a list of bytes."""
    from PIL import Image  # the one thing that Python does not bring

    return list(Image.open(path).convert("RGB").tobytes())


def decibels(a, b):
    import math

    square = sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)
    return "same bytes" if square == 0 else f"{10 * math.log10(255 * 255 / square):.0f} dB"


def table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def adapters(program, folder):
    rows = []
    for case in sorted(p for p in (DATA / "adapters").iterdir() if p.is_dir() and p.name != "bad"):
        info = run(program, "lora", "info", case)
        read = info.returncode == 0
        drawn = []
        for more in ([], ["--merge-lora"]):
            out = folder / f"{case.name}{len(drawn)}.png"
            ok = run(program, "generate", *SMALL, "--dtype", "f32", "--lora", case, *more, "-o", out).returncode == 0
            drawn.append(pixels(out) if ok else None)
        same = max(abs(x - y) for x, y in zip(*drawn)) if all(drawn) else "-"
        written = []
        for form in ("peft", "comfyui", "diffusers", "kohya"):
            out = folder / f"{case.name}.{form}" / ("" if form == "peft" else "a.safetensors")
            (out if form == "peft" else out.parent).parent.mkdir(exist_ok=True)
            if form != "peft":
                out.parent.mkdir(exist_ok=True)
            written.append("yes" if run(program, "lora", "convert", case, "--to", form, "-o", out).returncode == 0 else "no")
        rows.append([f"`{case.name}`", "yes" if read else "no", "yes" if drawn[0] else "no",
                     "yes" if drawn[1] else "no", same, *written])
    table(["case", "read", "run time", "merged", "levels apart (f32)", "peft", "comfyui", "diffusers", "kohya"], rows)


def weights(program, folder):
    plain = folder / "plain.png"
    run(program, "generate", *SMALL, "-o", plain)
    whole = pixels(plain)
    rows = []

    def row(name, model):
        out = folder / "one.png"
        drawn = run(program, "generate", "-m", model, *SMALL, "--json", "-o", out)
        memory = json.loads(drawn.stdout)["memory"]
        least = run(program, "plan", "-m", model, *SMALL[:-1], "--memory", "1MiB")
        size = sum(f.stat().st_size for f in Path(model).rglob("*") if "diffusion" in f.name or "image" in f.name)
        words = least.stderr.split()
        budget = next((words[i - 1] for i, w in enumerate(words) if w.startswith("MiB")), "-")
        rows.append([name, f"{size / 1e6:.1f} MB", decibels(pixels(out), whole),
                     f"{memory['planned_peak_bytes'] / 2**20:.0f}", f"{memory['measured_peak_bytes'] / 2**20:.0f}", budget])

    for kind in TYPES:
        run(program, "convert", "--to", "gguf", "--type", kind, ROOT / "models/avatar", folder / kind)
        row(f"GGUF {kind}", folder / kind)
    run(program, "convert", "--to", "folder", "--dtype", "int8", ROOT / "models/avatar", folder / "int8")
    row("int8 safetensors", folder / "int8")
    table(["transformer", "file", "to the bf16 model's picture", "planned MiB", "measured MiB", "smallest budget, MiB"], rows)


def pictures(program, folder):
    fields = [("prompt", "prompt"), ("negative-prompt", "negative"), ("seed", "seed"), ("steps", "steps"),
              ("cfg-scale", "guidance"), ("width", "size"), ("sampling-method", "sampler"), ("scheduler", "schedule"),
              ("shift", "shift"), ("hires", "hires"), ("lora", "adapters"), ("weights", "weights")]
    rows = []
    for file in sorted((DATA / "recall").iterdir()):
        said = json.loads(run(program, "metadata", file, "--json").stdout)["request"]
        rows.append([file.stem] + ["yes" if name in said["flags"] else "" for name, _ in fields] +
                    ["; ".join(note.split(" has no")[0] for note in said["notes"])])
    table(["program"] + [name for _, name in fields] + ["told as not taken over"], rows)


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in ("adapters", "weights", "pictures"):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        globals()[sys.argv[2]](str(Path(sys.argv[1]).resolve()), Path(folder))


if __name__ == "__main__":
    main()
