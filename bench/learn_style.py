#!/usr/bin/env python3
"""A style LoRA on the avatar model, and whether it learned: docs/training.md has the figures of another recipe.

Usage: bench/learn_style.py PROGRAM TRAIN_FOLDER VALIDATION_FOLDER [-o FOLDER] [--set KEY=VALUE]...

Trains on TRAIN_FOLDER, draws every caption of VALIDATION_FOLDER with the model and with the LoRA (seeds 0, 1, …), and
scores both against VALIDATION_FOLDER: fid and kid[jina-clip], and the CLIP score of pictures and captions. The training
pictures are scored, too: what the style itself comes to. Where kid cannot tell the pictures before from the validation's,
the model's CLIP does not see the style, and there is no verdict. With Pillow installed, writes a sheet: the validation's
pictures, before, after. What is there already is not made again. Exit code: 0 learned, 1 not learned, 2 no verdict.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

RECIPE = {"resolution": 128, "enable_bucket": "false", "lora_rank": 16, "learning_rate": 2e-3,
          "lora_target_modules": '["attention.*", "feed_forward.*", "adaLN_modulation.1"]',
          "train_batch_size": 4, "num_epochs": 20, "mixed_precision": '"no"', "validate_every_steps": 40,
          "save_every_steps": 80}


def run(words, **more):
    done = subprocess.run([str(w) for w in words], text=True, capture_output=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def captions(folder):
    return [(path.stem, path.read_text(encoding="utf-8").strip()) for path in sorted(folder.glob("*.txt"))]


def draw(program, listed, folder, more):
    if folder.exists():
        return
    part = folder.with_name(folder.name + ".part")
    part.mkdir(exist_ok=True)
    run([program, "generate", "--prompts", listed, "-q", "-o", part / "%04d.png", *more])
    part.rename(folder)


def score(program, folder, reference, captions_file):
    def one(*words):
        return json.loads(run([program, "evaluate", *words, "--json", "-q"]))

    kid = one("kid", folder, reference)
    return {"fid": one("fid", folder, reference)["value"], "kid": kid["value"], "kid p": kid["p_value"],
            "clip": one("clip-score", folder, "--captions", captions_file)["a"]["score"]["cosine"]["mean"]}


def sheet(folders, path, columns=12, side=96):
    try:
        from PIL import Image
    except ImportError:
        return print("no Pillow: no sheet")
    whole = Image.new("RGB", (columns * side, len(folders) * side), "white")
    for row, folder in enumerate(folders):
        for column, picture in enumerate(sorted(folder.glob("*.png"))[:columns]):
            small = Image.open(picture).convert("RGB").resize((side - 2, side - 2))
            whole.paste(small, (column * side + 1, row * side + 1))
    whole.save(path)
    return print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("validation", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("learn-style"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, as in TOML")
    args = parser.parse_args()
    args.program = args.program.resolve()
    out = args.output
    out.mkdir(parents=True, exist_ok=True)

    recipe = RECIPE | dict(one.split("=", 1) for one in args.set)
    settings = {"train_data_dir": args.train, "validation_data_dir": args.validation, "output_dir": out / "run",
                "cache_dir": out / "cache"}
    config = "".join(f'{key} = "{value}"\n' for key, value in settings.items())
    config += 'output_name = "style"\n' + "".join(f"{key} = {value}\n" for key, value in recipe.items())
    (out / "style.toml").write_text(config)
    start = time.monotonic()
    print(run([args.program, "train", out / "style.toml", "-q"]), end="")
    seconds = time.monotonic() - start

    listed, of_style = captions(args.validation), out / "style_captions.jsonl"
    of_style.write_text("".join(json.dumps({"file": f"{stem}.png", "caption": text}) + "\n"
                                for stem, text in captions(args.train)))
    prompts, texts = out / "prompts.jsonl", out / "captions.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": text, "seed": i}) + "\n" for i, (_, text) in enumerate(listed)))
    texts.write_text("".join(json.dumps({"file": f"{i:04}.png", "caption": text}) + "\n"
                             for i, (_, text) in enumerate(listed)))
    before, after = out / "before", out / "after"
    draw(args.program, prompts, before, [])
    draw(args.program, prompts, after, ["--lora", out / "run" / "style.safetensors"])

    print(f"training and encoding: {seconds:.0f} s (less where a run went on)")
    losses = [row["validation_loss"] for row in map(json.loads, (out / "run" / "log.jsonl").open()) if "validation_loss" in row]
    print(f"validation loss: {losses[0]:.4f} at first, {losses[-1]:.4f} at last")
    rows = {"the style": score(args.program, args.train, args.validation, of_style),
            "before": score(args.program, before, args.validation, texts),
            "after": score(args.program, after, args.validation, texts)}
    print(f"{'jina-clip':12}{'fid':>10}{'kid':>10}{'p of kid':>10}{'clip score':>12}")
    for name, row in rows.items():
        print(f"{name:12}{row['fid']:10.4f}{row['kid']:10.4f}{row['kid p']:10.3f}{row['clip']:12.4f}")
    sheet([args.validation, before, after], out / "sheet.png")
    if rows["before"]["kid p"] >= 0.05:
        print("no verdict: by these features, the pictures before are already the validation's; look at the sheet")
        sys.exit(2)
    learned = (rows["after"]["fid"] <= 0.6 * rows["before"]["fid"]
               and abs(rows["after"]["clip"] / rows["before"]["clip"] - 1) <= 0.05)
    print("learned" if learned else "not learned")
    sys.exit(0 if learned else 1)


if __name__ == "__main__":
    main()
