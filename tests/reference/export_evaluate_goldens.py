"""What public implementations give for src/evaluate: tests/golden/data/{evaluate.json,inception.safetensors}.

Usage: export_evaluate_goldens.py OUT [WEIGHTS]

InceptionV3 runs with random weights that a C++ test can draw again: torch.manual_seed(0), then for the units
("Mixed_5b.branch1x1", …) in sorted order conv.weight = N · √(2 / fan_in), bn.weight = 1 + N/10, bn.bias = N/10,
bn.running_mean = N/10, bn.running_var = (1 + N/10)², N = torch.randn of that shape. WEIGHTS: where to keep them, as the
public file has them. Needs torch, torchvision, pytorch-fid, torch-fidelity, clean-fid, torchmetrics, scikit-image.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

# The default build of torchvision has no operators for a CPU build of torch; Inception needs none.
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import cleanfid.resize  # noqa: E402
import pytorch_fid.inception  # noqa: E402
import torch_fidelity.feature_extractor_inceptionv3  # noqa: E402
from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # noqa: E402
from torchmetrics.image.fid import _compute_fid  # noqa: E402
from torchmetrics.image.kid import poly_mmd  # noqa: E402
from torchmetrics.functional.image import structural_similarity_index_measure  # noqa: E402

DATA = Path(__file__).resolve().parent.parent / "data" / "avatar_val"


def pattern(width, height):
    """The picture (7x + 13y + 29c + ⌊xy/8⌋) mod 256, which C++ makes, too."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((7 * x + 13 * y + 29 * c + x * y // 8) % 256).astype(np.uint8)


def smooth(width, height):
    """The picture ⌊255 (x + y + c) / (w + h)⌋."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return (255 * (x + y + c) // (width + height)).astype(np.uint8)


def read(name):
    return np.asarray(Image.open(DATA / name).convert("RGB"))


def random_weights(names_and_shapes):
    """A state dict for the tensors of the network."""
    torch.manual_seed(0)
    state = {}
    for unit in sorted({n.rsplit(".", 2)[0] for n in names_and_shapes if n.endswith("conv.weight")}):
        shape = names_and_shapes[unit + ".conv.weight"]
        state[unit + ".conv.weight"] = torch.randn(shape) * (2.0 / (shape[1] * shape[2] * shape[3])) ** 0.5
        n = shape[0]
        state[unit + ".bn.weight"] = 1 + torch.randn(n) / 10
        state[unit + ".bn.bias"] = torch.randn(n) / 10
        state[unit + ".bn.running_mean"] = torch.randn(n) / 10
        state[unit + ".bn.running_var"] = (1 + torch.randn(n) / 10) ** 2
    return state


def inception_goldens(weights_path):
    with torch.device("meta"):
        empty = pytorch_fid.inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    weights = random_weights({k: tuple(v.shape) for k, v in empty.state_dict().items()})
    state = dict(weights)
    state["fc.weight"], state["fc.bias"] = torch.zeros(1008, 2048), torch.zeros(1008)
    for unit in {n.rsplit(".", 2)[0] for n in weights if n.endswith("conv.weight")}:
        state[unit + ".bn.num_batches_tracked"] = torch.tensor(0)
    torch.save(state, weights_path)

    pytorch_fid.inception.load_state_dict_from_url = lambda *a, **k: state
    theirs = pytorch_fid.inception.InceptionV3([3]).eval()
    plain = pytorch_fid.inception.InceptionV3([3], resize_input=False, normalize_input=False).eval()
    fidelity = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "random", ["2048"], feature_extractor_weights_path=weights_path)
    clean = cleanfid.resize.build_resizer("clean")

    out = {}
    with torch.no_grad():
        for name, picture in {"pattern": pattern(400, 320), "smooth": smooth(96, 200), "avatar": read("000000.png")}.items():
            chw = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
            resized = torch.from_numpy(clean(picture)).permute(2, 0, 1)[None]
            out[f"{name}/pytorch-fid"] = theirs(chw / 255.0)[0].flatten()
            out[f"{name}/tensorflow"] = fidelity(chw)[0].flatten()
            out[f"{name}/clean"] = plain((resized - 128) / 128)[0].flatten()
    return {k: v.contiguous() for k, v in out.items()}


def picture_goldens():
    rows = []
    avatar = read("000000.png")
    darker = (avatar.astype(int) * 15 // 16).astype(np.uint8)
    pairs = {"avatar/darker": (avatar, darker), "avatar/other": (avatar, read("000001.png")),
             "pattern/smooth": (pattern(75, 50), smooth(75, 50)), "smooth/smooth": (smooth(11, 16), smooth(11, 16))}
    for name, (a, b) in pairs.items():
        tensors = [torch.from_numpy(p.copy()).permute(2, 0, 1)[None].double() for p in (a, b)]
        with np.errstate(divide="ignore"):
            psnr = peak_signal_noise_ratio(a, b, data_range=255)
        rows.append({
            "name": name,
            "psnr": "inf" if np.isinf(psnr) else psnr,
            "ssim_valid": structural_similarity(a, b, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                                use_sample_covariance=False, data_range=255),
            "ssim_reflect": structural_similarity_index_measure(*tensors, data_range=255.0).item()})
    return rows


def distance_goldens():
    """Sets that C++ draws again: seed s, N = torch.randn(rows, columns), features = shift + N · scale."""
    rows = []
    for case in ({"columns": 24, "a": [1, 400, 0.0, 1.0], "b": [2, 300, 0.25, 1.5]},
                 {"columns": 64, "a": [3, 200, 0.5, 0.5], "b": [4, 200, 0.5, 0.5]},
                 {"columns": 96, "a": [5, 40, 0.0, 1.0], "b": [6, 30, 1.0, 2.0]},
                 {"columns": 48, "a": [7, 20, 0.0, 1.0], "b": [8, 300, 0.0, 1.0]}):
        sets = []
        for seed, n, shift, scale in (case["a"], case["b"]):
            torch.manual_seed(seed)
            sets.append((shift + torch.randn(n, case["columns"]) * scale).double())
        a, b = sets
        row = dict(case)
        row["fid"] = _compute_fid(a.mean(0), a.T.cov(), b.mean(0), b.T.cov()).item()
        if len(a) == len(b):
            row["kid"] = poly_mmd(a, b).item()
        rows.append(row)
    return rows


def main(arguments):
    out = Path(arguments[0])
    with tempfile.TemporaryDirectory() as folder:
        weights = arguments[1] if len(arguments) > 1 else str(Path(folder) / "inception.pth")
        save_file(inception_goldens(weights), out / "inception.safetensors")
    goldens = {"pictures": picture_goldens(), "distances": distance_goldens()}
    (out / "evaluate.json").write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
