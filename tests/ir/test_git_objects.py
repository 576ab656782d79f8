"""Ids of trees and commits are git's own, whatever the names and their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler import contracts
from compiler.ir.git_objects import (
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    baseline_commit_id,
    hash_object,
    tree_id,
)
from compiler.ir.project import TreeEntry
from tests.git_oddities import FILES, make_odd_repository, run_git

FORMATS = ("sha1", "sha256")


@pytest.fixture(scope="module", params=FORMATS)
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    init = ("init", "--quiet", "--bare", "--template=", f"--object-format={request.param}", ".")
    run_git(folder, *init)
    return folder


def format_of(repository: Path) -> str:
    return run_git(repository, "rev-parse", "--show-object-format").decode().strip()


def git_tree(repository: Path, entries: list[TreeEntry]) -> str:
    """The id that git gives to the tree of these entries."""
    (repository / "index").unlink(missing_ok=True)
    lines = b"".join(f"{e.mode} {e.blob}\t".encode() + e.path + b"\0" for e in entries)
    run_git(repository, "update-index", "-z", "--index-info", text=lines)
    return run_git(repository, "write-tree", "--missing-ok").decode().strip()


def entry(path: bytes, object_format: str, mode: str = FILE) -> TreeEntry:
    return TreeEntry(mode=mode, blob=hash_object("blob", path, object_format), path=path)


@pytest.mark.parametrize("body", [b"", b"text\n", b"\0\xff" * 1000])
def test_a_blob_has_git_s_id(repository: Path, body: bytes) -> None:
    found = run_git(repository, "hash-object", "--stdin", text=body).decode().strip()
    assert hash_object("blob", body, format_of(repository)) == found


@pytest.mark.parametrize(
    "paths",
    [
        [],
        [b"a"],
        [b"order.txt", b"order/file", b"order-first", b"order0"],
        [b"a/b", b"a.b", b"a-b", b"a0", b"ab", b"a/a/a", b"a.b.c/d"],
        [b"a b", b"a\tb", b'a"b', b"a\\b", b"a\nb", b"-rf", b"\xff\xfe", "é".encode()],
        [b"A", b"a", b"B/x", b"b/x"],
        [b"x/y/z/1", b"x/y/z0", b"x/y.z", b"x/y/z-"],
        [b"\x01", b"~", b"\x7f", b"\x80/a", b"\x80.a"],
    ],
)
def test_a_tree_has_git_s_id(repository: Path, paths: list[bytes]) -> None:
    entries = [entry(path, format_of(repository)) for path in paths]
    assert tree_id(reversed(entries), format_of(repository)) == git_tree(repository, entries)


def test_modes_count(repository: Path) -> None:
    object_format = format_of(repository)
    modes = {b"file": FILE, b"program": EXECUTABLE, b"link": LINK, b"module": SUBMODULE}
    entries = [entry(path, object_format, mode) for path, mode in modes.items()]
    assert tree_id(entries, object_format) == git_tree(repository, entries)


NAME = st.binary(min_size=1, max_size=4).filter(
    lambda name: (
        b"/" not in name
        and b"\0" not in name
        and name not in (b".", b"..")
        and not name.lower().startswith((b".git", b"git~"))
    )
)


def is_tree(paths: list[bytes]) -> bool:
    """No path is a folder of another."""
    return not any(a != b and b.startswith(a + b"/") for a in paths for b in paths)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(NAME, min_size=1, max_size=3).map(b"/".join), max_size=12, unique=True
    ).filter(is_tree)
)
def test_any_tree_has_git_s_id(repository: Path, paths: list[bytes]) -> None:
    entries = [entry(path, format_of(repository)) for path in paths]
    assert tree_id(entries, format_of(repository)) == git_tree(repository, entries)


def test_the_odd_repository_has_git_s_id(tmp_path: Path) -> None:
    make_odd_repository(tmp_path / "odd")
    entries = [
        TreeEntry(mode=f.mode, blob=hash_object("blob", f.stored, "sha1"), path=path)
        for path, f in FILES.items()
    ]
    wanted = run_git(tmp_path / "odd", "rev-parse", "HEAD^{tree}").decode().strip()
    assert tree_id(entries, "sha1") == wanted


def test_the_baseline_commit_has_git_s_id(repository: Path) -> None:
    tree = git_tree(repository, [])
    who = f"{contracts.BASELINE_AUTHOR} <{contracts.BASELINE_EMAIL}>"
    when = f"{contracts.BASELINE_TIME} +0000"
    body = f"tree {tree}\nauthor {who} {when}\ncommitter {who} {when}\n\nBaseline\n".encode()
    written = run_git(repository, "hash-object", "-t", "commit", "-w", "--stdin", text=body)
    assert baseline_commit_id(tree, format_of(repository)) == written.decode().strip()
    run_git(repository, "fsck", "--strict")
