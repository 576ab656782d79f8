"""Finalising: seal, select, score the targets, and say what was done, once and for all.

Everything that finishes is in the ledger, so a crash in the middle resumes where it was, and a
second call gives the first one's document.

Bounds, in seconds, from the plan alone (the caller's timeout has to be at least
`finalise_seconds`):

    drain    = min(timeout, DRAIN_SECONDS)
    scorings = min(rescore_top_k, 100) + number of target splits + RETRIES
    total    = drain + scorings * (timeout + SCORING_MARGIN) + CLOSING_SECONDS
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .engine import Engine
from .ledger import Ledger
from .offload import Lane
from .outcomes import Summary
from .plan import Plan, Target
from .records import Job, Purpose, Received, Refused, State
from .selection import Choice, Entry, choose, rank, with_rescores

FILE_NAME = "finalization.json"
DRAIN_SECONDS = 120.0
SCORING_MARGIN = 60.0
CLOSING_SECONDS = 60.0
RETRIES = 2  # of scorings that the machinery failed, over the whole of finalising
RETRY_PAUSE = 5.0
_NO_NUMBER = "the machinery failed while this split was scored"
_log = logging.getLogger("mooring.evaluator")


def finalise_seconds(plan: Plan) -> float:
    """How long finalising may take at most."""
    targets = len({target.split for target in plan.targets})
    scorings = plan.selection.rescore_top_k + targets + RETRIES
    return (
        min(plan.timeout, DRAIN_SECONDS)
        + scorings * (plan.timeout + SCORING_MARGIN)
        + CLOSING_SECONDS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The last word on a candidate's score on a split; the job is done, invalid or cancelled."""

    job: Job

    @property
    def summary(self) -> Summary | None:
        return self.job.summary

    @property
    def score(self) -> float | None:
        done = self.job.state is State.DONE
        return self.summary.score if done and self.summary else None


class Finaliser:
    def __init__(self, plan: Plan, engine: Engine, ledger: Ledger, books: Lane) -> None:
        self._plan = plan
        self._engine = engine
        self._ledger = ledger
        self._books = books
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
            sealed = await self._books(self._ledger.seal)
            await self._engine.drain(min(self._plan.timeout, DRAIN_SECONDS))
            document = await self._books(self._ledger.finish, await self._conclude(sealed))
        await self._books(write_document, self._plan.paths.admin, document)
        return document

    async def _conclude(self, sealed: float) -> str:
        candidates = await self._books(self._ledger.candidates)
        jobs = await self._books(self._ledger.jobs, Purpose.REQUESTED)
        split = self._plan.selection.split
        ranked = rank(candidates, jobs, split)
        entries = await self._rescore(ranked)
        top = self._plan.selection.rescore_top_k
        choice = choose(entries[:top], candidates[0], split)
        scorings = [
            (target, await self._score_target(target, choice)) for target in self._plan.targets
        ]
        return _document(self._plan, sealed, entries, choice, scorings)

    async def _rescore(self, ranked: Sequence[Entry]) -> tuple[Entry, ...]:
        scores: dict[str, float] = {}
        for entry in ranked[: self._plan.selection.rescore_top_k]:
            scoring = await self._score(
                Purpose.RESCORE, self._plan.selection.split, entry.candidate
            )
            if scoring.score is not None:
                scores[entry.candidate.tree] = scoring.score
        return with_rescores(ranked, scores)

    async def _score_target(self, target: Target, choice: Choice) -> Scoring:
        return await self._score(Purpose.TARGET, target.split, choice.candidate)

    async def _score(self, purpose: Purpose, split: str, candidate: Received) -> Scoring:
        """A scoring that is recorded already, or a new one; repeated while retries are left."""
        while True:
            jobs = await self._books(self._ledger.jobs, purpose)
            mine = [job for job in jobs if job.split == split and job.tree == candidate.tree]
            done = next((job for job in mine if job.state is State.DONE), None)
            if done is not None:
                return Scoring(job=done)
            if mine and not await self._retry_left():
                return Scoring(job=mine[-1])
            if mine:
                await asyncio.sleep(RETRY_PAUSE)
            await self._engine.measure(purpose, split, candidate)

    async def _retry_left(self) -> bool:
        """Whether one more scoring may follow those that failed or were cut off."""
        repeated = 0
        for purpose in (Purpose.RESCORE, Purpose.TARGET):
            jobs = await self._books(self._ledger.jobs, purpose)
            repeated += len(jobs) - len({(job.split, job.tree) for job in jobs})
        return repeated < RETRIES


def write_document(folder: Path, document: str) -> None:
    """Puts the document beside the ledger, whole or not at all."""
    new = folder / (FILE_NAME + ".new")
    with new.open("w", encoding="utf-8") as stream:
        stream.write(document)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(folder / FILE_NAME)


def _document(
    plan: Plan,
    sealed: float,
    entries: Sequence[Entry],
    choice: Choice,
    scorings: Sequence[tuple[Target, Scoring]],
) -> str:
    targets = [_target(target, scoring) for target, scoring in scorings]
    missing = [target.reward_key for target, scoring in scorings if scoring.score is None]
    rewards = {target.reward_key: scoring.score for target, scoring in scorings}
    problem = f"no score for {', '.join(missing)}: {_NO_NUMBER}" if missing else None
    document = {
        "version": 1,
        "task": plan.task,
        "sealed_at": moment(sealed),
        "finished_at": moment(datetime.now(UTC).timestamp()),
        "selection": {
            "split": plan.selection.split,
            "mode": "auto_best",
            "candidates": [_candidate(entry) for entry in entries],
            "chosen": {
                "commit": choice.candidate.commit,
                "tree": choice.candidate.tree,
                "why": choice.why,
            },
        },
        "targets": targets,
        "rewards": None if missing else rewards,
        "problem": problem,
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _candidate(entry: Entry) -> dict[str, object]:
    return {
        "commit": entry.candidate.commit,
        "tree": entry.candidate.tree,
        "job": str(entry.job),
        "score": entry.score,
        "rescored": entry.rescored,
    }


def _target(target: Target, scoring: Scoring) -> dict[str, object]:
    summary = scoring.summary
    return {
        "split": target.split,
        "reward_key": target.reward_key,
        "score": scoring.score,
        "samples": summary.samples if summary else None,
        "scored": summary.scored if summary else None,
        "failed": summary.failed if summary else None,
        "lost": summary.lost if summary else None,
        "problem": None if scoring.score is not None else _NO_NUMBER,
    }


def moment(seconds: float) -> str:
    """A time for people: UTC, to the millisecond."""
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
