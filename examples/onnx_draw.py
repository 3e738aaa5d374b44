#!/usr/bin/env python3
"""Draws a picture with networks that `newbie export onnx` has written, on whatever ONNX Runtime or OpenVINO runs on.

  newbie export onnx model -p "1girl, silver hair" -W 128 -H 128 -s 5
  python3 onnx_draw.py model -o picture.png
  python3 onnx_draw.py model -o picture.png --provider CUDAExecutionProvider
  python3 onnx_draw.py model -o picture.png --runtime openvino --device NPU

It draws the request that was exported, and needs numpy, Pillow, and onnxruntime (or onnxruntime-gpu, -directml, -qnn) or
openvino. The prompt's tokens are in the export; another prompt is another `newbie export onnx` into the same folder,
which takes seconds. docs/onnx.md tells more.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Union

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Folder = Union[str, "os.PathLike[str]"]
    Run = Callable[[Mapping[str, Array]], Dict[str, Array]]
    Velocity = Callable[[Array, float], Array]

MANIFEST = "newbie-onnx.json"
DTYPES = {"f32": np.float32, "i32": np.int32}


# ---- two runtimes, one call ----


class Runtime(Protocol):
    """What loads a network: a file and the dtype it was exported in; what comes back runs it by names."""

    def load(self, path: Path, dtype: str) -> Run: ...


class OnnxRuntime:
    """Networks by ONNX Runtime. `providers`: where they run, best first; what one cannot, the next one does."""

    def __init__(self, providers: Sequence[str] = ()) -> None:
        import onnxruntime

        self.onnxruntime = onnxruntime
        self.providers = list(providers) or onnxruntime.get_available_providers()

    def load(self, path: Path, dtype: str) -> Run:
        session = self.onnxruntime.InferenceSession(str(path), providers=self.providers)
        names = [output.name for output in session.get_outputs()]
        return lambda inputs: dict(zip(names, session.run(names, dict(inputs))))


class OpenVino:
    """Networks by OpenVINO on CPU, GPU or NPU. By itself it computes in a dtype of its own choice: it is told to take the
    exported one, or f32 where the device lacks that. An NPU has f16 and is asked nothing."""

    CAPABILITIES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16"}

    def __init__(self, device: str = "CPU") -> None:
        import openvino

        self.core = openvino.Core()
        self.device = device

    def computes_in(self, dtype: str) -> str:
        has = self.CAPABILITIES[dtype] in self.core.get_property(self.device, "OPTIMIZATION_CAPABILITIES")
        return dtype if has else "f32"

    def load(self, path: Path, dtype: str) -> Run:
        config = {} if self.device == "NPU" else {"INFERENCE_PRECISION_HINT": self.computes_in(dtype)}
        model = self.core.compile_model(self.core.read_model(str(path)), self.device, config)
        names = [output.any_name for output in model.outputs]

        def run(inputs: Mapping[str, Array]) -> Dict[str, Array]:
            results = model(inputs)
            return {name: np.array(results[name]) for name in names}

        return run


class Network:
    """One exported network: takes and gives arrays by name, in the shapes that the manifest says."""

    def __init__(self, folder: Folder, manifest: Mapping[str, Any], file: str, runtime: Runtime) -> None:
        self.inputs = manifest["networks"][file]["inputs"]
        self.run = runtime.load(Path(folder) / file, manifest["dtype"])

    def __call__(self, **inputs: Any) -> Array:
        ready = {
            name: np.ascontiguousarray(inputs[name], DTYPES[spec["dtype"]]).reshape(spec["shape"])
            for name, spec in self.inputs.items()
        }
        outputs = self.run(ready)
        return next(iter(outputs.values()))


# ---- noise, samplers, guidance: newbie's src/core/random.cpp and src/diffusion ----


def torch_normal(seed: int, count: int) -> Array:
    """What PyTorch's CPU generator draws for torch.randn with this seed: MT19937, Box–Muller on blocks of sixteen."""
    generator = np.random.MT19937()
    getattr(generator, "_legacy_seeding")(seed & 0xFFFFFFFF)  # as PyTorch does; NumPy has no other name for it

    def uniform(n: int) -> Array:
        return (generator.random_raw(n) & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)

    def normal(blocks: Array) -> Array:
        u = blocks.reshape(-1, 2, 8)
        radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - u[:, 0]))
        angle = np.float32(2 * math.pi) * u[:, 1]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)

    values = uniform(count)
    whole = count // 16 * 16
    values[:whole] = normal(values[:whole])
    if whole != count:
        values[-16:] = normal(uniform(16))
    return values


def euler(velocity: Velocity, x: Array, sigmas: Sequence[float]) -> Array:
    for sigma, after in zip(sigmas, sigmas[1:]):
        x = x + np.float32(sigma - after) * velocity(x, 1 - sigma)
    return x


