"""Writing: whole or not at all, guarded, and nothing left beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from compiler.edge import swap, write_tree
from compiler.edge.contents import stream_content
from compiler.edge.read_tree import list_paths, read_bytes, read_digests, read_manifest
from compiler.edge.world import Refused, WorldError
from compiler.output.file_set import Copied, File, FileSet, Linked, Made, make_file, make_program
from compiler.output.manifest import RUNTIME_PREFIX

OLD: FileSet = {"a.txt": make_file("old\n"), "b/gone": make_file("gone\n")}
NEW: FileSet = {
    "a.txt": make_file("new\n"),
    "b/c/run": make_program("#!/bin/sh\n"),
    "b/link": File(content=Linked("c/run"), mode=0o777),
    f"{RUNTIME_PREFIX}x.py": make_file("x = 1\n"),
}


def write(files: FileSet, place: Path, *, force: bool = False) -> None:
    write_tree.write_tree("org/name", files, place, force=force)


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content (of a link its target) of everything below a folder."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = b"" if stat.S_ISDIR(mode) else read_bytes(path)
        found[str(path.relative_to(folder))] = (mode, content)
    return found


def litter(place: Path) -> list[str]:
    return sorted(p.name for p in place.parent.iterdir() if p.name.startswith(f".{place.name}."))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "beside" / "out"


@pytest.fixture
def old(place: Path) -> Path:
    write(OLD, place)
    return place


# What is written.


def test_files_modes_and_links(place: Path) -> None:
    write(NEW, place)
    assert {p: read_bytes(place / p) for p in list_paths(place) if "manifest" not in p} == {
        "a.txt": b"new\n",
        "b/c/run": b"#!/bin/sh\n",
        "b/link": b"c/run",
        "environment/runtime/x.py": b"x = 1\n",
    }
    assert (place / "b" / "c" / "run").stat().st_mode & 0o7777 == 0o755
    assert litter(place) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_modes_are_those_of_the_files_whatever_the_umask(place: Path, umask: int) -> None:
    place.parent.mkdir()
    before = os.umask(umask)
    try:
        write(NEW, place)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(place.stat().st_mode)} | {
        stat.S_IMODE(p.stat().st_mode) for p in place.rglob("*") if p.is_dir()
    }
    assert modes == {0o755}
    assert stat.S_IMODE((place / "a.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((place / "mooring.manifest.json").stat().st_mode) == 0o644


def test_the_digests_are_those_of_what_lies_there(place: Path) -> None:
    write(NEW, place)
    wanted, text = write_tree.digest_files("org/name", NEW)
    assert read_digests(place) == wanted
    assert (place / "mooring.manifest.json").read_text() == text
    manifest = read_manifest(place)
    assert manifest is not None
    assert set(manifest.files) == {"a.txt", "b/c/run", "b/link"}


def test_the_old_goes_and_the_new_comes(old: Path) -> None:
    write(NEW, old)
    assert not (old / "b" / "gone").exists()
    assert (old / "a.txt").read_text() == "new\n"
    assert litter(old) == []


def test_parents_are_made(tmp_path: Path) -> None:
    write(NEW, tmp_path / "x" / "y" / "out")
    assert (tmp_path / "x" / "y" / "out" / "a.txt").exists()


@pytest.mark.parametrize("written", ["out", "./out", "out/", "../{cwd}/out", "out/../out"])
def test_a_relative_destination(
    tmp_path: Path, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(NEW, Path(written.format(cwd=tmp_path.name)))
    assert (tmp_path / "out" / "a.txt").exists()
    write(OLD, Path(written.format(cwd=tmp_path.name)))
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["o[u]t", "o*", "a?b", "-rf", " x ", "é", "a\nb", "$HOME", ".hid"])
def test_a_destination_of_any_name(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    write(OLD, place)
    stale = tmp_path / f".{name}.mooring-dead"
    stale.mkdir()
    write(NEW, place)
    assert (place / "a.txt").read_text() == "new\n"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_name_like_a_pattern_touches_no_other(tmp_path: Path) -> None:
    other = tmp_path / ".xyz.mooring-aside"
    other.mkdir()
    (other / "precious").write_text("the only copy\n")
    write(NEW, tmp_path / "x*")
    assert (other / "precious").exists()


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(NEW, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


# What is refused.


def refused(place: Path, match: str, *, force: bool = False) -> None:
    before = state(place.parent)
    with pytest.raises(Refused, match=match):
        write(NEW, place, force=force)
    assert state(place.parent) == before


def test_a_folder_of_someone_else_s(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("precious\n")
    refused(place, "not written by mooring")
    write(NEW, place, force=True)
    assert not (place / "thesis.txt").exists()


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"version": 99, "name": "n", "files": {}}'])
def test_a_folder_whose_manifest_cannot_be_read(place: Path, manifest: str) -> None:
    place.mkdir(parents=True)
    (place / "mooring.manifest.json").write_text(manifest)
    refused(place, "not written by mooring")


@pytest.mark.parametrize("name", ["notes.txt", "b/notes.txt", "environment/notes", "b/.gitignore"])
def test_a_file_that_the_manifest_does_not_name(old: Path, name: str) -> None:
    (old / name).parent.mkdir(parents=True, exist_ok=True)
    (old / name).write_text("mine\n")
    refused(old, "notes|gitignore")
    write(NEW, old, force=True)
    assert not (old / name).exists()


def test_a_link_that_the_manifest_does_not_name(old: Path) -> None:
    (old / "here").symlink_to("/")
    refused(old, "holds here")


def test_several_files_are_counted(old: Path) -> None:
    for name in ("x", "y", "z"):
        (old / name).write_text("mine\n")
    refused(old, "holds x and 2 more")


def test_a_changed_file_is_ours_to_replace(old: Path) -> None:
    (old / "a.txt").write_text("edited\n")
    (old / "b" / "gone").unlink()
    write(NEW, old)
    assert (old / "a.txt").read_text() == "new\n"


def test_python_s_caches_do_not_count(old: Path) -> None:
    (old / "environment" / "runtime" / "__pycache__").mkdir(parents=True)
    (old / "environment" / "runtime" / "__pycache__" / "x.pyc").write_bytes(b"")
    write(NEW, old)


def test_an_empty_folder_is_anyone_s(place: Path) -> None:
    (place / "also-empty").mkdir(parents=True)
    write(NEW, place)
    assert not (place / "also-empty").exists()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("file", [False, True])
def test_a_repository_is_never_replaced(old: Path, force: bool, file: bool) -> None:
    if file:
        (old / ".git").write_text("gitdir: elsewhere\n")
    else:
        (old / ".git").mkdir()
    refused(old, "git repository", force=force)


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_never_replaced(place: Path, force: bool) -> None:
    place.parent.mkdir()
    place.write_text("a file\n")
    refused(place, "is a file", force=force)


SOURCES = [("out", "out"), ("out", "out/agent"), ("agent/out", "agent"), ("a/b/out", "a")]


@pytest.mark.parametrize(("out", "source"), SOURCES)
def test_output_and_source_lie_apart(tmp_path: Path, out: str, source: str) -> None:
    with pytest.raises(Refused, match="the agent's repository"):
        write_tree.check_apart(tmp_path / out, {"the agent's repository": tmp_path / source})


@pytest.mark.parametrize(("out", "source"), [("out", "output"), ("agent-out", "agent"), ("a", "b")])
def test_neighbours_lie_apart(tmp_path: Path, out: str, source: str) -> None:
    write_tree.check_apart(tmp_path / out, {"the agent's repository": tmp_path / source})


def test_links_and_dots_do_not_hide_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("agent")
    monkeypatch.chdir(tmp_path)
    for out in ("link/out", "agent/../agent/out", "./agent/sub", "link"):
        with pytest.raises(Refused):
            write_tree.check_apart(Path(out), {"the agent's repository": Path("agent")})


# Leftovers.


def test_leftovers_of_killed_runs_are_cleared(old: Path) -> None:
    for name in ("dead1", "dead2"):
        left = old.parent / f".out.mooring-{name}" / "new" / "deep"
        left.mkdir(parents=True)
        (left / "half").write_text("half\n")
    write(NEW, old)
    assert litter(old) == []


def test_what_a_live_run_is_writing_is_left(old: Path) -> None:
    live = old.parent / ".out.mooring-live"
    (live / "new").mkdir(parents=True)
    lock = os.open(live, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write(NEW, old)
        assert litter(old) == [".out.mooring-live"]
    finally:
        os.close(lock)
    write(OLD, old)
    assert litter(old) == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_only_has_the_name_of_a_leftover_is_left(old: Path, kind: str) -> None:
    lookalike = old.parent / ".out.mooring-lookalike"
    (old.parent / "target").mkdir()
    if kind == "file":
        lookalike.write_text("mine\n")
    else:
        lookalike.symlink_to("target")
    write(NEW, old)
    assert os.path.lexists(lookalike)
    assert (old.parent / "target").is_dir()


# Without an exchange.


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_exchange", lambda a, b: False)


@pytest.mark.usefixtures("no_exchange")
def test_two_renames_will_do(old: Path) -> None:
    write(NEW, old)
    assert (old / "a.txt").read_text() == "new\n"
    assert litter(old) == []


class Killed(BaseException):
    """What a kill looks like to code that cannot see it."""


def killed_between(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write NEW and die between the two renames, cleaning nothing up."""
    rename = os.rename

    def die_at_the_second(source: Path, target: Path) -> None:
        if Path(target) == place:
            raise Killed
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", die_at_the_second)
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            write(NEW, place)


