"""The odd repository is the same everywhere, and is really odd."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests import git_oddities
from tests.git_oddities import (
    FILES,
    LONG_PATH,
    NFC_NAME,
    NFD_NAME,
    NON_UTF8_NAME,
    SUBDIRECTORY,
    make_odd_repository,
    run_git,
)

HEAD = "4ffef5fc6c588dca4771328992c68729627ab4ff"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "repository"
    make_odd_repository(folder)
    return folder


def tree_of(repository: Path, revision: str = "HEAD") -> dict[bytes, tuple[str, str]]:
    """Mode and blob id by path."""
    entries = {}
    for line in run_git(repository, "ls-tree", "-r", "-z", revision).split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, _, blob = head.decode().split(" ")
        entries[name] = (mode, blob)
    return entries


def blob_of(repository: Path, name: bytes) -> bytes:
    return run_git(repository, "cat-file", "blob", tree_of(repository)[name][1])


def lies_at(repository: Path, name: bytes) -> bytes:
    return os.path.join(os.fsencode(repository), name)


@pytest.mark.parametrize(
    ("umask", "environment"),
    [
        (0o022, {"TZ": "UTC", "LANG": "C"}),
        (0o077, {"TZ": "Asia/Kathmandu", "LANG": "de_DE.ISO-8859-1", "LC_ALL": "POSIX"}),
        (0o000, {"TZ": "America/St_Johns", "LANG": "C.UTF-8", "PYTHONHASHSEED": "7"}),
        (0o002, {"GIT_AUTHOR_NAME": "Someone", "GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/no"}),
    ],
)
def test_head_is_the_same_everywhere(
    tmp_path: Path, umask: int, environment: dict[str, str]
) -> None:
    config = "[core]\nautocrlf = true\n[init]\ndefaultBranch = x\n[commit]\ngpgSign = true\n"
    (tmp_path / ".gitconfig").write_text(config)
    made = subprocess.run(
        [sys.executable, "-B", git_oddities.__file__, str(tmp_path / "odd")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment},
        umask=umask,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert made.stdout.decode().strip() == HEAD


def test_git_finds_no_fault_but_the_one_change_that_is_meant(repository: Path) -> None:
    run_git(repository, "fsck", "--strict", "--no-dangling")
    assert run_git(repository, "status", "--porcelain", "-z") == b" M crlf/stored.txt\0"


def test_tree_holds_every_entry_as_written(repository: Path) -> None:
    tree = tree_of(repository)
    assert set(tree) == set(FILES)
    for name, file in FILES.items():
        assert tree[name][0] == file.mode, name
        assert blob_of(repository, name) == file.stored, name


def test_modes_and_links(repository: Path) -> None:
    tree = tree_of(repository)
    assert tree[b"bin/run"][0] == "100755"
    assert tree[b"bin/not-executable.sh"][0] == "100644"
    assert os.access(repository / "bin" / "run", os.X_OK)
    assert os.readlink(repository / "links" / "relative") == "../README.md"
    dangling = repository / "links" / "dangling"
    assert dangling.is_symlink()
    assert not dangling.exists()


def test_line_ends_differ_between_tree_and_disk(repository: Path) -> None:
    converted = repository / "crlf" / "converted.txt"
    assert converted.read_bytes() == b"one\r\ntwo\r\n"
    assert blob_of(repository, b"crlf/converted.txt") == b"one\ntwo\n"
    for name in (b"crlf/raw.txt", b"crlf/stored.txt"):
        assert blob_of(repository, name) == b"one\r\ntwo\r\n"


def test_adding_the_files_anew_gives_another_tree(repository: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    make_odd_repository(fresh)
    run_git(fresh, "rm", "-r", "-q", "--cached", ".")
    run_git(fresh, "add", "--force", "--all")
    again, original = run_git(fresh, "write-tree").decode().strip(), tree_of(repository)
    changed = {name for name, entry in tree_of(fresh, again).items() if entry != original[name]}
    assert changed == {b"crlf/stored.txt"}


def test_archive_leaves_out_and_rewrites(repository: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(run_git(repository, "archive", "HEAD"))) as archive:
        names = archive.getnames()
        version = archive.extractfile("export/version.txt")
        ident = archive.extractfile("export/ident.txt")
        assert version is not None
        assert version.read() == f"commit {HEAD}\n".encode()
        assert ident is not None
        assert ident.read().startswith(b"blob $Id: ")
    assert "export/hidden.txt" not in names
    assert "export/hidden-folder/file.txt" not in names


def test_ignored_files_are_tracked(repository: Path) -> None:
    listing = run_git(repository, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard")
    assert set(listing.split(b"\0")[:-1]) == {
        b"trace.log",
        b"build/kept.txt",
        b"nested/.gitignore",
        b"nested/deep/kept.txt",
        b"sub/project/kept.tmp",
        b"sub/project/trace.log",
    }


def test_names_are_odd(repository: Path) -> None:
    with pytest.raises(UnicodeDecodeError):
        NON_UTF8_NAME.decode()
    assert NFC_NAME != NFD_NAME
    assert len(LONG_PATH) == 300
    joined = b"".join(FILES)
    assert all(letter in joined for letter in (b" ", b"'", b'"', b"\t", b"\n", b"\\", b"$", b"`"))
    assert all(os.path.lexists(lies_at(repository, name)) for name in FILES)
    assert len(os.listdir(lies_at(repository, b"names"))) == 12


def test_contents_are_odd(repository: Path) -> None:
    assert blob_of(repository, b"data/empty") == b""
    assert b"\0" in blob_of(repository, b"data/nul.bin")
    assert not blob_of(repository, b"data/no-last-newline").endswith(b"\n")


def test_subdirectory_is_a_tree_of_its_own(repository: Path) -> None:
    tree = tree_of(repository, f"HEAD:{SUBDIRECTORY}")
    prefix = SUBDIRECTORY.encode() + b"/"
    assert set(tree) == {name.removeprefix(prefix) for name in FILES if name.startswith(prefix)}
    assert tree[b"src/main.py"][0] == "100755"
    assert tree[b"main"][0] == "120000"
