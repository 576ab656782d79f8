"""The launch plan, typed and complete, as schemas/runtime/launch-plan.schema.json describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Union


class Hole(Enum):
    """What only the launch itself knows."""

    SESSION = "session"
    OWNER = "owner"
    WORKSPACE = "workspace"
    FILES = "files"
    TERMINAL = "terminal"


class Mode(Enum):
    """How it is seen that a tong can be used."""

    NONE = "none"
    TCP = "tcp"
    HEALTHCHECK = "healthcheck"


Word = tuple[Union[str, Hole], ...]
Argv = tuple[Word, ...]


@dataclass(frozen=True)
class Names:
    """The holes' values: `terminal` is `-t`, or empty where there is none."""

    session: str
    owner: str
    workspace: str
    files: str
    terminal: str

    def fill(self, word: Word) -> str:
        """One finished word."""
        return "".join(p if isinstance(p, str) else getattr(self, p.value) for p in word)

    def fill_all(self, argv: Iterable[Word]) -> tuple[str, ...]:
        """A finished argv; the terminal's flag is left out where it is empty."""
        words = ((word, self.fill(word)) for word in argv)
        return tuple(text for word, text in words if text or word != (Hole.TERMINAL,))


@dataclass(frozen=True)
class Network:
    """`owned`: made for this session, and gone with it. `existing`: never made by a launch."""

    name: Word
    owned: bool
    existing: bool


@dataclass(frozen=True)
class Readiness:
    """Mode, place or check (a call that ends with 0 once the tong is ready; empty: the image's own
    HEALTHCHECK), and the seconds from its start that a tong may take."""

    mode: Mode
    host: str = ""
    port: int = 0
    check: Argv = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Reference:
    """A secret by its provider and that provider's name for it."""

    provider: str
    reference: str


@dataclass(frozen=True)
class Secret:
    """A variable whose value is made of texts and secrets."""

    variable: str
    parts: tuple[str | Reference, ...]

    def fill(self, value: Callable[[Reference], bytes]) -> bytes:
        """The value; `value` gives that of a reference."""
        return b"".join(
            part.encode("utf-8", "surrogateescape") if isinstance(part, str) else value(part)
            for part in self.parts
        )

    @property
    def references(self) -> tuple[Reference, ...]:
        """All of them, in order."""
        return tuple(part for part in self.parts if isinstance(part, Reference))


@dataclass(frozen=True)
class Process:
    """What a shell that takes the secrets becomes: what `inspect` prints for the image, as words
    quoted for a shell, then `words`."""

    inspect: Argv | None
    words: tuple[str, ...]


@dataclass(frozen=True)
class Tong:
    """One tong with every call that concerns it."""

    name: str
    shared: bool
    container: Word
    image: str
    config_hash: str
    run: Argv
    process: Process
    connect: tuple[Argv, ...]
    join: Argv | None
    leave: Argv | None
    depends_on: tuple[str, ...]
    readiness: Readiness
    secrets: tuple[Secret, ...]
    deliver: Argv | None
    told: Argv | None
    untrusted: bool
    source: str
    definition: Mapping[str, Any]


@dataclass(frozen=True)
class ProbeSite:
    """From which image, and in which network, ports are knocked at."""

    container: Word
    network: Word
    image: str


@dataclass(frozen=True)
class File:
    """A file that a harness reads its settings from."""

    name: str
    content: str


@dataclass(frozen=True)
class Plan:
    """All of a launch but for its holes and its secrets; tongs in the order of their needs."""

    name: str
    networks: tuple[Network, ...]
    tongs: tuple[Tong, ...]
    probe: ProbeSite | None
    anvil: Argv | None
    files: tuple[File, ...]
    warnings: tuple[str, ...]
