"""What scripts written for diffusers do, and what they get."""

from __future__ import annotations

import sys
import threading
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from conftest import MODEL, SMALL

import newbie

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")


def test_the_bytes_are_those_of_the_program(
    pipe: newbie.DiffusionPipeline, generate: Callable[..., bytes], tmp_path: Path
) -> None:
    out = pipe("1girl, glasses", negative_prompt="bad", width=32, height=32, num_inference_steps=3, guidance_scale=4, seed=7)
    want = generate(
        "-p", "1girl, glasses", "-n", "bad", "-W", 32, "-H", 32, "--steps", 3, "--cfg-scale", 4, "-s", 7, "--dtype", "f32"
    )
    assert out.save(tmp_path / "python.png") == [tmp_path / "python.png"]
    assert (tmp_path / "python.png").read_bytes() == want
    assert out.pictures[0].encode("png") == want


def test_from_a_picture_with_a_mask(
    pipe: newbie.DiffusionPipeline, generate: Callable[..., bytes], tmp_path: Path
) -> None:
    start = Image.fromarray(np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8))
    mask = np.zeros((32, 32), bool)
    mask[:, 16:] = True
    start.save(tmp_path / "start.png")
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    want = generate(
        *("-p", "1girl", "-i", tmp_path / "start.png", "--mask", tmp_path / "mask.png", "--strength", 0.6),
        *("--steps", 4, "-s", 3, "--dtype", "f32"),
    )
    ways: List[Dict[str, Any]] = [
        {"image": start, "mask_image": mask},
        {"image": tmp_path / "start.png", "mask_image": str(tmp_path / "mask.png")},
        {"image": (tmp_path / "start.png").read_bytes(), "mask_image": mask.astype("float32")},
        {"image": np.asarray(start), "mask_image": Image.fromarray(mask)},
    ]
    for way in ways:
        out = pipe("1girl", strength=0.6, num_inference_steps=4, seed=3, progress=False, **way)
        assert out.pictures[0].encode() == want
        assert (np.asarray(out.images[0])[:, :8] == np.asarray(start)[:, :8]).all()


def test_images_are_pil_or_arrays(pipe: newbie.DiffusionPipeline, tmp_path: Path) -> None:
    out = pipe("1girl", seed=1, **SMALL)
    image = out.images[0]
    assert image.size == (32, 32) and image.mode == "RGB" and "Seed: 1" in image.info["parameters"]
    image.save(tmp_path / "a.png")
    floats = pipe("1girl", seed=1, output_type="np", **SMALL).images[0]
    assert floats.dtype == np.float32 and (np.round(floats * 255) == np.asarray(image)).all()
    assert pipe("1girl", seed=1, return_dict=False, **SMALL)[0][0] == image
    assert out[0] is out.images


class Generator:
    """What is known of a torch.Generator."""

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self._seed = seed
        self.device = device

    def initial_seed(self) -> int:
        return self._seed


def test_seeds(pipe: newbie.DiffusionPipeline) -> None:
    def pixels(**arguments: Any) -> List[bytes]:
        return [picture.pixels for picture in pipe("1girl", **SMALL, **arguments).pictures]

    five, six = pixels(seed=5)[0], pixels(seed=6)[0]
    assert pixels(generator=Generator(5)) == [five] and pixels(generator=5) == [five]
    assert pixels(seed=5, num_images_per_prompt=2) == [five, six]
    assert pixels(generator=[Generator(6), 5], num_images_per_prompt=2) == [six, five]
    # One generator for two pictures is one draw: its first slice is what it draws alone.
    slices = pixels(generator=Generator(5), num_images_per_prompt=2)
    assert slices[0] == five and slices[1] not in (five, six)
    unseeded = pipe("1girl", **SMALL)
    assert pixels(seed=unseeded.seeds[0]) == [unseeded.pictures[0].pixels]
    with pytest.raises(newbie.InvalidRequest, match="cuda"):
        pipe("1girl", generator=Generator(1, "cuda"))
    with pytest.raises(newbie.InvalidRequest, match="3 of them for 2"):
        pipe("1girl", generator=[1, 2, 3], num_images_per_prompt=2)
    with pytest.raises(TypeError):
        pipe("1girl", generator=1, seed=1)


def test_a_generator_that_is_used_again_is_told(pipe: newbie.DiffusionPipeline) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="generator")
        generator = Generator(5)
        pipe("1girl", generator=generator, **SMALL)
        pipe("1girl", generator=Generator(5), **SMALL)
    with pytest.warns(UserWarning, match="draws its first picture again"):
        for _ in range(2):
            pipe("1girl", generator=generator, **SMALL)


