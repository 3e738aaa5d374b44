"""libnewbie: found, loaded, its functions declared, its failures raised."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint8, c_void_p
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

from . import _structs as structs
from ._errors import BY_STATUS, InternalError

_Error = c_void_p
_Text = c_void_p  # a char* that is ours to free

# Every function: what it gives, what it takes.
_STATUS = c_int32
_FUNCTIONS: List[Tuple[str, Any, List[Any]]] = [
    ("newbie_version", c_char_p, []),
    ("newbie_error_message", c_char_p, [_Error]),
    ("newbie_error_hint", c_char_p, [_Error]),
    ("newbie_error_field", c_char_p, [_Error]),
    ("newbie_error_free", None, [_Error]),
    ("newbie_text_free", None, [_Text]),
    ("newbie_bytes_free", None, [POINTER(c_uint8)]),
    ("newbie_describe", _STATUS, [POINTER(_Text), POINTER(_Error)]),
    ("newbie_devices", _STATUS, [POINTER(_Text), POINTER(_Error)]),
    ("newbie_open", _STATUS, [POINTER(structs.Options), POINTER(c_void_p), POINTER(_Error)]),
    ("newbie_close", None, [c_void_p]),
    ("newbie_engine_describe", _STATUS, [c_void_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_evaluate", _STATUS, [c_void_p, c_char_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_stop", None, [c_void_p]),
    ("newbie_engine_memory", _STATUS, [c_void_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_request_fields", _STATUS, [POINTER(_Text), POINTER(_Error)]),
    (
        "newbie_prepare",
        _STATUS,
        [c_void_p, c_char_p, POINTER(POINTER(structs.Input)), c_size_t, POINTER(c_void_p), POINTER(_Error)],
    ),
    ("newbie_job_free", None, [c_void_p]),
    ("newbie_job_describe", _STATUS, [c_void_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_job_plan", _STATUS, [c_void_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_job_run", _STATUS, [c_void_p, POINTER(structs.Callbacks), POINTER(_Text), POINTER(_Error)]),
    ("newbie_job_stop", None, [c_void_p]),
    ("newbie_save_picture", _STATUS, [POINTER(structs.Picture), c_char_p, c_int32, POINTER(_Error)]),
    (
        "newbie_encode_picture",
        _STATUS,
        [POINTER(structs.Picture), c_char_p, c_int32, POINTER(POINTER(c_uint8)), POINTER(c_size_t), POINTER(_Error)],
    ),
    ("newbie_read_metadata", _STATUS, [c_char_p, c_size_t, c_char_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_prompt_lint", _STATUS, [c_void_p, c_char_p, c_char_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_prompt_tokens", _STATUS, [c_void_p, c_char_p, c_char_p, POINTER(_Text), POINTER(_Error)]),
    ("newbie_prompt_format", _STATUS, [c_char_p, c_int32, POINTER(_Text), POINTER(_Error)]),
    ("newbie_prompt_from_tags", _STATUS, [c_char_p, POINTER(_Text), POINTER(_Error)]),
]


def _places() -> Iterator[str]:
    """Where the library may be, in the order in which it is looked for."""
    named = os.environ.get("NEWBIE_LIBRARY")
    if named:
        yield named
        return
    here = Path(__file__).resolve().parent
    own = here / "lib" / "libnewbie.so"  # of the wheel
    if own.is_file():
        yield str(own)
    built = here.parent.parent / "build" / "release" / "libnewbie.so"  # of the source tree this file lies in
    if built.is_file():
        yield str(built)
    yield "libnewbie.so.0"  # the system's


def _load() -> ctypes.CDLL:
    failures = []
    for place in _places():
        try:
            library = ctypes.CDLL(place)
        except OSError as problem:
            failures.append(f"{place}: {problem}")
            continue
        for name, result, arguments in _FUNCTIONS:
            try:
                function = getattr(library, name)
            except AttributeError:
                raise ImportError(f"{place} is of another version than this package: it has no {name}") from None
            function.restype = result
            function.argtypes = arguments
        return library
    raise ImportError(
        "libnewbie cannot be loaded; NEWBIE_LIBRARY may name its file. Tried: " + "; ".join(failures)
    )


lib = _load()


def version() -> str:
    text: bytes = lib.newbie_version()
    return text.decode()


def check(status: int, error: _Error) -> None:
    """Raises what a call said, and frees its words."""
    if status == 0:
        return
    words = [
        getattr(lib, f"newbie_error_{part}")(error).decode("utf-8", "replace") for part in ("message", "hint", "field")
    ]
    lib.newbie_error_free(error)
    raise BY_STATUS.get(status, InternalError)(words[0] or "out of memory", words[1], words[2])


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Calls what gives a status and takes a newbie_error** at its end."""
    error = _Error()
    check(function(*arguments, byref(error)), error)


def take_text(text: c_void_p) -> str:
    """The words of a char* that the library gave, which is freed."""
    assert text.value is not None
    try:
        return ctypes.string_at(text.value).decode("utf-8", "replace")
    finally:
        lib.newbie_text_free(text)


def ask_text(function: Callable[..., int], *arguments: Any) -> str:
    """The same for functions that give a text before that."""
    text = _Text()
    call(function, *arguments, byref(text))
    return take_text(text)


def ask(function: Callable[..., int], *arguments: Any) -> Any:
    """The same for JSON."""
    return json.loads(ask_text(function, *arguments))


def words(text: Optional[str]) -> Optional[bytes]:
    """A text for C. One with a zero byte in it would be cut there."""
    if text is None:
        return None
    if "\0" in text:
        raise ValueError("a text with a zero byte")
    return text.encode("utf-8")


def path_words(path: "Optional[os.PathLike[str] | str]") -> Optional[bytes]:
    return None if path is None else os.fsencode(path)
