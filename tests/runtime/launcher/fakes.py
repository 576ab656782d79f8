"""An engine in memory: it does what a test says, and remembers what it was asked."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from compiler.runtime.launcher.engine import Container, Image, NameTaken, Network
from compiler.runtime.launcher.errors import LaunchError

IMAGE = "image"


class FakeTalk:
    """A probe: names the tool, and repeats each line whose port is open."""

    def __init__(self, tool: str, open_ports: set[str]) -> None:
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._open = open_ports
        if tool:
            self._lines.put(f"using {tool}")
        else:
            self.hang_up()

    def tell(self, line: str) -> None:
        if line in self._open:
            self._lines.put(line)

    def hear(self) -> str:
        return self._lines.get()

    def hang_up(self) -> None:
        self._lines.put("")

    def end(self) -> str:
        self.hang_up()
        return "ended"


@dataclass
class FakeProcess:
    """A harness that ends with `code`; None: only once it is signalled, or killed if `stubborn`."""

    code: int | None = 0
    stubborn: bool = False
    signals: list[int] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.code is not None:
            self._ended.set()

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("harness", timeout or 0)
        return self.code or 0

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)
        if not self.stubborn:
            self._ended.set()

    def kill(self) -> None:
        self.signals.append(9)
        self._ended.set()


@dataclass
class FakeEngine:
    """`ends` are containers that end at once, with their code; `fails` those that cannot be run;
    `deaf` those that never take their secrets. `calls` are the changes, in order."""

    images: set[str] = field(default_factory=lambda: {IMAGE})
    there: dict[str, Container] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    fails: dict[str, Exception] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    open_ports: set[str] = field(default_factory=set)
    tools: list[str] = field(default_factory=lambda: ["python3"])
    process: FakeProcess = field(default_factory=FakeProcess)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    delivered: list[bytes] = field(default_factory=list)
    prints: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def containers(self, names: Sequence[str]) -> Mapping[str, Container]:
        with self.lock:
            return {name: self.there[name] for name in names if name in self.there}

    def labelled_containers(self, label: str) -> Sequence[Container]:
        with self.lock:
            return [each for _, each in sorted(self.there.items()) if _bears(each.labels, label)]

    def labelled_networks(self, label: str) -> Sequence[Network]:
        return [each for _, each in sorted(self.networks.items()) if _bears(each.labels, label)]

    def has_network(self, name: str) -> bool:
        return name in self.networks

    def members(self, network: str) -> Sequence[str]:
        with self.lock:
            return [name for name, each in self.there.items() if network in each.networks]

    def image(self, reference: str) -> Image | None:
        return Image(f"sha256:{reference}") if reference in self.images else None

    def pull(self, reference: str) -> None:
        self._note("pull", reference)
        if reference in self.refused:
            raise LaunchError(f"cannot pull the image {reference}")
        self.images.add(reference)

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        self._note("network create", name)
        self.networks[name] = Network(name, labels)

    def remove_network(self, name: str) -> None:
        self._note("network rm", name)
        self.networks.pop(name, None)

    def run(self, argv: Sequence[str]) -> None:
        name = argv[argv.index("--name") + 1]
        self._note("run", name)
        with self.lock:
            if name in self.there:
                raise NameTaken
            failure = self.fails.get(name)
            status = "created" if failure else "exited" if name in self.ends else "running"
            self.there[name] = Container(
                name=name,
                status=status,
                exit_code=self.ends.get(name, 0),
                health=self.health.get(name),
                labels=dict(
                    argv[i + 1].split("=", 1) for i, w in enumerate(argv) if w == "--label"
                ),
                networks={argv[argv.index("--network") + 1]: ()},
            )
            if failure:
                raise failure

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._note("rm", name)
            self.there.pop(name, None)

    def change(self, argv: Sequence[str]) -> None:
        self._note(*argv[1:])
        if argv[1:3] == ("network", "connect"):
            with self.lock:
                found = self.there[argv[-1]]
                self.there[argv[-1]] = replace(found, networks={**found.networks, argv[-2]: ()})

    def disconnect(self, network: str, container: str) -> None:
        self._note("network disconnect", network, container)

    def answer(self, argv: Sequence[str]) -> str:
        return self.prints

    def succeeds(self, argv: Sequence[str], *, seconds: float) -> bool:
        return " ".join(argv) not in self.refused

    def deliver(self, argv: Sequence[str], text: bytes) -> None:
        self._note("deliver", argv[3])
        if argv[3] in self.deaf:
            raise LaunchError("docker exec ended with code 1")
        self.delivered.append(text)

    def tail(self, container: str, lines: int) -> Sequence[str]:
        return [f"last line of {container}"]

    def converse(self, argv: Sequence[str]) -> FakeTalk:
        self._note("converse", *argv[argv.index("--entrypoint") + 1 :][:2])
        return FakeTalk(self.tools.pop(0), self.open_ports)

    def attach(self, argv: Sequence[str]) -> FakeProcess:
        self._note("attach", *argv)
        return self.process

    def _note(self, *call: str) -> None:
        with self.lock:
            self.calls.append(call)


def _labels(argv: Sequence[str]) -> dict[str, str]:
    marks = (argv[index + 1] for index, word in enumerate(argv) if word == "--label")
    return {name: value for name, _, value in (mark.partition("=") for mark in marks)}


def _bears(labels: Mapping[str, str], label: str) -> bool:
    name, equals, value = label.partition("=")
    return name in labels and (not equals or labels[name] == value)
