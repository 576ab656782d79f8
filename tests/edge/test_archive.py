"""The baseline's tar: what tarfile and git read back, whether it is kept or only measured."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.edge import archive, git
from compiler.edge.archive import ArchiveWriter, open_spool
from compiler.edge.contents import digest_content, stream_content
from compiler.edge.tar_member import render_member
from compiler.edge.world import WorldError
from compiler.ir.git_objects import EXECUTABLE, FILE, LINK, SUBMODULE, hash_object
from compiler.ir.project import Archive, Baseline, TreeEntry
from compiler.output.file_set import Archived

SEGMENTS = st.binary(min_size=1, max_size=120).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(b"/".join)
MODES = st.sampled_from([FILE, EXECUTABLE, LINK])
CONTENTS = st.binary(max_size=1200)
FILES = st.dictionaries(PATHS, st.tuples(MODES, CONTENTS), max_size=6)

type Files = dict[bytes, tuple[str, bytes]]


def baseline_of(files: Files) -> Baseline:
    entries = tuple(
        TreeEntry(
            mode=mode, blob=hash_object("blob", content, "sha1"), path=path, source=b"/" + path
        )
        for path, (mode, content) in files.items()
    )
    return Baseline(
        object_format="sha1", tree="", commit="", entries=entries, folder="", git_dir=None
    )


def written(
    files: Files, monkeypatch: pytest.MonkeyPatch, folder: Path, *, keep: bool
) -> tuple[Archive, bytes]:
    """The archive, and its bytes where it is kept."""

    def content_of(entry: TreeEntry, source: bytes, object_format: str) -> bytes:
        return files[entry.path][1]

    with monkeypatch.context() as patch, open_spool(folder) as spool:
        patch.setattr(archive, "_read_source", content_of)
        writer = ArchiveWriter(baseline=baseline_of(files), spool=spool if keep else None)
        seen = [(entry.path, content) for entry, content in writer.read()]
        assert seen == [(path, content) for path, (_, content) in files.items()]
        made = writer.archive()
        return made, b"".join(stream_content(Archived(made))) if keep else b""


def read_back(data: bytes) -> Files:
    kinds = {0o644: FILE, 0o755: EXECUTABLE}
    files: Files = {}
    with tarfile.open(fileobj=BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar.getmembers():
            assert (member.mtime, member.uid, member.gid) == (946684800, 0, 0)
            path = os.fsencode(member.name)
            if member.issym():
                files[path] = (LINK, os.fsencode(member.linkname))
            else:
                assert member.isreg()
                stream = tar.extractfile(member)
                assert stream is not None
                files[path] = (kinds[member.mode], stream.read())
    return files


def targets_as_tar_has_them(files: Files) -> Files:
    """A link's target ends at a NUL byte, which no file system lets into one."""
    return {
        path: (mode, content.split(b"\0")[0] if mode == LINK else content)
        for path, (mode, content) in files.items()
    }


