"""The part of the Compose file format that Mooring writes (https://github.com/compose-spec/compose-spec)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FromCaller:
    """A value that Compose takes from its own environment and refuses to start without."""

    name: str


type ComposeValue = (
    str | int | bool | FromCaller | list[ComposeValue] | dict[str, ComposeValue] | None
)
"""A node of the file. Strings are literal: the renderer escapes what Compose would interpolate."""
