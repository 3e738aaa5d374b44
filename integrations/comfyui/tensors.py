"""ComfyUI's pictures and masks: tensors of floats from 0 to 1, [batch, height, width(, 3)]."""

from __future__ import annotations

from typing import Any, Iterable

import numpy
import torch
from newbie import Picture


def image_of(pictures: Iterable[Picture]) -> Any:
    return torch.from_numpy(numpy.stack([p.to_numpy() for p in pictures]).astype("float32") / 255)


def array_of(tensor: Any) -> Any:
    """The first of a batch, bytes, as the engine takes it."""
    array = numpy.asarray(tensor.cpu() if hasattr(tensor, "cpu") else tensor)
    return (array[0].clip(0, 1) * 255).round().astype("uint8")
