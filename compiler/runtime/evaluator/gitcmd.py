"""Running git on what a candidate sent: bounded in time, memory, file size and kept output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..baseline.git import neutral_environment

MEMORY_BYTES = 2 * 1024**3
CHUNK = 256 * 1024
_STDERR_BYTES = 8 * 1024
# Set in the child before git starts: a preexec_fn is not safe in a process with threads.
# The soft limit on processor time sends a signal of its own: whoever sees it knows the cause.
_LIMITED = (
    'ulimit -c 0 && ulimit -v "$1" && ulimit -f "$2" && ulimit -S -t "$3" && ulimit -H -t "$4"'
    ' && shift 4 && exec "$@"'
)


class GitFailed(Exception):
    """Git ended otherwise than with 0; `stderr` is the end of what it said, for our eyes alone."""

    def __init__(self, command: str, status: int, stderr: str, *, timed_out: bool) -> None:
        super().__init__(f"git {command} ended with {status}: {stderr.strip()[-500:]}")
        self.status = status
        self.stderr = stderr
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git on one bare repository of ours; `objects` is where new objects go if not into it."""

    git_dir: Path
    objects: Path | None
    file_bytes: int

    def run(self, *words: str, seconds: float, stdin: int = subprocess.DEVNULL) -> bytes:
        """All that git prints; for commands whose output our own input bounds."""
        return b"".join(self.stream(*words, seconds=seconds, stdin=stdin))

    def ask(self, *words: str, seconds: float, text: bytes) -> bytes:
        """As `run`, with a short text (less than a pipe holds) on standard input."""
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as source:
            with os.fdopen(writer, "wb") as sink:
                sink.write(text)
            return self.run(*words, seconds=seconds, stdin=source.fileno())

    def stream(
        self, *words: str, seconds: float, stdin: int = subprocess.DEVNULL
    ) -> Generator[bytes, None, None]:
        """What git prints, in chunks; GitFailed after the last. Closing it early ends git."""
        process = self._start(words, stdin, seconds)
        watch = _Watch(process, seconds)
        try:
            assert process.stdout is not None
            while chunk := process.stdout.read(CHUNK):
                yield chunk
        except BaseException:
            watch.kill()
            raise
        finally:
            watch.finish()
        if watch.timed_out or process.returncode != 0:
            stderr = watch.stderr.decode("utf-8", "replace")
            timed_out = watch.timed_out or process.returncode == -signal.SIGXCPU
            raise GitFailed(words[0], process.returncode, stderr, timed_out=timed_out)

    def _start(self, words: tuple[str, ...], stdin: int, seconds: float) -> subprocess.Popen[bytes]:
        processor = int(seconds) + 1
        limits = (MEMORY_BYTES // 1024, self.file_bytes // 512 + 1, processor, processor + 5)
        argv = ["/bin/sh", "-c", _LIMITED, "sh", *map(str, limits), "git", *words]
        return subprocess.Popen(
            argv,
            env=self._environment(),
            cwd=self.git_dir,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        environment = neutral_environment(self.git_dir)
        if self.objects is not None:
            environment["GIT_OBJECT_DIRECTORY"] = str(self.objects)
        return environment


class _Watch:
    """A running git's time limit, the end of its standard error, and its end with all its group."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.timed_out = False
        self.stderr = b""
        self._process = process
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._drain, args=(process.stderr,), daemon=True)
        self._reader.start()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _drain(self, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), CHUNK):
            self.stderr = (self.stderr + chunk)[-_STDERR_BYTES:]

    def _expire(self) -> None:
        self.timed_out = True
        self.kill()

    def kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def finish(self) -> None:
        """Wait for the end; the group is killed before its number can go to somebody else."""
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._timer.cancel()
        self._timer.join()
        self.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
