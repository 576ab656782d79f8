"""Which keys belong to which mode, and which a task needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from compiler import resources
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.source.document import Document
from compiler.surface.schema_check import first_sentence

# Keys that mean something without a task.
_ALWAYS: Final = (
    "name",
    "description",
    "params",
    "gateways",
    "tongs",
    "anvil",
    "allow_docker_socket",
)
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
_MOST_KEYS: Final = 3
_NEEDED: Final = ("mode", "splits", "selection_split", "targets")
_NEEDED_BY_MODE: Final = {
    "A": ("dataset", "input_fields", "command", "task_project", "task_module"),
    "B": ("harbor",),
}


def mode_of(key: str) -> str | None:
    """The mode to which a key of the top belongs; None for a key of both, or of no task."""
    return next((mode for mode, keys in _OF_MODE.items() if key in keys), None)


def needed_by(key: str) -> str | None:
    """What needs a key of the top, as the reference says it; None for one that may be left out."""
    if key in _NEEDED:
        return "required in a task"
    mode = next((mode for mode, keys in _NEEDED_BY_MODE.items() if key in keys), None)
    return f"required in mode {mode}" if mode else None


def check_modes(document: Document) -> Iterator[Diagnostic]:
    """MOR111: missing keys, MOR126: a key of the other mode, MOR127: keys without a task.

    What is missing because it is misspelt is left to the complaint about the misspelt key.
    """
    data: dict[str, Any] = document.data
    known = resources.schema("build")["properties"]
    meant = {suggest_name(key, known) for key in data if key not in known}
    if "agent_repo" not in data:
        idle = [key for key in data if key in known and key not in _ALWAYS]
        if idle and "agent_repo" not in meant:
            yield diagnostic("MOR127", document.places.key(idle[0]), keys=_enumerate(idle))
        return
    mode = data["mode"] if isinstance(data.get("mode"), str) else ""
    for key in (*_NEEDED, *_NEEDED_BY_MODE.get(mode, ())):
        if key not in data and key not in meant:
            place = document.places.key("mode" if "mode" in data else "agent_repo")
            yield diagnostic("MOR111", place, key=key, hint=_why_needed(key, mode))
    for other, keys in _OF_MODE.items():
        for key in keys:
            if mode in _OF_MODE and mode != other and key in data:
                yield diagnostic(
                    "MOR126", document.places.key(key), key=key, other=other, mode=mode
                )


def _enumerate(keys: list[str]) -> str:
    shown = ", ".join(f"`{key}`" for key in keys[:_MOST_KEYS])
    return f"{shown} and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else shown


def _why_needed(key: str, mode: str) -> str:
    needs = f"mode {mode}" if key in _NEEDED_BY_MODE.get(mode, ()) else "a task"
    return f"{needs} needs it: {first_sentence(resources.schema('build')['properties'][key])}"
