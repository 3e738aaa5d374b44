"""A script as people write it for diffusers, with its import changed:  python3 study.py [MODEL_FOLDER]

It draws one prompt in several precisions from the same noise and tells how far the pictures are apart, which is what
`newbie compare` does with intervals and a page."""

import sys

from newbie import DiffusionPipeline  # was: from diffusers import DiffusionPipeline

model = sys.argv[1] if len(sys.argv) > 1 else None  # None: the model that is found
prompt = "1girl, purple_hair, glasses, smile, green_background"
images = {}
for dtype in ("float32", "bfloat16", "float16"):
    pipe = DiffusionPipeline.from_pretrained(model, torch_dtype=dtype).to("cpu")
    images[dtype] = pipe(prompt, num_inference_steps=28, guidance_scale=4.5, generator=42).images[0]
    images[dtype].save(f"study_{dtype}.png")

exact = images["float32"].tobytes()
for dtype, image in images.items():
    differences = [abs(a - b) for a, b in zip(image.tobytes(), exact)]
    print(f"{dtype:9} differs from float32 by {sum(differences) / len(differences):.3f} of 255, at most {max(differences)}")