@pytest.mark.usefixtures("no_exchange")
def test_the_next_run_repairs_what_died_between_the_renames(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(old)
    killed_between(old, monkeypatch)
    assert not old.exists()
    # A run that fails for another reason still brings the old back.
    vanished = {"x": File(content=Copied("/no/such/file"), mode=0o644)}
    with pytest.raises(WorldError):
        write(vanished, old)
    assert state(old) == before
    assert litter(old) == []


@pytest.mark.usefixtures("no_exchange")
def test_the_next_write_goes_on_from_there(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_between(old, monkeypatch)
    write(NEW, old)
    assert (old / "a.txt").read_text() == "new\n"
    assert litter(old) == []


@pytest.mark.usefixtures("no_exchange")
def test_a_second_rename_that_fails_is_taken_back(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(old)
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if Path(target) == old and "aside" not in str(source):
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(WorldError, match="Input/output"):
        write(NEW, old)
    assert state(old) == before
    assert litter(old) == []


@pytest.mark.usefixtures("no_exchange")
def test_an_aside_beside_a_whole_output_is_cleared(old: Path) -> None:
    (old.parent / ".out.mooring-aside").mkdir()
    write(NEW, old)
    assert litter(old) == []


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_which_answers_mean_that_there_is_no_exchange(
    old: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> int:
        import ctypes

        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(swap, "_renameat2", lambda: answer)
    write(NEW, old)
    assert (old / "a.txt").read_text() == "new\n"
    assert litter(old) == []


def test_a_library_without_the_call_means_the_same(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_renameat2", lambda: None)
    write(NEW, old)
    assert litter(old) == []


def test_an_exchange_that_fails_is_a_failure_of_the_world(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> int:
        import ctypes

        ctypes.set_errno(errno.EIO)
        return -1

    before = state(old)
    monkeypatch.setattr(swap, "_renameat2", lambda: answer)
    with pytest.raises(WorldError, match="Input/output error"):
        write(NEW, old)
    assert state(old) == before
    assert litter(old) == []


def test_the_exchange_is_one_step(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError("a rename where an exchange was possible")

    monkeypatch.setattr(os, "rename", never)
    write(NEW, old)
    assert (old / "a.txt").read_text() == "new\n"


# When the world fails.


def fails(files: FileSet, place: Path, match: str) -> None:
    before = state(place)
    with pytest.raises(WorldError, match=match):
        write(files, place)
    assert state(place) == before
    assert litter(place) == []


def test_an_input_that_vanished(old: Path) -> None:
    files = {**NEW, "z": File(content=Copied("/no/such/file"), mode=0o644)}
    fails(files, old, "/no/such/file")


def test_an_input_that_is_a_folder(old: Path, tmp_path: Path) -> None:
    fails({"z": File(content=Copied(str(tmp_path)), mode=0o644)}, old, "directory")


def test_an_interrupt_leaves_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(old)

    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(write_tree, "put_in_place", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(NEW, old)
    assert state(old) == before
    assert litter(old) == []


@pytest.mark.parametrize("call", ["open", "mkdir", "symlink", "chmod"])
def test_a_disk_that_is_full_at_any_call(
    old: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: Any = os if call in ("symlink", "chmod") else Path
    real = getattr(owner, call)

    def full(*args: object, **kwargs: object) -> object:
        if call == "open" and "xb" not in args:
            return real(*args, **kwargs)
        raise OSError(errno.ENOSPC, "No space left on device")

    before = state(old)
    with monkeypatch.context() as patched:
        patched.setattr(owner, call, full)
        with pytest.raises(WorldError, match="No space left"):
            write(NEW, old)
    assert state(old) == before
    assert litter(old) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; mounting one needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_really_is_full(small_disk: Path) -> None:
    place = small_disk / "out"
    write(OLD, place)
    large: Mapping[str, File] = {"large": File(content=Made(b"x" * 2**21), mode=0o644)}
    fails(large, place, "No space left")
    write(NEW, place)


def test_a_disk_that_cannot_be_written(small_disk: Path) -> None:
    place = small_disk / "out"
    write(OLD, place)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    fails(NEW, place, "Read-only file system")
    with pytest.raises(WorldError, match="Read-only"):
        write(NEW, small_disk / "new" / "out")


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorldError):
        write(NEW, tmp_path / "file" / "out")


def test_a_parent_that_may_not_be_written(old: Path) -> None:
    before = state(old)
    old.parent.chmod(0o555)
    try:
        with AsNobody(old.parent.parent), pytest.raises(WorldError, match="Permission denied"):
            write(NEW, old)
    finally:
        old.parent.chmod(0o755)
    assert state(old) == before
    assert litter(old) == []


class AsNobody:
    """Root's rights put aside, with the way to the folder opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            for above in (self.folder, *self.folder.parents):
                if above.stat().st_uid == 0 and "pytest" in str(above):
                    above.chmod(above.stat().st_mode | 0o055)
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)


# Reading what lies there.


def test_what_is_no_file_is_read_without_waiting(old: Path) -> None:
    (old / "a.txt").unlink()
    os.mkfifo(old / "a.txt")
    assert read_digests(old)["a.txt"].sha256 == ""
    assert read_bytes(old / "a.txt") == b""


def test_a_missing_folder_has_nothing(tmp_path: Path) -> None:
    assert read_digests(tmp_path / "none") == {}
    assert read_manifest(tmp_path / "none") is None
    assert read_bytes(tmp_path / "none") == b""


def test_modes_are_read_as_git_keeps_them(old: Path) -> None:
    (old / "a.txt").chmod(0o600)
    assert read_digests(old)["a.txt"].mode == 0o644
    (old / "a.txt").chmod(0o700)
    assert read_digests(old)["a.txt"].mode == 0o755


def test_a_link_is_read_as_its_target(old: Path) -> None:
    (old / "l").symlink_to("no/such/place")
    assert read_bytes(old / "l") == b"no/such/place"
    assert b"".join(stream_content(Linked("no/such/place"))) == b"no/such/place"
    assert read_digests(old)["l"].mode == 0o777
