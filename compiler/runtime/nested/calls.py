"""Calls of a candidate on its environment, performed on the real one within bounds.

Everything that a call names is a place in the environment, or data that came with the call. Files
that come out of the environment are as hostile as those of the candidate: it may have made them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..runner.tar import TarError
from ..runner.tree import TooLargeError
from . import transfers
from .report import read_seconds

if TYPE_CHECKING:
    from harbor.environments.base import BaseEnvironment

# Of each stream of a command's output; what is beyond is cut off at its beginning.
OUTPUT_BYTES = 8 * 1024 * 1024
MOST_VARIABLES = 1000
_TEXT = 4096
_COMMAND = 1024 * 1024
_ERRORS = ("FileNotFoundError", "NotImplementedError", "PermissionError", "ValueError")


class BadCall(Exception):
    """The call is not one that an honest process makes: the session ends."""


class CallFailed(Exception):
    """What the caller is told: a type of exception, and a text of ours that quotes nothing."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    content: IO[bytes] | None = None


Perform = Callable[["Calls", Mapping[str, Any], IO[bytes] | None], Awaitable[Answer]]


class Calls:
    """Performs calls on one environment. `trouble` is the last exception that it gave. Files of the
    candidate's own are kept in `logs`.
    """

    def __init__(self, environment: BaseEnvironment, logs: Path, seconds: float) -> None:
        self._environment = environment
        self._logs = logs
        self._seconds = seconds
        self.trouble: Exception | None = None

    async def perform(
        self, method: str, arguments: Mapping[str, Any], content: IO[bytes] | None
    ) -> Answer:
        """The answer to one call; CallFailed for the caller, BadCall against it."""
        if (content is not None) is not (method in TAKES_FILES):
            raise BadCall(f"{method} does not come in this form")
        seconds = read_seconds(arguments.get("timeout_sec"), self._seconds)
        try:
            # A little longer than the environment's own limit, which has the better words.
            async with asyncio.timeout(seconds + 5):
                return await METHODS[method](self, arguments, content)
        except (CallFailed, BadCall):
            raise
        except TimeoutError as error:
            self.trouble = error
            raise CallFailed("RuntimeError", _too_long(seconds)) from error
        except Exception as error:
            self.trouble = error
            raise _failure(method, error, seconds) from error

    async def works(self) -> bool:
        """Whether the environment still does what it is asked."""
        try:
            async with asyncio.timeout(30):
                result = await self._environment.exec("true", timeout_sec=20)
        except Exception:
            return False
        return bool(result.return_code == 0)

    async def exec(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        timeout = read_seconds(arguments.get("timeout_sec"), self._seconds)
        result = await self._environment.exec(
            _text(arguments, "command", _COMMAND),
            cwd=_optional(arguments, "cwd"),
            env=_variables(arguments.get("env")),
            timeout_sec=max(1, int(timeout)),
            user=_user(arguments),
        )
        out, err = _output(result.stdout), _output(result.stderr)
        return Answer(
            fields={
                "return_code": int(result.return_code),
                "stdout": None if out is None else len(out),
                "stderr": None if err is None else len(err),
            },
            body=(out or b"") + (err or b""),
        )

    async def is_dir(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        found = await self._environment.is_dir(_text(arguments, "path"), user=_user(arguments))
        return Answer(fields={"value": bool(found)})

    async def is_file(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        found = await self._environment.is_file(_text(arguments, "path"), user=_user(arguments))
        return Answer(fields={"value": bool(found)})

    async def upload_file(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        assert content is not None
        with transfers.own_folder() as folder:
            path = folder / _component(arguments)
            await asyncio.to_thread(
                transfers.write_file, content, path, arguments.get("executable") is True
            )
            await self._environment.upload_file(path, _text(arguments, "target_path"))
        return Answer()

    async def upload_dir(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        assert content is not None
        with transfers.own_folder() as folder:
            path = folder / _component(arguments)
            await asyncio.to_thread(transfers.unpack, content, path)
            await self._environment.upload_dir(path, _text(arguments, "target_dir"))
        return Answer()

    async def download_file(
        self, arguments: Mapping[str, Any], content: IO[bytes] | None
    ) -> Answer:
        source = _text(arguments, "source_path")
        with transfers.own_folder() as folder:
            await self._environment.download_file(source, folder / "file")
            return Answer(content=transfers.open_file(folder / "file"))

    async def download_dir(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        source = _text(arguments, "source_dir")
        with transfers.own_folder() as folder:
            await self._environment.download_dir(source, folder / "folder")
            return Answer(content=await asyncio.to_thread(transfers.pack, folder / "folder"))

    async def keep_logs(self, arguments: Mapping[str, Any], content: IO[bytes] | None) -> Answer:
        assert content is not None
        with transfers.own_folder() as folder:
            await asyncio.to_thread(
                transfers.unpack, content, folder / "logs", transfers.LOGS_BYTES
            )
            await asyncio.to_thread(transfers.add_files, folder / "logs", self._logs)
        return Answer()


METHODS: dict[str, Perform] = {
    "exec": Calls.exec,
    "is_dir": Calls.is_dir,
    "is_file": Calls.is_file,
    "upload_file": Calls.upload_file,
    "upload_dir": Calls.upload_dir,
    "download_file": Calls.download_file,
    "download_dir": Calls.download_dir,
    "keep_logs": Calls.keep_logs,
}
# Those that come with a file.
TAKES_FILES = frozenset({"upload_file", "upload_dir", "keep_logs"})
# What may still be asked when an agent's time is over.
AFTER_THE_END = frozenset({"download_file", "download_dir", "keep_logs"})


def _too_long(seconds: float) -> str:
    return f"Command timed out after {seconds:g} seconds"


def _failure(method: str, error: Exception, seconds: float) -> CallFailed:
    """Messages of environments may name paths, tasks and credentials of the other side."""
    if isinstance(error, (TarError, TooLargeError, transfers.Refused)):
        return CallFailed("ValueError", f"{method}: {error}")
    if method == "exec" and re.search(r"timed?.?out", str(error), re.IGNORECASE):
        return CallFailed("RuntimeError", _too_long(seconds))
    kind = type(error).__name__
    return CallFailed(
        kind if kind in _ERRORS else "RuntimeError", f"{method} failed in the environment"
    )


def _text(arguments: Mapping[str, Any], key: str, limit: int = _TEXT) -> str:
    value = arguments.get(key)
    if not isinstance(value, str) or not value or len(value) > limit or "\0" in value:
        raise CallFailed("ValueError", f"{key}: expected a text of 1 to {limit} characters")
    return value


def _optional(arguments: Mapping[str, Any], key: str) -> str | None:
    return None if arguments.get(key) is None else _text(arguments, key)


def _user(arguments: Mapping[str, Any]) -> str | int | None:
    user = arguments.get("user")
    if user is None or (isinstance(user, int) and not isinstance(user, bool) and 0 <= user < 2**32):
        return user
    name = _text(arguments, "user", 128)
    if name.startswith("-"):
        raise CallFailed("ValueError", "user: expected a name")
    return name


def _variables(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MOST_VARIABLES:
        raise CallFailed("ValueError", "env: expected a mapping of variables")
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise CallFailed("ValueError", "env: a name is not one of a variable")
        if not isinstance(text, str) or "\0" in text:
            raise CallFailed("ValueError", f"env: {name} is not a text without NUL")
    return value


def _component(arguments: Mapping[str, Any]) -> str:
    """The last part of the source's path, by which some environments name what they copy."""
    name = arguments.get("name")
    usable = isinstance(name, str) and re.fullmatch(r"(?!\.{1,2}$)[^/\0]{1,100}", name)
    return str(name) if usable else "file"


def _output(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "replace")[-OUTPUT_BYTES:]