def test_what_would_not_be_heeded_is_refused(pipe: newbie.DiffusionPipeline) -> None:
    pipe.safety_checker = None
    for name in ("scheduler", "transformer", "_guidance_scale"):
        with pytest.raises(AttributeError, match="nothing here would heed it"):
            setattr(pipe, name, 1)
    for prompt in ([], ["1girl", None], 3):
        with pytest.raises(TypeError):
            pipe(prompt, seed=1, **SMALL)  # type: ignore[arg-type]

    def back(_: Any, __: int, ___: float, given: Dict[str, Any]) -> Dict[str, Any]:
        return given

    def other(_: Any, __: int, ___: float, given: Dict[str, Any]) -> Dict[str, Any]:
        return {"latents": np.zeros_like(given["latents"])}

    pipe("1girl", seed=1, callback_on_step_end=back, **SMALL)
    with pytest.raises(newbie.InvalidRequest, match="other latents came back"):
        pipe("1girl", seed=1, callback_on_step_end=other, **SMALL)


def test_numbers_of_numpy_are_numbers(pipe: newbie.DiffusionPipeline) -> None:
    small = {**SMALL, "width": np.int32(SMALL["width"]), "guidance_scale": np.float32(4.5)}
    assert pipe("1girl", seed=1, **small).pictures[0].pixels == pipe("1girl", seed=1, guidance_scale=4.5, **SMALL).pictures[0].pixels


def test_several_prompts(pipe: newbie.DiffusionPipeline, tmp_path: Path) -> None:
    out = pipe(["1girl", "1boy"], negative_prompt=["", "hat"], num_images_per_prompt=2, seed=3, **SMALL)
    assert out.seeds == [3, 4, 5, 6] and len(out.result) == 2
    assert [one["prompt"] for one in out.requests] == ["1girl", "1girl", "1boy", "1boy"]
    names = out.save(tmp_path / "{index}_{seed}.webp")
    assert [name.name for name in names] == ["0_3.webp", "1_4.webp", "2_5.webp", "3_6.webp"]
    assert [name.name for name in out.save(tmp_path / "a.jpg")] == ["a.jpg", "a_2.jpg", "a_3.jpg", "a_4.jpg"]
    with pytest.raises(newbie.InvalidRequest, match="pattern"):
        out.save(tmp_path / "{name}.png")
    with pytest.raises(newbie.InvalidRequest, match="list of generators"):
        pipe(["1girl", "1boy"], generator=1)


def test_a_picture_is_drawn_again_by_what_it_says(pipe: newbie.DiffusionPipeline, tmp_path: Path) -> None:
    first = pipe("1girl", seed=9, guidance_scale=3, **SMALL)
    (name,) = first.save(tmp_path / "first.webp", quality=100)
    said = newbie.read_metadata(name)
    assert said["width"] == 32 and said["recalled"]["options"]["dtype"] == "f32"
    again = pipe(**said["recalled"]["request"], progress=False)
    assert again.pictures[0].pixels == first.pictures[0].pixels
    assert newbie.read_metadata(name.read_bytes())["recalled"] == said["recalled"]


def test_steps_are_told_with_diffusers_times(pipe: newbie.DiffusionPipeline) -> None:
    seen: List[Tuple[int, float, Any]] = []

    def callback(who: newbie.DiffusionPipeline, step: int, time: float, values: Dict[str, Any]) -> Dict[str, Any]:
        assert who is pipe and threading.current_thread() is threading.main_thread()
        seen.append((step, time, values["latents"]))
        return values

    pipe("1girl", seed=1, sigmas=[1, 0.5, 0], width=32, height=32, sampler="euler", callback_on_step_end=callback)
    assert [(step, time) for step, time, _ in seen] == [(0, 1000.0), (1, 500.0)]
    assert seen[0][2].shape == (1, 16, 4, 4) and seen[0][2].dtype == np.float32
    assert not (seen[0][2] == seen[1][2]).all()


def test_previews(pipe: newbie.DiffusionPipeline) -> None:
    seen: List[Tuple[int, int, int]] = []
    pipe("1girl", preview_every=1, on_preview=lambda p: seen.append((p.step, p.steps, len(p.pixels))), **SMALL)
    assert seen == [(1, 3, 32 * 32 * 3), (2, 3, 32 * 32 * 3)]


def test_what_a_callback_raises_comes_out_and_the_engine_goes_on(pipe: newbie.DiffusionPipeline) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("mine")

    def interrupt(who: newbie.DiffusionPipeline, *_: Any) -> None:
        who._interrupt = True

    def nest(who: newbie.DiffusionPipeline, *_: Any) -> None:
        who("1girl")

    before = pipe("1girl", seed=2, **SMALL).pictures[0].pixels
    with pytest.raises(ZeroDivisionError, match="mine"):
        pipe("1girl", callback_on_step_end=fail, **SMALL)
    with pytest.raises(newbie.Cancelled):
        pipe("1girl", callback_on_step_end=interrupt, **SMALL)
    with pytest.raises(newbie.Cancelled):
        pipe("1girl", callback_on_step_end=lambda who, *_: who.stop(), **SMALL)
    with pytest.raises(newbie.InvalidRequest, match="busy"):
        pipe("1girl", callback_on_step_end=nest, **SMALL)
    assert pipe("1girl", seed=2, **SMALL).pictures[0].pixels == before


