"""Where schemas/, templates/ and the runtime lie: in a checkout beside the package, else in it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


def _shared(name: str) -> Path:
    for folder in (_PACKAGE.parent / name, _PACKAGE / "_share" / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"{name}/ is missing from this installation of mooring")


def templates() -> Path:
    """The folder of Jinja2 templates."""
    return _shared("templates")


def template_bytes(name: str) -> bytes:
    """The content of ``templates/<name>`` as it lies."""
    return (templates() / name).read_bytes()


def starter_files(mode: str) -> list[str]:
    """The files below ``templates/starter/<mode>``, ``/`` between names, sorted."""
    folder = templates() / "starter" / mode
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if "__pycache__" not in p.parts)


def runtime() -> Path:
    """The folder whose sub-folders are the parts of the runtime."""
    return _PACKAGE / "runtime"


def schema_text(name: str) -> str:
    """The JSON Schema ``schemas/<name>.schema.json`` as text."""
    return (_shared("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema ``schemas/<name>.schema.json``; callers must not change it."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


def runtime_files(part: str) -> list[Path]:
    """The modules and scripts of a part of the runtime, sorted; caches are not among them.

    A script has no suffix.
    """
    folder = runtime() / part
    found = sorted({*folder.rglob("*.py"), *folder.glob("scripts/*")})
    if not found:
        raise FileNotFoundError(
            f"the runtime's part {part} is missing from this installation of mooring"
        )
    return found


def evaluator_requirements() -> Path:
    """The pinned packages of the evaluator's own environment."""
    return runtime() / "evaluator" / "requirements.txt"


def page(code: str) -> str:
    """The page that explains a diagnostic's code, Markdown."""
    return (_PACKAGE / "diagnostics" / "pages" / f"{code}.md").read_text(encoding="utf-8")
