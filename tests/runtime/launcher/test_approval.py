"""Leave for a workspace's tongs: what is shown, what it is good for, and who gives it."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.launcher import prompt
from compiler.runtime.launcher.approval import Approvals, Request, demand, describe
from compiler.runtime.launcher.errors import Refused

DEFINITION: dict[str, Any] = {
    "image": "ghcr.example/db:1",
    "command": ["serve", "--all"],
    "entrypoint": ["/bin/run"],
    "env": {"TOKEN": "${secret:op:a/b}", "PLAIN": "x"},
    "mounts": ["docker-socket", "workspace:rw"],
    "interface": {"kind": "volume", "volume": "data", "mountpoint": "/data"},
    "networks": ["corp"],
    "aliases": ["evaluator"],
    "resources": {"gpus": "all"},
    "cap_add": ["SYS_ADMIN"],
    "user": "0",
}
REQUEST = Request("/w/.mooring/tongs/db.yaml", "db", DEFINITION, "ghcr.example/db:1", "sha256:1")


def test_everything_is_shown() -> None:
    text = "\n".join(describe(REQUEST))
    wanted = [
        "sha256:1",
        "ghcr.example/db:1",
        "--all",
        "/bin/run",
        "${secret:op:a/b}",
        '"x"',
        "/w/",
    ]
    wanted += ["docker-socket", "workspace:rw", "data", "corp", "evaluator", "all", "SYS_ADMIN"]
    assert not [word for word in wanted if word not in text]
    assert not [key for key in DEFINITION if f"  {key}:" not in text]


def test_a_terminal_obeys_nothing_of_it() -> None:
    """Escapes, line breaks, and characters that reverse or hide text."""
    hostile = "a\x1b[2K\r\nimage content: sha256:0 \x07\x7f\u202e\u200b\x9b"
    request = replace(REQUEST, name=hostile, definition={hostile: {hostile: [hostile]}})
    lines = describe(request)
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith("  image content:")] == [lines[1]]


def test_the_socket_is_said_aloud() -> None:
    assert "  WARNING: with docker-socket it is root on this host" in describe(REQUEST)
    harmless = replace(REQUEST, definition={**DEFINITION, "mounts": ["workspace:rw"]})
    assert "WARNING" not in "\n".join(describe(harmless))


def test_an_image_that_is_not_here_is_told() -> None:
    assert "not here yet" in "\n".join(describe(replace(REQUEST, digest=None)))


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/other/db.yaml"},
        {"name": "db2"},
        {"definition": {**DEFINITION, "user": "1"}},
        {"definition": {**DEFINITION, "future_key": True}},
        {"image": "ghcr.example/db:2"},
        {"digest": "sha256:2"},
        {"digest": None},
    ],
)
def test_any_change_voids_it(tmp_path: Path, change: dict[str, Any]) -> None:
    store = Approvals(str(tmp_path / "home/approvals.json"))
    assert not store.has(REQUEST)
    store.add(REQUEST)
    assert store.has(REQUEST)
    assert not store.has(replace(REQUEST, **change))


def test_store_is_private_whole_and_shared(tmp_path: Path) -> None:
    path = tmp_path / "home/approvals.json"
    requests = [replace(REQUEST, name=f"t{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: Approvals(str(path)).add(each), requests))
    assert all(Approvals(str(path)).has(each) for each in requests)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "approvals.json",
        "approvals.json.lock",
    ]
    assert "${secret" not in path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        json.dumps({"version": 2, "approvals": {REQUEST.key(): {}}}),
        json.dumps({"version": 1, "approvals": [REQUEST.key()]}),
        json.dumps({REQUEST.key(): {}}),
    ],
)
def test_a_store_that_cannot_be_read_allows_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "approvals.json"
    path.write_text(content)
    with pytest.raises(Refused):
        Approvals(str(path)).has(REQUEST)
    with pytest.raises(Refused):
        Approvals(str(path)).add(REQUEST)
    assert path.read_text() == content


def test_demand(tmp_path: Path) -> None:
    store = Approvals(str(tmp_path / "approvals.json"))
    asked: list[Sequence[str]] = []

    def ask(lines: Sequence[str]) -> bool:
        asked.append(lines)
        return True

    with pytest.raises(Refused, match="nobody to ask"):
        demand([REQUEST], store, None)
    with pytest.raises(Refused, match="not approved"):
        demand([REQUEST], store, lambda _: False)
    assert demand([REQUEST], store, ask) == (REQUEST,)
    store.add(REQUEST)
    assert demand([REQUEST], store, None) == ()
    other = replace(REQUEST, name="other")
    assert demand([REQUEST, other], store, ask) == (other,)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("y\n", True), ("YES\n", True), ("", False), ("\n", False), ("n\n", False), ("yeah\n", False)],
)
def test_answer(
    answer: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert prompt.ask(["line"]) is yes
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("line\n")
    assert "[y/N]" in told.err
    assert prompt.find_asker(allowed=True) is None
    assert prompt.find_asker(allowed=False) is None
