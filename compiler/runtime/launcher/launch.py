"""A launch from its plan to the harness's exit code: the order of its steps."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from . import signals, sweep
from .anvil import run_anvil
from .approval import Approvals
from .bring_up import BringUp, Heard, Signalled
from .decide import OWNER_LABEL, SESSION_LABEL
from .engine import Engine
from .errors import LaunchError
from .lock import Lock
from .owner import new_session, own_name
from .plan import Argv, Names, Plan, Tong
from .prepare import Vault, prepare
from .probe import Probe, probe_argvs
from .providers import ProviderTable
from .start import Job
from .text import is_terminal

LOCKS = "locks"
APPROVALS = "approvals.json"
LEAVE_SECONDS = 30.0
# A teardown takes a few answers of the engine. One that takes so long can be interrupted: what is
# left then is the next launch's to remove.
TEARDOWN_SECONDS = 45.0


@dataclass(frozen=True)
class Options:
    """What the plan does not say: where the workspace is and where things are kept (`home`), who
    knows secrets and within how many seconds, whom to ask (None: nobody), where to tell."""

    workspace: str
    home: str
    providers: ProviderTable
    secret_seconds: float
    ask: Callable[[Sequence[str]], bool] | None
    say: Callable[[str], None]


def launch(engine: Engine, plan: Plan, options: Options) -> int:
    """The harness's exit code, with every tong around it for as long as it runs.

    Raises LaunchError or Stopped; of the session nothing is left then either.
    """
    if plan.anvil is None:
        raise LaunchError("the plan has no harness to launch")
    with _files(plan) as files:
        return _Launch(engine, plan, _names(plan, options, files), options).run(plan.anvil)


@contextmanager
def _files(plan: Plan) -> Iterator[str]:
    """The folder of the files that a harness reads: private, and gone afterwards."""
    if not plan.files:
        yield ""
        return
    folder = tempfile.mkdtemp(prefix="mooring-launch-")
    try:
        for file in plan.files:
            path = os.path.join(folder, file.name)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(file.content)
            # The harness's user in its container is another one.
            os.chmod(path, 0o644)
        os.chmod(folder, 0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _names(plan: Plan, options: Options, files: str) -> Names:
    workspace = os.path.realpath(options.workspace)
    for what, path in (("workspace", workspace), ("temporary folder", files)):
        if ":" in path:
            raise LaunchError(f"the {what} {path} has a colon, which `docker run -v` cannot write")
    terminal = "-t" if is_terminal(sys.stdin) and is_terminal(sys.stdout) else ""
    return Names(new_session(), own_name(), workspace, files, terminal)


@dataclass
class _Launch:
    """One launch under its names."""

    engine: Engine
    plan: Plan
    names: Names
    options: Options

    def run(self, anvil: Argv) -> int:
        vault = Vault(self.options.providers, self.options.secret_seconds)
        with signals.raising():
            self._collect()
            approvals = Approvals(os.path.join(self.options.home, APPROVALS))
            prepare(self.engine, self.plan, self.names, vault, approvals, self.options.ask)
        events: SimpleQueue[Any] = SimpleQueue()
        patience = signals.Patience(TEARDOWN_SECONDS)
        with (
            signals.queued(lambda number: events.put(Signalled(number)), patience),
            self._session(patience),
        ):
            self._bring_up(vault, events).run()
            vault.forget()
            return run_anvil(self.engine, self.names.fill_all(anvil), events)

    def _collect(self) -> None:
        """What a launcher that was killed has left goes first."""
        left = sweep.find_dead(self.engine)
        if left:
            what = ", ".join((*left.containers, *left.networks))
            self.options.say(f"removing what a dead launch left: {what}")
            self._warn(sweep.remove_all(self.engine, left.containers, left.networks))

    @contextmanager
    def _session(self, patience: signals.Patience) -> Iterator[None]:
        """The networks, and at the end all that bears the session's name."""
        try:
            self._make_networks()
            yield
        finally:
            patience.begin()
            self._leave()
            self._warn(sweep.remove_session(self.engine, self.names.session))

    def _make_networks(self) -> None:
        for network in self.plan.networks:
            name = self.names.fill(network.name)
            if network.owned:
                self.engine.create_network(name, self._labels())
            elif not self.engine.has_network(name):
                if network.existing:
                    raise LaunchError(f"there is no network {name}, which the plan builds on")
                self._share_network(name)

    def _share_network(self, name: str) -> None:
        """Makes it unless another launch just has: engines take two networks of one name."""
        lock = Lock(os.path.join(self.options.home, LOCKS), f"network-{name}")
        lock.acquire(lambda: False, lambda: None)
        try:
            if not self.engine.has_network(name):
                self.engine.create_network(name, {})
        finally:
            lock.release()

    def _leave(self) -> None:
        """Shared tongs stay, off the session's network."""
        for tong in self.plan.tongs:
            if tong.leave is not None:
                self.engine.succeeds(self.names.fill_all(tong.leave), seconds=LEAVE_SECONDS)

    def _labels(self) -> Mapping[str, str]:
        return {SESSION_LABEL: self.names.session, OWNER_LABEL: self.names.owner}

    def _warn(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self.options.say(f"warning: {problem}")

    def _bring_up(self, vault: Vault, events: SimpleQueue[Any]) -> BringUp:
        cancelled = threading.Event()
        jobs = {tong.name: self._job(tong, vault, cancelled) for tong in self.plan.tongs}
        probe = self._probe_opener(events)
        return BringUp(self.engine, jobs, events, probe, self.options.say, cancelled)

    def _job(self, tong: Tong, vault: Vault, cancelled: threading.Event) -> Job:
        lock = Lock(os.path.join(self.options.home, LOCKS), self.names.fill(tong.container))
        return Job(
            engine=self.engine,
            names=self.names,
            tong=tong,
            lock=lock if tong.shared else None,
            secrets=vault.values,
            is_cancelled=cancelled.is_set,
            say=self.options.say,
        )

    def _probe_opener(self, events: SimpleQueue[Any]) -> Callable[[], Probe] | None:
        site = self.plan.probe
        if site is None:
            return None
        argvs = probe_argvs(
            self.names.fill(site.container),
            self.names.fill(site.network),
            site.image,
            self._labels(),
        )
        return lambda: Probe(
            self.engine,
            argvs,
            on_news=lambda tool: events.put(Heard(tool=tool)),
            on_reached=lambda line: events.put(Heard(line=line)),
        )
