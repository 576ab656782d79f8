"""The task's scorer, seen from the evaluator: worker processes, timeouts, and whose fault a fault
is.

Whatever goes wrong while the scorer looks at an output (exception, crash, timeout, an answer that
is no finite number) is the failure of the candidate that made the output. A scorer that does not
even start is a failure of the machinery. Workers live as long as one evaluation: none sees outputs
of two candidates.

A worker inherits the environment, the secrets that are the evaluator's with it, and no open file
but its socket. Their values are taken out of what it says. It is trusted with the rest: a scorer
that executes outputs hands the evaluator to who wrote them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from .dataset import Sample
from .outcomes import Failed, Scored
from .plan import PlanA

WORKER = Path(__file__).with_name("scorer_worker.py")
IMPORT_SECONDS = 120.0
_ANSWER_BYTES = 1 << 20


class ScorerUnusable(Exception):
    """The scorer cannot be started or imported: the machinery's failure."""


class _Crashed(Exception):
    """The worker ended, or answered what it cannot have meant."""


class _Worker:
    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, plan: PlanA) -> _Worker:
        """A worker that has imported the scorer, or `ScorerUnusable`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await _spawn(plan, theirs.fileno())
            except (OSError, ValueError) as error:
                ours.close()
                raise ScorerUnusable(
                    f"the scorer's interpreter cannot be started: {error}"
                ) from error
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = cls(process, reader, writer)
        try:
            await worker._await_ready()
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def _await_ready(self) -> None:
        try:
            async with asyncio.timeout(IMPORT_SECONDS):
                answer = await self._receive()
        except TimeoutError:
            raise ScorerUnusable(
                f"the scorer was not imported within {IMPORT_SECONDS:.0f} s"
            ) from None
        except _Crashed as error:
            raise ScorerUnusable(
                f"the scorer's process ended while it was imported: {error}"
            ) from None
        if answer.get("ready") is not True:
            raise ScorerUnusable(f"the scorer cannot be imported: {answer.get('error')}")

    def alive(self) -> bool:
        return self._process.returncode is None and not self._reader.at_eof()

    async def score(self, sample: Sample, answer: str) -> dict[str, object]:
        """The worker's answer; `answer` has been checked to be JSON, so both texts are set in as
        they are.
        """
        data = f'{{"sample":{sample.row},"output":{answer}}}'.encode()
        try:
            self._writer.write(struct.pack(">I", len(data)) + data)
            await self._writer.drain()
        except ConnectionError as error:
            raise _Crashed("it ended") from error
        return await self._receive()

    async def _receive(self) -> dict[str, object]:
        try:
            size = struct.unpack(">I", await self._reader.readexactly(4))[0]
            if size > _ANSWER_BYTES:
                raise _Crashed("its answer is too long")
            value: object = json.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _Crashed("it ended") from error
        except (ValueError, RecursionError) as error:
            raise _Crashed("its answer is not JSON") from error
        if not isinstance(value, dict):
            raise _Crashed("its answer is no object")
        return value

    async def stop(self) -> None:
        """Kills the worker and what it started; returns when it is gone."""
        self._writer.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class Scorers:
    """Workers for one evaluation, started when they are needed; at most as many as callers at one
    time.
    """

    def __init__(self, plan: PlanA) -> None:
        self._plan = plan
        self._idle: list[_Worker] = []

    async def score(self, sample: Sample, answer: str) -> Scored | Failed:
        """Outcome of a checked JSON answer; `ScorerUnusable` when there is no scorer to ask."""
        worker = await self._take()
        try:
            async with asyncio.timeout(self._plan.scorer_timeout):
                reply = await worker.score(sample, answer)
        except TimeoutError:
            await worker.stop()
            return Failed(cause="the scorer took too long on the output", output=answer)
        except _Crashed as error:
            await worker.stop()
            return Failed(
                cause="the scorer crashed on the output", detail=str(error), output=answer
            )
        except BaseException:
            await worker.stop()
            raise
        self._idle.append(worker)
        return _outcome(reply, answer, self._plan.secrets)

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive():
                return worker
            await worker.stop()
        return await _Worker.start(self._plan)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().stop()


async def check_scorer(plan: PlanA) -> None:
    """Raises `ScorerUnusable` when the scorer cannot be imported."""
    worker = await _Worker.start(plan)
    await worker.stop()


async def _spawn(plan: PlanA, descriptor: int) -> asyncio.subprocess.Process:
    entry = plan.scorer
    folder = str(plan.paths.scorer)
    return await asyncio.create_subprocess_exec(
        *(str(plan.paths.scorer_python), "-I", "-B", str(WORKER)),
        *(folder, entry.module, entry.function, str(descriptor)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=sys.__stderr__,
        pass_fds=(descriptor,),
        cwd=folder,
        start_new_session=True,
    )


def _outcome(reply: dict[str, object], answer: str, secrets: Sequence[str] = ()) -> Scored | Failed:
    kind, score, metrics = reply.get("kind"), reply.get("score"), reply.get("metrics")
    if (
        kind == "scored"
        and isinstance(score, float)
        and math.isfinite(score)
        and isinstance(metrics, dict)
    ):
        return Scored(score=score, metrics=metrics, output=answer)
    causes = {
        "raised": "the scorer raised an exception on the output",
        "unusable": "the scorer gave no usable score for the output",
    }
    cause = causes.get(str(kind), "the scorer crashed on the output")
    detail = without_secrets(str(reply.get("error", "")), secrets)
    return Failed(cause=cause, detail=detail, output=answer)


def without_secrets(text: str, names: Sequence[str]) -> str:
    """What a scorer says of an error, without the values of the secrets that it works with."""
    for name in names:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, f"[{name}]")
    return text
