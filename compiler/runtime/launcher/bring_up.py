"""All tongs at once, each as soon as what it needs is ready, until every one can be used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Union

from .decide import startable
from .engine import Container, Engine
from .errors import LaunchError, Stopped
from .plan import Mode
from .probe import Probe
from .readiness import Seen, judge
from .start import TAIL, Job

POLL = 0.2
BUSY_POLL = 0.5
# A container that is just being made can be removed once it is there; seconds that this may take.
PATIENCE = 20.0


@dataclass(frozen=True)
class Started:
    """A worker is through with a tong, or failed."""

    name: str
    error: LaunchError | None = None


@dataclass(frozen=True)
class Heard:
    """The probe found its tool (None: it has none), or somebody answered at `line`."""

    tool: str | None = None
    line: str = ""


@dataclass(frozen=True)
class Checked:
    """A tong's own command ended with 0."""

    name: str


@dataclass(frozen=True)
class Signalled:
    """A signal asked for the end."""

    number: int


Event = Union[Started, Heard, Checked, Signalled]


@dataclass
class Awaited:
    """A tong that was started and is not ready yet."""

    job: Job
    since: float
    reached: bool = False
    checked: bool = False


@dataclass
class BringUp:
    """One walk from nothing to all ready. Threads do what blocks and report into `events`; this
    one decides, and is the only one that changes what is kept here."""

    engine: Engine
    jobs: Mapping[str, Job]
    events: SimpleQueue[Event]
    open_probe: Callable[[], Probe] | None
    say: Callable[[str], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    _waiting: list[str] = field(default_factory=list)
    _starting: set[str] = field(default_factory=set)
    _awaited: dict[str, Awaited] = field(default_factory=dict)
    _ready: dict[str, float] = field(default_factory=dict)
    _probe: Probe | None = None
    _can_knock: bool = True
    _began: float = 0.0
    _next_look: float = 0.0

    def run(self) -> None:
        """Returns when all are ready; LaunchError for the first that cannot be, Stopped when a
        signal came. Whatever happens, nothing more is made afterwards, no lock is held, and no
        shared tong is left that this launch made and that never was ready."""
        self._began = time.monotonic()
        self._waiting = list(self.jobs)
        try:
            while len(self._ready) < len(self.jobs):
                self._start_next()
                self._take_events()
                self._look()
        finally:
            self._end()

    def _start_next(self) -> None:
        needs = {name: job.tong.depends_on for name, job in self.jobs.items()}
        for name in startable(self._waiting, needs, self._ready):
            self._waiting.remove(name)
            self._starting.add(name)
            _in_thread(self._start, self.jobs[name])
        if self._probe is None and self.open_probe is not None and self._is_time_to_knock():
            self._probe = self.open_probe()
            for awaited in self._awaited.values():
                self._ask_probe(awaited.job)

    def _is_time_to_knock(self) -> bool:
        """An engine that starts many at once is busy, and the probe would hold them up; but one
        that waits for another launch may take long, and those that run are to be asked."""
        waited = (time.monotonic() - awaited.since for awaited in self._awaited.values())
        return len(self._starting) <= 1 or max(waited, default=0) > BUSY_POLL

    def _ask_probe(self, job: Job) -> None:
        readiness = job.tong.readiness
        if readiness.mode is Mode.TCP and self._probe is not None:
            self._probe.ask(readiness.host, readiness.port)

    def _start(self, job: Job) -> None:
        try:
            if job.run():
                self.events.put(Started(job.tong.name))
        except LaunchError as error:
            self.events.put(Started(job.tong.name, error))
        except Exception as error:  # a bug of ours must end the launch, not hang it
            self.events.put(Started(job.tong.name, LaunchError(f"{type(error).__name__}: {error}")))

    def _check(self, job: Job) -> None:
        readiness = job.tong.readiness
        end = time.monotonic() + readiness.seconds
        argv = job.names.fill_all(readiness.check)
        while not self.cancelled.is_set() and time.monotonic() < end:
            left = max(end - time.monotonic(), 0.1)
            if self.engine.succeeds(argv, seconds=left):
                self.events.put(Checked(job.tong.name))
                return
            self.cancelled.wait(POLL)

    def _take_events(self) -> None:
        """Waits for one, at most until it is time to look again, and takes all there are."""
        try:
            event = self.events.get(timeout=POLL)
            while True:
                self._take(event)
                event = self.events.get_nowait()
        except Empty:
            return

    def _take(self, event: Event) -> None:
        if isinstance(event, Signalled):
            raise Stopped(event.number)
        if isinstance(event, Started):
            self._take_started(event)
        elif isinstance(event, Checked):
            if event.name in self._awaited:
                self._awaited[event.name].checked = True
                self._next_look = 0
        elif event.line:
            self._take_answer(event.line)
        elif event.tool is None:
            self._give_up_probe("nothing in the probe's image can knock at a port")

    def _take_started(self, event: Started) -> None:
        if event.error is not None:
            raise event.error
        job = self.jobs[event.name]
        self._starting.discard(event.name)
        self._awaited[event.name] = Awaited(job, time.monotonic())
        readiness = job.tong.readiness
        self._ask_probe(job)
        if readiness.mode is Mode.TCP and self.open_probe is None:
            self._give_up_probe("there is no image or no network to knock from")
        if readiness.mode is Mode.HEALTHCHECK and readiness.check:
            _in_thread(self._check, job)
        if readiness.mode is Mode.NONE:
            self._next_look = 0

    def _take_answer(self, line: str) -> None:
        for awaited in self._awaited.values():
            readiness = awaited.job.tong.readiness
            if readiness.mode is Mode.TCP and line == f"{readiness.host} {readiness.port}":
                awaited.reached = True
                self._next_look = 0

    def _give_up_probe(self, reason: str) -> None:
        if self._can_knock:
            self.say(f"warning: {reason}: a container that runs counts as ready")
        self._can_knock = False

    def _look(self) -> None:
        """One question for all that are awaited: often enough to see an end soon, and at once where
        news may have made one ready. More would cost what the starting ones need."""
        if not self._awaited or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + (POLL if len(self._starting) <= 1 else BUSY_POLL)
        found = self.engine.containers([each.job.container for each in self._awaited.values()])
        for name, awaited in list(self._awaited.items()):
            verdict = judge(awaited.job.tong.readiness, self._seen(awaited, found))
            if verdict.failure:
                raise self._failed(awaited.job, verdict.failure)
            if verdict.ready:
                self._take_ready(name)

    def _seen(self, awaited: Awaited, found: Mapping[str, Container]) -> Seen:
        return Seen(
            container=found.get(awaited.job.container),
            seconds=time.monotonic() - awaited.since,
            reached=awaited.reached,
            checked=awaited.checked,
            can_knock=self._can_knock,
        )

    def _failed(self, job: Job, failure: str) -> LaunchError:
        lines = self.engine.tail(job.container, TAIL)
        return LaunchError(f"tong {job.tong.name}: {failure}", lines=lines)

    def _take_ready(self, name: str) -> None:
        job = self._awaited.pop(name).job
        self._ready[name] = time.monotonic() - self._began
        if job.lock is not None:
            job.lock.release()
        self.say(f"tong {name}: ready after {self._ready[name]:.1f} s ({_how(job)})")

    def _end(self) -> None:
        self.cancelled.set()
        limit = time.monotonic() + PATIENCE
        while any(job.creating for job in self.jobs.values()) and time.monotonic() < limit:
            time.sleep(0.05)
        if self._probe is not None:
            self._probe.end()
        self._remove_unready([job for name, job in self.jobs.items() if name not in self._ready])
        for job in self.jobs.values():
            if job.lock is not None:
                job.lock.release()

    def _remove_unready(self, jobs: Sequence[Job]) -> None:
        """A shared tong that is half made would be taken for a whole one by the next launch; those
        of the session go with it."""
        names = [job.container for job in jobs if job.tong.shared and job.made]
        if not names:
            return
        try:
            self.engine.remove(names)
        except LaunchError as error:
            self.say(f"warning: {', '.join(names)} may be left: {error.message}")


def _how(job: Job) -> str:
    if not job.made:
        return "reused"
    return f"made anew: its container {job.action.value}" if job.action.removes else "started"


def _in_thread(action: Callable[[Job], None], job: Job) -> None:
    threading.Thread(target=action, args=(job,), daemon=True).start()
