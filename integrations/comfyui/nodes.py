"""The nodes: load, adapter, prompt, sample, report."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import Any, Dict, Iterator, List, Tuple

import comfy.model_management
import comfy.utils
import folder_paths
import newbie
from newbie import Picture
from newbie.watch import Preview, Step, Watcher

from .model import NewbieModel, open_model
from .tensors import array_of, image_of

CATEGORY = "newbie.cpp"
GIB = 2**30


def _words(field: str) -> List[str]:
    (row,) = [one for one in newbie.request_fields() if one["name"] == field]
    return list(row["words"])


class NewbieLoad:
    """A model, opened: folders that `newbie generate -m` takes, in `models/newbie` or anywhere."""

    CATEGORY, FUNCTION = CATEGORY, "load"
    RETURN_TYPES, RETURN_NAMES = ("NEWBIE_MODEL",), ("model",)

    @classmethod
    def INPUT_TYPES(cls) -> Dict[str, Any]:
        place = os.path.join(folder_paths.models_dir, "newbie")
        there = sorted(one.name for one in os.scandir(place) if one.is_dir()) if os.path.isdir(place) else []
        return {
            "required": {
                "model": (["(the one that is found)", *there],),
                "dtype": (["auto", *newbie.describe()["dtypes"]],),
                "memory_gib": (
                    "FLOAT",
                    {"default": 0.0, "min": 0.0, "max": 4096.0, "step": 0.25, "tooltip": "0: what the machine has left"},
                ),
                "threads": ("INT", {"default": 0, "min": 0, "max": 1024, "tooltip": "0: every CPU"}),
            },
            "optional": {"path": ("STRING", {"default": "", "tooltip": "a folder elsewhere; wins over `model`"})},
        }

    def load(self, model: str, dtype: str, memory_gib: float, threads: int, path: str = "") -> Tuple[NewbieModel]:
        folder = path
        if not folder and not model.startswith("("):
            folder = os.path.join(folder_paths.models_dir, "newbie", model)
        return (open_model(folder, dtype, int(memory_gib * GIB), threads),)


class NewbieLora:
    """An adapter beside the weights, behind those of earlier nodes."""

    CATEGORY, FUNCTION = CATEGORY, "add"
    RETURN_TYPES, RETURN_NAMES = ("NEWBIE_MODEL",), ("model",)

    @classmethod
    def INPUT_TYPES(cls) -> Dict[str, Any]:
        return {
            "required": {
                "model": ("NEWBIE_MODEL",),
                "lora_name": (folder_paths.get_filename_list("loras"),),
                "strength": ("FLOAT", {"default": 1.0, "min": -20.0, "max": 20.0, "step": 0.05}),
            }
        }

    def add(self, model: NewbieModel, lora_name: str, strength: float) -> Tuple[NewbieModel]:
        path = folder_paths.get_full_path("loras", lora_name)
        if path is None:
            raise newbie.BadFile(f"{lora_name}: no such adapter")
        return (model.with_adapter(path, strength),)


class NewbiePrompt:
    """A prompt as the model was trained on: XML, made of tags or put in order, and what is wrong with it."""

    CATEGORY, FUNCTION = CATEGORY, "write"
    RETURN_TYPES, RETURN_NAMES = ("STRING", "STRING"), ("prompt", "report")
    FORMS = ("as it is", "XML, put in order", "XML from tags")

    @classmethod
    def INPUT_TYPES(cls) -> Dict[str, Any]:
        return {
            "required": {
                "model": ("NEWBIE_MODEL",),
                "text": ("STRING", {"multiline": True, "dynamicPrompts": True}),
                "form": (list(cls.FORMS),),
            }
        }

    def write(self, model: NewbieModel, text: str, form: str) -> Dict[str, Any]:
        if form == self.FORMS[1]:
            text = newbie.format_prompt(text)
        elif form == self.FORMS[2]:
            text = newbie.prompt_from_tags(text)
        found = model.engine.lint(text)
        lines = [f"{f['line']}:{f['column']}: {f['severity']}: {f['message']}" for f in found["findings"]]
        if found["tokens"] is not None:
            lines += [f"{e['encoder']}: {e['tokens']} of {e['limit']} tokens" for e in found["tokens"]["encoders"]]
        report = "\n".join(lines)
        return {"ui": {"text": [report]}, "result": (text, report)}


@contextlib.contextmanager
def _stopped_by_cancel(job: newbie.Job) -> Iterator[None]:
    """ComfyUI's Cancel button sets a flag that nodes are to ask for. A step of a large picture takes seconds, so that a
    thread asks meanwhile: the drawing stops within one operation of the network."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.05):
            if comfy.model_management.processing_interrupted():
                return job.stop()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    except newbie.Cancelled:
        comfy.model_management.throw_exception_if_processing_interrupted()
        raise
    finally:
        done.set()
        thread.join()


