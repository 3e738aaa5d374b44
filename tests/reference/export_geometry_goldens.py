"""What torchvision makes of pictures that are not square: tests/golden/data/geometry.safetensors.

Usage: export_geometry_goldens.py OUT

For each size W x H and side S the tensor "WxH/S" [S, S, 3] is Resize(S, BICUBIC), CenterCrop(S) of the picture with
channel c of pixel (x, y) = ((37 x + 91 y + 53 c) ^ (x y)) mod 256. Needs torch, torchvision, pillow, safetensors.
"""

import sys
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

# The default build of torchvision has no operators for a CPU build of torch; pictures need none.
sys.modules["torchvision._meta_registrations"] = types.ModuleType("none")
from torchvision.transforms import CenterCrop, InterpolationMode, Resize  # noqa: E402

SIZES = [(640, 480), (480, 640), (128, 171), (171, 128), (20, 600), (600, 20), (133, 100), (100, 135), (50, 37), (9, 11)]
SIDES = [24, 25]


def picture(width, height):
    x, y, c = np.arange(width)[None, :, None], np.arange(height)[:, None, None], np.arange(3)[None, None, :]
    return Image.fromarray((((37 * x + 91 * y + 53 * c) ^ (x * y)) % 256).astype(np.uint8))


out = {}
for width, height in SIZES:
    for side in SIDES:
        short = Resize(side, InterpolationMode.BICUBIC)(picture(width, height))
        out[f"{width}x{height}/{side}"] = torch.from_numpy(np.asarray(CenterCrop(side)(short)).copy())
        print(width, height, side, short.size)
save_file(out, Path(sys.argv[1]) / "geometry.safetensors")
