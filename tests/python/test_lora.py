"""Adapters by diffusers' names."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import SMALL

import newbie

np = pytest.importorskip("numpy")


def write_safetensors(path: Path, tensors: Dict[str, Any]) -> None:
    header: Dict[str, Dict[str, object]] = {}
    at = 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


@pytest.fixture
def adapter(pipe: newbie.DiffusionPipeline, tmp_path: Path) -> Path:
    """Rank 2 on one feed-forward of the transformer, whose sizes its file tells."""
    transformer = Path(pipe.engine.describe()["parts"]["transformer"])
    file = transformer if transformer.is_file() else next(transformer.glob("*.safetensors"))
    with open(file, "rb") as weights:
        (size,) = struct.unpack("<Q", weights.read(8))
        header = json.loads(weights.read(size))
    out_size, in_size = header["layers.0.feed_forward.w1.weight"]["shape"]
    random = np.random.default_rng(3)
    key = "diffusion_model.layers.0.feed_forward.w1"
    path = tmp_path / "style.safetensors"
    write_safetensors(
        path,
        {
            f"{key}.lora_A.weight": random.normal(0, 1, (2, in_size)).astype("float32"),
            f"{key}.lora_B.weight": random.normal(0, 1, (out_size, 2)).astype("float32"),
        },
    )
    return path


def test_adapters(pipe: newbie.DiffusionPipeline, adapter: Path, tmp_path: Path) -> None:
    def draw() -> bytes:
        return bytes(pipe("1girl", seed=1, **SMALL).pictures[0].pixels)

    plain = draw()
    try:
        pipe.load_lora_weights(adapter.parent, weight_name=adapter.name, adapter_name="style")
        assert pipe.get_active_adapters() == ["style"]
        changed = draw()
        assert changed != plain
        pipe.set_adapters("style", 0.0)
        assert draw() == plain and pipe.get_active_adapters() == []
        pipe.set_adapters(["style"], [0.5])
        request = pipe("1girl", seed=1, **SMALL).requests[0]
        assert request["loras"][0]["strength"] == 0.5 and request["merge_loras"] is False
        pipe.set_adapters("style")
        assert draw() == changed
        pipe.fuse_lora()
        assert pipe("1girl", seed=1, **SMALL).requests[0]["merge_loras"] is True
        with pytest.raises(newbie.InvalidRequest, match="no adapter"):
            pipe.set_adapters("other")
        with pytest.raises(newbie.InvalidRequest, match="already"):
            pipe.load_lora_weights(adapter, adapter_name="style")
        # diffusers' recipe: what was fused stays without its file.
        fused = draw()
        pipe.unload_lora_weights()
        assert fused != plain and draw() == fused
        pipe.unfuse_lora()
        assert draw() == plain
        pipe.load_lora_weights(adapter)
        pipe.load_lora_weights(adapter)
        pipe.delete_adapters("default_0")
        pipe.load_lora_weights(adapter)
        assert pipe.get_list_adapters() == {"transformer": ["default_1", "default_0"]}
        pipe.delete_adapters("default_1")
        pipe.set_adapters(["default_0"], [None])
        assert draw() == changed
        pipe.disable_lora()
        assert draw() == plain
        pipe.enable_lora()
        pipe.fuse_lora(lora_scale=0.5)
        assert pipe("1girl", seed=1, **SMALL).requests[0]["loras"][0]["strength"] == 0.5
        with pytest.raises(newbie.InvalidRequest, match="expected a number"):
            pipe.set_adapters("default_0", float("nan"))
    finally:
        pipe.enable_lora()
        pipe.unfuse_lora()
        pipe.unload_lora_weights()
    assert draw() == plain
    wrong = tmp_path / "wrong.safetensors"
    write_safetensors(wrong, {"nothing.of.ours.lora_A.weight": np.zeros((2, 4), "float32")})
    with pytest.raises(newbie.Error):
        pipe.load_lora_weights(wrong)
    with pytest.raises(newbie.BadFile):
        pipe.load_lora_weights("/nowhere.safetensors")
    assert pipe.get_active_adapters() == []
