"""Ctrl-C, threads and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import List

import pytest
from conftest import MODEL, SMALL

import newbie


def test_ctrl_c_stops_and_the_engine_is_as_good_as_new(pipe: newbie.DiffusionPipeline) -> None:
    before = pipe("1girl", seed=4, **SMALL).pictures[0].pixels
    steps: List[int] = []

    def press(_pipe: newbie.DiffusionPipeline, step: int, *_: object) -> None:
        steps.append(step)
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)  # heard at the next chance, as from a keyboard

    with pytest.raises(KeyboardInterrupt):
        pipe("1girl", width=64, height=64, num_inference_steps=900, callback_on_step_end=press, progress=False)
    assert steps == [0, 1]
    assert pipe("1girl", seed=4, **SMALL).pictures[0].pixels == before


def test_ctrl_c_while_nobody_is_told(pipe: newbie.DiffusionPipeline) -> None:
    """From outside, in a call without a callback: the picture would take minutes. Where the signal meets it does not
    matter; after half a second it is most likely in the middle of the network."""
    script = (
        "import sys, newbie\n"
        f"pipe = newbie.DiffusionPipeline.from_pretrained({str(MODEL)!r})\n"
        "try:\n"
        "    print('open', flush=True)\n"
        "    pipe('1girl', width=512, height=512, num_inference_steps=900, progress=False)\n"
        "except KeyboardInterrupt:\n"
        "    print(len(pipe('1girl', width=32, height=32, num_inference_steps=1, progress=False).images))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    try:
        child.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        pass
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=120)
    assert out == "1\n" and child.returncode == 0


def test_a_second_thread_waits_for_its_turn(pipe: newbie.DiffusionPipeline) -> None:
    want = [pipe("1girl", seed=seed, **SMALL).pictures[0].pixels for seed in range(4)]
    got: List[bytes] = [b""] * 4

    def draw(seed: int) -> None:
        got[seed] = pipe("1girl", seed=seed, **SMALL).pictures[0].pixels

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == want


def test_a_child_of_a_fork_is_refused(pipe: newbie.DiffusionPipeline) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        words = b"drawn"
        try:
            pipe("1girl", **SMALL)
        except newbie.Unsupported as problem:
            words = str(problem).encode()
        finally:
            os.write(write, words)
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        assert b"open it in the child" in answer.read()
    os.waitpid(child, 0)
