"""The part of the Compose file format that Mooring writes (https://github.com/compose-spec/compose-spec)."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.task_plan import FromCaller


@dataclass(frozen=True, slots=True)
class Joined:
    """A string of literal pieces and of what Compose takes from its environment."""

    parts: tuple[str | FromCaller, ...]


type ComposeValue = (
    str | int | bool | FromCaller | Joined | list[ComposeValue] | dict[str, ComposeValue] | None
)
"""A node of the file. Strings are literal: the renderer escapes what Compose would interpolate.
FromCaller is a value that Compose takes from its own environment and refuses to start without."""
