"""What needs no model: the tables of the library, prompts as texts, and what pictures say of themselves."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Union

from ._errors import BadFile
from ._library import ask, ask_text, lib, words


def describe() -> Dict[str, Any]:
    """What may be chosen: precision presets with their meaning, dtypes, guards, system prompts, and what this CPU is."""
    out: Dict[str, Any] = ask(lib.newbie_describe)
    return out


def devices() -> Dict[str, Any]:
    """What networks can run on here: "cpu", and "vulkan", a list of graphics devices, each with the word that `device=`
    takes ("vulkan:0") and, where it cannot be taken, a "refusal". "problem": why there are none. Drivers are asked."""
    out: Dict[str, Any] = ask(lib.newbie_devices)
    return out


def request_fields() -> List[Dict[str, Any]]:
    """All fields of a request: name, kind, default, least, most, words, help."""
    out: List[Dict[str, Any]] = ask(lib.newbie_request_fields)
    return out


def format_prompt(prompt: str, *, escape: bool = False) -> str:
    """An XML prompt in its canonical form. `escape`: write &, < and > in texts as entities."""
    return ask_text(lib.newbie_prompt_format, words(prompt), int(escape))


def prompt_from_tags(tags: str) -> str:
    """A list of Danbooru tags as an XML prompt."""
    return ask_text(lib.newbie_prompt_from_tags, words(tags))


def read_metadata(picture: Union[str, "os.PathLike[str]", bytes]) -> Dict[str, Any]:
    """What a picture (a file, or its bytes) says about how it was drawn: "width", "height", "texts", and "recalled", which
    is None when no text is known. `pipe(**read_metadata(file)["recalled"]["request"])` draws it again. A .json of a
    request, or of a workflow of ComfyUI, is read, too."""
    if isinstance(picture, bytes):
        data, name = picture, b"picture"
    else:
        name = os.fsencode(picture)
        try:
            with open(picture, "rb") as file:
                data = file.read()
        except OSError as problem:
            raise BadFile(f"{os.fspath(picture)}: {problem.strerror}") from problem
    out: Dict[str, Any] = ask(lib.newbie_read_metadata, data, len(data), name)
    return out
