"""Draws one picture from Python (docs/python.md):  python3 draw.py MODEL_FOLDER PROMPT OUTPUT.png"""

import sys

import newbie

if len(sys.argv) != 4:
    sys.exit(__doc__)
model, prompt, output = sys.argv[1:]
try:
    pipe = newbie.DiffusionPipeline.from_pretrained(model)
    pipe(prompt, seed=7).save(output)
except newbie.Error as problem:
    sys.exit(f"{problem.message}\n{problem.hint}")
