"""The process of a nested Harbor and its end, with a script in Harbor's place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from compiler.runtime.nested import supervise
from compiler.runtime.nested.command import Command, Request
from compiler.runtime.nested.supervise import Ended, run_harbor

OVER = "the evaluation's time was over"


def run(folder: Path, script: str, seconds: float = 60) -> Ended:
    command = Command(
        argv=("/bin/sh", "-c", script),
        config="{}\n",
        environment={"PATH": "/usr/bin:/bin", "OUT": str(folder)},
    )
    request = Request(tree="a" * 40, tasks=("x",), folder=folder / "job", run=1)
    ended = asyncio.run(run_harbor(command, request, seconds))
    assert not request.home.exists()
    assert (folder / "job/run-1.command.json").exists()
    return ended


def test_an_end_of_its_own(tmp_path: Path) -> None:
    ended = run(tmp_path, "echo said; echo more >&2; exit 3")
    assert ended == Ended(code=3, stopped=None, tail="said\nmore")


def test_when_the_time_is_over_it_is_told_and_waited_for(tmp_path: Path) -> None:
    script = "trap 'sleep 1; echo told >$OUT/told; exit 0' TERM; while :; do sleep 0.1; done"
    ended = run(tmp_path, script, seconds=3)
    assert (ended.code, ended.stopped) == (0, OVER)
    assert (tmp_path / "told").read_text() == "told\n"


def test_what_does_not_listen_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "GRACE_SECONDS", 0.5)
    script = "trap '' TERM; (while :; do date >$OUT/alive; sleep 0.1; done) & wait; wait"
    ended = run(tmp_path, script, seconds=2)
    assert (ended.code, ended.stopped) == (-9, OVER)
    (tmp_path / "alive").unlink(missing_ok=True)
    asyncio.run(asyncio.sleep(1))
    assert not (tmp_path / "alive").exists()


def test_what_lays_down_too_much_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "JOB_BYTES", 100_000)
    monkeypatch.setattr(supervise, "LOOK_SECONDS", 0.1)
    ended = run(tmp_path, "head -c 200000 /dev/zero >$OUT/job/large; exec sleep 60")
    assert ended.stopped == "the nested job laid down more than 100000 bytes"


def test_a_file_has_a_bound_and_memory_goes_first_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(tmp_path, "ulimit -f; cat /proc/self/oom_score_adj")
    assert ended.tail.split() == [str(supervise.FILE_BYTES // 512), "1000"]
