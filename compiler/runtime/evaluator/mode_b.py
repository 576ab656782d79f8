"""Mode B: each sample is a task on which a nested Harbor runs the candidate's agent.

An evaluation has a folder of its own, named after what is evaluated. It stays while samples lack a
score for reasons of the machinery, an evaluator that ended in the middle included: the same
evaluation again then runs those alone. Once there is a number the folder is put away, and the next
evaluation of the same is a new one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from ..nested.collate import Collation, Failure, Score, collate, was_used_up
from ..nested.command import Command, Request, Surroundings, build_command
from ..nested.faults import OF_THE_PROXY
from ..nested.records import next_run, put_away
from ..nested.settings import Fault
from ..nested.supervise import TIME_OVER, Ended, run_harbor
from ..nested.trials import read_trials
from .candidates import CandidateStore, MachineryFailure
from .dataset import Sample
from .delivery import deliver, refusal
from .outcomes import MOST_LOST, Failed, Lost, Outcome, Scored
from .plan import PlanB
from .runner_client import RunnerClient, RunnerFailure, TreeRefused
from .scorer import without_secrets

FOLDER = "nested"
CHECK_SECONDS = 60.0
CHECK_DELAYS = (2.0, 10.0)
_NO_TIME = "the evaluation's time was over before this task was finished"
_MACHINERY = (RunnerFailure, MachineryFailure, OSError)
_log = logging.getLogger("mooring.evaluator")


class HarborUnusable(Exception):
    """The nested Harbor cannot run the tasks as they are configured: the machinery's failure."""


