"""The node pack, loaded as ComfyUI loads it and run as its graph runs nodes. ComfyUI itself is a stand-in of what the pack
asks of it: folders, a progress bar, the flag of its Cancel button; torch is the real one where it is installed."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from conftest import MODEL, ROOT

import newbie

np = pytest.importorskip("numpy")


class Interrupted(BaseException):
    """As ComfyUI's own, which is no Exception either."""


class Comfy:
    """What happened there."""

    def __init__(self) -> None:
        self.progress: List[Tuple[int, int, Any]] = []
        self.interrupt_at = -1
        self.interrupted = False
        self.asked = False  # whether somebody saw that


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comfy]:
    seen = Comfy()

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: int, total: int, preview: Any = None) -> None:
            assert total == self.total
            seen.progress.append((value, total, preview))
            seen.interrupted = seen.interrupted or len(seen.progress) == seen.interrupt_at

    def processing_interrupted() -> bool:
        seen.asked = seen.asked or seen.interrupted
        return seen.interrupted

    def throw_exception_if_processing_interrupted() -> None:
        if seen.interrupted and (seen.asked or seen.interrupt_at > 0):
            seen.interrupted = False
            raise Interrupted

    def module(name: str, **values: Any) -> types.ModuleType:
        out = types.ModuleType(name)
        out.__dict__.update(values)
        monkeypatch.setitem(sys.modules, name, out)
        return out

    utils = module("comfy.utils", ProgressBar=ProgressBar)
    management = module(
        "comfy.model_management",
        processing_interrupted=processing_interrupted,
        throw_exception_if_processing_interrupted=throw_exception_if_processing_interrupted,
    )
    module("comfy", utils=utils, model_management=management, __path__=[])
    (tmp_path / "newbie").mkdir()
    (tmp_path / "newbie" / "avatar").symlink_to(MODEL)
    loras = tmp_path / "loras"
    loras.mkdir()
    (loras / "broken.safetensors").write_bytes(b"nothing")
    module(
        "folder_paths",
        models_dir=str(tmp_path),
        get_filename_list=lambda kind: sorted(one.name for one in loras.iterdir()),
        get_full_path=lambda kind, name: str(loras / name) if (loras / name).exists() else None,
    )
    if importlib.util.find_spec("torch") is None:
        module("torch", from_numpy=lambda array: array)
    yield seen


@pytest.fixture
def nodes(comfy: Comfy) -> Dict[str, Any]:
    """As ComfyUI's loader does it: the folder's __init__.py under a name made of its path."""
    folder = ROOT / "integrations" / "comfyui"
    name = str(folder).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    assert spec is not None and spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    for module in [one for one in sys.modules if one == name or one.startswith(name + ".")]:
        del sys.modules[module]  # of an earlier test, with its stand-in
    sys.modules[name] = pack
    spec.loader.exec_module(pack)
    assert set(pack.NODE_CLASS_MAPPINGS) == set(pack.NODE_DISPLAY_NAME_MAPPINGS)
    return dict(pack.NODE_CLASS_MAPPINGS)


def run(node: Any, **inputs: Any) -> Any:
    """As the executor does: what is not given has its default; every choice is a listed one."""
    declared = node.INPUT_TYPES()
    values: Dict[str, Any] = {}
    for name, (kind, *options) in {**declared["required"], **declared.get("optional", {})}.items():
        if name in inputs:
            values[name] = inputs[name]
        elif isinstance(kind, list):
            values[name] = options[0].get("default", kind[0]) if options else kind[0]
        elif options and "default" in options[0]:
            values[name] = options[0]["default"]
        if isinstance(kind, list):
            assert values[name] in kind
    assert set(inputs) <= set(values)
    out = getattr(node(), node.FUNCTION)(**values)
    result = out["result"] if isinstance(out, dict) else out
    assert len(result) == len(node.RETURN_TYPES)
    return result


def test_a_graph_draws_what_the_package_draws(nodes: Dict[str, Any], comfy: Comfy) -> None:
    (model,) = run(nodes["NewbieLoad"], model="avatar", dtype="f32")
    assert run(nodes["NewbieLoad"], model="avatar", dtype="f32")[0].engine is model.engine
    prompt, report = run(nodes["NewbiePrompt"], model=model, text="1girl, blue hair", form="XML from tags")
    assert "<appearance>" in prompt and "Gemma: " in report
    settings: Dict[str, Any] = {"width": 32, "height": 32, "steps": 3, "sampler": "euler", "schedule": "simple", "seed": 5}
    images, requests = run(nodes["NewbieSample"], model=model, prompt=prompt, preview_every=1, batch=2, **settings)
    assert tuple(images.shape) == (2, 32, 32, 3) and requests.count('"seed": ') == 2
    watcher = Pictures()
    model.engine.prepare({"prompt": prompt, "batch": 2, **settings}).run(watcher)
    assert (np.round(np.asarray(images) * 255) == np.stack([p.to_numpy() for p in watcher.pictures])).all()
    assert [done for done, _, _ in comfy.progress] == [1, 2, 3, 4, 5, 6] and comfy.progress[-1][1] == 6
    assert comfy.progress[2][2][0] == "JPEG" and comfy.progress[2][2][1].size == (32, 32)


class Pictures(newbie.watch.Watcher):
    def __init__(self) -> None:
        self.pictures: List[newbie.Picture] = []

    def on_picture(self, picture: newbie.Picture) -> None:
        self.pictures.append(picture)


def test_from_a_picture_and_a_mask(nodes: Dict[str, Any]) -> None:
    (model,) = run(nodes["NewbieLoad"], path=str(MODEL))
    start = np.random.default_rng(2).integers(0, 256, (1, 32, 32, 3)).astype("float32") / 255
    mask = np.zeros((1, 32, 32), "float32")
    images, _ = run(nodes["NewbieSample"], model=model, prompt="1girl", steps=2, image=start, mask=mask)
    assert (np.asarray(images) == start.astype("float32")).all()  # black everywhere: all of it comes back


def test_cancel(nodes: Dict[str, Any], comfy: Comfy) -> None:
    (model,) = run(nodes["NewbieLoad"], model="avatar")
    comfy.interrupt_at = 2
    with pytest.raises(Interrupted):
        run(nodes["NewbieSample"], model=model, prompt="1girl", width=32, height=32)
    assert len(comfy.progress) == 2
    images, _ = run(nodes["NewbieSample"], model=model, prompt="1girl", width=32, height=32, steps=1)
    assert tuple(images.shape) == (1, 32, 32, 3)


def test_cancel_between_steps(nodes: Dict[str, Any], comfy: Comfy) -> None:
    (model,) = run(nodes["NewbieLoad"], model="avatar")
    comfy.interrupted = True  # a step's end does not see it before the thread that asks has
    with pytest.raises(Interrupted):
        run(nodes["NewbieSample"], model=model, prompt="1girl", width=32, height=32, steps=1000)
    assert comfy.asked and len(comfy.progress) < 1000


def test_report_and_adapters(nodes: Dict[str, Any]) -> None:
    (model,) = run(nodes["NewbieLoad"], model="avatar", dtype="bf16", memory_gib=1.0)
    (report,) = run(nodes["NewbieReport"], model=model, width=64, height=64)
    assert "precision" in report and "denoise" in report and "GiB" in report
    with pytest.raises(newbie.BadFile, match="broken"):
        run(nodes["NewbieLora"], model=model, lora_name="broken.safetensors")
