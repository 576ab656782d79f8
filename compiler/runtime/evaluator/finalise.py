"""Finalising: seal, select, score the targets, export, and say what was done, once and for all.

Everything that finishes is in the ledger, so a crash in the middle resumes where it was, and a
second call gives the first one's document.

Bounds, in seconds, from the plan alone (the caller's timeout has to be at least
`finalise_seconds`):

    drain    = min(timeout, DRAIN_SECONDS)
    targets  = number of different (split, sample_ids) among the targets
    baseline = (1 if baseline_floor else 0) + (targets if score_baseline else 0)
    scorings = rescore_top_k + targets + baseline + RETRIES
    total    = drain + scorings * (timeout + SCORING_MARGIN) + CLOSING_SECONDS
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .dataset import Sample
from .engine import Engine
from .export import COMPLETE
from .finalization import FILE_NAME, NO_FLOOR, Scoring, Session, render_finalization
from .ledger import Ledger
from .offload import Lane
from .plan import Mode, Plan, Target
from .records import Purpose, Received, Refused, State, Subset
from .selection import (
    choose,
    distinct,
    hold_floor,
    rank,
    take_submitted,
    with_rescores,
)
from .subset import choose_named, whole

DRAIN_SECONDS = 120.0
SCORING_MARGIN = 60.0
CLOSING_SECONDS = 60.0
RETRIES = 2  # of scorings that the machinery failed, over the whole of finalising
RETRY_PAUSE = 5.0
_log = logging.getLogger("mooring.evaluator")
# Exports a session that ends with this document; gives what is to be said of it.
Export = Callable[[str], Awaitable[Mapping[str, str | None]]]


def finalise_seconds(plan: Plan) -> float:
    """How long finalising may take at most."""
    targets = len({(target.split, target.sample_ids) for target in plan.targets})
    baseline = int(plan.selection.baseline_floor) + (targets if plan.score_baseline else 0)
    scorings = plan.selection.rescore_top_k + targets + baseline + RETRIES
    return (
        min(plan.timeout, DRAIN_SECONDS)
        + scorings * (plan.timeout + SCORING_MARGIN)
        + CLOSING_SECONDS
    )


class Finaliser:
    """`draining` while the session is sealed and what ran has not ended yet."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        ledger: Ledger,
        books: Lane,
        samples: Mapping[str, Sequence[Sample]],
        export: Export,
    ) -> None:
        self.draining = False
        self._plan = plan
        self._engine = engine
        self._ledger = ledger
        self._books = books
        self._samples = samples
        self._export = export
        self._task: asyncio.Task[str] | None = None

    async def finalise(self) -> str:
        """The finalization document as JSON text. Any number of callers wait for the same one."""
        if self._task is None or (
            self._task.done() and (self._task.cancelled() or self._task.exception())
        ):
            self._task = asyncio.create_task(self._run())
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._task.cancelled():
                raise Refused("unhealthy", "the evaluator is stopping") from None
            raise

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> str:
        document = await self._books(self._ledger.document)
        if document is None:
            session = await self._conclude(await self._close())
            document = await self._books(self._ledger.finish, await self._exported(session))
        await self._books(write_document, self._plan.paths.admin, document)
        return document

    async def _close(self) -> float:
        """Seals the session and lets what runs end; the time of the seal."""
        self.draining = True
        try:
            sealed = await self._books(self._ledger.seal)
            await self._engine.drain(min(self._plan.timeout, DRAIN_SECONDS))
            return sealed
        finally:
            self.draining = False

    async def _exported(self, session: Session) -> str:
        """The document, with what became of the export, which never keeps finalising from its end.

        The archive holds the document of an archive that is complete.
        """
        document = render_finalization(self._plan, replace(session, export=COMPLETE))
        found = await self._export(document)
        return render_finalization(self._plan, replace(session, export=found))

    async def _conclude(self, sealed: float) -> Session:
        candidates = await self._books(self._ledger.candidates)
        jobs = await self._books(self._ledger.jobs, Purpose.REQUESTED)
        submission = await self._books(self._ledger.submission)
        session = Session(
            sealed=sealed,
            finished=time.time(),
            candidates=tuple(distinct(candidates).values()),
            entries=rank(candidates, jobs, self._plan.selection.split),
            submission=submission,
            choice=choose((), candidates[0], self._plan.selection.split),
        )
        if self._plan.selection.mode is Mode.SUBMIT and submission is not None:
            session = replace(session, choice=take_submitted(submission, candidates))
        else:
            session = await self._select(session)
        session = await self._hold_floor(session)
        return session if session.problem else await self._score_targets(session)

    async def _select(self, session: Session) -> Session:
        """auto_best: the best are scored again, and the best of them wins."""
        split, top = self._plan.selection.split, self._plan.selection.rescore_top_k
        scores: dict[str, float] = {}
        for entry in session.entries[:top]:
            score = await self._rescore(entry.candidate)
            if score is not None:
                scores[entry.candidate.tree] = score
        entries = with_rescores(session.entries, scores)
        submit = self._plan.selection.mode is Mode.SUBMIT
        missing = "nothing was submitted; " if submit else ""
        choice = choose(entries[:top], session.candidates[0], split, missing)
        return replace(session, entries=entries, choice=choice)

    async def _hold_floor(self, session: Session) -> Session:
        """The baseline instead of a choice that is not better than it, when the plan asks for it.

        Without a score of both there is no telling, and so there are no rewards.
        """
        choice, baseline = session.choice, session.candidates[0]
        if not self._plan.selection.baseline_floor or choice.candidate.tree == baseline.tree:
            return session
        floor = await self._value(session, baseline)
        score = choice.score
        if score is None and floor is not None:
            score = await self._value(session, choice.candidate)
        if floor is None or score is None:
            return replace(session, floor=floor, problem=NO_FLOOR)
        held = hold_floor(replace(choice, score=score), baseline, floor, self._plan.selection.split)
        return replace(session, choice=held, floor=floor)

    async def _value(self, session: Session, candidate: Received) -> float | None:
        """A tree's score on the selection split: scored now, or else as it was recorded."""
        score = await self._rescore(candidate)
        recorded = (e.score for e in session.entries if e.candidate.tree == candidate.tree)
        return next(recorded, None) if score is None else score

    async def _score_targets(self, session: Session) -> Session:
        """The chosen candidate first: where retries are short, the rewards go before the rest."""
        targets = [
            (target, await self._score_target(target, session.choice.candidate))
            for target in self._plan.targets
        ]
        baseline: dict[str, float | None] | None = None
        if self._plan.score_baseline:
            baseline = {}
            for target in self._plan.targets:
                scoring = await self._score_target(target, session.candidates[0])
                baseline[target.reward_key] = scoring.score
        return replace(session, targets=targets, baseline=baseline, finished=time.time())

    async def _rescore(self, candidate: Received) -> float | None:
        split = self._plan.selection.split
        subset = whole(self._samples[split])
        return (await self._score(Purpose.RESCORE, split, candidate, subset)).score

    async def _score_target(self, target: Target, candidate: Received) -> Scoring:
        samples = self._samples[target.split]
        ids = target.sample_ids
        subset = whole(samples) if ids is None else choose_named(samples, ids)
        return await self._score(Purpose.TARGET, target.split, candidate, subset)

    async def _score(
        self, purpose: Purpose, split: str, candidate: Received, subset: Subset
    ) -> Scoring:
        """A scoring that is recorded already, or a new one; repeated while retries are left."""
        wanted = (split, subset, candidate.tree)
        while True:
            jobs = await self._books(self._ledger.jobs, purpose)
            mine = [job for job in jobs if (job.split, job.subset, job.tree) == wanted]
            done = next((job for job in mine if job.state is State.DONE), None)
            if done is not None:
                return Scoring(job=done)
            if mine and not await self._retry_left():
                return Scoring(job=mine[-1])
            if mine:
                await asyncio.sleep(RETRY_PAUSE)
            await self._engine.measure(purpose, split, candidate, subset)

    async def _retry_left(self) -> bool:
        """Whether one more scoring may follow those that failed or were cut off."""
        repeated = 0
        for purpose in (Purpose.RESCORE, Purpose.TARGET):
            jobs = await self._books(self._ledger.jobs, purpose)
            repeated += len(jobs) - len({(job.split, job.subset, job.tree) for job in jobs})
        return repeated < RETRIES


def write_document(folder: Path, document: str) -> None:
    """Puts the document beside the ledger, whole or not at all."""
    new = folder / (FILE_NAME + ".new")
    with new.open("w", encoding="utf-8") as stream:
        stream.write(document)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(folder / FILE_NAME)