class ModeB:
    """Backend over a nested Harbor and a runner; see `backend.Backend`."""

    part = "harbor"

    def __init__(self, plan: PlanB, store: CandidateStore, runner: RunnerClient) -> None:
        self._plan = plan
        self._store = store
        self._runner = runner
        self._work = plan.paths.admin / FOLDER

    async def ping(self) -> None:
        await self._runner.ping()

    async def close(self) -> None:
        await self._runner.close()

    async def check(self) -> None:
        """Has Harbor load configuration, tasks, environment and agent, without running anything."""
        names = {sample for split in self._plan.splits for sample in self._names(split.file)}
        request = Request(
            tree="0" * 40, tasks=tuple(sorted(names)), folder=self._work / "check", run=0
        )
        command = self._command(request, "--dry-run")
        # A registry may be out of reach for a while.
        for delay in (*(CHECK_DELAYS if self._plan.nested.task_source else ()), None):
            await asyncio.to_thread(shutil.rmtree, request.folder, ignore_errors=True)
            ended = await run_harbor(command, request, CHECK_SECONDS)
            await asyncio.to_thread(shutil.rmtree, request.folder, ignore_errors=True)
            if ended.code == 0:
                return
            if delay is None:
                raise HarborUnusable(self._tell(ended))
            await asyncio.sleep(delay)

    def _names(self, file: str) -> list[str]:
        names: list[str] = json.loads((self._plan.paths.cases / file).read_bytes())
        return names

    async def evaluate(self, tree: str, samples: Sequence[Sample]) -> tuple[Outcome, ...]:
        deadline = time.monotonic() + self._plan.timeout
        troubles: list[Exception] = []

        async def recover(error: Exception, delay: float | None) -> bool:
            troubles.append(error)
            return await _recover(error, delay)

        try:
            async with asyncio.timeout(self._plan.timeout):
                await deliver(self._runner, self._store, tree, recover)
        except TreeRefused as error:
            return (refusal(error),) * len(samples)
        except TimeoutError:
            return (Lost(cause="the tree was not handed to the runner in time"),) * len(samples)
        except _MACHINERY as error:
            return (Lost(cause=f"{type(error).__name__}: {error}"),) * len(samples)
        tasks = tuple(sample.id for sample in samples)
        return await self._run(tree, tasks, deadline, calm=not troubles)

    async def _run(
        self, tree: str, tasks: tuple[str, ...], deadline: float, *, calm: bool
    ) -> tuple[Outcome, ...]:
        """`calm` says that the machinery has lost nothing of the time so far."""
        folder = self._work / _name_of(tree, tasks)
        found = await asyncio.to_thread(self._collate, folder, tasks)
        open_tasks = tuple(task for task in tasks if not _is_final(found, task))
        ended: Ended | None = None
        is_late = False
        if open_tasks:
            run = await asyncio.to_thread(next_run, folder)
            request = Request(tree=tree, tasks=open_tasks, folder=folder, run=run)
            ended = await run_harbor(
                self._command(request), request, max(1.0, deadline - time.monotonic())
            )
            found = await asyncio.to_thread(self._collate, folder, tasks)
            is_late = calm and await self._is_late(request, ended)
        self._report(found, ended)
        outcomes = tuple(
            Failed(cause=_NO_TIME)
            if is_late and not _is_final(found, task)
            else self._outcome(task, found, ended)
            for task in tasks
        )
        if sum(isinstance(outcome, Lost) for outcome in outcomes) <= MOST_LOST * len(outcomes):
            await asyncio.to_thread(put_away, folder, self._work / "done")
        return outcomes

    async def _is_late(self, request: Request, ended: Ended) -> bool:
        """Whether candidates have used up the time: what is not finished then is their failure."""
        if ended.stopped != TIME_OVER:
            return False
        trials, _ = await asyncio.to_thread(read_trials, request.jobs, request.job)
        if not was_used_up(trials, self._plan.nested):
            return False
        try:
            await self._runner.ping()
        except RunnerFailure:
            return False
        return True

    def _command(self, request: Request, *extra: str) -> Command:
        paths = self._plan.paths
        around = Surroundings(
            harbor=paths.harbor,
            inner_tasks=paths.inner_tasks,
            environments=paths.environments,
            socket=paths.runner_socket,
            secrets=self._plan.secrets,
            concurrency=self._plan.max_concurrency,
            seconds=self._plan.timeout,
        )
        return build_command(self._plan.nested, around, request, os.environ, extra)

    def _collate(self, folder: Path, tasks: tuple[str, ...]) -> Collation:
        trials, reports = read_trials(folder / "jobs")
        found = collate(trials, tasks, self._plan.nested, self._plan.failure_value)
        for report in (*reports, *found.reports):
            _log.info("nested job: %s", report)
        return found

    def _report(self, found: Collation, ended: Ended | None) -> None:
        """What an operator should know of a run that did not go to its end."""
        if ended is not None and (ended.code != 0 or ended.stopped or not found.verdicts):
            _log.warning("nested harbor: %s", self._tell(ended))

    def _outcome(self, task: str, found: Collation, ended: Ended | None) -> Outcome:
        verdict = found.verdicts.get(task)
        if verdict is None:
            why = "harbor was not run" if ended is None else self._tell(ended)
            return Lost(cause=f"task {task} has not all its trials: {why}")
        if isinstance(verdict, Score):
            return Scored(
                score=verdict.value,
                metrics=dict(verdict.rewards),
                output=json.dumps({"rewards": verdict.rewards}),
            )
        return self._failure(task, verdict)

    def _failure(self, task: str, verdict: Failure) -> Outcome:
        if verdict.fault is Fault.MACHINERY:
            cause = without_secrets(verdict.cause, self._plan.secrets)
            return Lost(cause=f"task {task}: {cause}")
        # Harbor's own messages may name what is on this side; the candidate's are its own.
        detail = verdict.detail if verdict.cause in OF_THE_PROXY else ""
        return Failed(cause=verdict.cause, detail=without_secrets(detail, self._plan.secrets))

    def _tell(self, ended: Ended) -> str:
        how = ended.stopped or f"harbor ended with code {ended.code}"
        return without_secrets(f"{how}: {ended.tail}", self._plan.secrets)


async def _recover(error: Exception, delay: float | None) -> bool:
    _log.warning("machinery: %s: %s", type(error).__name__, error)
    if delay is None:
        return False
    await asyncio.sleep(delay)
    return True


def _is_final(found: Collation, task: str) -> bool:
    """Whether running the task again could only replace what has been measured."""
    verdict = found.verdicts.get(task)
    return isinstance(verdict, Score) or (
        isinstance(verdict, Failure) and verdict.fault is Fault.CANDIDATE
    )


def _name_of(tree: str, tasks: Sequence[str]) -> str:
    """The same for the same candidate on the same tasks."""
    text = "\n".join((tree, *sorted(tasks)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
