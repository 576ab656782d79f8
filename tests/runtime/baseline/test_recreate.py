"""The recreated commit and tree have the ids that real git gives, and nothing half-made remains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime import baseline
from compiler.runtime.baseline.plan import PlanError, decode_baseline
from compiler.runtime.baseline.recreate import quoted, recreate
from tests.git_oddities import FILES, SUBDIRECTORY, make_odd_repository, run_git
from tests.runtime.baseline.archives import (
    Source,
    list_tree,
    make_repository,
    make_source,
    write_archive,
)

PART = Path(baseline.__file__).parent


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "source"
    make_odd_repository(folder)
    return folder


def run_part(
    *words: str | Path, python: str = sys.executable, umask: int = 0o22
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-I", "-S", PART, *words],
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
        env={"PATH": os.environ["PATH"], "GIT_DIR": "/nowhere", "GIT_AUTHOR_DATE": "never"},
    )


def recreate_by_command(
    source: Source,
    into: Path,
    *words: str,
    python: str = sys.executable,
    umask: int = 0o22,
    changes: Mapping[str, object] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`changes` are made to the plan."""
    own = (
        "--archive",
        source.archive,
        "--plan",
        source.write_plan(**(changes or {})),
        "--into",
        into,
    )
    return run_part("recreate", *own, *words, python=python, umask=umask)


def find_pythons() -> list[str]:
    """Whatever this machine has from 3.9 on, which images may have as well."""
    names = [shutil.which(f"python3.{minor}") for minor in range(9, 15)]
    found = [name for name in names if name and subprocess.call([name, "-Sc", ""], stderr=-3) == 0]
    return found or [sys.executable]


@pytest.mark.parametrize("name", ["HEAD", f"HEAD:{SUBDIRECTORY}"])
@pytest.mark.parametrize("bare", [True, False])
def test_ids_are_real_gits(odd: Path, tmp_path: Path, name: str, bare: bool) -> None:
    source = make_source(odd, name, tmp_path / "baseline.tar")
    into = tmp_path / "into"
    done = recreate_by_command(source, into, *(["--bare"] if bare else []))
    assert (done.returncode, done.stderr) == (0, "")
    assert run_git(into, "rev-parse", "main", "main^{tree}").decode().split() == [
        source.commit,
        source.tree,
    ]
    assert list_tree(into, "main") == list_tree(odd, name)
    assert run_git(into, "fsck", "--strict").decode() == ""


def test_a_checkout_is_that_of_any_clone(odd: Path, tmp_path: Path) -> None:
    source = make_source(odd, "HEAD", tmp_path / "baseline.tar")
    into = tmp_path / "into"
    assert recreate_by_command(source, into).returncode == 0
    for name, file in FILES.items():
        path = os.path.join(os.fsencode(into), name)
        if file.mode == "120000":
            assert os.readlink(path) == file.stored
        elif not name.endswith(b"ident.txt"):
            assert Path(os.fsdecode(path)).read_bytes() == (file.on_disk or file.stored)
            assert os.stat(path).st_mode & 0o777 == int(file.mode[-3:], 8)
    assert b"$Id: " in (into / "export/ident.txt").read_bytes()
    # What the attributes want otherwise than it is stored is a change in any clone.
    assert run_git(into, "status", "--porcelain") == b" M crlf/stored.txt\n"


