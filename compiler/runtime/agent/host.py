"""One session: loads the candidate's class, then sets the agent up and runs it as it is told."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from harbor.agents.base import BaseAgent
from harbor.models.agent.context import AgentContext
from harbor.models.task.config import MCPServerConfig

from ..runner import frames
from ..runner.streams import FrameStream
from . import files, reports
from .environment import Calls, RemoteEnvironment, Reply

CHANNEL = 3
# Of what the other end sends: the output of a command, and a header that says what it is.
_log = logging.getLogger("mooring.agent")
_MOST_HEADER, _MOST_BODY = 4 * 1024 * 1024, 64 * 1024 * 1024


def main(workspace: str, import_path: str, *secrets: str) -> None:
    """Speaks on the session's descriptor until the other end hangs up. `secrets` are names of
    variables whose values no report may show.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    # Now: the agent may change its variables.
    hidden = {name: os.environ[name] for name in secrets if name in os.environ}
    # First, as if the agent were started in its own folder.
    sys.path.insert(0, workspace)
    channel = socket.socket(fileno=CHANNEL)
    channel.set_inheritable(False)
    asyncio.run(_serve(channel, import_path, hidden))
    sys.stdout.flush()
    os._exit(0)  # whatever threads the agent left behind


async def _serve(channel: socket.socket, import_path: str, hidden: Mapping[str, str]) -> None:
    stream = await FrameStream.over(channel)
    start, _ = await stream.receive(_MOST_HEADER)
    calls = Calls(stream)
    try:
        session = Session(stream, calls, start, import_path, hidden)
    except Exception as error:
        _log.exception("the agent cannot be made")
        await stream.send({"op": "failed", **reports.describe(error, hidden)})
        return
    await stream.send({"op": "ready"})
    await session.listen()


class Session:
    """The agent, its environment, and the phase that runs, if any."""

    def __init__(
        self,
        stream: FrameStream,
        calls: Calls,
        start: frames.Header,
        import_path: str,
        hidden: Mapping[str, str],
    ) -> None:
        self._hidden = hidden
        self._stream = stream
        self._calls = calls
        self._logs_limit: int = start["logs_bytes"]
        self._home = Path(tempfile.mkdtemp(prefix="trial-"))
        self._environment = RemoteEnvironment(calls, start["environment"], self._home)
        self._logs = self._environment.trial_paths.agent_dir
        self._agent = _make_agent(load_class(import_path), start, self._logs)
        self._phase: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """Takes answers and orders until there are no more."""
        while True:
            try:
                header, body = await self._stream.receive(_MOST_HEADER, _MOST_BODY)
            except frames.FrameError:
                return
            if header["op"] == "answer":
                self._calls.settle(Reply(header, body, await self._content(header)))
            elif header["op"] == "cancel":
                if self._phase is not None:
                    self._phase.cancel()
            else:
                self._environment.default_user = header["default_user"]
                self._phase = asyncio.create_task(self._run_phase(header))
                self._phase.add_done_callback(self._give_up)

    def _give_up(self, phase: asyncio.Task[None]) -> None:
        """A phase that cannot even say how it ended ends the session."""
        if phase.cancelled() or phase.exception() is not None:
            self._stream.close()

    async def _content(self, header: frames.Header) -> IO[bytes]:
        content = tempfile.TemporaryFile()  # noqa: SIM115, whoever asked for it closes it
        if header.get("chunks") is True:
            await self._stream.receive_chunks(content.write, sys.maxsize)
            content.seek(0)
        return content

    async def _run_phase(self, order: frames.Header) -> None:
        """Sets the agent up or runs it once, and says how that ended."""
        context = AgentContext()
        try:
            if order["op"] == "setup":
                await self._agent.setup(self._environment)
            else:
                await self._agent.run(
                    instruction=order["instruction"],
                    environment=self._environment,
                    context=context,
                )
            report: dict[str, Any] = {"op": "done"}
        except (Exception, asyncio.CancelledError) as error:
            _log.exception("the agent failed")
            report = {"op": "failed", **reports.describe(error, self._hidden)}
        if order["op"] == "run":
            await self._leave(context, PurePosixPath(order["logs_dir"]))
            report["context"] = reports.context_of(context)
        await self._stream.send(report)

    async def _leave(self, context: AgentContext, remote: PurePosixPath) -> None:
        """What Harbor does after a run: the agent may read its logs to complete its report. Then
        the files that it wrote here go to the other end.
        """
        _forgive()
        try:
            if _reads_logs(self._agent) and context.is_empty():
                await self._environment.download_dir(str(remote), self._logs)
                self._agent.populate_context_post_run(context)
        except Exception:
            _log.exception("the agent's logs cannot be read")
        try:
            await self._send_logs()
        except Exception:
            _log.exception("the agent's files cannot be sent")

    async def _send_logs(self) -> None:
        if not any(self._logs.iterdir()):
            return
        with tempfile.TemporaryFile() as archive:
            files.pack(self._logs, archive, self._logs_limit)
            archive.seek(0)
            await self._calls.ask("keep_logs", {}, archive)


def _forgive() -> None:
    """After a cancelled run there is still something to do."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def load_class(import_path: str) -> type[BaseAgent]:
    """The class that `package.module:Class` names."""
    module, _, name = import_path.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, type):
        raise TypeError(f"{import_path} is not a class")
    return found


def _make_agent(agent_class: type[BaseAgent], start: frames.Header, logs: Path) -> BaseAgent:
    servers = [MCPServerConfig(**server) for server in start["mcp_servers"]]
    supplied: dict[str, Any] = {}
    if servers:
        supplied["mcp_servers"] = servers
    if start["skills_dir"] is not None:
        supplied["skills_dir"] = start["skills_dir"]
    agent = agent_class(
        logs_dir=logs,
        model_name=start["model"],
        logger=logging.getLogger("agent"),
        extra_env=start["extra_env"],
        **supplied,
    )
    for what, given in (("mcp_servers", servers), ("skills", supplied.get("skills_dir"))):
        if given and not getattr(agent.capabilities, what):
            raise ValueError(f"the agent does not support {what}, which the task needs")
    agent.session_id = "task__agent"
    agent.context_id = uuid.uuid4()
    return agent


def _reads_logs(agent: BaseAgent) -> bool:
    method = type(agent).populate_context_post_run
    return method is not BaseAgent.populate_context_post_run
