"""Whose doing the end of a session is, where Harbor is installed, with a socket as the runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compiler.runtime.nested.command import ROOT

# The candidate's process hangs up once it is ready, and the runner does not see it end.
SCRIPT = """
import asyncio, socket, sys
from compiler.runtime.nested import session
from compiler.runtime.runner import frames

path, lives = sys.argv[1], sys.argv[2] == "lives"
session.END_SECONDS = session.PING_SECONDS = 0.5
kept = []

async def take(connection):
    found = await asyncio.to_thread(socket.recv_fds, connection, 65536, 4)
    return found[:2]

async def serve():
    loop = asyncio.get_running_loop()
    listener = socket.create_server(path, family=socket.AF_UNIX)
    listener.setblocking(False)
    while True:
        connection, _ = await loop.sock_accept(listener)
        kept.append(connection)
        connection.setblocking(True)
        request, descriptors = await take(connection)
        if b'"ping"' in request:
            if lives:
                connection.sendall(frames.encode_frame({"ok": True}))
            continue
        while not descriptors:
            _, descriptors = await take(connection)
        candidate = socket.socket(fileno=descriptors[0])
        await asyncio.to_thread(candidate.recv, 65536)
        candidate.sendall(frames.encode_frame({"op": "ready"}))
        candidate.shutdown(socket.SHUT_RDWR)
        kept.append(candidate)

async def main():
    server = asyncio.create_task(serve())
    await asyncio.sleep(0)
    try:
        found = await session.Session.begin(path, "a" * 40, {"op": "start"}, None)
        await found.phase({"op": "setup"})
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    server.cancel()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("runner", "end"),
    [
        ("lives", "CandidateError: the agent's process hung up and went on running"),
        ("hangs", "RunnerUnreachableError: TimeoutError:"),
    ],
)
def test_a_process_that_hangs_up_and_runs_on(
    harbor_python: Path, tmp_path: Path, runner: str, end: str
) -> None:
    done = subprocess.run(
        [harbor_python, "-c", SCRIPT, tmp_path / "socket", runner],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == end, done.stderr
