"""The probe's program, in the shell of this machine with one tool at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from compiler.runtime.launcher.errors import LaunchError
from compiler.runtime.launcher.probe import _KNOCKERS, Probe, probe_argvs
from tests.runtime.launcher.fakes import FakeEngine, FakeTalk

SHELL, BARE = probe_argvs("p", "n", "image", {"b": "2", "a": "1"})
TOOLS = ("python3", *_KNOCKERS)
# What no image with a shell is without, and what Debian always has.
BASE = ("sleep",)
EVERYWHERE = {"python3", "bash", "perl"}
PRESENT = [tool for tool in TOOLS if shutil.which(tool)]


def test_argv() -> None:
    for argv in (SHELL, BARE):
        assert argv[:5] == ("docker", "run", "-i", "--rm", "--name")
        assert argv[argv.index("--network") + 1] == "n"
        assert [argv[i + 1] for i, word in enumerate(argv) if word == "--label"] == ["a=1", "b=2"]


@contextmanager
def beginning(folder: Path, tools: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The program; its children end with it, as those of a container's first process do."""
    for tool in (*BASE, *tools):
        found = shutil.which(tool)
        assert found is not None
        # Not a link: a version manager's shim asks under which name it was called.
        (folder / tool).write_text(f'#!/bin/sh\nPATH={os.environ["PATH"]} exec {found} "$@"\n')
        (folder / tool).chmod(0o755)
    argv = SHELL[SHELL.index("image") + 1 :]
    with subprocess.Popen(
        ["/bin/sh", *argv],
        env={"PATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_the_usual_tools_are_here() -> None:
    assert set(PRESENT) >= EVERYWHERE


@pytest.mark.parametrize("tool", PRESENT)
def test_each_tool_knocks_until_somebody_answers(tool: str, tmp_path: Path) -> None:
    """Nobody does at first; the other address never."""
    with (
        socket.socket() as server,
        socket.socket() as deaf,
        beginning(tmp_path, [tool]) as process,
    ):
        server.bind(("127.0.0.1", 0))
        deaf.bind(("127.0.0.1", 0))
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == f"using {tool}\n"
        lines = [f"127.0.0.1 {each.getsockname()[1]}\n" for each in (deaf, server)]
        process.stdin.write("".join(lines))
        process.stdin.flush()
        threading.Timer(0.5, server.listen).start()
        assert process.stdout.readline() == lines[1]
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_an_image_without_a_tool(tmp_path: Path) -> None:
    with beginning(tmp_path, []) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "using nothing\n"


def test_without_an_engine_there_is_no_probe() -> None:
    class Gone(FakeEngine):
        def converse(self, argv: Sequence[str]) -> FakeTalk:
            raise LaunchError("cannot run docker")

    news: SimpleQueue[str | None] = SimpleQueue()
    Probe(Gone(), [SHELL], news.put, print)
    assert news.get(timeout=30) is None
