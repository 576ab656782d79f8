"""templates/starter/ -> the files of a starter project."""

from __future__ import annotations

import re
from typing import Final

from compiler import resources
from compiler.output.file_set import FILE_MODE, PROGRAM_MODE, File, Made, make_file
from compiler.targets.render_template import render_template

MODES: Final = ("A", "B")
SCHEMA_FILE: Final = "build.schema.json"
_ORGANISATION: Final = "example"
_UNNAMED: Final = "task"
_LONGEST: Final = 60
_TEMPLATE_SUFFIX: Final = ".j2"
_BUILD_FILE: Final = "build.yaml"


def render_starter(mode: str, folder_name: str) -> dict[str, File]:
    """The project for mode "A" or "B". The build file comes last: whoever has it has them all."""
    name = name_of_folder(folder_name)
    files = {}
    for path in resources.starter_files(mode.lower()):
        written = path.removesuffix(_TEMPLATE_SUFFIX)
        source = f"starter/{mode.lower()}/{path}"
        if path != written:
            files[written] = make_file(render_template(source, name=name))
        else:
            files[written] = _as_it_is(resources.template_bytes(source))
    build_file = files.pop(_BUILD_FILE)
    files[SCHEMA_FILE] = make_file(resources.schema_text("build"))
    return {**files, _BUILD_FILE: build_file}


def _as_it_is(content: bytes) -> File:
    # Not every way to install keeps modes: what starts as a script is one.
    return File(content=Made(content), mode=PROGRAM_MODE if content[:2] == b"#!" else FILE_MODE)


def name_of_folder(folder_name: str) -> str:
    """A task's name, as the schema wants it, from whatever a folder is called."""
    word = re.sub(r"[^a-z0-9_.-]+|\.{2,}", "-", folder_name.lower()).strip("-_.")
    return f"{_ORGANISATION}/{word[:_LONGEST].rstrip('-_.') or _UNNAMED}"
