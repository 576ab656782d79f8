"""The agent that the nested Harbor loads: ours, standing for a candidate that runs elsewhere."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, override

from harbor.agents.base import BaseAgent
from harbor.agents.capabilities import AgentCapabilities
from harbor.environments.base import BaseEnvironment
from harbor.models.agent.context import AgentContext
from harbor.models.trial.paths import EnvironmentPaths
from harbor.trial.errors import AgentTimeoutError

from ..runner import frames
from .calls import Calls
from .errors import CandidateError, EnvironmentLostError
from .report import read_report
from .session import Session
from .transfers import FILE_BYTES, LOGS_BYTES

_CONFIG = {"os", "cpus", "memory_mb", "storage_mb", "gpus", "gpu_types", "workdir", "skills_dir"}


class ProxyAgent(BaseAgent):  # type: ignore[misc]
    """`socket` is the runner's, `tree` the candidate, `seconds` the most that one phase, or one
    call of it, may take where Harbor has no tighter bound.
    """

    # Whether the candidate has them is known when its class is loaded, and checked there.
    capabilities = AgentCapabilities(skills=True, mcp_servers=True)

    def __init__(
        self, *arguments: Any, socket: str, tree: str, seconds: float, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._socket = socket
        self._tree = tree
        self._seconds = float(seconds)
        self._session: Session | None = None
        self._calls: Calls | None = None
        self._own_tests = False

    @staticmethod
    @override
    def name() -> str:
        return "mooring-candidate"

    @override
    def version(self) -> str:
        return "1"

    @override
    async def setup(self, environment: BaseEnvironment) -> None:
        self._own_tests = await _has_tests(environment)
        self._calls = Calls(environment, self.logs_dir, self._seconds)
        _close_with(environment, self._close)
        async with _bounded(self._seconds):
            start = self._start(environment)
            self._session = await Session.begin(self._socket, self._tree, start, self._calls)
            await self._phase({"op": "setup", "default_user": environment.default_user})

    @override
    async def run(
        self, instruction: str, environment: BaseEnvironment, context: AgentContext
    ) -> None:
        order = {
            "op": "run",
            "instruction": instruction,
            "default_user": environment.default_user,
            "logs_dir": str(self.environment_logs_dir),
        }
        try:
            async with _bounded(self._seconds):
                await self._phase(order, context)
        finally:
            if not _has_steps(environment):
                self._close()
            await self._clear(environment)

    async def _phase(self, order: frames.Header, context: AgentContext | None = None) -> None:
        if self._session is None or self._calls is None:
            raise CandidateError("the agent's process is gone")
        self._calls.trouble = None
        try:
            report = await self._session.phase(order)
        except asyncio.CancelledError:
            if context is not None:
                _fill(context, await self._session.cut_short())
            raise
        except Exception as error:
            await self._blame(error)
            raise
        if context is not None:
            _fill(context, report)

    async def _blame(self, error: Exception) -> None:
        """When a call failed and the environment has stopped working, that is what happened: by
        itself, or because the candidate ended it.
        """
        trouble = self._calls.trouble if self._calls is not None else None
        if self._calls is not None and trouble is not None and not await self._calls.works():
            raise EnvironmentLostError(f"{type(trouble).__name__}: {trouble}") from error

    async def _clear(self, environment: BaseEnvironment) -> None:
        try:
            await _clear_verification(environment, self._own_tests)
        except Exception as error:
            if self._calls is None or await self._calls.works():
                raise
            raise EnvironmentLostError(f"{type(error).__name__}: {error}") from error

    def _start(self, environment: BaseEnvironment) -> frames.Header:
        """What the candidate is told: nothing that names the task, and no variable of its."""
        config = environment.task_env_config.model_dump(mode="json", include=_CONFIG)
        kind = environment.type()
        capabilities = environment.capabilities.model_dump()
        return {
            "op": "start",
            "model": self.model_name,
            "mcp_servers": [server.model_dump(mode="json") for server in self.mcp_servers],
            "skills_dir": self.skills_dir,
            "extra_env": self.extra_env,
            "logs_bytes": LOGS_BYTES,
            "environment": {
                "type": str(getattr(kind, "value", kind)),
                "config": config,
                # Files are not shared, and there is no other way in.
                "capabilities": {**capabilities, "mounted": False, "stream": False},
                "network_policy": environment.network_policy.model_dump(mode="json"),
                "file_bytes": FILE_BYTES,
            },
        }

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


@asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    """Time for one phase; beyond it the agent has taken too long, as Harbor itself says it."""
    try:
        async with asyncio.timeout(seconds) as bound:
            yield
    except TimeoutError as error:
        if not bound.expired():
            raise
        raise AgentTimeoutError(f"the agent took longer than {seconds:g} s") from error


def _fill(context: AgentContext, report: frames.Header) -> None:
    """Takes in a candidate's report on itself, if it is one that Harbor can write down: one that it
    cannot would end the whole job.
    """
    try:
        read = AgentContext.model_validate(read_report(report.get("context")))
        read.model_dump_json()
    except (ValueError, RecursionError):
        return
    for key in AgentContext.model_fields:
        setattr(context, key, getattr(read, key))


async def _has_tests(environment: BaseEnvironment) -> bool:
    """Whether the task's own image has something where Harbor puts the tests."""
    paths = EnvironmentPaths.for_os(environment.os)
    command = f"ls -A {shlex.quote(str(paths.tests_dir))}"
    return bool((await environment.exec(command, user="root")).stdout)


async def _clear_verification(environment: BaseEnvironment, own_tests: bool) -> None:
    """Takes away what lies where the verifier's reward and the tests will be: Harbor adds to it."""
    paths = EnvironmentPaths.for_os(environment.os)
    for folder, chmod in ((paths.verifier_dir, True), (paths.tests_dir, False)):
        if folder != paths.tests_dir or not own_tests:
            done = await environment.empty_dirs([folder], chmod=chmod)
            if done is not None and done.return_code != 0:
                raise CandidateError(f"{folder} cannot be cleared: what is in it may be forged")


def _has_steps(environment: BaseEnvironment) -> bool:
    """Whether the agent may be run again in this environment."""
    from harbor.models.task.task import Task

    return bool(Task(environment.environment_dir.parent).has_steps)


def _close_with(environment: BaseEnvironment, close: Any) -> None:
    """Harbor tells an agent nothing of its end; it stops the environment whatever happens."""
    stop = environment.stop

    async def stop_both(*arguments: Any, **keywords: Any) -> None:
        close()
        await stop(*arguments, **keywords)

    environment.stop = stop_both