def midpoint(velocity: Velocity, x: Array, sigmas: Sequence[float]) -> Array:
    for sigma, after in zip(sigmas, sigmas[1:]):
        t, h = 1 - sigma, sigma - after
        middle = x + np.float32(h / 2) * velocity(x, t)
        x = x + np.float32(h) * velocity(middle, t + h / 2)
    return x


def res_multistep(velocity: Velocity, x: Array, sigmas: Sequence[float]) -> Array:
    def phi1(z: float) -> float:
        return math.expm1(z) / z

    def phi2(z: float) -> float:
        return (phi1(z) - 1) / z

    before: Optional[Array] = None
    for i, (sigma, after) in enumerate(zip(sigmas, sigmas[1:])):
        denoised = x + np.float32(sigma) * velocity(x, 1 - sigma)
        if before is None or after == 0:
            x = x + (x - denoised) / np.float32(sigma) * np.float32(after - sigma)
        else:
            h = math.log(sigma) - math.log(after)
            c2 = (math.log(sigma) - math.log(sigmas[i - 1])) / h
            b2 = phi2(-h) / c2
            b1 = phi1(-h) - b2
            x = np.float32(math.exp(-h)) * x + np.float32(h) * (np.float32(b1) * denoised + np.float32(b2) * before)
        before = denoised
    return x


SAMPLERS = {"euler": euler, "midpoint": midpoint, "res_multistep": res_multistep}


def guided(
    manifest: Mapping[str, Any], networks: Sequence[Network], conditions: Sequence[Mapping[str, Array]]
) -> Velocity:
    """The velocity at (x, t): that of the prompt, led away from that of the negative prompt."""
    cfg, until = np.float32(manifest["request"]["cfg"]), manifest["request"]["cfg_trunc"]

    def velocity(x: Array, t: float) -> Array:
        def of(k: int) -> Array:
            return networks[k](latent=x, time=np.float32(t), **conditions[k])

        v = of(0)
        if len(networks) == 1 or t >= until:
            return v
        away = of(1)
        led: Array = away + cfg * (v - away)
        return led

    return velocity


# ---- a picture ----


def refuse_what_is_missing(manifest: Mapping[str, Any]) -> None:
    """This script is an example: it walks from noise in one pass."""
    request = manifest["request"]
    if request["sampler"] not in SAMPLERS:
        sys.exit(f"sampler {request['sampler']}: this script has {', '.join(SAMPLERS)}; export with one of these")
    wanted = {"hires_scale": 0, "renorm_cfg": 0, "rescale_cfg": 0, "init_image": None, "cache": "off", "batch": 1, "vae_tile": 0}
    for field, plain in wanted.items():
        if request.get(field, plain) not in (plain, None):
            sys.exit(f"{field}: this script cannot do that; export without it")


def draw(folder: Folder, runtime: Runtime, tell: Callable[[str], None] = lambda text: None) -> Array:
    """The picture of the exported request, [height, width, 3] floats from -1 to 1."""
    manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    refuse_what_is_missing(manifest)
    request, walk, prompts = manifest["request"], manifest["passes"][0], manifest["prompts"]

    def load(file: str) -> Network:
        tell(file)
        return Network(folder, manifest, file, runtime)

    conditions: List[Mapping[str, Array]] = []
    for prompt in prompts:
        features = load(prompt["text_encoder"])(ids=prompt["text_encoder_ids"])
        pooled = load(prompt["clip_model"])(ids=prompt["clip_model_ids"])
        conditions.append({"context": load(prompt["context"])(caption=features), "pooled": pooled})
        gc.collect()

    loaded = {file: load(file) for file in dict.fromkeys(walk["steps"])}
    velocity = guided(manifest, [loaded[file] for file in walk["steps"]], conditions)
    shape = walk["latent"]
    noise = torch_normal(request["seed"], math.prod(shape)).reshape(shape)
    tell(f"{len(walk['sigmas']) - 1} steps")
    latent = SAMPLERS[request["sampler"]](velocity, noise * np.float32(min(1, walk["sigmas"][0])), walk["sigmas"])
    del loaded, velocity
    gc.collect()

    scaling = manifest["latent_scaling"]
    return load(walk["decoder"])(latent=latent / np.float32(scaling["scale"]) + np.float32(scaling["shift"]))


def to_bytes(picture: Array) -> Array:
    return np.rint(np.clip(picture / 2 + 0.5, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what `newbie export onnx` has written")
    parser.add_argument("-o", "--output", default="picture.png")
    parser.add_argument("--runtime", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--provider", action="append", default=[], help="of ONNX Runtime; can be given several times")
    parser.add_argument("--device", default="CPU", help="of OpenVINO: CPU, GPU or NPU")
    arguments = parser.parse_args()
    from PIL import Image

    runtime = OnnxRuntime(arguments.provider) if arguments.runtime == "onnxruntime" else OpenVino(arguments.device)
    picture = draw(arguments.folder, runtime, tell=lambda text: print(text, file=sys.stderr))
    Image.fromarray(to_bytes(picture)).save(arguments.output)


if __name__ == "__main__":
    main()
