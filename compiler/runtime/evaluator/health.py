"""Whether the evaluator can be trusted with work: named problems, each with its cause."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time

from .backend import Backend
from .ledger import Ledger
from .offload import Lane
from .plan import Plan
from .records import LedgerUnusable

STARTING = "the evaluator is starting"
STOPPING = "the evaluator is stopping"
WATCH_SECONDS = 5.0
PROBE_SECONDS = 2.0
_RETRY_SECONDS = 0.5
_log = logging.getLogger("mooring.evaluator")


class Health:
    """Problems by part. Causes are for the operator; others learn the part only."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {"start": STARTING}
        self._not_well = asyncio.Event()
        self._not_well.set()
        self._told = False

    def set(self, part: str, problem: str | None) -> None:
        if problem is None:
            self._problems.pop(part, None)
        elif self._problems.get(part) != problem:
            _log.warning("%s: %s", part, problem)
            self._problems[part] = problem
        if self._problems:
            self._not_well.set()
        else:
            self._not_well.clear()

    async def hold(self, seconds: float) -> None:
        """Returns at once the first time that all is well; later after so many seconds, or when
        there is a problem.
        """
        if self._told and self.ok():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._not_well.wait(), seconds)
        self._told = self._told or self.ok()

    def started(self) -> None:
        self.set("start", None)

    def problems(self) -> list[str]:
        """With causes, which may quote the scorer or a path: for the control socket and the log."""
        return [f"{part}: {problem}" for part, problem in sorted(self._problems.items())]

    def parts(self) -> list[str]:
        """For everybody: which parts have a problem."""
        return sorted(self._problems)

    def ok(self) -> bool:
        return not self._problems


def missing_secrets(plan: Plan) -> str | None:
    """The declared secrets that the environment does not have, or has empty."""
    missing = [name for name in plan.secrets if not os.environ.get(name)]
    return f"not set, or empty: {', '.join(missing)}" if missing else None


class Watch:
    """Keeps `Health` true while the evaluator runs: scorer or Harbor once, runner and ledger again
    and again, and the ledger when somebody asks.
    """

    def __init__(
        self, plan: Plan, health: Health, backend: Backend, ledger: Ledger, books: Lane
    ) -> None:
        self._plan = plan
        self._health = health
        self._backend = backend
        self._ledger = ledger
        self._books = books
        self._probed = -PROBE_SECONDS
        self._probing = asyncio.Lock()

    async def run(self) -> None:
        """First what has to be true at the start, then what can change, until it is cancelled."""
        self._health.set("secrets", missing_secrets(self._plan))
        await asyncio.gather(self._check_backend(), self._check_runner())
        await self.check_ledger()
        self._health.started()
        while True:
            await asyncio.sleep(WATCH_SECONDS if self._health.ok() else _RETRY_SECONDS)
            await asyncio.gather(self._check_runner(), self.check_ledger())

    async def check_ledger(self) -> None:
        """Whether the ledger can be written; tried at most every `PROBE_SECONDS`."""
        async with self._probing:
            if time.monotonic() - self._probed < PROBE_SECONDS:
                return
            try:
                await self._books(self._ledger.probe)
                self._health.set("ledger", None)
            except LedgerUnusable as error:
                self._health.set("ledger", str(error))
            self._probed = time.monotonic()

    async def _check_backend(self) -> None:
        try:
            await self._backend.check()
        except Exception as error:  # whatever it is, nothing can be evaluated
            self._health.set(self._backend.part, str(error))

    async def _check_runner(self) -> None:
        try:
            await self._backend.ping()
            self._health.set("runner", None)
        except Exception as error:  # whatever it is, nothing can be evaluated now
            self._health.set("runner", f"{type(error).__name__}: {error}")
