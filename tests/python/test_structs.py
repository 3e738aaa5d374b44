"""The ctypes structs are those of newbie.h: a C program prints size and place of every field."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict

import pytest
from conftest import ROOT

from newbie import _errors, _library, _structs

HEADER = ROOT / "apps" / "capi" / "newbie.h"


def _run_c(tmp_path: Path, body: str) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, program = tmp_path / "probe.c", tmp_path / "probe"
    source.write_text(f"#include <newbie.h>\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0; }}\n")
    subprocess.run([compiler, "-I", str(HEADER.parent), str(source), "-o", str(program)], check=True)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", sorted(_structs.IN_HEADER))
def test_every_field_has_its_place(tmp_path: Path, name: str) -> None:
    struct = _structs.IN_HEADER[name]
    fields = [field[0] for field in struct._fields_]
    lines = [f'printf("sizeof %zu 0\\n", sizeof({name}));']
    for field in fields:
        word = _structs.OTHER_NAMES.get(field, field)
        lines.append(f'printf("{field} %zu %zu\\n", offsetof({name}, {word}), sizeof((({name}*)0)->{word}));')
    there: Dict[str, tuple[int, int]] = {}
    for line in _run_c(tmp_path, "\n".join(lines)).splitlines():
        word, offset, size = line.split()
        there[word] = int(offset), int(size)
    assert there.pop("sizeof")[0] == ctypes.sizeof(struct)
    here = {field: (getattr(struct, field).offset, getattr(struct, field).size) for field in fields}
    assert here == there


@pytest.mark.parametrize("name", sorted(_structs.IN_HEADER))
def test_no_field_is_left_out(name: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    found = re.search(r"typedef struct " + name + r" \{(.*?)\} " + name + ";", text, re.S)
    assert found is not None
    declared = []
    for line in found[1].split(";"):
        callback = re.search(r"\(\*(\w+)\)", line)
        if callback:
            declared.append(callback[1])
        else:
            declared += re.findall(r"(\w+)\s*(?:,|$)", line.strip())
    here = [_structs.OTHER_NAMES.get(field[0], field[0]) for field in _structs.IN_HEADER[name]._fields_]
    assert declared == here


def test_statuses_are_exceptions(tmp_path: Path) -> None:
    names = re.findall(r"NEWBIE_\w+(?= = \d)", HEADER.read_text().split("newbie_status;")[0])
    lines = "\n".join(f'printf("{name} %d\\n", {name});' for name in names)
    there = {int(line.split()[1]): line.split()[0] for line in _run_c(tmp_path, lines).splitlines()}
    assert there.pop(0) == "NEWBIE_OK"
    words = {number: kind.__name__.replace("Error", "").lower() for number, kind in _errors.BY_STATUS.items()}
    assert words == {number: name[len("NEWBIE_") :].replace("_", "").lower() for number, name in there.items()}


def test_every_declared_function_takes_as_many_arguments() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    there = {
        name: 0 if arguments.strip() == "void" else arguments.count(",") + 1
        for name, arguments in re.findall(r"NEWBIE_API [\w\s*]*?(\w+)\(([^;]*?)\);", text)
    }
    for name, _result, arguments in _library._FUNCTIONS:
        assert there[name] == len(arguments), name
