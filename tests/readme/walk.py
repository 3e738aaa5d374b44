#!/usr/bin/env python3
"""walk.py PROGRAM [PLACE]

Runs every command of README.md as it stands, in a folder that looks like a checkout, and leaves what they made there to
be looked at. README.zh-CN.md must have the same commands. What the reader brings along (the full-size model, adapters,
pictures to learn from) is stood in for by the embedded model and by the tests' data. Exit 1 when a command failed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Commands of their own, which build or install.
APART = re.compile(r"\./dev |export PATH|sudo |cmake |tests/support/|NEWBIE_GEMMA3")
# Without a card, this is what is said.
MAY_BE_UNSUPPORTED = re.compile(r"--device vulkan")


def commands(readme):
    """The lines of its shell blocks, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme.read_text(), re.S | re.M)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def bring_along(place, program):
    for name in ["examples", "tests", "docs"]:
        (place / name).symlink_to(ROOT / name)
    model = ROOT / "models/avatar"
    for layout, folder in [("folder", "NewBie-image-Exp0.1"), ("comfyui", "files")]:
        subprocess.run([program, "convert", "-q", "--to", layout, model, folder], cwd=place, check=True)
    single = {"transformer": "NewBie-Image-Exp0.1-bf16.safetensors", "diffusion_models": "NewBie-Image-Exp0.1-bf16.safetensors",
              "vae": "ae.safetensors"}
    for path in sorted((place / "files").rglob("*.safetensors")):
        name = single.get(path.parent.name)
        if name is None:
            name = "gemma_3_4b_it_bf16.safetensors" if "gemma" in path.name.lower() else "jina_clip_v2_bf16.safetensors"
        path.rename(place / name)
    shutil.copy(ROOT / "examples/prompts/aoi.xml", place / "prompt.xml")
    adapters = ROOT / "tests/data/adapters"
    for name in ["style", "face"]:
        shutil.copy(next((adapters / "comfyui").glob("*.safetensors")), place / f"{name}.safetensors")
    (place / "loras").mkdir()
    shutil.copy(place / "style.safetensors", place / "loras/style.safetensors")
    peft = next(adapters.glob("peft/**/adapter_config.json")).parent
    shutil.copytree(peft, place / "my_peft_folder")
    pictures = place / "my_pictures"
    pictures.mkdir()
    for seed in range(4):
        subprocess.run([program, "generate", "-q", "-p", "1girl, smile", "-s", str(seed), "-o", pictures / f"{seed}.png"],
                       check=True)
        (pictures / f"{seed}.txt").write_text("1girl, smile\n")
    (place / "style.toml").write_text('train_data_dir = "my_pictures"\noutput_dir = "style"\noutput_name = "style"\n'
                                      "resolution = 128\nenable_bucket = false\nlearning_rate = 1e-3\nnum_epochs = 2\n")


def main():
    program = Path(sys.argv[1]).resolve()
    place = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()).resolve()
    place.mkdir(parents=True, exist_ok=True)
    listed = commands(ROOT / "README.md")
    if listed != commands(ROOT / "README.zh-CN.md"):
        sys.exit("the READMEs have other commands")
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(place),
                   "NEWBIE_MODEL": str(ROOT / "models/avatar")}
    bring_along(place, program)
    failed = 0
    for line in listed:
        if APART.match(line):
            print(f"apart    {line}")
            continue
        started = time.monotonic()
        done = subprocess.run(["bash", "-c", line], cwd=place, env=environment, capture_output=True, text=True)
        fine = {0, 4} if MAY_BE_UNSUPPORTED.search(line) else {0}
        failed += done.returncode not in fine
        print(f"{'ok' if done.returncode in fine else 'FAILED':8} {line}   exit {done.returncode}, {time.monotonic() - started:.1f} s")
        for said in (done.stdout + done.stderr).strip().splitlines()[-6:]:
            print(f"           {said[:160]}")
    print(f"{failed} failed; what they made: {place}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
