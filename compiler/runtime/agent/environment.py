"""What the candidate's agent holds for its environment: each call travels to the other end of the
session, which performs it on the real one.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, override

from harbor.environments.base import BaseEnvironment, ExecResult
from harbor.environments.capabilities import EnvironmentCapabilities
from harbor.models.task.config import EnvironmentConfig, NetworkPolicy
from harbor.models.trial.paths import TrialPaths

from ..runner import frames
from ..runner.streams import FrameStream
from . import files

NAME = "task"
_ERRORS: dict[str, type[Exception]] = {
    "FileNotFoundError": FileNotFoundError,
    "NotImplementedError": NotImplementedError,
    "PermissionError": PermissionError,
    "TimeoutError": TimeoutError,
    "ValueError": ValueError,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one call; `content` is the file that came with it."""

    header: frames.Header
    body: bytes
    content: IO[bytes]


class Calls:
    """Calls that wait for their answers."""

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._last = 0

    async def ask(
        self, method: str, arguments: dict[str, Any], content: IO[bytes] | None = None
    ) -> Reply:
        """Performs one call; an exception of the same type, or RuntimeError, when it failed."""
        self._last += 1
        number = self._last
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        header = {"op": "call", "id": number, "method": method, "arguments": arguments}
        chunks = None if content is None else files.read_pieces(content)
        try:
            await self._stream.send(header, chunks=chunks)
            reply: Reply = await answer
        finally:
            self._waiting.pop(number, None)
        if reply.header.get("ok") is not True:
            _raise(reply.header.get("error"))
        return reply

    def settle(self, reply: Reply) -> None:
        """Gives an answer to who waits for it."""
        waiting = self._waiting.get(int(reply.header["id"]))
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)


def _raise(error: Any) -> NoReturn:
    kind, message = error["type"], error["message"]
    raise _ERRORS.get(kind, RuntimeError)(message)


class RemoteEnvironment(BaseEnvironment):  # type: ignore[misc]
    """Harbor's interface for agents. What is the trial's own to do, such as starting, stopping and
    services beside the main one, is refused.
    """

    def __init__(self, calls: Calls, facts: dict[str, Any], folder: Path) -> None:
        self._calls = calls
        self._most_bytes: int = facts["file_bytes"]
        self._type: str = facts["type"]
        self._capabilities = EnvironmentCapabilities(**facts["capabilities"])
        paths = TrialPaths(folder)
        paths.agent_dir.mkdir(parents=True, exist_ok=True)
        super().__init__(
            environment_dir=folder / "environment",
            environment_name=NAME,
            session_id=f"{NAME}__env",
            trial_paths=paths,
            task_env_config=EnvironmentConfig(**facts["config"]),
            network_policy=NetworkPolicy(**facts["network_policy"]),
        )
        # Harbor's own is a static method, which cannot know what the real environment is.
        self.type = lambda: self._type  # type: ignore[method-assign]

    @staticmethod
    @override
    def type() -> str:
        return "remote"

    @property
    @override
    def capabilities(self) -> EnvironmentCapabilities:
        return self._capabilities

    @property
    @override
    def environment_id(self) -> str:
        return NAME

    @override
    def _validate_definition(self) -> None:
        """It is the real environment's to look at."""

    @override
    async def start(self, force_build: bool) -> None:
        raise NotImplementedError("an agent does not start its environment")

    @override
    async def stop(self, delete: bool) -> None:
        raise NotImplementedError("an agent does not stop its environment")

    @override
    async def set_network_policy(self, network_policy: NetworkPolicy) -> None:
        raise NotImplementedError("an agent does not change its environment's network")

    @override
    async def stop_service(self, service: str) -> None:
        raise NotImplementedError("an agent does not stop services")

    @override
    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        arguments = {
            "command": command,
            "cwd": cwd,
            "env": self._merge_env(env),
            "timeout_sec": timeout_sec,
            "user": self._resolve_user(user),
        }
        reply = await self._calls.ask("exec", arguments)
        result = _decode_result(reply)
        await self._tell(result)
        return result

    async def _tell(self, result: ExecResult) -> None:
        """Whoever listens to the output gets it when the command has ended."""
        listener = self._output_callback()
        if listener is not None:
            if result.stdout:
                await listener(result.stdout, "stdout")
            if result.stderr:
                await listener(result.stderr, "stderr")

    @override
    async def is_dir(self, path: str, user: str | int | None = None) -> bool:
        return await self._look("is_dir", path, user)

    @override
    async def is_file(self, path: str, user: str | int | None = None) -> bool:
        return await self._look("is_file", path, user)

    async def _look(self, method: str, path: str, user: str | int | None) -> bool:
        arguments = {"path": str(path), "user": self._resolve_user(user)}
        return (await self._calls.ask(method, arguments)).header.get("value") is True

    @override
    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        source = Path(source_path)
        with source.open("rb") as file:
            size = source.stat().st_size
            if size > self._most_bytes:
                raise OSError(f"{source}: larger than {self._most_bytes} bytes")
            arguments = {
                "target_path": str(target_path),
                "name": source.name,
                "executable": bool(source.stat().st_mode & 0o100),
            }
            await self._calls.ask("upload_file", arguments, file)

    @override
    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        if not Path(source_dir).is_dir():
            raise NotADirectoryError(str(source_dir))
        with tempfile.TemporaryFile() as archive:
            await asyncio.to_thread(files.pack, Path(source_dir), archive, self._most_bytes)
            archive.seek(0)
            arguments = {"target_dir": str(target_dir), "name": Path(source_dir).name}
            await self._calls.ask("upload_dir", arguments, archive)

    @override
    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        reply = await self._calls.ask("download_file", {"source_path": str(source_path)})
        with reply.content as content:
            await asyncio.to_thread(files.copy_out, content, Path(target_path))

    @override
    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        reply = await self._calls.ask("download_dir", {"source_dir": str(source_dir)})
        with reply.content as content:
            await asyncio.to_thread(files.unpack, content, Path(target_dir))

    @override
    def _service_unsupported_message(self, service: str) -> str:
        return f"a candidate's agent has no access to the service {service!r}"


def _decode_result(reply: Reply) -> ExecResult:
    out, err = (reply.header.get(name) for name in ("stdout", "stderr"))
    end = out or 0
    return ExecResult(
        stdout=None if out is None else reply.body[:end].decode("utf-8", "replace"),
        stderr=None if err is None else reply.body[end:].decode("utf-8", "replace"),
        return_code=reply.header["return_code"],
    )