def test_plans_precision_prompts_and_memory(pipe: newbie.DiffusionPipeline) -> None:
    small, large = pipe.plan("1girl", width=64, height=64), pipe.plan("1girl", width=256, height=256)
    assert 0 < small["peak_bytes"] < large["peak_bytes"]
    assert pipe.precision["dtype"] == "f32" and pipe.precision["reasons"]
    assert pipe.lint("<character_1>1girl")["errors"] == 1
    assert pipe.tokens("1girl")["encoders"][0]["encoder"] == "Gemma"
    assert pipe.memory["resident_bytes"] > 0
    told = pipe.describe_request("1girl", num_inference_steps=4, generator=3)
    assert told["seeds"] == [3] and len(told["passes"][0]["sigmas"]) == 5
    result = pipe("1girl", **SMALL).result[0]
    assert result["memory"]["measured_allocated_bytes"] == result["memory"]["planned_allocated_bytes"]
    assert result["seconds"]["total"] > 0


def test_words_that_are_not_known(pipe: newbie.DiffusionPipeline) -> None:
    with pytest.raises(TypeError, match="num_steps"):
        pipe("1girl", num_steps=3)
    with pytest.raises(TypeError, match="same thing"):
        pipe("1girl", num_inference_steps=3, steps=3)
    with pytest.raises(TypeError, match="no prompt"):
        pipe()
    with pytest.raises(newbie.InvalidRequest) as caught:
        pipe("1girl", width=33)
    assert isinstance(caught.value, ValueError) and "16" in str(caught.value)
    with pytest.raises(newbie.InvalidRequest) as caught:
        pipe("1girl", num_inference_steps=0)
    assert caught.value.field == "steps"
    with pytest.raises(newbie.InvalidRequest, match="output_type"):
        pipe("1girl", output_type="latent")
    with pytest.raises(TypeError, match="a picture is"):
        pipe("1girl", image=3)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="hires_scale"):
        pipe("1girl", hires_strength=0.3, **SMALL)


CARD = {"device": "vulkan:0", "name": "a card", "kind": "a card", "refusal": ""}
LATE = {"device": "vulkan:1", "name": "another", "kind": "a card", "refusal": "its driver is too old"}
SOFT = {"device": "vulkan:2", "name": "llvmpipe", "kind": "software on the CPU", "refusal": ""}


