"""Values that scripts write in many ways: dtypes, seeds, sizes in bytes. Nothing of torch or numpy is imported for it."""

from __future__ import annotations

import math
import re
from typing import Any

from ._call import Latent
from ._errors import InvalidRequest
from ._picture import optional_numpy

_DTYPES = {
    "auto": "auto",
    "bfloat16": "bf16",
    "bf16": "bf16",
    "float32": "f32",
    "float": "f32",
    "f32": "f32",
    "float16": "f16",
    "half": "f16",
    "f16": "f16",
    "fp16": "f16",
    "fp32": "f32",
    "int8": "int8",
}


def dtype_word(dtype: Any) -> str:
    """torch.bfloat16, numpy.float32, "bfloat16", "bf16" … as the engine calls it."""
    name = getattr(dtype, "__name__", None) or str(dtype)
    word = _DTYPES.get(name.rsplit(".", 1)[-1].lower())
    if word is None:
        raise InvalidRequest(f"dtype: {dtype!r} is none to compute in", "possible: auto, float32, bfloat16, float16, int8")
    return word


def seed_of(generator: Any) -> int:
    """An int, or what a torch.Generator was seeded with. A generator that has drawn already counts as new: the engine
    draws from its seed."""
    if isinstance(generator, bool):
        raise TypeError("a generator is a torch.Generator or an int, not a truth value")
    if isinstance(generator, int):
        return generator
    initial = getattr(generator, "initial_seed", None)
    if initial is None:
        raise TypeError(f"a generator is a torch.Generator or an int, not {type(generator).__name__}")
    device = str(getattr(generator, "device", "cpu"))
    if device != "cpu":
        raise InvalidRequest(
            f"generator: one of {device}, whose noise is another one", 'torch.Generator("cpu").manual_seed(…), or an int'
        )
    return int(initial())


def has_drawn(generator: Any) -> bool:
    """Whether a torch.Generator's state is another than just after its seed."""
    try:
        fresh = type(generator)()
        fresh.manual_seed(int(generator.initial_seed()))
        return bool((fresh.get_state() != generator.get_state()).any())
    except (AttributeError, TypeError):  # like a generator, but none
        return False


def strength_of(weight: Any) -> float:
    """Of an adapter; None is 1."""
    value = 1.0 if weight is None else plain(weight)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidRequest(
            f"an adapter's weight: expected a number, got {weight!r}", "strengths by block are in a request's loras"
        )
    return float(value)


def plain(value: Any) -> Any:
    """Numbers of numpy and tensors of one number as Python's own."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def bytes_of(size: Any) -> int:
    """A number of bytes, or "6GiB", "800MB"."""
    if isinstance(size, int):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", str(size), re.IGNORECASE)
    if found is None or found[2].upper() not in _UNITS:
        raise InvalidRequest(f"memory: {size!r} is no size", "as in 6GiB or 800MB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def latents_of(latent: Latent) -> Any:
    """[1, channels, height, width], float32, not to be written: an array, or without numpy a memoryview."""
    shape = (1, latent.channels, latent.height, latent.width)
    numpy = optional_numpy()
    if numpy is not None:
        return numpy.frombuffer(latent.values, numpy.float32).reshape(shape)
    return memoryview(latent.values).cast("f", shape)
