"""What a build says of its tongs and of the anvil that they serve."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.surface.build_file import TongDocument, TongPath


class Harness(StrEnum):
    """A program that speaks MCP, or a file for any other."""

    CLAUDE = "claude"
    CODEX = "codex"
    OPENCODE = "opencode"
    GEMINI = "gemini"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilSettings:
    """The harness container outside Harbor; ``argv`` None is the image's own."""

    image: str
    argv: tuple[str, ...] | None
    network: str | None
    workspace: str
    harness: Harness | None
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecars:
    """``sources`` are the items of ``tongs``, whose files nobody has looked for yet."""

    sources: tuple[TongPath | TongDocument, ...]
    anvil: AnvilSettings | None
    allow_socket: bool
