"""Pictures from text with the NewBie-image family of models, on the CPU or a graphics card: newbie.cpp for Python.

    import newbie

    pipe = newbie.DiffusionPipeline.from_pretrained("models/avatar", dtype="bfloat16")
    pipe("1girl, glasses", num_inference_steps=28).images[0].save("girl.png")

DiffusionPipeline has diffusers' names; Engine is the plain class below it. docs/python.md tells more.
"""

from . import watch
from ._engine import Engine, Job
from ._errors import BadFile, Cancelled, Error, InternalError, InvalidRequest, OverBudget, Unsupported
from ._library import version as _version
from ._picture import Picture
from ._pipeline import Compared, DiffusionPipeline, PipelineOutput
from ._words import describe, devices, format_prompt, prompt_from_tags, read_metadata, request_fields

NewbiePipeline = DiffusionPipeline  # the name of diffusers' pipeline of this model

__version__ = _version()

__all__ = [
    "BadFile",
    "Cancelled",
    "Compared",
    "DiffusionPipeline",
    "Engine",
    "Error",
    "InternalError",
    "InvalidRequest",
    "Job",
    "NewbiePipeline",
    "OverBudget",
    "Picture",
    "PipelineOutput",
    "Unsupported",
    "describe",
    "devices",
    "format_prompt",
    "prompt_from_tags",
    "read_metadata",
    "request_fields",
    "watch",
]
