#!/usr/bin/env python3
"""Exported networks in ONNX Runtime and OpenVINO, on this CPU, against the program's own numbers. ./dev onnx runs it.

Usage: run.py NEWBIE MODEL FOLDER   NEWBIE is the program, MODEL a model folder; exports go to FOLDER, which is emptied.
                                    Prints a line a check and exits 1 if one failed.

f32: each network within 1e-4 of the largest value that the program gives, and a whole picture within 1/255. bf16, f16:
no further from f32 than twice as far as the program's own numbers in that dtype are (two roundings of the same kind),
where the runtime has the dtype.
"""

import json
import math
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples"))
import onnx_draw  # noqa: E402  the example is what draws here, so that it is known to work

PROMPT = ["-p", "1girl, purple_hair, glasses, smile", "-s", "5"]
SMALL = ["-W", "128", "-H", "128", "--sampling-method", "euler", "--steps", "8"]
MOST_RELATIVE = 1e-4

failed = 0


def tell(passed, what):
    global failed
    failed += not passed
    print(f"{'ok' if passed else 'FAILED':8}{what}", flush=True)


def skipped(what):
    print(f"{'SKIPPED':8}{what}", flush=True)


def read_safetensors(path):
    dtypes = {"F32": np.float32, "I32": np.int32}
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    body, out = memoryview(data)[8 + length :], {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            out[name] = np.frombuffer(body[begin:end], dtypes[entry["dtype"]]).reshape(entry["shape"])
    return out


class Program:
    def __init__(self, program, model):
        self.program, self.model = program, model

    def __call__(self, *words):
        subprocess.run([self.program, *map(str, words), "-q"], check=True)

    def export(self, folder, dtype, *flags, model=()):
        self("export", "onnx", folder, "--dtype", dtype, *SMALL, "-m", self.model, *model, *flags)
        return json.loads((folder / onnx_draw.MANIFEST).read_text(encoding="utf-8"))


RUNTIMES = {
    "ONNX Runtime": lambda: onnx_draw.OnnxRuntime(["CPUExecutionProvider"]),
    "OpenVINO": lambda: onnx_draw.OpenVino("CPU"),
}


def sample_of(folder, file):
    path = folder / "samples" / Path(file).with_suffix(".safetensors")
    return read_safetensors(path) if path.exists() else None


def outputs_of(folder, manifest, file, sample, runtime):
    return np.array(onnx_draw.Network(folder, manifest, file, runtime)(**sample), np.float64)


def expected_of(manifest, file, sample):
    return np.array(sample[next(iter(manifest["networks"][file]["outputs"]))], np.float64)


def check_models(folder, manifest):
    import onnx

    for file in manifest["networks"]:
        try:
            onnx.checker.check_model(str(folder / file), full_check=True)
            onnx.shape_inference.infer_shapes_path(str(folder / file), str(folder / "inferred"), strict_mode=True)
            tell(True, f"{file}: the onnx checker, and the shapes it infers")
        except Exception as e:
            tell(False, f"{file}: {e}")
        (folder / "inferred").unlink(missing_ok=True)


def check_f32(folder, manifest, what=""):
    for file in manifest["networks"]:
        sample = sample_of(folder, file)
        if sample is None:
            continue
        want = expected_of(manifest, file, sample)
        for name, make in RUNTIMES.items():
            got = outputs_of(folder, manifest, file, sample, make())
            error = np.abs(got - want).max() / np.abs(want).max()
            tell(error <= MOST_RELATIVE, f"{file}{what}: {name} differs by {error:.1e}, at most {MOST_RELATIVE:.0e}")


def check_every_network_has_samples(folder, manifest):
    networks = {manifest["networks"][file]["network"] for file in manifest["networks"]}
    sampled = {manifest["networks"][f]["network"] for f in manifest["networks"] if sample_of(folder, f) is not None}
    tell(networks == sampled and len(sampled) == 6, f"compared are {', '.join(sorted(sampled))}")


def check_picture(newbie, folder):
    from PIL import Image

    newbie("generate", *PROMPT, *SMALL, "--dtype", "f32", "-m", newbie.model, "-o", folder / "newbie.png")
    want = np.array(Image.open(folder / "newbie.png").convert("RGB"), np.int64)
    for name, make in RUNTIMES.items():
        got = onnx_draw.to_bytes(onnx_draw.draw(folder, make()))
        Image.fromarray(got).save(folder / f"{name.replace(' ', '_')}.png")
        most = np.abs(got - want).max()
        tell(most <= 1, f"a whole picture: {name} differs by {most}/255, at most 1/255")


def distance(a, b):
    return math.sqrt(((a - b) ** 2).mean())


def check_narrow(folder, manifest, exact_folder, exact_manifest, dtype):
    """Runtimes against f32 on the same inputs, with the program's own distance from f32 as the measure."""
    for file in manifest["networks"]:
        sample = sample_of(folder, file)
        if sample is None:
            continue
        # The f32 network gives what the program gives in f32: that was compared before.
        want = outputs_of(exact_folder, exact_manifest, file, sample, RUNTIMES["ONNX Runtime"]())
        ours = distance(expected_of(manifest, file, sample), want)
        for name, make in RUNTIMES.items():
            runtime = make()
            wide = name == "OpenVINO" and runtime.computes_in(dtype) != dtype
            try:
                got = outputs_of(folder, manifest, file, sample, runtime)
            except Exception as e:
                said = f"{file} in {dtype}: {name} {{}}: {' '.join(str(e).split())[:100]}"
                if "NOT_IMPLEMENTED" in str(e):  # ONNX Runtime's word for a kernel that it lacks for a type
                    skipped(said.format("has no way to run it"))
                else:
                    tell(False, said.format("does not run it"))
                continue
            theirs = distance(got, want)
            how = f"{name} (this CPU has no {dtype}: computed in f32)" if wide else name
            tell(theirs <= 2 * ours, f"{file} in {dtype}: {how} is {theirs:.1e} from f32, the program {ours:.1e}")


# ---- one block of the full-size transformer, with made-up weights ----

DIM, HEAD, HEADS, KV_HEADS, FFN, CONDITIONING, TIME = 2304, 96, 24, 8, 9216, 1024, 256


def full_size_block(path, caption, pooled, latent_channels=16):
    """A transformer of one layer (and a refiner of each kind) as wide as the published one, for the encoders at hand."""
    weights = {}

    def matrix(name, rows, columns, bias=False):
        weights[f"{name}.weight"] = (rows, columns)
        if bias:
            weights[f"{name}.bias"] = (rows,)

    def block(name, modulated):
        matrix(f"{name}.attention.qkv", (HEADS + 2 * KV_HEADS) * HEAD, DIM)
        matrix(f"{name}.attention.out", DIM, DIM)
        for norm, width in (("attention.q_norm", HEAD), ("attention.k_norm", HEAD)):
            weights[f"{name}.{norm}.weight"] = (width,)
        for norm in ("attention_norm1", "attention_norm2", "ffn_norm1", "ffn_norm2"):
            weights[f"{name}.{norm}.weight"] = (DIM,)
        for part, rows, columns in (("w1", FFN, DIM), ("w2", DIM, FFN), ("w3", FFN, DIM)):
            matrix(f"{name}.feed_forward.{part}", rows, columns)
        if modulated:
            matrix(f"{name}.adaLN_modulation.1", 4 * DIM, CONDITIONING, bias=True)

    block("context_refiner.0", False)
    block("noise_refiner.0", True)
    block("layers.0", True)
    weights["cap_embedder.0.weight"] = (caption,)
    matrix("cap_embedder.1", DIM, caption, bias=True)
    weights["clip_text_pooled_proj.0.weight"] = (pooled,)
    matrix("clip_text_pooled_proj.1", pooled, pooled, bias=True)
    matrix("t_embedder.mlp.0", CONDITIONING, TIME, bias=True)
    matrix("t_embedder.mlp.2", CONDITIONING, CONDITIONING, bias=True)
    matrix("time_text_embed.1", CONDITIONING, CONDITIONING + pooled, bias=True)
    matrix("x_embedder", DIM, 4 * latent_channels, bias=True)
    matrix("final_layer.adaLN_modulation.1", DIM, CONDITIONING, bias=True)
    matrix("final_layer.linear", 4 * latent_channels, DIM, bias=True)

    path.mkdir(parents=True)
    axes = [HEAD // 3] * 3
    config = {"model_type": "nextdit_clip", "patch_size": 2, "dim": DIM, "n_layers": 1, "n_heads": HEADS}
    config |= {"n_kv_heads": KV_HEADS, "in_channels": latent_channels, "axes_dims": axes, "axes_lens": [1024, 512, 512]}
    config |= {"clip_text_dim": pooled, "clip_img_dim": pooled, "_class_name": "NextDiT_CLIP"}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    header, at = {}, 0
    for name, shape in weights.items():
        bytes_ = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + bytes_]}
        at += bytes_
    text = json.dumps(header).encode()
    rng = np.random.default_rng(1)
    with open(path / "diffusion_pytorch_model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in weights.items():
            values = rng.standard_normal(math.prod(shape), np.float32)
            is_norm = len(shape) == 1 and name.endswith(".weight")
            values = 1 + 0.1 * values if is_norm else values / np.float32(math.sqrt(shape[-1]))
            out.write((values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes())


def check_full_size_block(newbie, folder, manifest):
    networks = manifest["networks"].values()
    caption = next(n["inputs"]["caption"]["shape"][1] for n in networks if n["network"] == "context")
    pooled = next(n["inputs"]["pooled"]["shape"][0] for n in networks if n["network"] == "step")
    if shutil.disk_usage(folder).free < 8 << 30:
        return skipped("a block of full size: less than 8 GiB of disk are free")
    full_size_block(folder / "block", caption, pooled)
    export = folder / "block-onnx"
    flags = [*PROMPT, "--samples", "--cfg-scale", "1", "--steps", "2"]
    made = newbie.export(export, "f32", *flags, model=["--diffusion-model", folder / "block"])
    made["networks"] = {f: n for f, n in made["networks"].items() if n["network"] in ("context", "step")}
    check_f32(export, made, " of a full-size block")
    shutil.rmtree(folder / "block")
    shutil.rmtree(export)


def main(program, model, folder):
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    newbie = Program(program, model)

    # The encoder runs when a picture is what is started from: a second export into the same folder.
    exact = folder / "f32"
    newbie.export(exact, "f32", *PROMPT, "--samples")
    before = (exact / "transformer.weights").stat()
    newbie("generate", *PROMPT, *SMALL, "-m", model, "-o", folder / "start.png")
    manifest = newbie.export(exact, "f32", "-p", "1girl, smile", "-i", folder / "start.png", "--samples")
    after = (exact / "transformer.weights").stat()
    tell((before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), "another prompt keeps the weights")
    check_models(exact, manifest)
    check_every_network_has_samples(exact, manifest)
    check_f32(exact, manifest)

    exact_manifest = newbie.export(exact, "f32", *PROMPT)  # the manifest is of this picture again
    check_picture(newbie, exact)

    adapted = folder / "adapter"
    adapter = ROOT / "tests/data/adapters/peft/adapter_model.safetensors"
    check_f32(adapted, newbie.export(adapted, "f32", *PROMPT, "--samples", "--lora", adapter), " with an adapter")

    for dtype in ("bf16", "f16"):
        narrow = folder / dtype
        manifest = newbie.export(narrow, dtype, *PROMPT, "--samples")
        check_models(narrow, manifest)
        check_narrow(narrow, manifest, exact, exact_manifest, dtype)

    check_full_size_block(newbie, folder, manifest)
    print(f"{failed} failed" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
