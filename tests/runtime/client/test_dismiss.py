"""`mooring dismiss`: nothing of the agent runs or lies in wait when the harness begins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.runtime.client import processes
from tests.runtime.client.stub import assert_readable, mooring, write_plan
from tests.runtime.client.test_reward import (
    AGENT,
    OBSTACLES,
    STUBBORN,
    as_file,
    as_link,
    as_root,
    logs,
    start,
)

__all__ = ["logs"]
NAMES = ("test-stdout.txt", "reward.json", "..hidden", "-rf")


def dismiss(logs: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    plan = write_plan(logs.parent, logs, "1" * 40)
    return mooring("dismiss", "--plan", plan, *words, url="", cwd=logs.parent)


@pytest.mark.parametrize("obstruct", OBSTACLES)
def test_a_folder_is_emptied_whatever_is_in_it(
    logs: Path, obstruct: Callable[[Path, str], None]
) -> None:
    as_file(logs, "zz")
    obstruct(logs, NAMES[0])
    done = dismiss(logs, "--empty", logs)
    assert_readable(done)
    assert (done.returncode, os.listdir(logs)) == (0, [])
    if (logs.parent / "secret").exists():
        assert (logs.parent / "secret").read_text() == "root's own"


def test_odd_names_go_as_well(logs: Path) -> None:
    for name in NAMES:
        as_file(logs, name)
    (logs / os.fsdecode(b"\xff")).mkdir()
    assert dismiss(logs, "--empty", logs).returncode == 0
    assert os.listdir(logs) == []


def test_only_what_is_named_is_removed(logs: Path) -> None:
    as_link(logs, "manifest.json")
    as_file(logs, "kept")
    paths = ("--remove", logs / "manifest.json", "--remove", logs / "missing")
    done = dismiss(logs, *paths, "--remove", logs / "no" / "file")
    assert (done.returncode, os.listdir(logs)) == (0, ["kept"])
    assert (logs.parent / "secret").read_text() == "root's own"


def test_a_link_in_the_place_of_a_folder_is_refused(logs: Path) -> None:
    (logs / "link").symlink_to(logs)
    as_file(logs, "kept")
    for words in (("--empty", logs / "link"), ("--remove", logs / "link" / "kept")):
        done = dismiss(logs, *words)
        assert_readable(done, ["something of the agent stays"])
        assert done.returncode == 3
    assert (logs / "kept").exists()


def test_a_folder_that_is_missing_is_empty(logs: Path) -> None:
    assert dismiss(logs, "--empty", logs / "missing").returncode == 0


@pytest.mark.parametrize("path", ["/", "..", "logs/.."])
def test_names_that_are_no_file(logs: Path, path: str) -> None:
    done = dismiss(logs, "--remove", path)
    assert_readable(done, ["is not the path of a file"])
    assert done.returncode == 2


@as_root
def test_processes_end_before_anything_is_cleared(logs: Path) -> None:
    """What writes without a pause has written for the last time."""
    writing = f"cd {logs} && while :; do ln -s /x a 2>/dev/null; echo >b; done"
    with start(STUBBORN) as agent, start(f"echo ready; {writing}") as writer:
        for process in (agent, writer):
            assert process.stdout is not None
            process.stdout.readline()
        done = dismiss(logs, "--empty", logs)
        assert (done.returncode, done.stderr) == (0, "")
        assert list(processes.processes_of(AGENT)) == []
        assert os.listdir(logs) == []
