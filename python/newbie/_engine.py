"""Engine: a model, opened. Job: one request, prepared once, to look at and to draw."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import threading
from ctypes import byref, c_void_p
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional, Type, Union

from . import _structs as structs
from ._call import Call, Watcher, interruptible
from ._errors import InvalidRequest, Unsupported
from ._library import ask, call, lib, path_words, words
from ._picture import Input, InputStructs, as_input

if TYPE_CHECKING:
    from ._picture import PictureLike

Path = Union[str, "os.PathLike[str]"]

_log = logging.getLogger("newbie")

# Counts forks: an engine's threads stay in the process that opened it.
_forks = itertools.count(1)
_process = 0


def _after_fork() -> None:
    global _process
    _process = next(_forks)


os.register_at_fork(after_in_child=_after_fork)


def _tell_log(_user: Any, is_warning: int, text: bytes) -> None:
    _log.log(logging.WARNING if is_warning else logging.INFO, "%s", text.decode("utf-8", "replace"))


_on_message = structs.OnMessage(_tell_log)  # one for all engines: it lives as long as they do


class Engine:
    """A model, opened once. Any thread may call; one call at a time runs, others wait for it. A call that fails or is
    stopped leaves it as good as new. Engines do not survive a fork: open them in the child.

    `model`: a folder; None is what NEWBIE_MODEL names, else the model installed with the library. Single parts win over
    it. `dtype`: "auto", "f32", "bf16", "f16", "int8"; `precision`: a preset of describe(). `memory`: bytes for the whole
    process. `device`: "cpu", "vulkan", "vulkan:NUMBER", "vulkan:NAME" of devices(), or "auto"; `device_memory`: bytes of
    its memory. Folders `text_cache` and `weight_cache` keep encoded prompts and prepared weights. Adapters are looked for in
    `adapters`. What the engine tells goes to logging.getLogger("newbie").
    """

    def __init__(
        self,
        model: Optional[Path] = None,
        *,
        transformer: Optional[Path] = None,
        text_encoder: Optional[Path] = None,
        clip_model: Optional[Path] = None,
        vae: Optional[Path] = None,
        dtype: Optional[str] = None,
        precision: Optional[str] = None,
        precision_policy: Optional[Path] = None,
        memory: int = 0,
        threads: int = 0,
        guard: Optional[str] = None,
        backend: Optional[str] = None,
        device: Optional[str] = None,
        device_memory: int = 0,
        text_cache: Optional[Path] = None,
        weight_cache: Optional[Path] = None,
        adapters: Optional[Path] = None,
        lenient: bool = False,
    ) -> None:
        self._handle: Optional[c_void_p] = None
        self._opened_with = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self._lock = threading.Lock()
        self._owner: Optional[int] = None  # the thread whose call runs
        self._process = _process
        options: structs.Options = structs.sized(structs.Options())
        options.model, options.transformer = path_words(model), path_words(transformer)
        options.text_encoder, options.clip_model = path_words(text_encoder), path_words(clip_model)
        options.vae = path_words(vae)
        options.dtype, options.precision_preset = words(dtype), words(precision)
        options.precision_policy = path_words(precision_policy)
        options.memory_bytes, options.threads = _whole("memory", memory, 2**64), _whole("threads", threads, 2**31)
        options.guard, options.backend = words(guard), words(backend)
        options.text_cache, options.weight_cache = path_words(text_cache), path_words(weight_cache)
        options.adapter_folder = path_words(adapters)
        options.device = words(device)
        options.device_memory_bytes = _whole("device_memory", device_memory, 2**64)
        options.hash_file = path_words(_hash_file())
        options.lenient = int(lenient)
        options.on_message = _on_message
        handle = c_void_p()
        call(lib.newbie_open, byref(options), byref(handle))
        self._handle = handle

    def prepare(self, request: Mapping[str, Any]) -> "Job":
        """Checks a request, tokenises and plans it. Fields are those of request_fields(); "prompt" must be among them.
        "init_image" and "mask" are pictures: paths, bytes of a file, PIL images or arrays."""
        return Job(self, request)

    def lint(self, prompt: str, **settings: Any) -> Dict[str, Any]:
        """What is wrong with a prompt, and what the encoders read of it. `settings`: fields of a request that count here
        (weights, routing, system_prompt, max_gemma_tokens, max_jina_tokens)."""
        out: Dict[str, Any] = ask(lib.newbie_prompt_lint, self._open(), words(prompt), _json(settings))
        return out

    def tokens(self, prompt: str, **settings: Any) -> Dict[str, Any]:
        """Every token of both encoders, and how many of how many."""
        out: Dict[str, Any] = ask(lib.newbie_prompt_tokens, self._open(), words(prompt), _json(settings))
        return out

    def evaluate(self, metric: str, a: Path, b: Optional[Path] = None, **options: Any) -> Dict[str, Any]:
        """A number about folders of pictures, with its interval, as `newbie evaluate` gives it. `metric`: "fid", "kid",
        "clip-score", "psnr", "ssim"; the last two take single pictures, too. `options`: resamples, seed, captions,
        caption_key, inception, inception_input, splits, subsets, subset_size, beside, border."""
        asked = {"metric": metric, "a": os.fspath(a), **options}
        if b is not None:
            asked["b"] = os.fspath(b)
        for name, value in asked.items():
            if isinstance(value, os.PathLike):
                asked[name] = os.fspath(value)
        with self._held():
            handle = self._open()
            out: Dict[str, Any] = interruptible(
                lambda: ask(lib.newbie_evaluate, handle, _json(asked)), lambda: lib.newbie_stop(handle)
            )
        return out

    def reopened(self, **changes: Any) -> "Engine":
        """Another engine of the same model, opened as this one was but for `changes`."""
        return Engine(**{**self._opened_with, **changes})

    def describe(self) -> Dict[str, Any]:
        """What was opened: files of the parts, precision with its reasons, threads, sizes, what the model knows."""
        out: Dict[str, Any] = ask(lib.newbie_engine_describe, self._open())
        return out

    @property
    def device(self) -> str:
        """As it was said; "cpu" where nothing was."""
        return str(self._opened_with["device"] or "cpu")

    def memory(self) -> Dict[str, int]:
        """Bytes at this moment: allocated and reserved by the engine, resident and its peak of the process."""
        out: Dict[str, int] = ask(lib.newbie_engine_memory, self._open())
        return out

    def close(self) -> None:
        """Gives everything back; waits for a call that runs."""
        if self._handle is None or self._process != _process:  # another process's threads cannot be ended from here
            return
        with self._held():
            handle, self._handle = self._handle, None
            lib.newbie_close(handle)

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle is not None and self._process == _process:
            lib.newbie_close(handle)

    def _open(self) -> c_void_p:
        self._check_process()
        if self._handle is None:
            raise InvalidRequest("the engine is closed")
        return self._handle

    def _check_process(self) -> None:
        if self._process != _process:
            raise Unsupported("the engine was opened before a fork", "open it in the child")

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """For the time of one call. A callback must not wait for the call that it belongs to."""
        self._check_process()
        if self._owner == threading.get_ident():
            raise InvalidRequest("the engine is busy with the call that this callback belongs to")
        with self._lock:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None


class Job:
    """A request, prepared. Made by Engine.prepare()."""

    def __init__(self, engine: Engine, request: Mapping[str, Any]) -> None:
        self._handle: Optional[c_void_p] = None
        self._engine = engine
        self._process = _process
        fields: Dict[str, Any] = {}
        inputs: Dict[str, Input] = {}
        for name, value in request.items():
            if name in ("init_image", "mask") and value is not None:
                value = as_input(value)
                if isinstance(value, Input):
                    inputs[name] = value
                    continue
            fields[name] = value
        text = _json(fields)
        handle = c_void_p()
        with engine._held():
            structs_of = InputStructs(inputs)
            call(lib.newbie_prepare, engine._open(), text, structs_of.array, structs_of.count, byref(handle))
        self._handle = handle

    def describe(self) -> Dict[str, Any]:
        """The request with every field said, width and height, seeds, passes with their noise levels, and notes: what
        will not do what it seems to ask for."""
        out: Dict[str, Any] = ask(lib.newbie_job_describe, self._handle)
        return out

    def plan(self) -> Dict[str, Any]:
        """The bytes of every stage, before anything is allocated, and what was given up to stay within the budget."""
        out: Dict[str, Any] = ask(lib.newbie_job_plan, self._handle)
        return out

    def run(self, watcher: Optional[Watcher] = None) -> Dict[str, Any]:
        """Draws, tells `watcher` (on this thread), and returns what it took: seconds by stage, evaluations, memory planned
        and measured. May be called again. Ctrl-C, and what the watcher raises, stop it within one operation of the
        network."""
        with self._engine._held():
            return Call(self._handle, watcher or Watcher(), self).run()

    def stop(self) -> None:
        """From any thread: the job ends with Cancelled, now and whenever it is run again."""
        lib.newbie_job_stop(self._handle)

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle is not None and self._process == _process:
            lib.newbie_job_free(handle)


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _whole(what: str, value: int, limit: int) -> int:
    if not 0 <= value < limit:
        raise InvalidRequest(f"{what}: expected 0 or more, got {value}")
    return value


def _hash_file() -> Optional[str]:
    """Where the program keeps hashes of large files, too (docs/env.md)."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not cache.startswith("/"):
        home = os.environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        cache = os.path.join(home, ".cache")
    return os.path.join(cache, "newbie", "hashes.json")
