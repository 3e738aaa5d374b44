"""DiffusionPipeline: the engine under diffusers' names, so that scripts run with their import changed."""

from __future__ import annotations

import itertools
import os
import random
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._call import Latent, Preview, Step, Watcher
from ._devices import device_word, is_device
from ._engine import Engine, Job
from ._errors import Cancelled, InvalidRequest
from ._picture import Picture
from ._values import bytes_of, dtype_word, has_drawn, latents_of, plain, seed_of, strength_of
from ._words import request_fields

if TYPE_CHECKING:
    from ._picture import PictureLike

    StepCallback = Callable[["DiffusionPipeline", int, float, Dict[str, Any]], Optional[Mapping[str, Any]]]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # "owner/model"

# diffusers' words for fields of a request.
_OUR_NAMES = {
    "negative_prompt": "negative_prompt",
    "height": "height",
    "width": "width",
    "num_inference_steps": "steps",
    "guidance_scale": "cfg",
    "image": "init_image",
    "mask_image": "mask",
    "strength": "strength",
    "max_sequence_length": "max_gemma_tokens",
    "sampler": "sampler",
    "scheduler": "schedule",
    "system_prompt": "system_prompt",
}


class PipelineOutput:
    """What a call drew. `images`: PIL images, or arrays; `pictures`: the same with everything they say of themselves;
    `result`: what it took, one for each request that was drawn."""

    def __init__(self, images: List[Any], pictures: List[Picture], result: List[Dict[str, Any]]) -> None:
        self.images = images
        self.pictures = pictures
        self.result = result

    @property
    def seeds(self) -> List[int]:
        return [picture.seed for picture in self.pictures]

    @property
    def parameters(self) -> List[str]:
        return [picture.parameters for picture in self.pictures]

    @property
    def requests(self) -> List[Dict[str, Any]]:
        return [picture.request for picture in self.pictures]

    def save(self, path: Union[str, "os.PathLike[str]"], *, quality: int = 95) -> List[Path]:
        """Writes every picture as `newbie generate` writes it, request included. `path` may have {seed}, {index}, {width}
        and {height} in it; names that would be equal are told apart by _2, _3 … before the extension."""
        paths: List[Path] = []
        for number, picture in enumerate(self.pictures):
            try:
                name = os.fspath(path).format(
                    seed=picture.seed, index=number, width=picture.width, height=picture.height
                )
            except (KeyError, IndexError, ValueError) as problem:
                raise InvalidRequest(
                    f"path: {os.fspath(path)!r} is no pattern: {problem}", "{seed}, {index}, {width}, {height}"
                ) from None
            stem, extension = os.path.splitext(name)
            again = 1
            while Path(name) in paths:
                again += 1
                name = f"{stem}_{again}{extension}"
            paths.append(Path(name))
        for picture, to in zip(self.pictures, paths):
            picture.save(to, quality=quality)
        return paths

    def __getitem__(self, at: int) -> Any:
        return (self.images,)[at]  # as diffusers' outputs, which are tuples, too

    def __repr__(self) -> str:
        return f"PipelineOutput(seeds={self.seeds})"


@dataclass(frozen=True)
class Compared:
    """A request in one precision. `psnr` in decibels (infinite for equal pictures) and `ssim` are to the first one's
    picture; `result`: what it took."""

    dtype: str
    picture: Picture
    psnr: float
    ssim: float
    result: Dict[str, Any]


def _device_of_map(device_map: Any, device: Any) -> Any:
    """The device that diffusers' device_map means where all parts are on one."""
    if device is not None:
        raise TypeError("device and device_map are the same thing")
    if not isinstance(device_map, str):
        raise InvalidRequest("device_map: parts are not put on several devices here", 'device="auto", "cpu" or "vulkan:0"')
    return "auto" if device_map in ("auto", "balanced", "balanced_low_0", "sequential") else device_map


