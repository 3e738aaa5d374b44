"""One run of a job. The C call runs in a thread of its own; what it tells is heard on the thread that asked, which
therefore hears Ctrl-C, too, and whose exceptions are its own. While it is being heard the drawing waits."""

from __future__ import annotations

import contextvars
import ctypes
import json
import queue
import threading
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

from . import _structs as structs
from ._library import call, lib, take_text
from ._picture import Picture


@dataclass(frozen=True)
class Step:
    """An evaluation of the network is done; with guidance it is two in one."""

    picture: int
    pictures: int
    evaluation: int  # from 1
    evaluations: int
    seconds: float


@dataclass(frozen=True)
class Preview:
    """What the picture is going to be. `pixels`: RGB, 8 bits."""

    picture: int
    pictures: int
    step: int
    steps: int
    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True)
class Latent:
    """The normalised latent after a step, from 0: float32, [channels, height, width]."""

    picture: int
    pictures: int
    pass_: int  # 0: the first walk, 1: the hires pass
    step: int
    channels: int
    height: int
    width: int
    values: bytes


class Watcher:
    """Who is told. Derive from it and say what you want to hear; what a method raises stops the drawing."""

    def on_stage(self, name: str) -> None:
        pass

    def on_step(self, step: Step) -> None:
        pass

    def on_picture(self, picture: Picture) -> None:
        pass

    def on_preview(self, preview: Preview) -> None:
        pass

    def on_latent(self, latent: Latent) -> None:
        pass


def _join(worker: threading.Thread, stop: Callable[[], None]) -> None:
    """Until it has ended: Ctrl-C, a second one too, must not leave the engine with a call that runs."""
    interrupted: Optional[KeyboardInterrupt] = None
    while worker.is_alive():
        try:
            worker.join()
        except KeyboardInterrupt as again:
            interrupted = again
            stop()
    if interrupted is not None:
        raise interrupted


def interruptible(work: Callable[[], Any], stop: Callable[[], None]) -> Any:
    """work() on a thread of its own, so that Ctrl-C is heard here: it calls stop(), and is raised when work has ended."""
    result: Dict[str, Any] = {}

    def run() -> None:
        try:
            result["value"] = work()
        except BaseException as problem:
            result["failure"] = problem

    worker = threading.Thread(target=run, name="newbie", daemon=True)
    worker.start()
    _join(worker, stop)
    if "failure" in result:
        raise result["failure"]
    return result["value"]


class Call:
    """`keeps`: who owns the job, which must live as long as the thread does."""

    def __init__(self, job: Optional[c_void_p], watcher: Watcher, keeps: object) -> None:
        self._job = job
        self._keeps = keeps
        self._watcher = watcher
        self._events: "queue.SimpleQueue[Optional[Callable[[], None]]]" = queue.SimpleQueue()
        self._heard = threading.Semaphore(0)
        self._over = False  # nobody listens any more
        self._result: Optional[str] = None
        self._failure: Optional[BaseException] = None

    def run(self) -> Dict[str, Any]:
        context = contextvars.copy_context()
        worker = threading.Thread(target=context.run, args=(self._draw,), name="newbie", daemon=True)
        try:
            worker.start()
            while True:
                event = self._events.get()
                if event is None:
                    break
                event()
                self._heard.release()
        except BaseException:
            self._over = True
            lib.newbie_job_stop(self._job)
            self._heard.release()
            raise
        finally:
            _join(worker, lambda: lib.newbie_job_stop(self._job))
        if self._failure is not None:
            raise self._failure
        assert self._result is not None
        out: Dict[str, Any] = json.loads(self._result)
        return out

    def _draw(self) -> None:
        callbacks = self._callbacks()
        result = c_void_p()
        try:
            call(lib.newbie_job_run, self._job, byref(callbacks), byref(result))
            self._result = take_text(result)
        except BaseException as problem:
            self._failure = problem
        finally:
            self._events.put(None)

    def _tell(self, event: Callable[[], None]) -> None:
        if self._over:
            return
        self._events.put(event)
        self._heard.acquire()

    def _callbacks(self) -> structs.Callbacks:
        """Those that the watcher has its own method for. The struct keeps them alive."""
        w, plain = self._watcher, Watcher
        out: structs.Callbacks = structs.sized(structs.Callbacks())

        def on_stage(_user: Any, name: bytes) -> None:
            text = name.decode()
            self._tell(lambda: w.on_stage(text))

        def on_step(_user: Any, at: Any) -> None:
            s = at.contents
            step = Step(s.picture, s.pictures, s.evaluation, s.evaluations, s.seconds)
            self._tell(lambda: w.on_step(step))

        def on_picture(_user: Any, at: Any) -> None:
            p = at.contents
            pixels = ctypes.string_at(p.pixels, p.pixel_bytes)
            words = p.parameters.decode(), p.request_json.decode()
            picture = Picture(p.width, p.height, pixels, p.seed, p.index, *words)
            self._tell(lambda: w.on_picture(picture))

        def on_preview(_user: Any, at: Any) -> None:
            p = at.contents
            pixels = ctypes.string_at(p.pixels, p.pixel_bytes)
            preview = Preview(p.picture, p.pictures, p.step, p.steps, p.width, p.height, pixels)
            self._tell(lambda: w.on_preview(preview))

        def on_latent(_user: Any, at: Any) -> None:
            s = at.contents
            values = ctypes.string_at(s.values, s.value_count * 4)
            latent = Latent(s.picture, s.pictures, s.pass_, s.step, s.channels, s.height, s.width, values)
            self._tell(lambda: w.on_latent(latent))

        if type(w).on_stage is not plain.on_stage:
            out.on_stage = structs.OnStage(on_stage)
        if type(w).on_step is not plain.on_step:
            out.on_step = structs.OnStep(on_step)
        if type(w).on_picture is not plain.on_picture:
            out.on_picture = structs.OnPicture(on_picture)
        if type(w).on_preview is not plain.on_preview:
            out.on_preview = structs.OnPreview(on_preview)
        if type(w).on_latent is not plain.on_latent:
            out.on_latent = structs.OnLatent(on_latent)
        return out
