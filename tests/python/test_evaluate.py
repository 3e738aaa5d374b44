"""Numbers about folders, and one request in several precisions."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from conftest import MODEL, SMALL

import newbie


@pytest.fixture(scope="module")
def folders(pipe: newbie.DiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Path]:
    place = tmp_path_factory.mktemp("evaluate")
    for name, steps in (("a", 2), ("b", 3)):
        (place / name).mkdir()
        out = pipe("1girl, smile", num_images_per_prompt=3, seed=1, num_inference_steps=steps, width=32, height=32)
        out.save(place / name / "{seed}.png")
    return place / "a", place / "b"


@pytest.mark.parametrize("metric", ["psnr", "ssim", "clip-score", "kid"])
def test_the_numbers_are_those_of_the_program(
    pipe: newbie.DiffusionPipeline, folders: Tuple[Path, Path], metric: str, program: str
) -> None:
    a, b = folders
    got = pipe.evaluate(metric, a, b)
    command = [program, "evaluate", metric, str(a), str(b), "--json", "-q"]
    if metric in ("clip-score", "kid"):
        command += ["-m", str(MODEL)]
    assert got == json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def test_what_is_asked_wrongly_is_refused(pipe: newbie.DiffusionPipeline, folders: Tuple[Path, Path]) -> None:
    a, b = folders
    wrong: List[Tuple[str, Optional[Path], Dict[str, Any]]] = [
        ("sharpness", b, {}),
        ("fid", None, {}),
        ("psnr", b, {"no_such": 1}),
        ("kid", b, {"resamples": -1}),
        ("ssim", b, {"border": "none"}),
    ]
    for metric, second, options in wrong:
        with pytest.raises(newbie.InvalidRequest):
            pipe.evaluate(metric, a, second, **options)
    with pytest.raises(newbie.BadFile):
        pipe.evaluate("psnr", a / "none", b)


def test_control_c_ends_it_and_the_engine_is_good(pipe: newbie.DiffusionPipeline, folders: Tuple[Path, Path]) -> None:
    a, b = folders
    ring = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    ring.start()
    with pytest.raises(KeyboardInterrupt):
        while True:  # one evaluation is short; the signal falls into one of many
            pipe.evaluate("kid", a, b, resamples=1000)
    ring.join()
    assert math.isfinite(pipe.evaluate("ssim", a, b)["mean"])


def test_one_request_in_several_precisions(pipe: newbie.DiffusionPipeline, generate: Callable[..., bytes]) -> None:
    rows = pipe.compare("1girl, smile", dtypes=["float32", "bf16"], seed=3, **SMALL)
    assert [row.dtype for row in rows] == ["f32", "bf16"]
    assert rows[0].psnr == math.inf and rows[0].ssim == 1
    assert 20 < rows[1].psnr < 70 and 0.8 < rows[1].ssim < 1
    assert rows[0].picture.encode("png") != rows[1].picture.encode("png")
    assert rows[0].picture.pixels == pipe("1girl, smile", seed=3, **SMALL).pictures[0].pixels
    assert rows[1].result["seconds"]["total"] > 0