class _Drawing(Watcher):
    """Tells ComfyUI how far it is."""

    def __init__(self) -> None:
        self.pictures: List[Picture] = []
        self._bar: Any = None
        self._preview: Any = None
        self._done = 0

    def on_step(self, step: Step) -> None:
        total = step.evaluations * step.pictures
        if self._bar is None:
            self._bar = comfy.utils.ProgressBar(total)
        self._done += 1
        self._bar.update_absolute(min(self._done, total), total, self._preview)
        comfy.model_management.throw_exception_if_processing_interrupted()

    def on_preview(self, preview: Preview) -> None:
        from PIL import Image

        image = Image.frombytes("RGB", (preview.width, preview.height), preview.pixels)
        self._preview = ("JPEG", image, 512)

    def on_picture(self, picture: Picture) -> None:
        self.pictures.append(picture)


class NewbieSample:
    """Draws: from noise, or from a picture where one is given, and only what a mask shows white."""

    CATEGORY, FUNCTION = CATEGORY, "draw"
    RETURN_TYPES, RETURN_NAMES = ("IMAGE", "STRING"), ("images", "requests")

    @classmethod
    def INPUT_TYPES(cls) -> Dict[str, Any]:
        side = {"default": 0, "min": 0, "max": 16384, "step": 16, "tooltip": "0: the model's own"}
        return {
            "required": {
                "model": ("NEWBIE_MODEL",),
                "prompt": ("STRING", {"forceInput": True}),
                "negative_prompt": ("STRING", {"multiline": True, "default": ""}),
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}),
                "width": ("INT", side),
                "height": ("INT", side),
                "batch": ("INT", {"default": 1, "min": 1, "max": 4096}),
                "steps": ("INT", {"default": 28, "min": 1, "max": 1000}),
                "cfg": ("FLOAT", {"default": 4.5, "min": 0.0, "max": 100.0, "step": 0.1}),
                "sampler": (_words("sampler"), {"default": "res_multistep"}),
                "schedule": (["(the sampler's own)", *_words("schedule")],),
                "batch_noise": (_words("batch_noise"), {"tooltip": "slices: as ComfyUI's own sampler"}),
                "preview_every": ("INT", {"default": 4, "min": 0, "max": 1000, "tooltip": "steps; 0: no previews"}),
            },
            "optional": {
                "image": ("IMAGE",),
                "mask": ("MASK",),
                "strength": ("FLOAT", {"default": 0.75, "min": 0.01, "max": 1.0, "step": 0.01}),
            },
        }

    def draw(self, model: NewbieModel, schedule: str, **given: Any) -> Tuple[Any, str]:
        request: Dict[str, Any] = dict(given)
        image, mask = request.pop("image", None), request.pop("mask", None)
        strength = request.pop("strength", None)
        if not schedule.startswith("("):
            request["schedule"] = schedule
        if image is not None:
            request["init_image"] = array_of(image)
            if strength is not None:
                request["strength"] = strength
        if mask is not None:
            request["mask"] = array_of(mask)
        drawing = _Drawing()
        job = model.prepare(request)
        with _stopped_by_cancel(job):
            job.run(drawing)
        return image_of(drawing.pictures), json.dumps([picture.request for picture in drawing.pictures])


class NewbieReport:
    """Which numbers the model computes in, and why; what a picture of that size would take, before it is drawn."""

    CATEGORY, FUNCTION, OUTPUT_NODE = CATEGORY, "tell", True
    RETURN_TYPES, RETURN_NAMES = ("STRING",), ("report",)

    @classmethod
    def INPUT_TYPES(cls) -> Dict[str, Any]:
        side = {"default": 0, "min": 0, "max": 16384, "step": 16, "tooltip": "0: the model's own"}
        return {"required": {"model": ("NEWBIE_MODEL",), "width": ("INT", side), "height": ("INT", side)}}

    def tell(self, model: NewbieModel, width: int, height: int) -> Dict[str, Any]:
        opened = model.engine.describe()
        plan = model.prepare({"prompt": "", "width": width, "height": height}).plan()
        lines = [f"precision {opened['precision']['name']}, {opened['threads']} threads"]
        lines += [f"  {reason}" for reason in opened["precision"]["reasons"]]
        lines.append(f"memory at the peak {plan['peak_bytes'] / GIB:.2f} GiB")
        lines += [f"  {stage['name']:<10} {stage['peak_bytes'] / GIB:.2f} GiB" for stage in plan["stages"]]
        lines += [f"  {choice['what']}: {choice['why']}" for choice in plan["choices"]]
        report = "\n".join(lines)
        return {"ui": {"text": [report]}, "result": (report,)}


NODE_CLASS_MAPPINGS = {
    "NewbieLoad": NewbieLoad,
    "NewbieLora": NewbieLora,
    "NewbiePrompt": NewbiePrompt,
    "NewbieSample": NewbieSample,
    "NewbieReport": NewbieReport,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "NewbieLoad": "Load model (newbie.cpp)",
    "NewbieLora": "LoRA (newbie.cpp)",
    "NewbiePrompt": "XML prompt (newbie.cpp)",
    "NewbieSample": "Sample (newbie.cpp)",
    "NewbieReport": "Precision and memory (newbie.cpp)",
}