@settings(deadline=None, max_examples=150)
@given(FILES)
def test_what_tarfile_reads_back(tmp_path_factory: pytest.TempPathFactory, files: Files) -> None:
    files = targets_as_tar_has_them(files)
    with pytest.MonkeyPatch.context() as monkeypatch:
        made, data = written(files, monkeypatch, tmp_path_factory.getbasetemp(), keep=True)
        assert read_back(data) == files
        assert len(data) % 512 == 0
        assert data.endswith(b"\0" * 1024)
        assert (made.size, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert digest_content(Archived(made)) == made.sha256
        # Measured alone it is the same tar.
        measured, _ = written(files, monkeypatch, tmp_path_factory.getbasetemp(), keep=False)
        assert measured == Archive(sha256=made.sha256, size=made.size, file=None)


def test_a_tar_that_was_not_kept_has_no_bytes() -> None:
    with pytest.raises(AssertionError, match="not kept"):
        list(stream_content(Archived(Archive(sha256="", size=1, file=None))))


def test_it_can_be_read_more_than_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_spool(tmp_path) as spool:
        monkeypatch.setattr(archive, "_read_source", lambda *_: b"x" * 3_000_000)
        writer = ArchiveWriter(baseline=baseline_of({b"a": (FILE, b"")}), spool=spool)
        assert len(list(writer.read())) == 1
        content = Archived(writer.archive())
        first = b"".join(stream_content(content))
        assert len(first) == writer.archive().size > 3_000_000
        assert b"".join(stream_content(content)) == first


def test_an_empty_baseline_is_an_empty_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, data = written({}, monkeypatch, tmp_path, keep=True)
    assert data == b"\0" * 1024


def test_a_submodule_is_left_out(tmp_path: Path) -> None:
    entry = TreeEntry(mode=SUBMODULE, blob="0" * 40, path=b"m")
    baseline = Baseline(
        object_format="sha1", tree="", commit="", entries=(entry,), folder="", git_dir=None
    )
    assert list(ArchiveWriter(baseline=baseline, spool=None).read()) == []


# The file that keeps it.


def test_a_spool_has_no_name(tmp_path: Path) -> None:
    with open_spool(tmp_path) as spool:
        spool.write(b"x")
        spool.flush()
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_spool_lies_on_the_disk_of_what_will_be_there(tmp_path: Path) -> None:
    with open_spool(tmp_path / "not" / "yet" / "there") as spool:
        assert os.fstat(spool.fileno()).st_dev == tmp_path.stat().st_dev
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_the_world_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    def refuse_nameless(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse_nameless)
    monkeypatch.setattr(archive, "TemporaryFile", refuse)
    with pytest.raises(WorldError, match=r"cannot write in .*: Read-only file system"):
        open_spool(tmp_path)


def test_a_spool_gets_a_name(tmp_path: Path) -> None:
    with open_spool(tmp_path) as spool:
        spool.write(b"content")
        spool.flush()
        made = Archive(sha256="", size=7, file=spool.fileno())
        assert archive.give_name(made, tmp_path / "named")
        assert (tmp_path / "named").read_bytes() == b"content"


@pytest.mark.parametrize("what", ["former", "measured", "unlinked"])
def test_other_files_get_none(tmp_path: Path, what: str) -> None:
    (tmp_path / "old").write_bytes(b"content")
    with (tmp_path / "old").open("rb") as old, TemporaryFile(dir=tmp_path) as unlinked:
        file = {"former": old.fileno(), "measured": None, "unlinked": unlinked.fileno()}[what]
        made = Archive(sha256="", size=7, file=file, nameless=what != "former")
        assert not archive.give_name(made, tmp_path / "named")
    assert not (tmp_path / "named").exists()


# What an earlier run wrote.

FORMER: Files = {
    b"a": (FILE, b"first"),
    b"b/link": (LINK, b"../a"),
    b"b/run": (EXECUTABLE, b"x" * 1000),
    b"c": (FILE, b""),
}


class Rewriting:
    """The tar of ``files`` where a former one lies, with a count of what was read anew."""

    def __init__(self, folder: Path, files: Files, former: bytes, *, plain: bool = False) -> None:
        (folder / "former.tar").write_bytes(former)
        baseline = baseline_of(files)
        if not plain:
            entries = tuple(replace(entry, source=None) for entry in baseline.entries)
            baseline = replace(baseline, entries=entries, git_dir="somewhere")
        self.anew: list[str] = []
        contents = {entry.blob: files[entry.path][1] for entry in baseline.entries}

        def read_blobs(_: str, blobs: Sequence[str]) -> Iterator[bytes]:
            self.anew.extend(blobs)
            return iter([contents[blob] for blob in blobs])

        with (
            pytest.MonkeyPatch.context() as patch,
            open_spool(folder) as spool,
            (folder / "former.tar").open("rb") as old,
        ):
            patch.setattr(git, "read_blobs", read_blobs)
            patch.setattr(archive, "_read_source", lambda entry, *_: files[entry.path][1])
            writer = ArchiveWriter(baseline=baseline, spool=spool, former=old)
            self.seen = {entry.path: content for entry, content in writer.read()}
            self.made = writer.archive()
            self.kept = spool.tell()
            self.content = b"".join(stream_content(Archived(self.made)))


def tar_of(files: Files) -> bytes:
    members = zip(baseline_of(files).entries, files.values(), strict=True)
    return b"".join(render_member(e, content) for e, (_, content) in members) + b"\0" * 1024


@pytest.mark.parametrize("plain", [True, False])
def test_a_former_tar_that_is_right_is_the_tar(tmp_path: Path, plain: bool) -> None:
    again = Rewriting(tmp_path, FORMER, tar_of(FORMER), plain=plain)
    assert (again.anew, again.kept, again.made.nameless) == ([], 0, False)
    assert again.content == tar_of(FORMER)
    assert again.made.sha256 == hashlib.sha256(again.content).hexdigest()
    assert again.seen == {path: content for path, (_, content) in FORMER.items()}


CHANGED: dict[str, Files] = {
    "first": {**FORMER, b"a": (FILE, b"other")},
    "longer": {**FORMER, b"b/run": (EXECUTABLE, b"y" * 2000)},
    "mode": {**FORMER, b"c": (EXECUTABLE, b"")},
    "target": {**FORMER, b"b/link": (LINK, b"run")},
    "one more": {**FORMER, b"d": (FILE, b"more")},
    "one less": {path: file for path, file in FORMER.items() if path != b"c"},
    "none": {},
}


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("files", CHANGED.values(), ids=CHANGED)
def test_of_another_former_tar_nothing_stays_but_what_is_right(
    tmp_path: Path, files: Files, plain: bool
) -> None:
    again = Rewriting(tmp_path, files, tar_of(FORMER), plain=plain)
    assert again.content == tar_of(files)
    assert again.made.nameless
    assert again.made.sha256 == hashlib.sha256(again.content).hexdigest()


def test_only_what_follows_a_change_is_read_anew(tmp_path: Path) -> None:
    again = Rewriting(tmp_path, CHANGED["mode"], tar_of(FORMER))
    assert again.anew == [hash_object("blob", b"", "sha1")]


@pytest.mark.parametrize("at", [0, 300, 520, 700, 2000, -1500, -1100, -1000, -1])
def test_no_byte_of_a_former_tar_may_differ(tmp_path: Path, at: int) -> None:
    former = bytearray(tar_of(FORMER))
    former[at] ^= 1
    again = Rewriting(tmp_path, FORMER, bytes(former))
    assert again.made.nameless
    assert again.content == tar_of(FORMER)


@pytest.mark.parametrize("former", [b"", b"\0" * 1024, tar_of(FORMER) + b"\0", b"no tar" * 999])
def test_a_former_tar_that_is_none(tmp_path: Path, former: bytes) -> None:
    again = Rewriting(tmp_path, FORMER, former)
    assert again.made.nameless
    assert again.content == tar_of(FORMER)


def test_a_plain_file_that_shares_an_id_with_another_content_is_not_taken(tmp_path: Path) -> None:
    # As with two contents of one SHA-1: the id alone would not tell them apart.
    files: Files = {b"a": (FILE, b"mine!")}
    baseline = baseline_of({b"a": (FILE, b"other")})
    former = tar_of({b"a": (FILE, b"other")})
    (tmp_path / "former.tar").write_bytes(former)
    with (
        pytest.MonkeyPatch.context() as patch,
        open_spool(tmp_path) as spool,
        (tmp_path / "former.tar").open("rb") as old,
    ):
        patch.setattr(archive, "_read_source", lambda entry, *_: files[entry.path][1])
        writer = ArchiveWriter(baseline=baseline, spool=spool, former=old)
        assert [content for _, content in writer.read()] == [b"mine!"]
        assert writer.archive().nameless