class DiffusionPipeline:
    """A model, opened once, drawn with as often as you like. Made by from_pretrained()."""

    # What an assignment may change; safety_checker = None stands in many scripts, and there is none.
    _PARTS = frozenset(
        "engine safety_checker _adapters _fused _lora_off _progress _told _job _interrupt _generators".split()
    )

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.safety_checker = None
        self._adapters: Dict[str, Dict[str, Any]] = {}  # that are loaded
        self._fused: Dict[str, Dict[str, Any]] = {}  # that stay, as they were when they were fused
        self._lora_off = False
        self._progress: Dict[str, Any] = {}
        self._told: List[str] = []
        self._job: Optional[Job] = None  # that runs
        self._interrupt = False
        self._generators: List[Any] = []  # of the last call

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._PARTS or (name == "safety_checker" and value is not None):
            raise AttributeError(
                f"{name}: nothing here would heed it; samplers, schedules and guidance are arguments of a call, "
                "weights of from_pretrained()"
            )
        super().__setattr__(name, value)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Optional[Union[str, "os.PathLike[str]"]] = None,
        *,
        torch_dtype: Any = None,
        dtype: Any = None,
        device: Any = None,
        transformer: Optional[Union[str, "os.PathLike[str]"]] = None,
        text_encoder: Optional[Union[str, "os.PathLike[str]"]] = None,
        clip_model: Optional[Union[str, "os.PathLike[str]"]] = None,
        vae: Optional[Union[str, "os.PathLike[str]"]] = None,
        memory: Union[int, str] = 0,
        device_memory: Union[int, str] = 0,
        threads: int = 0,
        precision: Optional[str] = None,
        precision_policy: Optional[Union[str, "os.PathLike[str]"]] = None,
        guard: Optional[str] = None,
        text_cache: Optional[Union[str, "os.PathLike[str]"]] = None,
        weight_cache: Optional[Union[str, "os.PathLike[str]"]] = None,
        lora_dir: Optional[Union[str, "os.PathLike[str]"]] = None,
        use_safetensors: Optional[bool] = None,
        trust_remote_code: Optional[bool] = None,
        low_cpu_mem_usage: Optional[bool] = None,
        local_files_only: Optional[bool] = None,
        variant: Optional[str] = None,
        device_map: Any = None,
    ) -> "DiffusionPipeline":
        """Opens a folder in any layout that `newbie generate -m` takes. None is what NEWBIE_MODEL names, else the model
        installed with the library. `torch_dtype` or `dtype`: torch.bfloat16, "bfloat16", "bf16", "auto" …; torch is not
        imported. `device`: "cpu", "vulkan", "vulkan:0" …, as .to() takes it. `memory`: for the whole process, in bytes or as
        "6GiB"; `device_memory`: of a card's. `use_safetensors`, `trust_remote_code`, `low_cpu_mem_usage` and
        `local_files_only` are taken because scripts have them, and change nothing: nothing is downloaded, and nothing but
        weights is read. `device_map`: a device, or "balanced" for what `device="auto"` is. `variant`: refused with the way
        to name such files, as a folder's are taken as they lie."""
        if torch_dtype is not None and dtype is not None:
            raise TypeError("torch_dtype and dtype are the same thing")
        name = pretrained_model_name_or_path
        if name is not None:
            name = os.path.expanduser(os.fspath(name))
        if name is not None and _HUB_NAME.fullmatch(name) and not os.path.exists(name):
            raise InvalidRequest(
                f"{name}: no such folder, and nothing is downloaded",
                f"get it first, as by `hf download {name} --local-dir {name.split('/')[1]}`, and give that folder",
            )
        if variant is not None:
            raise InvalidRequest(
                f"variant: {variant}: files of a folder are taken as they lie, whatever their name says",
                f'name such a file, as by transformer="…/diffusion_pytorch_model.{variant}.safetensors"; `dtype` says what to compute in',
            )
        if device_map is not None:
            device = _device_of_map(device_map, device)
        chosen = dtype if torch_dtype is None else torch_dtype
        return cls(
            Engine(
                name,
                transformer=transformer,
                text_encoder=text_encoder,
                clip_model=clip_model,
                vae=vae,
                dtype=None if chosen is None else dtype_word(chosen),
                precision=precision,
                precision_policy=precision_policy,
                memory=bytes_of(memory),
                device=device_word(device),
                device_memory=bytes_of(device_memory),
                threads=threads,
                guard=guard,
                text_cache=text_cache,
                weight_cache=weight_cache,
                adapters=lora_dir,
            )
        )

    @classmethod
    def from_single_file(
        cls,
        pretrained_model_link_or_path: Union[str, "os.PathLike[str]"],
        *,
        config: Optional[Union[str, "os.PathLike[str]"]] = None,
        **words: Any,
    ) -> "DiffusionPipeline":
        """A transformer in one file, safetensors or GGUF; `config` is the folder that has the other parts (None: as
        from_pretrained), `words` those of from_pretrained."""
        path = os.path.expanduser(os.fspath(pretrained_model_link_or_path))
        if "transformer" in words:
            raise TypeError("from_single_file: the file is the transformer")
        if "://" in path:
            raise InvalidRequest(f"{path}: nothing is downloaded", "get the file first, and give its path")
        return cls.from_pretrained(config, transformer=path, **words)

    def __call__(
        self,
        prompt: Union[str, Sequence[str], None] = None,
        *,
        negative_prompt: Union[str, Sequence[str], None] = None,
        height: Optional[int] = None,
        width: Optional[int] = None,
        num_inference_steps: Optional[int] = None,
        guidance_scale: Optional[float] = None,
        num_images_per_prompt: int = 1,
        generator: Any = None,
        seed: Optional[int] = None,
        image: "Optional[PictureLike]" = None,
        mask_image: "Optional[PictureLike]" = None,
        strength: Optional[float] = None,
        sampler: Optional[str] = None,
        scheduler: Optional[str] = None,
        system_prompt: Optional[str] = None,
        max_sequence_length: Optional[int] = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: "Optional[StepCallback]" = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        on_preview: Optional[Callable[[Preview], None]] = None,
        progress: Optional[bool] = None,
        **fields: Any,
    ) -> Any:
        """Draws. What is not given has the default of `newbie generate`: 28 steps, guidance 4.5, the model's own size.

        `generator`: a torch.Generator of the CPU, an int, or a list of either, one a picture. One for several pictures
        means one large draw cut into pictures, as in diffusers; `seed` means seed, seed + 1, …, each as drawn alone.
        Neither: a random seed, which `seeds` of the output tells. `output_type`: "pil", "np" (floats from 0 to 1, as in
        diffusers) or "uint8". `callback_on_step_end(pipe, i, t, {"latents": …})` is called on this thread; latents may be
        looked at, and not changed: to give others back is an error. `fields`: any other field of a request by its own name (request_fields()).
        """
        named = {
            "negative_prompt": negative_prompt,
            "height": height,
            "width": width,
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
            "image": image,
            "mask_image": mask_image,
            "strength": strength,
            "sampler": sampler,
            "scheduler": scheduler,
            "system_prompt": system_prompt,
            "max_sequence_length": max_sequence_length,
        }
        if output_type not in ("pil", "np", "uint8"):
            raise InvalidRequest(f'output_type: expected "pil", "np" or "uint8", got {output_type!r}')
        unknown = set(callback_on_step_end_tensor_inputs) - {"latents"}
        if unknown:
            raise InvalidRequest(f"callback_on_step_end_tensor_inputs: there are latents only, no {sorted(unknown)}")
        requests = self._requests(prompt, named, fields, num_images_per_prompt, generator, seed)
        self._tell_used(generator)
        if on_preview is not None:
            for request in requests:
                request.setdefault("preview_every", 4)
        jobs = [self.engine.prepare(request) for request in requests]
        for note in dict.fromkeys(note for job in jobs for note in job.describe()["notes"]):
            warnings.warn(note, stacklevel=2)
        pictures: List[Picture] = []
        results: List[Dict[str, Any]] = []
        with self._bar(progress) as bar:
            for job in jobs:
                watcher = _Drawing(self, job, len(jobs), bar, callback_on_step_end, on_preview)
                self._job, self._interrupt = job, False
                try:
                    results.append(job.run(watcher))
                finally:
                    self._job = None
                pictures += watcher.pictures
        images = [_as_output(picture, output_type) for picture in pictures]
        return PipelineOutput(images, pictures, results) if return_dict else (images,)

    def plan(self, prompt: str = "", **arguments: Any) -> Dict[str, Any]:
        """What such a call would take, stage by stage, before anything is allocated. Takes what a call takes of a request."""
        return self._one_job(prompt, arguments).plan()

    def describe_request(self, prompt: str = "", **arguments: Any) -> Dict[str, Any]:
        """How such a call is understood: every field, sizes, seeds, noise levels, notes."""
        return self._one_job(prompt, arguments).describe()

    @property
    def precision(self) -> Dict[str, Any]:
        """Which numbers it computes in, and why."""
        out: Dict[str, Any] = self.engine.describe()["precision"]
        return out

    @property
    def memory(self) -> Dict[str, int]:
        """Bytes at this moment."""
        return self.engine.memory()

    @property
    def dtype(self) -> str:
        return str(self.precision["dtype"])

    @property
    def device(self) -> str:
        """As it was said: "cpu", "vulkan", "vulkan:0" …"""
        return self.engine.device

    def lint(self, prompt: str, **settings: Any) -> Dict[str, Any]:
        """What is wrong with a prompt, and what the encoders read of it."""
        return self.engine.lint(prompt, **settings)

    def tokens(self, prompt: str, **settings: Any) -> Dict[str, Any]:
        """Every token of both encoders."""
        return self.engine.tokens(prompt, **settings)

    def evaluate(
        self,
        metric: str,
        a: Union[str, "os.PathLike[str]"],
        b: Optional[Union[str, "os.PathLike[str]"]] = None,
        **options: Any,
    ) -> Dict[str, Any]:
        """FID, KID, CLIP score, PSNR or SSIM of folders of pictures, with intervals: Engine.evaluate()."""
        return self.engine.evaluate(metric, a, b, **options)

    def compare(self, prompt: str, dtypes: Sequence[Any] = ("f32", "bf16", "f16"), **arguments: Any) -> List[Compared]:
        """The same request drawn in several precisions, each by an engine of its own, and how far its picture is from the
        first one's. `arguments`: what a call takes of a request; without a seed all draw with seed 0. `newbie compare`
        does it for many prompts, with intervals."""
        if "seed" not in arguments and arguments.get("generator") is None:
            arguments["seed"] = 0
        out: List[Compared] = []
        with tempfile.TemporaryDirectory() as folder:
            for number, given in enumerate(dtypes):
                word = dtype_word(given)
                with self.engine.reopened(dtype=word, precision=None, precision_policy=None) as engine:
                    pipe = DiffusionPipeline(engine)
                    pipe._adapters, pipe._fused, pipe._lora_off = self._adapters, self._fused, self._lora_off
                    pipe._progress = self._progress
                    drawn = pipe(prompt, **arguments)
                    path = drawn.save(os.path.join(folder, f"{number}.png"))[0]
                    first = Path(folder) / "0.png"
                    likeness = [engine.evaluate(metric, path, first)["pairs"][0]["value"] for metric in ("psnr", "ssim")]
                decibels = float(likeness[0])  # "inf" for equal pictures
                out.append(Compared(word, drawn.pictures[0], decibels, likeness[1], drawn.result[0]))
        return out

    def stop(self) -> None:
        """From any thread: the call that runs ends with Cancelled. `pipe._interrupt = True` in a callback does so, too;
        diffusers would decode what it has by then."""
        job = self._job
        if job is not None:
            job.stop()

    def load_lora_weights(
        self,
        pretrained_model_name_or_path: Union[str, "os.PathLike[str]"],
        *,
        weight_name: Optional[str] = None,
        adapter_name: Optional[str] = None,
    ) -> None:
        """An adapter for every call from now on, at strength 1 (set_adapters() changes it). A file, a PEFT folder, or a
        name in `lora_dir`. It is read and held against the model at once."""
        path = os.fspath(pretrained_model_name_or_path)
        if weight_name is not None:
            path = os.path.join(path, weight_name)
        free = (f"default_{number}" for number in itertools.count() if f"default_{number}" not in self._adapters)
        name = adapter_name if adapter_name is not None else next(free)
        if name in self._adapters:
            raise InvalidRequest(f"adapter_name: there is a {name!r} already")
        adapter = {"name": path, "strength": 1.0}
        self.engine.prepare({"prompt": "", "loras": [adapter]})
        self._adapters[name] = adapter

    def set_adapters(
        self,
        adapter_names: Union[str, Sequence[str]],
        adapter_weights: Union[float, Sequence[Optional[float]], None] = None,
    ) -> None:
        """These, in this order and at these strengths; others have 0."""
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        if isinstance(adapter_weights, (list, tuple)):
            strengths = [strength_of(weight) for weight in adapter_weights]
        else:
            strengths = [strength_of(adapter_weights)] * len(names)
        if len(strengths) != len(names):
            raise InvalidRequest(f"set_adapters: {len(names)} names and {len(strengths)} weights")
        missing = [name for name in names if name not in self._adapters]
        if missing:
            raise InvalidRequest(f"set_adapters: no adapter {missing}", f"there are {list(self._adapters)}")
        chosen = {name: {**self._adapters[name], "strength": s} for name, s in zip(names, strengths)}
        rest = {name: {**one, "strength": 0.0} for name, one in self._adapters.items() if name not in chosen}
        self._adapters = {**chosen, **rest}

    def get_active_adapters(self) -> List[str]:
        return [name for name, adapter in self._adapters.items() if adapter["strength"] != 0]

    def delete_adapters(self, adapter_names: Union[str, Sequence[str]]) -> None:
        for name in [adapter_names] if isinstance(adapter_names, str) else adapter_names:
            self._adapters.pop(name, None)

    def get_list_adapters(self) -> Dict[str, List[str]]:
        return {"transformer": list(self._adapters)} if self._adapters else {}

    def disable_lora(self) -> None:
        """Adapters that are not fused do nothing until enable_lora()."""
        self._lora_off = True

    def enable_lora(self) -> None:
        self._lora_off = False

    def unload_lora_weights(self) -> None:
        """Forgets what was loaded. As in diffusers, what was fused stays until unfuse_lora()."""
        self._adapters = {}

    def fuse_lora(
        self,
        components: Optional[Sequence[str]] = None,
        *,
        lora_scale: float = 1.0,
        adapter_names: Optional[Sequence[str]] = None,
        safe_fusing: bool = False,
    ) -> None:
        """From now on adapters are merged into the weights, rounded once, instead of computed beside them, at their
        strengths times `lora_scale`. `components` and `safe_fusing` change nothing: an adapter is merged where it acts,
        and one that is not finite was refused."""
        names = list(self._adapters) if adapter_names is None else list(adapter_names)
        missing = [name for name in names if name not in self._adapters]
        if missing:
            raise InvalidRequest(f"fuse_lora: no adapter {missing}", f"there are {list(self._adapters)}")
        scale = strength_of(lora_scale)
        for name in names:
            self._fused[name] = {**self._adapters[name], "strength": scale * self._adapters[name]["strength"]}

    def unfuse_lora(self, components: Optional[Sequence[str]] = None) -> None:
        self._fused = {}

    @property
    def num_fused_loras(self) -> int:
        return len(self._fused)

    def set_progress_bar_config(self, **config: Any) -> None:
        """What tqdm gets; `disable=True` for none."""
        self._progress = config

    def to(self, *where: Any, **named: Any) -> "DiffusionPipeline":
        """On another device the model is opened again; adapters stay. "cuda" is a card through Vulkan (docs/python.md).
        Another dtype than that of opening is refused."""
        device: Optional[str] = None
        for one in (*where, *named.values()):
            word = str(one).lower()
            if one is None or isinstance(one, bool):
                continue
            if is_device(word):
                device = device_word(one)
            elif dtype_word(one) not in ("auto", self.dtype):
                raise InvalidRequest(
                    f"to: opened in {self.dtype}, not in {word}", "say dtype= to from_pretrained()"
                )
        if device is not None and device != self.device:
            before, self.engine = self.engine, self.engine.reopened(device=device, backend=None)
            before.close()
        return self

    def enable_model_cpu_offload(self, *_: Any, **__: Any) -> None:
        self._tell_planned("enable_model_cpu_offload")

    def enable_sequential_cpu_offload(self, *_: Any, **__: Any) -> None:
        self._tell_planned("enable_sequential_cpu_offload")

    def enable_attention_slicing(self, *_: Any, **__: Any) -> None:
        self._tell_planned("enable_attention_slicing")

    def enable_vae_slicing(self) -> None:
        self._tell_planned("enable_vae_slicing")

    def enable_vae_tiling(self) -> None:
        self._tell_planned("enable_vae_tiling")

    def _tell_planned(self, what: str) -> None:
        if what in self._told:
            return
        self._told.append(what)
        warnings.warn(f"{what}() changes nothing: memory is planned; memory= limits it, vae_tiling= tiles", stacklevel=3)

    def _tell_used(self, generator: Any) -> None:
        """diffusers goes on with what is left of a generator's state; the engine draws from its seed."""
        given = list(generator) if isinstance(generator, (list, tuple)) else [generator]
        given = [one for one in given if hasattr(one, "initial_seed")]
        if any(one is before for one in given for before in self._generators) or any(map(has_drawn, given)):
            warnings.warn(
                "generator: one that was used before draws its first picture again, where diffusers would draw another: "
                "give a new one, or seed=",
                stacklevel=3,
            )
        self._generators = given

    def _one_job(self, prompt: str, arguments: Dict[str, Any]) -> Job:
        named = {name: arguments.pop(name) for name in list(arguments) if name in _OUR_NAMES}
        count = arguments.pop("num_images_per_prompt", 1)
        generator, seed = arguments.pop("generator", None), arguments.pop("seed", None)
        return self.engine.prepare(self._requests(prompt, named, arguments, count, generator, seed)[0])

    def _requests(
        self,
        prompt: Union[str, Sequence[str], None],
        named: Mapping[str, Any],
        fields: Mapping[str, Any],
        count: int,
        generator: Any,
        seed: Optional[int],
    ) -> List[Dict[str, Any]]:
        """One for each prompt, or for each picture where each has a generator of its own."""
        known = {field["name"] for field in request_fields()}
        base: Dict[str, Any] = {}
        for name, value in fields.items():
            if name not in known:
                raise TypeError(f"unknown argument {name!r}: neither diffusers' nor a field of a request")
            base[name] = plain(value)
        for name, value in named.items():
            if value is None:
                continue
            if _OUR_NAMES[name] in base:
                raise TypeError(f"{name} and {_OUR_NAMES[name]} are the same thing")
            base[_OUR_NAMES[name]] = plain(value)
        if prompt is None:
            raise TypeError("there is no prompt")
        loose = {} if self._lora_off else {n: one for n, one in self._adapters.items() if n not in self._fused}
        if loose or self._fused:
            base["loras"] = [*self._fused.values(), *loose.values(), *base.get("loras", [])]
            base.setdefault("merge_loras", bool(self._fused))
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts or not all(isinstance(one, str) for one in prompts):
            raise TypeError("a prompt is a str, or a list of one or more of them")
        negative = base.pop("negative_prompt", "")
        negatives = [negative] * len(prompts) if isinstance(negative, str) else list(negative)
        if len(negatives) != len(prompts):
            raise InvalidRequest(f"negative_prompt: {len(negatives)} for {len(prompts)} prompts")
        each = [{**base, "prompt": p, "negative_prompt": n} for p, n in zip(prompts, negatives)]
        return _with_seeds(each, count, generator, seed)

    def _bar(self, progress: Optional[bool]) -> "_Bar":
        config = dict(self._progress)
        if progress is not None:
            config["disable"] = not progress
        return _Bar(config)


