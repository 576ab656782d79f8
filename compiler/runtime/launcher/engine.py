"""What a launch asks of a container engine; the seam that tests replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Container:
    """A container as it is now. `status` is the engine's word: running, exited, created, paused...

    `health` is None for an image without a health check. `networks` holds each one's aliases.
    """

    name: str
    status: str
    exit_code: int = 0
    health: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    started: str = ""

    @property
    def is_running(self) -> bool:
        """A paused one answers nobody."""
        return self.status == "running"


@dataclass(frozen=True)
class Network:
    """A network that bears one of our labels."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """A local image: `digest` names its content."""

    digest: str


class Process(Protocol):
    """A running client of the engine."""

    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Conversation(Protocol):
    """A container in the foreground that is spoken to in lines."""

    def tell(self, line: str) -> None: ...
    def hear(self) -> str: ...
    def hang_up(self) -> None: ...
    def end(self) -> str: ...


class Engine(Protocol):
    """All that a launch does to the world; an argv is a whole `docker ...` one of the plan's.

    A call that fails raises LaunchError; names that do not exist are answered by absence, or
    ignored where they were to be removed.
    """

    def containers(self, names: Sequence[str]) -> Mapping[str, Container]: ...
    def labelled_containers(self, label: str) -> Sequence[Container]: ...
    def labelled_networks(self, label: str) -> Sequence[Network]: ...
    def has_network(self, name: str) -> bool: ...
    def members(self, network: str) -> Sequence[str]: ...
    def image(self, reference: str) -> Image | None: ...
    def pull(self, reference: str) -> None: ...
    def create_network(self, name: str, labels: Mapping[str, str]) -> None: ...
    def remove_network(self, name: str) -> None: ...
    def run(self, argv: Sequence[str]) -> None: ...
    def remove(self, names: Sequence[str]) -> None: ...
    def change(self, argv: Sequence[str]) -> None: ...
    def disconnect(self, network: str, container: str) -> None: ...
    def answer(self, argv: Sequence[str]) -> str: ...
    def succeeds(self, argv: Sequence[str], *, seconds: float) -> bool: ...
    def deliver(self, argv: Sequence[str], text: bytes) -> None: ...
    def tail(self, container: str, lines: int) -> Sequence[str]: ...
    def converse(self, argv: Sequence[str]) -> Conversation: ...
    def attach(self, argv: Sequence[str]) -> Process: ...


class NameTaken(Exception):
    """`run` found a container of that name: somebody else was faster."""
