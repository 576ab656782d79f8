"""A Harbor environment that runs a task's commands as plain local processes, without an engine.

    PYTHONPATH=tests/harbor/local harbor run -p TASK -a oracle \
        -e local_process:LocalProcessEnvironment

Each trial has a folder of its own. The places of a container (the task's working folder, /logs,
/tests, /solution) are folders in it, and their names are replaced in commands, in variables and in
the text files that are uploaded. That is no sandbox: a path that a program puts together while it
runs is the machine's own. The files of ``environment/`` lie in the working folder, as if the
Dockerfile had copied them; nothing else of the Dockerfile, of users or of resources is heeded.

A file ``unavailable`` in ``environment/`` stands for a provider that has no machine left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, override

from harbor.environments.base import BaseEnvironment, ExecResult
from harbor.environments.capabilities import EnvironmentCapabilities

FOLDERS = ("logs/agent", "logs/verifier", "logs/artifacts", "tests", "solution")
DEFAULT_WORKDIR = "/app"
UNAVAILABLE = "unavailable"
DOCKERFILE = "Dockerfile"


class LocalProcessEnvironment(BaseEnvironment):
    """Each command is a `bash -c` in a process group of its own, which ends with the trial."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._workdir = self.task_env_config.workdir or DEFAULT_WORKDIR
        tops = {PurePosixPath("/", name).parts[1] for name in (*FOLDERS, self._workdir)}
        self._tops = frozenset(tops)
        # Not the tail of a longer path, and not the head of a longer name.
        names = "|".join(sorted(map(re.escape, tops)))
        self._place = re.compile(rf"(?<![\w./-])/({names})(?![\w.-])")
        self._root: Path | None = None
        self._groups: list[int] = []

    @staticmethod
    @override
    def type() -> str:
        return "local-process"

    @property
    @override
    def capabilities(self) -> EnvironmentCapabilities:
        return EnvironmentCapabilities()

    @classmethod
    @override
    def resource_capabilities(cls) -> None:
        """No bounds are kept, so none are checked."""

    @override
    def _validate_definition(self) -> None:
        """A Dockerfile is neither needed nor read."""

    @override
    async def start(self, force_build: bool) -> None:
        if (self.environment_dir / UNAVAILABLE).exists():
            raise RuntimeError("the provider has no machine left")
        self._root = Path(tempfile.mkdtemp(prefix="local-process-"))
        for name in (*FOLDERS, self._workdir.strip("/")):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for source in self.environment_dir.iterdir():
            if source.name != DOCKERFILE:
                await self._upload(source, self._workdir)

    @override
    async def stop(self, delete: bool) -> None:
        # There is no container that would take along what commands left running.
        for group in self._groups:
            _kill_group(group)
        if delete and self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    @override
    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        target = self._here(target_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source_path, target)
        with contextlib.suppress(UnicodeDecodeError):
            target.write_text(self._mapped(target.read_text("utf-8")), "utf-8")

    @override
    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        self._here(target_dir).mkdir(parents=True, exist_ok=True)
        for source in sorted(Path(source_dir).iterdir()):
            await self._upload(source, target_dir)

    async def _upload(self, source: Path, into: str) -> None:
        if source.is_dir():
            await self.upload_dir(source, f"{into}/{source.name}")
        else:
            await self.upload_file(source, f"{into}/{source.name}")

    @override
    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        Path(target_path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self._here(source_path), target_path)

    @override
    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        shutil.copytree(self._here(source_dir), target_dir, dirs_exist_ok=True)

    @override
    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        variables = {k: self._mapped(v) for k, v in (self._merge_env(env) or {}).items()}
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            self._mapped(command),
            cwd=self._here(cwd or self._workdir),
            env={**os.environ, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._groups.append(process.pid)
        try:
            out, err = await asyncio.wait_for(process.communicate(), timeout_sec)
        except TimeoutError as error:
            raise RuntimeError(f"Command timed out after {timeout_sec} seconds") from error
        finally:
            if process.returncode is None:
                _kill_group(process.pid)
                await process.wait()
        return ExecResult(
            stdout=out.decode(errors="replace"),
            stderr=err.decode(errors="replace"),
            return_code=process.returncode or 0,
        )

    def _mapped(self, text: str) -> str:
        """Text with the places of the container as those of the trial's folder."""
        return self._place.sub(lambda found: f"{self._root}/{found[1]}", text)

    def _here(self, path: str) -> Path:
        assert self._root is not None, "the environment has not been started"
        full = PurePosixPath(self._workdir, path)
        inside = len(full.parts) > 1 and full.parts[1] in self._tops
        return self._root / full.relative_to("/") if inside else Path(full)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