def _with_seeds(
    requests: List[Dict[str, Any]], count: int, generator: Any, seed: Optional[int]
) -> List[Dict[str, Any]]:
    if generator is not None and seed is not None:
        raise TypeError("generator and seed are the same thing")
    if count < 1:
        raise InvalidRequest(f"num_images_per_prompt: expected 1 or more, got {count}")
    if isinstance(generator, (list, tuple)):
        if len(generator) != count * len(requests):
            raise InvalidRequest(f"generator: {len(generator)} of them for {count * len(requests)} pictures")
        pictures = [request for request in requests for _ in range(count)]
        return [{**request, "seed": seed_of(one), "batch": 1} for request, one in zip(pictures, generator)]
    if generator is not None:
        if len(requests) > 1:
            raise InvalidRequest(
                "generator: one for several prompts", "give a list of generators, one a picture, or seed="
            )
        slices = {"batch_noise": "slices"} if count > 1 else {}
        return [{**requests[0], "seed": seed_of(generator), "batch": count, **slices}]
    if seed is not None:
        first = seed
    elif "seed" in requests[0]:
        first = requests[0]["seed"]
    else:
        first = random.SystemRandom().getrandbits(32)
    for number, request in enumerate(requests):
        request["seed"] = first if first == -1 else first + number * count
        request.setdefault("batch", count)
    return requests


