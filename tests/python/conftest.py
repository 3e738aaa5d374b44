"""What the tests share: the embedded model opened once, and the program to compare with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest

import newbie

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models" / "avatar"
SMALL: Dict[str, Any] = {"width": 32, "height": 32, "num_inference_steps": 3, "sampler": "euler", "scheduler": "simple", "progress": False}


@pytest.fixture(scope="session")
def pipe() -> Iterator[newbie.DiffusionPipeline]:
    out = newbie.DiffusionPipeline.from_pretrained(MODEL, dtype="float32")
    yield out
    out.engine.close()


@pytest.fixture(scope="session")
def program() -> str:
    """The built program, which NEWBIE_PROGRAM may name."""
    path = os.environ.get("NEWBIE_PROGRAM", str(ROOT / "build" / "release" / "newbie"))
    if not os.access(path, os.X_OK):
        pytest.skip("the program is not built")
    return path


@pytest.fixture
def generate(program: str, tmp_path: Path) -> Callable[..., bytes]:
    """The bytes that `newbie generate` writes, by these flags."""

    def run(*flags: Any) -> bytes:
        output = tmp_path / "cli.png"
        subprocess.run(
            [program, "generate", "-q", "-m", str(MODEL), "-o", str(output), *map(str, flags)], check=True
        )
        return output.read_bytes()

    return run
