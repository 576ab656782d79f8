"""What a launch does, before anything is known of the machine it happens on.

Argument lists are finished but for what only the launch knows: such a word has holes, which are
values of their own. No text of a user is ever searched for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from compiler.ir.tong import Definition, Layer, Lifecycle, ReadinessMode


class Hole(StrEnum):
    """What only the launch knows: the session's id, the process that owns it, the folder on the
    host that is the workspace, the folder with the plan's files, and whether there is a terminal
    (a whole word: ``-t``, or no word at all)."""

    SESSION = "session"
    OWNER = "owner"
    WORKSPACE = "workspace"
    FILES = "files"
    TERMINAL = "terminal"


type Word = tuple[str | Hole, ...]
"""One argument: its pieces, to be put together."""
type Words = tuple[Word, ...]


def words(*texts: str | Hole | Word) -> Words:
    """Arguments of texts, holes and words."""
    # A Hole is a string as well: both are a word of one piece.
    return tuple(text if isinstance(text, tuple) else (text,) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchNetwork:
    """A network that the launch needs. Owned: made for this session and removed with it. Existing:
    somebody else's, never made here. Neither: made when it is missing, and kept."""

    name: Word
    owned: bool
    existing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchReadiness:
    """How a tong is awaited; ``probe`` is one try, ``seconds`` the time for all of them."""

    mode: ReadinessMode
    seconds: float
    probe: Words | None = None
    host: str | None = None
    port: int | None = None
    command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a provider has under a reference; ``variable`` is where a script takes it from."""

    provider: str
    reference: str
    variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSecret:
    """A variable of a tong whose value has secrets in it."""

    variable: str
    parts: tuple[str | Held, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTong:
    """A tong's container. It is started with ``run``, then what ``inspect`` prints (words that are
    quoted for a shell), then ``words``. ``told`` succeeds once its secrets have arrived. A shared
    one is joined to the network of the anvil for a launch, where it is not on it already."""

    name: str
    lifecycle: Lifecycle
    container: Word
    image: str
    config_hash: str
    run: Words
    inspect: Words | None
    words: tuple[str, ...]
    connect: tuple[Words, ...]
    join: Words | None
    leave: Words | None
    depends_on: tuple[str, ...]
    readiness: LaunchReadiness
    secrets: tuple[LaunchSecret, ...]
    deliver: Words | None
    told: Words | None
    volumes: tuple[str, ...]
    aliases: tuple[str, ...]
    networks: tuple[str, ...]
    layer: Layer
    source: str
    definition: Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The container from which ports are tried; it is removed when all tongs are ready."""

    container: Word
    network: Word
    image: str
    run: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Anvil:
    """The harness container."""

    argv: Words
    image: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchFile:
    """A file that the anvil mounts."""

    name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """The whole launch; tongs stand in the order of their dependencies."""

    name: str
    networks: tuple[LaunchNetwork, ...]
    tongs: tuple[LaunchTong, ...]
    probe: Probe | None
    anvil: Anvil | None
    files: tuple[LaunchFile, ...]
    warnings: tuple[str, ...]


def fill_word(word: Word, values: Mapping[Hole, str]) -> str:
    """The argument, once the launch knows what goes into its holes."""
    return "".join(values[piece] if isinstance(piece, Hole) else piece for piece in word)