class _Bar:
    """tqdm, where it is installed."""

    def __init__(self, config: Dict[str, Any]) -> None:
        self._config = config
        self._bar: Any = None

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, total: int) -> None:
        if self._bar is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self._config["disable"] = True
            if self._config.get("disable"):
                return
            self._bar = tqdm(total=total, **self._config)
        self._bar.update(1)


class _Drawing(Watcher):
    """One job of a call: gathers pictures, moves the bar, calls back."""

    def __init__(
        self,
        pipe: DiffusionPipeline,
        job: Job,
        jobs: int,
        bar: _Bar,
        on_step_end: "Optional[StepCallback]",
        preview: Optional[Callable[[Preview], None]],
    ) -> None:
        self.pictures: List[Picture] = []
        self._pipe = pipe
        self._job = job
        self._jobs = jobs
        self._bar = bar
        self._on_step_end = on_step_end
        self._preview = preview
        self._sigmas: List[List[float]] = [one["sigmas"] for one in job.describe()["passes"]] if on_step_end else []

    def on_step(self, step: Step) -> None:
        self._bar.step(step.evaluations * step.pictures * self._jobs)
        self._check()

    def on_picture(self, picture: Picture) -> None:
        self.pictures.append(picture)

    def on_preview(self, preview: Preview) -> None:
        if self._preview is not None:
            self._preview(preview)
            self._check()

    def on_latent(self, latent: Latent) -> None:
        if self._on_step_end is None:
            return
        time = 1000.0 * self._sigmas[latent.pass_][latent.step]  # diffusers' timestep
        latents = latents_of(latent)
        changed = self._on_step_end(self._pipe, latent.step, time, {"latents": latents})
        if changed is not None and changed.get("latents", latents) is not latents:
            raise InvalidRequest(
                "callback_on_step_end: other latents came back, and the engine goes on with its own",
                "give back what came, or nothing",
            )
        self._check()

    def _check(self) -> None:
        if self._pipe._interrupt:
            raise Cancelled("stopped by a callback")


def _as_output(picture: Picture, output_type: str) -> Any:
    if output_type == "pil":
        return picture.to_pil()
    array = picture.to_numpy()
    return array if output_type == "uint8" else array.astype("float32") / 255
