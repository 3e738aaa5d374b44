"""Pictures: what was drawn, and what is drawn from."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import POINTER, byref, c_size_t, c_uint8
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple, Union

from . import _structs as structs
from ._library import call, lib, path_words

if TYPE_CHECKING:
    import numpy
    from PIL import Image

    PictureLike = Union[str, "os.PathLike[str]", bytes, "Image.Image", "numpy.ndarray[Any, Any]"]


class Picture:
    """One picture as it was drawn, with everything it says of itself. `pixels`: RGB, 8 bits, rows from the top."""

    def __init__(self, width: int, height: int, pixels: bytes, seed: int, index: int, parameters: str, request: str):
        self.width = width
        self.height = height
        self.pixels = pixels
        self.seed = seed
        self.index = index  # in the batch
        self.parameters = parameters  # as A1111 writes it
        self.request_json = request

    @property
    def request(self) -> Dict[str, Any]:
        """Everything needed to draw it again."""
        out: Dict[str, Any] = json.loads(self.request_json)
        return out

    def save(self, path: Union[str, "os.PathLike[str]"], *, quality: int = 95) -> Path:
        """Writes a PNG, JPEG or WebP, by the name: the bytes that `newbie generate` writes."""
        call(lib.newbie_save_picture, byref(self._struct()), path_words(path), quality)
        return Path(path)

    def encode(self, format: str = "png", *, quality: int = 95) -> bytes:
        """The bytes of such a file; `format` is "png", "jpg" or "webp"."""
        data, size = POINTER(c_uint8)(), c_size_t()
        call(
            lib.newbie_encode_picture, byref(self._struct()), format.encode(), quality, byref(data), byref(size)
        )
        try:
            return ctypes.string_at(data, size.value)
        finally:
            lib.newbie_bytes_free(data)

    def to_pil(self) -> "Image.Image":
        """`info` has its texts. Pillow's own save() writes none of them: save() of this class does."""
        from PIL import Image

        out = Image.frombytes("RGB", (self.width, self.height), self.pixels)
        out.info["parameters"] = self.parameters
        out.info["newbie"] = self.request_json
        return out

    def to_numpy(self) -> "numpy.ndarray[Any, Any]":
        """[height, width, 3], uint8."""
        import numpy

        flat: "numpy.ndarray[Any, Any]" = numpy.frombuffer(self.pixels, numpy.uint8)
        return flat.reshape(self.height, self.width, 3).copy()

    def __repr__(self) -> str:
        return f"<newbie.Picture {self.width}x{self.height} seed {self.seed}>"

    def _struct(self) -> structs.Picture:
        out: structs.Picture = structs.sized(structs.Picture())
        out.width, out.height, out.channels = self.width, self.height, 3
        out.pixels = ctypes.cast(ctypes.c_char_p(self.pixels), ctypes.c_void_p)
        out.pixel_bytes = len(self.pixels)
        out.seed, out.index = self.seed, self.index
        out.parameters = self.parameters.encode()
        out.request_json = self.request_json.encode()
        return out


class Input(NamedTuple):
    """A picture in memory: the bytes of a file, where `width` is 0, or pixels."""

    data: bytes
    width: int = 0
    height: int = 0
    channels: int = 0


def as_input(picture: "PictureLike") -> Union[str, Input]:
    """A picture that a caller gave: the name of a file stays one, for the engine to read; the rest is bytes or pixels."""
    if isinstance(picture, bytes):
        return Input(picture)
    if isinstance(picture, (str, os.PathLike)):
        return os.fspath(picture)
    if hasattr(picture, "tobytes") and hasattr(picture, "mode"):
        return _of_pil(picture)
    if hasattr(picture, "shape") and hasattr(picture, "dtype"):
        return _of_array(picture)
    raise TypeError(f"a picture is a path, bytes, a PIL image or an array, not {type(picture).__name__}")


def _of_pil(image: Any) -> Input:
    channels = {"L": 1, "RGB": 3, "RGBA": 4}
    if image.mode not in channels:
        image = image.convert("RGBA" if "transparency" in image.info or "A" in image.getbands() else "RGB")
    return Input(image.tobytes(), image.width, image.height, channels[image.mode])


def _of_array(array: Any) -> Input:
    """[height, width] or [height, width, 1, 3 or 4]: bytes, truth values, or floats from 0 to 1, as diffusers takes them."""
    shape: Tuple[int, ...] = tuple(array.shape)
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3, 4):
        raise ValueError(f"a picture is [height, width], or that with 1, 3 or 4 channels; got {tuple(array.shape)}")
    kind = str(array.dtype)
    if kind == "bool":
        array = array * 255
    elif kind.startswith("float"):
        if not ((array >= 0) & (array <= 1)).all():
            raise ValueError("a picture of floats has values from 0 to 1")
        array = (array * 255).round()
    elif kind != "uint8":
        raise ValueError(f"a picture is of uint8, bool or float, not {kind}")
    return Input(array.astype("uint8").tobytes(), shape[1], shape[0], shape[2])


class InputStructs:
    """Inputs as C takes them, for the time of one call."""

    def __init__(self, inputs: Dict[str, Input]) -> None:
        self._kept: List[structs.Input] = []
        for field, given in inputs.items():
            one = structs.sized(structs.Input())
            one.field, one.data, one.data_bytes = field.encode(), given.data, len(given.data)
            one.width, one.height, one.channels = given.width, given.height, given.channels
            self._kept.append(one)
        pointers = POINTER(structs.Input)
        self.array = (pointers * len(self._kept))(*[ctypes.pointer(one) for one in self._kept])
        self.count = len(self._kept)


def optional_numpy() -> Optional[Any]:
    try:
        import numpy
    except ImportError:
        return None
    return numpy
