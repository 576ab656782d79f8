"""The process of the nested Harbor: its start, its bounds, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .command import Command, Request

# For Harbor to stop environments after SIGTERM: providers would go on charging for what is left.
GRACE_SECONDS = 40.0
LOOK_SECONDS = 2.0
# What one evaluation may lay down, and what must stay free for the ledger.
JOB_BYTES = 8 * 1024**3
FREE_BYTES = 256 * 1024**2
FILE_BYTES = 1024**3
# When memory is short, Harbor goes before the evaluator does; no file of its is larger than this.
_CONFINED = f'echo 1000 >/proc/self/oom_score_adj; ulimit -f {FILE_BYTES // 512}; exec "$@"'
TIME_OVER = "the evaluation's time was over"
_TAIL = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How Harbor ended. `stopped` says why we ended it, if we did. `tail` is what it said last."""

    code: int | None
    stopped: str | None
    tail: str


async def run_harbor(command: Command, request: Request, seconds: float) -> Ended:
    """Runs Harbor for at most so many seconds. Whatever ends it, a cancellation included, it is
    told so, waited for, and after `GRACE_SECONDS` killed with all that it started.
    """
    _lay_out(command, request)
    with request.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _CONFINED, "harbor", *command.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(command.environment),
            cwd=request.home,
            start_new_session=True,
        )
    try:
        stopped = await _watch(process, seconds, lambda: _overfull(request.folder))
    finally:
        # Shielded: an impatient second cancellation must not leave environments behind.
        await asyncio.shield(_end(process))
        shutil.rmtree(request.home, ignore_errors=True)
    return Ended(code=process.returncode, stopped=stopped, tail=read_tail(request.log))


def _lay_out(command: Command, request: Request) -> None:
    for folder in (request.jobs, request.home / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    request.config.write_text(command.config, encoding="utf-8")
    argv = json.dumps({"argv": command.argv}, indent=2) + "\n"
    request.config.with_suffix(".command.json").write_text(argv, encoding="utf-8")


async def _watch(
    process: asyncio.subprocess.Process, seconds: float, problem: Callable[[], str | None]
) -> str | None:
    """Waits for the end; why it must be brought about, if it does not come by itself."""
    ended = asyncio.ensure_future(process.wait())
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        while True:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return TIME_OVER
            await asyncio.wait({ended}, timeout=min(left, LOOK_SECONDS))
            if ended.done():
                return None
            if found := await asyncio.to_thread(problem):
                return found
    finally:
        ended.cancel()


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM to Harbor alone, whose children it needs to clean up; then SIGKILL to all."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _overfull(folder: Path) -> str | None:
    if shutil.disk_usage(folder).free < FREE_BYTES:
        return "the evaluator's disk is almost full"
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_size
        if size > JOB_BYTES:
            return f"the nested job laid down more than {JOB_BYTES} bytes"
    return None


def read_tail(path: Path) -> str:
    """The end of what Harbor said, for the evaluator's log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
