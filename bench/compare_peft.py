#!/usr/bin/env python3
"""The same LoRA trained by newbie and by PyTorch + PEFT, and how far apart their validation losses are.

    pip install -r bench/requirements.txt peft
    bench/compare_peft.py build/release/newbie TRAIN_FOLDER VALIDATION_FOLDER --dtype bf16

Both see the same pictures and captions in the same order, with the same noise and times, and start from the same
numbers. Of newbie's run PyTorch reads what log.jsonl says (the order, the learning rates, its validation losses); the
rest it makes itself: features with transformers and diffusers (bench/reference/reference.py), noise, times and the first
A by the same generator (src/train/draw.h, written again below), the adapters, their gradients and torch.optim.AdamW with
PEFT and PyTorch. In bf16 the base and its activations are bf16 in PyTorch (autocast), adapters and moments f32 in both.
Losses and the features' arithmetic are f32 in both. Exit code: 0 within --within at every validation, else 1.
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "reference")]

RANK, SIDE, VALIDATION_SEED = 16, 128, 20251130
FOR_TIME, FOR_NOISE, FOR_INITIAL = 1, 2, 6
TARGETS = ["attention.qkv", "attention.out", "feed_forward.w2", "time_text_embed.1", "clip_text_pooled_proj.1"]

MASK = (1 << 64) - 1
INCREMENT = 0x9E3779B97F4A7C15


def finaliser(z):
    """Of an array of uint64, or of one number."""
    if isinstance(z, int):
        return int(finaliser(np.array([z & MASK], np.uint64))[0])
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(seed, use, number, count):
    state = finaliser(finaliser(finaliser(seed + INCREMENT) + use * INCREMENT) + number * INCREMENT)
    states = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(INCREMENT)
    return (finaliser(states) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seed, use, number, count):
    u = uniforms(seed, use, number, 2 * count)
    return np.sqrt(-2 * np.log(1 - u[0::2])) * np.cos(2 * np.pi * u[1::2])


def time_of(seed, number, tokens):
    t = 1 / (1 + np.exp(-normals(seed, FOR_TIME, number, 1)[0]))
    towards_noise = np.exp(0.5 + (tokens - 256) * 0.65 / 3840)
    return 1 - towards_noise / (towards_noise + 1 / (1 - t) - 1)


def train_newbie(a, out):
    """What log.jsonl says: rows of steps, and validation losses by step."""
    config = {"base_model_path": a.model, "train_data_dir": a.train, "validation_data_dir": a.validation,
              "output_dir": out / "run", "cache_dir": out / "cache", "output_name": "style", "lr_scheduler": "cosine",
              "mixed_precision": a.dtype if a.dtype == "bf16" else "no", "encoder_precision": "exact", "save_dtype": "f32"}
    numbers = {"resolution": SIDE, "lora_rank": RANK, "learning_rate": a.lr, "train_batch_size": a.batch, "max_steps": a.steps,
               "validate_every_steps": a.validate, "save_every_steps": a.steps, "seed": a.seed}
    text = "".join(f'{k} = "{v}"\n' for k, v in config.items()) + "".join(f"{k} = {v}\n" for k, v in numbers.items())
    (out / "style.toml").write_text(text + "enable_bucket = false\n")
    start = time.monotonic()
    subprocess.run([a.program, "train", out / "style.toml", "-q"], check=True)
    seconds = time.monotonic() - start
    rows = [json.loads(line) for line in (out / "run/log.jsonl").open()]
    return [r for r in rows if "loss" in r], {r["step"]: r["validation_loss"] for r in rows if "validation_loss" in r}, seconds


class Features:
    """Of a folder, as PyTorch makes them: latents [16, 16, 16], caption features [L, C], pooled text [P]."""

    def __init__(self, chain, folder):
        import torch
        from PIL import Image
        from prompts import XML
        self.names, self.rows = [], []
        c = chain.vae.config
        for path in sorted(Path(folder).glob("*.png")):
            words = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
            pixels = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy())[None]
            latent = (chain.vae.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).latent_dist.mode()[0] - c.shift_factor) * c.scaling_factor
            features, pooled = chain.encode(XML + words, words)
            self.names.append(path.name)
            self.rows.append((latent, features[0], pooled[0]))

    def batch(self, indices, seed, numbers, tokens):
        import torch
        latents, captions, pooled = zip(*(self.rows[i] for i in indices))
        longest = max(len(f) for f in captions)
        x1 = torch.stack(latents)
        noise = torch.stack([torch.from_numpy(normals(seed, FOR_NOISE, n, x1[0].numel()).astype(np.float32)).view_as(x1[0])
                             for n in numbers])
        t = torch.tensor([time_of(seed, n, tokens) for n in numbers], dtype=torch.float32)
        cap = torch.stack([torch.nn.functional.pad(f, (0, 0, 0, longest - len(f))) for f in captions])
        mask = torch.stack([torch.arange(longest) < len(f) for f in captions])
        at = t[:, None, None, None]
        return (at * x1 + (1 - at) * noise, t, cap, mask, torch.stack(pooled)), x1 - noise


def train_peft(a, steps, validations):
    import torch
    from peft import LoraConfig, get_peft_model
    from reference import Avatar
    torch.set_num_threads(a.threads)
    with torch.no_grad():
        chain = Avatar(a.model)
        train, held_out = Features(chain, a.train), Features(chain, a.validation)
    net = get_peft_model(chain.dit, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS, lora_dropout=0.0))
    if a.dtype == "bf16":
        for p in net.parameters():
            if not p.requires_grad:
                p.data = p.data.bfloat16()
    modules = [(n, m) for n, m in net.named_modules() if hasattr(m, "lora_A")]
    # newbie draws its first numbers in the order in which the network uses its matrices.
    order = ["context_refiner", "clip_text_pooled_proj", "time_text_embed", "noise_refiner", "layers"]
    place = {n: (next(i for i, o in enumerate(order) if o in n), k) for k, (n, _) in enumerate(modules)}
    for k, (name, m) in enumerate(sorted(modules, key=lambda nm: place[nm[0]])):
        down = m.lora_A["default"].weight
        u = uniforms(a.seed, FOR_INITIAL, 2 * k, down.numel())
        down.data = torch.from_numpy(((2 * u - 1) / down.shape[1] ** 0.5).astype(np.float32)).view_as(down)
        m.lora_B["default"].weight.data.zero_()
    trained = [p for p in net.parameters() if p.requires_grad]
    tokens = (SIDE // 16) ** 2
    optimizer = torch.optim.AdamW(trained, lr=a.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    low = torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16")

    def losses(features, indices, seed, numbers):
        inputs, target = features.batch(indices, seed, numbers, tokens)
        with low:
            velocity = net(*inputs)
        return ((velocity.float() - target) ** 2).mean((1, 2, 3))

    @torch.no_grad()
    def validation_loss():
        every = [(i, 2 * i + k) for i in range(len(held_out.names)) for k in range(2)]
        parts = [every[first:first + 16] for first in range(0, len(every), 16)]
        return float(torch.cat([losses(held_out, [i for i, _ in p], VALIDATION_SEED, [n for _, n in p]) for p in parts]).double().mean())

    by_step, drift, number = {}, 0.0, 0
    start = time.monotonic()
    for row in steps:
        indices = [train.names.index(n) for n in row["examples"]]
        numbers = range(number, number + len(indices))
        number += len(indices)
        optimizer.zero_grad()
        loss = losses(train, indices, a.seed, numbers).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = row["lr"]
        optimizer.step()
        drift = max(drift, abs(loss.item() / row["loss"] - 1))
        if row["step"] in validations:
            by_step[row["step"]] = validation_loss()
            print(f"step {row['step']}: newbie {validations[row['step']]:.5f}, PEFT {by_step[row['step']]:.5f}", file=sys.stderr)
    return by_step, drift, time.monotonic() - start


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", type=Path)
    p.add_argument("train", type=Path)
    p.add_argument("validation", type=Path)
    p.add_argument("-o", "--output", type=Path, default=Path("compare-peft"))
    p.add_argument("--model", type=Path, default=HERE.parent / "models/avatar", help="official folder")
    p.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    p.add_argument("--steps", type=int, default=160)
    p.add_argument("--validate", type=int, default=32, help="every so many steps")
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=42)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--within", type=float, default=0.02, help="of one another, by PEFT's")
    a = p.parse_args()
    a.program = a.program.resolve()
    out = a.output / a.dtype
    out.mkdir(parents=True, exist_ok=True)
    steps, validations, seconds = train_newbie(a, out)
    theirs, drift, their_seconds = train_peft(a, steps, validations)
    print("| step | newbie | PyTorch + PEFT | difference |\n|---|---|---|---|")
    for step, loss in theirs.items():
        print(f"| {step} | {validations[step]:.5f} | {loss:.5f} | {100 * (validations[step] / loss - 1):+.3f} % |")
    worst = max(abs(validations[s] / loss - 1) for s, loss in theirs.items())
    print(f"{a.dtype}, {len(steps)} steps of {a.batch}: validation losses differ by {100 * worst:.3f} % at most, a step's own loss "
          f"by {100 * drift:.3f} %; {seconds:.0f} s and {their_seconds:.0f} s, encoding in the first")
    sys.exit(0 if worst <= a.within else 1)


if __name__ == "__main__":
    main()
