"""Making one tong's container what it should be, up to the moment from which it is awaited."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .decide import Action, Wanted, decide
from .deliver import render_delivery
from .engine import Engine, Image, NameTaken
from .errors import LaunchError
from .lock import Lock
from .plan import Names, Tong

ATTEMPTS = 5
# Seconds within which a container that another user's launch has just made will run.
PAUSE = 1.0
TAIL = 20
TOLD_SECONDS = 30.0


@dataclass
class Job:
    """One tong to start. `secrets` gives its variables' values, and may ask a person for them.

    `lock` is held when `run` returns, for whoever awaits the tong to release; `made` is set as soon
    as a container may be there that this launch made, `creating` while one may still appear.
    """

    engine: Engine
    names: Names
    tong: Tong
    lock: Lock | None
    secrets: Callable[[Tong], Mapping[str, bytes]]
    is_cancelled: Callable[[], bool]
    say: Callable[[str], None]
    made: bool = False
    creating: bool = False
    action: Action = field(default=Action.START)

    @property
    def container(self) -> str:
        """The name of the tong's container."""
        return self.names.fill(self.tong.container)

    def run(self) -> bool:
        """False when it was cancelled before anything was done."""
        if self.lock is not None and not self.lock.acquire(self.is_cancelled, self._on_wait):
            return False
        for _ in range(ATTEMPTS):
            if self.is_cancelled():
                return False
            self.action = find_action(self.engine, self.names, self.tong)
            if self.action.removes:
                self.engine.remove([self.container])
            if self.action is Action.REUSE or self._create():
                if self.made:
                    self._deliver()
                self._connect()
                return True
            # Whoever made it holds another lock: a user with another home, or no Mooring at all.
            time.sleep(PAUSE)
        raise LaunchError(f"tong {self.tong.name}: {self.container} changes hands all the time")

    def _on_wait(self) -> None:
        self.say(f"tong {self.tong.name}: waiting for another launch that starts it")

    def _create(self) -> bool:
        # Before the container: a secret that is not to be had leaves none behind.
        if self.tong.secrets:
            self.secrets(self.tong)
        argv = self.names.fill_all(self.tong.run) + process_argv(self.engine, self.names, self.tong)
        # Before the question: whoever cancels waits for what is being created, and asks after.
        self.creating = True
        try:
            if self.is_cancelled():
                raise LaunchError(f"tong {self.tong.name}: the launch ended meanwhile")
            self.made = True
            self.engine.run(argv)
        except NameTaken:
            self.made = False
            if not self.tong.shared:
                raise LaunchError(f"there is another container named {self.container}") from None
            return False
        except LaunchError as error:
            raise self._explained(error) from error
        finally:
            self.creating = False
        return True

    def _connect(self) -> None:
        """Networks of the definition stay the container's own; the launch's is joined each time."""
        for argv in self.tong.connect if self.made else ():
            self.engine.change(self.names.fill_all(argv))
        if self.tong.join is not None:
            self._join(self.names.fill_all(self.tong.join))

    def _join(self, argv: Sequence[str]) -> None:
        """Unless it is on that network, where that is not the session's own but a harness's."""
        network, container = argv[-2:]
        found = self.engine.containers([container]).get(container)
        if found is None or network not in found.networks:
            self.engine.change(argv)

    def _deliver(self) -> None:
        if self.tong.deliver is None:
            return
        text = render_delivery(self.secrets(self.tong))
        try:
            self.engine.deliver(self.names.fill_all(self.tong.deliver), text)
        except LaunchError as error:
            lines = [*error.lines, *self.engine.tail(self.container, TAIL)]
            message = f"tong {self.tong.name}: its secrets could not be delivered"
            raise LaunchError(message, lines=lines) from error

    def _explained(self, error: LaunchError) -> LaunchError:
        if not self.made:
            return error
        message = f"tong {self.tong.name}: {error.message}"
        if self.tong.secrets and any('"/bin/sh"' in line for line in error.lines):
            return LaunchError(
                f"tong {self.tong.name}: the image {self.tong.image} has no /bin/sh, through which "
                "secrets arrive",
                "use an image with a shell, or build one on top of it that has",
                error.lines,
            )
        return LaunchError(message, error.hint, error.lines)


def find_action(engine: Engine, names: Names, tong: Tong) -> Action:
    """What has to become of the container that bears the tong's name, if there is one. That of a
    session's is new with the session."""
    if not tong.shared:
        return Action.START
    container = names.fill(tong.container)
    wanted = Wanted(tong.name, container, tong.config_hash)

    def is_told() -> bool:
        told = tong.told
        return told is None or engine.succeeds(names.fill_all(told), seconds=TOLD_SECONDS)

    return decide(wanted, engine.containers([container]).get(container), is_told)


def process_argv(engine: Engine, names: Names, tong: Tong) -> tuple[str, ...]:
    """What follows `run`: for a tong with secrets what its shell becomes, put together as the
    engine itself would."""
    process = tong.process
    printed = "" if process.inspect is None else engine.answer(names.fill_all(process.inspect))
    argv = (*shlex.split(printed), *process.words)
    if tong.secrets and not argv:
        raise LaunchError(
            f"tong {tong.name}: neither it nor its image {tong.image} says what to run",
            "give it a `command`",
        )
    return argv


def fetch_image(engine: Engine, reference: str) -> Image:
    """The local image, fetched when it is not there."""
    image = engine.image(reference)
    if image is None:
        engine.pull(reference)
        image = engine.image(reference)
    if image is None:
        raise LaunchError(f"the image {reference} is not there after it was pulled")
    return image