@pytest.mark.parametrize(
    "word, there, means",
    [
        (None, [], None),
        ("cpu", [], "cpu"),
        ("cpu:0", [], "cpu"),
        ("vulkan:some Name", [], "vulkan:some Name"),
        ("cuda", [LATE, CARD, SOFT], "vulkan"),
        ("cuda:0", [CARD], "vulkan"),
        ("cuda", [LATE, SOFT], "another: its driver is too old"),
        ("cuda", [], "no driver"),
        ("cuda:1", [CARD], "vulkan:0 is a card"),
        ("cuda:0", [CARD, {**CARD, "device": "vulkan:1"}], "vulkan:1 is a card"),
        ("mps", [CARD], "newbie.devices"),
    ],
)
def test_words_for_devices(monkeypatch: pytest.MonkeyPatch, word: Any, there: List[Any], means: Any) -> None:
    from newbie import _devices

    monkeypatch.setattr(_devices, "devices", lambda: {"vulkan": there, "problem": "no driver"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert _devices.device_word(word) == means
        except newbie.Error as problem:
            assert means in f"{problem} {problem.hint}"


def test_devices_are_listed_and_drawn_on(pipe: newbie.DiffusionPipeline) -> None:
    listed = newbie.devices()
    assert listed["cpu"]["threads"] >= 1 and (listed["vulkan"] or listed["problem"])
    with pytest.raises(newbie.InvalidRequest, match="no such|expected"):
        newbie.DiffusionPipeline.from_pretrained(MODEL, device="vulkan:no such card")
    drawable = [one for one in listed["vulkan"] if not one["refusal"]]
    if not drawable:
        pytest.skip("no Vulkan device can be taken")
    moved = newbie.DiffusionPipeline.from_pretrained(MODEL, dtype="f32")
    here = moved("1girl", seed=3, output_type="uint8", **SMALL).images[0]
    assert moved.to(drawable[0]["device"]) is moved and moved.device == drawable[0]["device"]
    there = moved("1girl", seed=3, output_type="uint8", **SMALL)
    assert there.requests[0]["device"]
    assert abs(here.astype(int) - there.images[0].astype(int)).max() <= 2
    assert moved.to("cpu").device == "cpu"
    assert (moved("1girl", seed=3, output_type="uint8", **SMALL).images[0] == here).all()


def test_devices_and_offloading(pipe: newbie.DiffusionPipeline) -> None:
    assert pipe.to("cpu") is pipe and pipe.to(device="cpu") is pipe and pipe.device == "cpu"
    with pytest.raises(newbie.InvalidRequest, match="mps"):
        pipe.to("mps")
    with pytest.raises(newbie.InvalidRequest, match="f32"):
        pipe.to("bfloat16")
    with pytest.warns(UserWarning, match="planned"):
        pipe.enable_model_cpu_offload()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.enable_model_cpu_offload()


def test_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    bfloat16 = type("dtype", (), {"__str__": lambda self: "torch.bfloat16"})()
    for word in ("bfloat16", bfloat16, "bf16"):
        assert newbie.DiffusionPipeline.from_pretrained(MODEL, torch_dtype=word).dtype == "bf16"
    assert newbie.NewbiePipeline.from_pretrained(MODEL, dtype=np.float32).dtype == "f32"
    assert "torch" not in sys.modules
    monkeypatch.setenv("NEWBIE_MODEL", str(MODEL))
    assert newbie.Engine().describe()["folder"] == str(MODEL)
    with pytest.raises(newbie.BadFile) as caught:
        newbie.DiffusionPipeline.from_pretrained("/nowhere/at/all")
    assert isinstance(caught.value, OSError)
    with pytest.raises(newbie.InvalidRequest, match="nothing is downloaded"):
        newbie.DiffusionPipeline.from_pretrained("NewBie-AI/NewBie-image-Exp0.1")
    with pytest.raises(newbie.InvalidRequest, match="none to compute in"):
        newbie.DiffusionPipeline.from_pretrained(MODEL, dtype="complex64")
    with pytest.raises(newbie.OverBudget) as budget:
        newbie.DiffusionPipeline.from_pretrained(MODEL, memory="1MiB")("1girl")
    assert isinstance(budget.value, MemoryError)
    with pytest.raises(TypeError):
        newbie.DiffusionPipeline.from_pretrained(MODEL, dtype="f32", torch_dtype="f32")


def test_what_diffusers_scripts_open_with(pipe: newbie.DiffusionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = newbie.DiffusionPipeline.from_pretrained(MODEL, dtype="float32", device_map="cpu")
    size: Dict[str, Any] = dict(height=64, width=64, num_inference_steps=1, generator=3)
    want = pipe("1girl", **size).pictures[0].encode()
    assert opened("1girl", **size).pictures[0].encode() == want
    with pytest.raises(newbie.InvalidRequest, match="several devices"):
        newbie.DiffusionPipeline.from_pretrained(MODEL, device_map={"transformer": 0})
    with pytest.raises(TypeError):
        newbie.DiffusionPipeline.from_pretrained(MODEL, device="cpu", device_map="cpu")
    with pytest.raises(newbie.InvalidRequest, match="fp16"):
        newbie.DiffusionPipeline.from_pretrained(MODEL, variant="fp16")

    file = MODEL / "transformer" / "diffusion_pytorch_model.safetensors"
    single = newbie.DiffusionPipeline.from_single_file(file, config=MODEL, torch_dtype="float32")
    assert single("1girl", **size).pictures[0].encode() == want
    with pytest.raises(newbie.InvalidRequest, match="nothing is downloaded"):
        newbie.DiffusionPipeline.from_single_file("https://example.org/model.safetensors")
    with pytest.raises(TypeError):
        newbie.DiffusionPipeline.from_single_file(file, transformer=file)


def test_an_engine_is_closed_once(pipe: newbie.DiffusionPipeline) -> None:
    with newbie.Engine(MODEL, threads=1) as engine:
        job = engine.prepare({"prompt": "1girl", "width": 32, "height": 32, "steps": 1})
        assert engine.describe()["threads"] == 1
    with pytest.raises(newbie.InvalidRequest, match="closed"):
        engine.memory()
    engine.close()
    job.run()  # a job keeps what it needs
    job.stop()
    with pytest.raises(newbie.Cancelled):
        job.run()


def test_tables_and_texts() -> None:
    assert {"f32", "bf16"} <= set(newbie.describe()["dtypes"])
    assert "steps" in [field["name"] for field in newbie.request_fields()]
    prompt = newbie.prompt_from_tags("1girl, blue hair")
    assert "<appearance>" in prompt and newbie.format_prompt(prompt) == prompt
    assert newbie.__version__.count(".") == 2
    with pytest.raises(ValueError, match="zero byte"):
        newbie.format_prompt("a\0b")
    with pytest.raises(newbie.BadFile):
        newbie.read_metadata("/nowhere.png")
