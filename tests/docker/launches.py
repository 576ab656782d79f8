"""Launches as whole processes on a real engine, each with a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docker import engine
from tests.runtime.launcher.plans import Json, make_plan

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 180.0
TABLE = "test: [cat, '{ref}']\n"
# A server whose answer is one of its variables; it ends at once when it is told to.
SERVER = """\
import http.server, os, signal
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environb.get(self.path[1:].encode(), b"here"))
    def log_message(self, *words):
        pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""
SERVE = ("python3", "-I", "-c", SERVER)
SLEEP = ("sleep", "600")
# Asks each of the addresses given, and says what it got.
ASKER = """\
import sys, urllib.request
for place in sys.argv[1:]:
    print(place, urllib.request.urlopen(f"http://{place}", timeout=20).read().decode())
"""


@dataclass
class Ended:
    """How a launch ended, with what it and the harness said."""

    code: int
    out: str
    err: str


@dataclass
class Launcher:
    """A user with a home. `prefix` starts the names of all that stays on the engine."""

    home: Path
    prefix: str
    image: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def network(self) -> str:
        """The network of shared tongs."""
        return f"{self.prefix}-shared"

    def write(self, tongs: Sequence[Json], argv: Sequence[Any], **other: Any) -> Path:
        """A file with the plan."""
        image = other.pop("probe_image", self.image)
        path = self.home / f"plan-{len(list(self.home.glob('plan-*')))}.json"
        path.write_text(json.dumps(make_plan(tongs, argv, image, **other)))
        return path

    def begin(self, plan: Path, *options: str) -> subprocess.Popen[str]:
        """The launch as a process; interrupts reach it alone."""
        process = subprocess.Popen(
            self._argv("launch", "--plan", str(plan), "--workspace", str(self.home), *options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment(),
            cwd=ROOT,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def ask(self, answer: bytes, *words: str) -> Ended:
        """`mooring launch WORDS...` on a terminal, where somebody answers a question so."""
        ours, theirs = pty.openpty()
        argv = self._argv("launch", *words)
        process = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            env=self._environment(),
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(theirs)
        told = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096):
                told += part
                if told.endswith(b"[y/N] "):
                    os.write(ours, answer)
        out, _ = process.communicate(timeout=SECONDS)
        os.close(ours)
        return Ended(process.returncode, out, told.decode())

    def run(self, plan: Path, *options: str) -> Ended:
        """The launch from begin to end."""
        return end(self.begin(plan, *options))

    def call(self, *words: str) -> Ended:
        """Another command."""
        done = subprocess.run(
            self._argv(*words),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=self._environment(),
            cwd=ROOT,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def _argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "compiler", *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home)}


def end(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, out, err)


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """What the launch says, up to the line with a word."""
    assert process.stderr is not None
    text, limit = "", time.monotonic() + SECONDS
    while word not in text:
        assert time.monotonic() < limit, text
        ready, _, _ = select.select([process.stderr], [], [], 1)
        line = process.stderr.readline() if ready else ""
        assert line or not ready, f"it ended: {text}"
        text += line
    return text


@contextmanager
def launcher(home: Path, scrap: engine.Scrap, image: str) -> Iterator[Launcher]:
    """A user whose processes are ended and whose leftovers are removed."""
    (home / ".mooring").mkdir(parents=True)
    (home / ".mooring/secret-providers.yaml").write_text(TABLE)
    user = Launcher(home, scrap.prefix, image)
    try:
        yield user
    finally:
        for process in user.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()
        user.call("tongs", "gc")


def inspect(name: str) -> Json | None:
    """All that the engine says of a container."""
    answer = engine.run_docker("container", "inspect", name)
    found: list[Json] = json.loads(answer.stdout or "[]")
    return found[0] if found else None


def sessions(prefix: str = "mooring-") -> set[str]:
    """Names of containers and networks of sessions."""
    kinds = engine.OBJECT_KINDS[:2]
    return {
        name
        for kind in kinds
        for name in engine.list_objects(kind, prefix=prefix, label="mooring.session")
    }
