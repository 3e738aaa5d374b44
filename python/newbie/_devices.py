"""diffusers' words for devices, and what they are here."""

from __future__ import annotations

import warnings
from typing import Any, Optional

from ._errors import InvalidRequest, Unsupported
from ._words import devices

# Graphics cards by the names of programs that use them without Vulkan.
_CARDS = ("cuda", "hip", "rocm", "xpu")
_ELSEWHERE = ("mps", "npu", "tpu", "hpu", "meta")


def is_device(word: str) -> bool:
    return word.split(":")[0] in ("cpu", "auto", "vulkan", *_CARDS, *_ELSEWHERE)


def device_word(given: Any) -> Optional[str]:
    """"cpu", torch.device("cuda"), "vulkan:1" … as Engine takes it; None stays None. A card that another program's word
    means is used through Vulkan where there is one that can be taken, and that is told; else it says why not."""
    if given is None:
        return None
    word = str(given).lower()
    kind, _, which = word.partition(":")
    if kind in ("auto", "vulkan"):
        return str(given)
    if kind == "cpu":
        return "cpu"
    if kind in _ELSEWHERE or kind not in _CARDS:
        raise InvalidRequest(f"device: {word} is none that networks run on here", "cpu, vulkan, or one of newbie.devices()")
    listed = devices()
    cards = [one for one in listed["vulkan"] if one["kind"] != "software on the CPU"]
    taken = [one for one in cards if not one["refusal"]]
    if not taken:
        why = "; ".join(f"{one['name']}: {one['refusal']}" for one in cards) or listed["problem"] or "there is no card"
        raise Unsupported(f"{word}: cards are used through Vulkan, and none can be: {why}", 'leave it out, or say "cpu"')
    if which not in ("", "0") or (which and len(taken) > 1):
        known = ", ".join(f"{one['device']} is {one['name']}" for one in taken)
        raise InvalidRequest(f"{word}: its numbers mean nothing to Vulkan", known)
    # As "vulkan" does: the list has the best first among those that can be taken.
    warnings.warn(f"{word}: there is no CUDA in here; cards are used through Vulkan", stacklevel=3)
    return "vulkan"