def test_an_agent_can_commit_and_has_no_remote(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    into = tmp_path / "into"
    assert (
        recreate_by_command(
            make_source(repository, "HEAD", tmp_path / "baseline.tar"), into
        ).returncode
        == 0
    )
    (into / "a").write_bytes(b"2\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(["git", "commit", "-qam", "x"], cwd=into, env=environment, check=True)
    assert run_git(into, "rev-parse", "--abbrev-ref", "HEAD") == b"main\n"
    assert run_git(into, "remote") == b""
    assert run_git(into, "status", "--porcelain") == b""


def test_no_umask_changes_a_mode(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"folder/a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    words = (
        "--archive",
        source.archive,
        "--plan",
        source.write_plan(),
        "--into",
        tmp_path / "into",
    )
    assert run_part("recreate", *words, umask=0o77).returncode == 0
    assert (tmp_path / "into/folder/a").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "into/folder").stat().st_mode & 0o777 == 0o755


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 40
    repository = make_repository(tmp_path / "source", {"large": content, "empty": b""})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    assert recreate_by_command(source, tmp_path / "into").returncode == 0
    assert (tmp_path / "into/large").read_bytes() == content


@pytest.mark.parametrize("bare", [True, False])
def test_an_empty_tree(tmp_path: Path, bare: bool) -> None:
    repository = make_repository(tmp_path / "source", {})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    into = tmp_path / "into"
    assert recreate_by_command(source, into, *(["--bare"] if bare else [])).returncode == 0
    assert run_git(into, "rev-parse", "HEAD").decode().strip() == source.commit


def test_sha256(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a/b": b"1\n"}, "sha256")
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    assert source.plan["object_format"] == "sha256"
    assert recreate_by_command(source, tmp_path / "into").returncode == 0
    assert run_git(tmp_path / "into", "rev-parse", "HEAD").decode().strip() == source.commit


@pytest.mark.parametrize("python", find_pythons())
def test_other_pythons(odd: Path, tmp_path: Path, python: str) -> None:
    source = make_source(odd, "HEAD", tmp_path / "baseline.tar")
    done = recreate_by_command(source, tmp_path / "into", python=python)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("key", ["commit", "tree"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_wrong_id_is_refused_and_leaves_nothing(tmp_path: Path, key: str, bare: bool) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    into = tmp_path / "into"
    words = ["--bare"] if bare else []
    done = recreate_by_command(source, into, *words, changes={key: "0" * 40})
    assert done.returncode == 3
    assert f"the {key} is {source.plan[key]}, but the plan says {'0' * 40}" in done.stderr
    assert not into.exists() or not any(into.iterdir())
    assert not into.with_name("into.partial").exists()


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    write_archive({b"a": ("100644", b"2\n")}, source.archive)
    assert recreate_by_command(source, tmp_path / "into").returncode == 3


@pytest.mark.parametrize("bare", [True, False])
def test_twice_is_once(tmp_path: Path, bare: bool) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    baseline = decode_baseline(source.plan)
    into = tmp_path / "into"
    assert recreate(source.archive, baseline, into, bare=bare)
    if not bare:
        (into / "a").write_bytes(b"2\n")
        run_git(into, "commit", "-qam", "later")
    assert not recreate(source.archive, baseline, into, bare=bare)
    if not bare:
        assert (into / "a").read_bytes() == b"2\n"


@pytest.mark.parametrize("bare", [True, False])
def test_an_interrupted_run_is_begun_anew(tmp_path: Path, bare: bool) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    into = tmp_path / "into"
    partial = tmp_path / "into.partial" if bare else into / ".git.partial"
    partial.mkdir(parents=True)
    (partial / "HEAD").write_text("ref: refs/heads/main\n")
    if not bare:
        (into / "a").write_bytes(b"half")
    assert recreate(source.archive, decode_baseline(source.plan), into, bare=bare)
    assert run_git(into, "rev-parse", "HEAD").decode().strip() == source.commit
    assert not partial.exists()
    assert bare or (into / "a").read_bytes() == b"1\n"


def test_another_repository_is_left_alone(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    other = make_repository(tmp_path / "into", {"b": b"2\n"})
    done = recreate_by_command(source, other)
    assert done.returncode == 3
    assert "does not hold the baseline" in done.stderr
    assert (other / "b").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    (tmp_path / "into").mkdir()
    (tmp_path / "into/mine").write_text("x")
    done = recreate_by_command(source, tmp_path / "into")
    assert (done.returncode, done.stdout) == (3, "")
    assert "not empty" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has others' repositories before it")
def test_nobody_elses_repository_is_looked_into(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    into = tmp_path / "into"
    assert recreate_by_command(source, into).returncode == 0
    os.chown(into / ".git", 54321, 54321)
    done = recreate_by_command(source, into)
    assert done.returncode == 3
    assert "belongs to another user" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"commit": "HEAD"},
        {"tree": "0" * 64},
        {"object_format": "md5"},
        {"time": -1},
        {"time": "now"},
        {"author": "a\ncommitter b"},
        {"email": "<"},
        {"message": None},
    ],
)
def test_a_plan_that_cannot_be_meant(tmp_path: Path, change: dict[str, object]) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    with pytest.raises(PlanError):
        decode_baseline({**source.plan, **change})
    done = recreate_by_command(source, tmp_path / "into", changes=change)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [(), ("recreate",), ("recreate", "--branch=-x"), ("extract", "--into", "x"), ("melt",)]
)
def test_usage_errors(words: tuple[str, ...]) -> None:
    done = run_part(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_archive_that_is_missing(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", {"a": b"1\n"})
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    source.archive.unlink()
    done = recreate_by_command(source, tmp_path / "into")
    assert done.returncode == 3
    assert "No such file" in done.stderr


@given(st.binary(min_size=1))
def test_every_name_can_be_quoted(name: bytes) -> None:
    text = quoted(name)
    assert text.isascii()
    assert text.isprintable()
    inner = text[1:-1]
    assert '"' not in inner
    assert inner.encode().decode("unicode_escape").encode("latin-1") == name
