"""Plain files out of the archive: exactly the blobs, nowhere but below the folder."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from compiler.runtime.baseline.archive import extract
from compiler.runtime.baseline.errors import BaselineError
from tests.git_oddities import FILES, make_odd_repository
from tests.runtime.baseline.archives import list_tree, write_archive
from tests.runtime.baseline.test_recreate import run_part


def test_files_are_the_blobs(tmp_path: Path) -> None:
    make_odd_repository(tmp_path / "source")
    archive = tmp_path / "baseline.tar"
    write_archive(list_tree(tmp_path / "source", "HEAD"), archive)
    into = tmp_path / "new/into"
    done = run_part("extract", "--archive", archive, "--into", into, umask=0o77)
    assert (done.returncode, done.stderr) == (0, "")
    for name, file in FILES.items():
        path = os.path.join(os.fsencode(into), name)
        if file.mode == "120000":
            assert os.readlink(path) == file.stored
        else:
            assert Path(os.fsdecode(path)).read_bytes() == file.stored
            assert os.stat(path).st_mode & 0o7777 == int(file.mode[-3:], 8)
    assert into.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "files",
    [
        {b"../up": ("100644", b"x")},
        {b"/etc/absolute": ("100644", b"x")},
        {b"a/../../up": ("100644", b"x")},
        {b"a//b": ("100644", b"x")},
        {b"link": ("120000", b"/tmp"), b"link/through": ("100644", b"x")},
        {b"a": ("100600", b"x")},
    ],
)
def test_what_no_tree_holds(tmp_path: Path, files: dict[bytes, tuple[str, bytes]]) -> None:
    write_archive(files, tmp_path / "a.tar")
    with pytest.raises(BaselineError):
        extract(tmp_path / "a.tar", tmp_path / "deep/into")
    assert not (tmp_path / "deep/up").exists()


def test_a_device_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("pipe")
        member.type = tarfile.FIFOTYPE
        tar.addfile(member)
    with pytest.raises(BaselineError, match="mode 644 and type"):
        extract(tmp_path / "a.tar", tmp_path / "into")


def test_the_same_name_twice(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
        tar.addfile(tarfile.TarInfo("a"))
    with pytest.raises(BaselineError, match="twice"):
        extract(tmp_path / "a.tar", tmp_path / "into")


def test_an_archive_cut_short(tmp_path: Path) -> None:
    write_archive({b"a": ("100644", b"x" * 5000)}, tmp_path / "a.tar")
    whole = (tmp_path / "a.tar").read_bytes()
    for length in (0, 100, 512, 2000):
        (tmp_path / "a.tar").write_bytes(whole[:length])
        with pytest.raises(BaselineError):
            extract(tmp_path / "a.tar", tmp_path / f"into{length}")


def test_a_folder_in_use(tmp_path: Path) -> None:
    write_archive({b"a": ("100644", b"x")}, tmp_path / "a.tar")
    (tmp_path / "into").mkdir()
    (tmp_path / "into/mine").write_text("x")
    done = run_part("extract", "--archive", tmp_path / "a.tar", "--into", tmp_path / "into")
    assert done.returncode == 3
    assert "not empty" in done.stderr
