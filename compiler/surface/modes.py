"""Which keys belong to which mode, and which a task needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.source.document import Document

# Keys that mean something without a task.
_ALWAYS: Final = ("name", "description", "params")
_OF_MODE: Final = {
    "A": (
        "dataset",
        "input_fields",
        "command",
        "setup",
        "task_project",
        "task_module",
        "task",
        "scorer_requirements",
        "sample_timeout",
    ),
    "B": ("harbor", "inner_task", "partition", "partition_files"),
}
_NEEDED: Final = ("mode", "splits", "selection_split", "targets")
_NEEDED_BY_MODE: Final = {
    "A": ("dataset", "input_fields", "command", "task_project", "task_module"),
    "B": ("harbor",),
}


def check_modes(document: Document) -> Iterator[Diagnostic]:
    """MOR111: missing keys, MOR126: a key of the other mode, MOR127: one without a task."""
    data: dict[str, Any] = document.data
    if "agent_repo" not in data:
        for key in data:
            if key not in _ALWAYS:
                yield diagnostic("MOR127", document.places.key(key), key=key)
        return
    mode = data["mode"] if isinstance(data.get("mode"), str) else ""
    for key in (*_NEEDED, *_NEEDED_BY_MODE.get(mode, ())):
        if key not in data:
            place = document.places.key("mode" if "mode" in data else "agent_repo")
            yield diagnostic("MOR111", place, key=key, hint=_why_needed(key, mode))
    for other, keys in _OF_MODE.items():
        for key in keys:
            if mode in _OF_MODE and mode != other and key in data:
                yield diagnostic(
                    "MOR126", document.places.key(key), key=key, other=other, mode=mode
                )


def _why_needed(key: str, mode: str) -> str:
    return f"mode {mode} needs it" if key in _NEEDED_BY_MODE.get(mode, ()) else "a task needs it"
