"""The parts of the runtime that are copied into a task, byte for byte."""

from __future__ import annotations

from typing import Final

from compiler import resources
from compiler.output.file_set import FILE_MODE, PROGRAM_MODE, Copied, File, make_file

FOLDER: Final = "environment/runtime"
TASK_PARTS: Final = ("agent", "baseline", "client", "evaluator", "nested", "report", "runner")


def copy_runtime(parts: tuple[str, ...] = TASK_PARTS) -> dict[str, File]:
    """The files of these parts, and the marker that makes their folder a package."""
    files = {f"{FOLDER}/__init__.py": make_file("")}
    for part in parts:
        for source in resources.runtime_files(part):
            path = f"{FOLDER}/{part}/{source.relative_to(resources.runtime() / part).as_posix()}"
            mode = FILE_MODE if source.suffix else PROGRAM_MODE
            files[path] = File(content=Copied(str(source)), mode=mode)
    return files
