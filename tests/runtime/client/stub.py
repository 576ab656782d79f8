"""A small evaluator that answers what a test tells it to, and the command run against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from compiler.runtime import client

PART = Path(client.__file__).parent
Answer = tuple[int, object]


@dataclass(slots=True, kw_only=True)
class Stub:
    """`answers` maps "METHOD /path" to answers in order, the last of which is repeated.

    A request's name has no query; `queries` has the queries in the order of the requests.
    """

    answers: dict[str, list[Answer]]
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    url: str = ""

    def asked(self) -> list[str]:
        return [name for name, _ in self.requests]

    def bodies(self, name: str) -> list[bytes]:
        return [body for found, body in self.requests if found == name]

    def take(self, name: str, body: bytes) -> Answer:
        self.requests.append((name, body))
        nothing: list[Answer] = [(404, error("not_found", "there is no such thing"))]
        known = self.answers.get(name, nothing)
        return known.pop(0) if len(known) > 1 else known[0]


def error(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.stub.queries.append(query)
        status, document = self.stub.take(f"{self.command} {path}", body)
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        if status == 0:
            self.wfile.write(raw)
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def serving(answers: dict[str, list[Answer]]) -> Generator[Stub]:
    stub = Stub(answers=answers)
    handler = type("Handler", (_Handler,), {"stub": stub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield stub
        server.shutdown()
        thread.join()


def mooring(
    *words: str | Path,
    url: str | None,
    cwd: Path,
    python: str = sys.executable,
    extra: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "http_proxy": "http://127.0.0.1:9"}
    if url is not None:
        environment["MOORING_EVAL_URL"] = url
    return subprocess.run(
        [python, "-I", "-S", PART, *words],
        cwd=cwd,
        env={**environment, **(extra or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def write_plan(
    folder: Path, repository: Path, baseline: str, changes: Mapping[str, object] | None = None
) -> Path:
    plan: dict[str, object] = {
        "plan_version": 1,
        "service": "main",
        "task": "org/name",
        "repository": str(repository),
        "results": "/work/results",
        "baseline": {"commit": baseline},
        "agent": {"user": "agent", "uid": 54321},
        "splits": [
            {"name": "train", "access": "viewable", "min_samples": 2},
            {"name": "validation", "access": "non_viewable", "min_samples": 5},
        ],
        "submit_enabled": True,
        "network": "public",
        **(changes or {}),
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def assert_readable(done: subprocess.CompletedProcess[str], words: Sequence[str] = ()) -> None:
    """No traceback, no control characters, few lines, and these words on standard error."""
    assert "Traceback" not in done.stderr
    assert all(c.isprintable() or c == "\n" for c in done.stdout + done.stderr)
    assert len(done.stderr.splitlines()) <= 6
    for word in words:
        assert word in done.stderr
