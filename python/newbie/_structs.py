"""The structs and callbacks of newbie.h. tests/python/test_structs.py holds them against the header."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_size_t
from ctypes import c_uint64, c_void_p
from typing import Any

OnMessage = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("model", c_char_p),
        ("transformer", c_char_p),
        ("text_encoder", c_char_p),
        ("clip_model", c_char_p),
        ("vae", c_char_p),
        ("memory_bytes", c_uint64),
        ("threads", c_int32),
        ("precision", c_int32),
        ("on_message", OnMessage),
        ("user", c_void_p),
        ("dtype", c_char_p),
        ("precision_preset", c_char_p),
        ("precision_policy", c_char_p),
        ("guard", c_char_p),
        ("backend", c_char_p),
        ("text_cache", c_char_p),
        ("weight_cache", c_char_p),
        ("adapter_folder", c_char_p),
        ("hash_file", c_char_p),
        ("lenient", c_int32),
        ("device", c_char_p),
        ("device_memory_bytes", c_uint64),
    ]


class Picture(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_int32),
        ("height", c_int32),
        ("channels", c_int32),
        ("pixels", c_void_p),
        ("pixel_bytes", c_size_t),
        ("seed", c_uint64),
        ("parameters", c_char_p),
        ("request_json", c_char_p),
        ("index", c_int32),
    ]


class Preview(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("picture", c_int32),
        ("pictures", c_int32),
        ("step", c_int32),
        ("steps", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("channels", c_int32),
        ("pixels", c_void_p),
        ("pixel_bytes", c_size_t),
    ]


class Latent(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("picture", c_int32),
        ("pictures", c_int32),
        ("pass_", c_int32),
        ("step", c_int32),
        ("channels", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("values", c_void_p),
        ("value_count", c_size_t),
    ]


class Step(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("picture", c_int32),
        ("pictures", c_int32),
        ("evaluation", c_int32),
        ("evaluations", c_int32),
        ("seconds", c_double),
    ]


class Input(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("field", c_char_p),
        ("data", c_char_p),
        ("data_bytes", c_size_t),
        ("width", c_int32),
        ("height", c_int32),
        ("channels", c_int32),
    ]


OnStage = CFUNCTYPE(None, c_void_p, c_char_p)
OnStep = CFUNCTYPE(None, c_void_p, POINTER(Step))
OnPicture = CFUNCTYPE(None, c_void_p, POINTER(Picture))
ShouldStop = CFUNCTYPE(c_int, c_void_p)
OnPreview = CFUNCTYPE(None, c_void_p, POINTER(Preview))
OnLatent = CFUNCTYPE(None, c_void_p, POINTER(Latent))


class Callbacks(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("user", c_void_p),
        ("on_stage", OnStage),
        ("on_step", OnStep),
        ("on_picture", OnPicture),
        ("should_stop", ShouldStop),
        ("on_preview", OnPreview),
        ("on_latent", OnLatent),
    ]


# Names in the header, and what is called otherwise here, because Python has the word.
IN_HEADER = {
    "newbie_options": Options,
    "newbie_picture": Picture,
    "newbie_preview": Preview,
    "newbie_latent": Latent,
    "newbie_step": Step,
    "newbie_input": Input,
    "newbie_callbacks": Callbacks,
}
OTHER_NAMES = {"pass_": "pass"}


def sized(struct: Any) -> Any:
    """The struct, with its size said, as the newbie_*_init functions do it."""
    struct.struct_size = ctypes.sizeof(struct)
    return struct


