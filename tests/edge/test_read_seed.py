"""The agent's files: which they are, under which ids, whatever the repository and the machine."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of, message_of
from compiler.edge import git
from compiler.edge.archive import ArchiveWriter, open_spool
from compiler.edge.contents import stream_content
from compiler.edge.read_seed import read_seed
from compiler.edge.world import WorldError
from compiler.ir.build import Bare
from compiler.ir.git_objects import baseline_commit_id, hash_object
from compiler.ir.project import Baseline
from compiler.output.file_set import Archived
from tests.git_oddities import FILES, NEUTRAL, SUBDIRECTORY, make_odd_repository, run_git
from tests.projects import build_of


def seed(folder: Path, **changes: Any) -> tuple[Baseline | None, tuple[Diagnostic, ...]]:
    build = build_of({"agent_repo": "agent", **changes})
    assert not isinstance(build, Bare)
    return read_seed(build, folder, folder.parent)


def baseline_of(folder: Path, **changes: Any) -> Baseline:
    baseline, found = seed(folder, **changes)
    assert baseline is not None, found
    assert {d.severity for d in found} <= {"warning"}, found
    return baseline


def complaint(folder: Path, **changes: Any) -> Diagnostic:
    _, found = seed(folder, **changes)
    (only,) = found
    return only


def new_repository(folder: Path, *, object_format: str = "sha1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    branch = f"--object-format={object_format}"
    run_git(folder, "init", "--quiet", "--template=", branch, "--initial-branch=main")
    return folder


def commit(folder: Path, files: dict[str, str], message: str = "more") -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run_git(folder, "add", "--all", "--force")
    run_git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return run_git(folder, "rev-parse", "HEAD").decode().strip()


def tree_of(folder: Path, revision: str = "HEAD") -> str:
    return run_git(folder, "rev-parse", f"{revision}^{{tree}}").decode().strip()


def paths_of(baseline: Baseline) -> set[bytes]:
    return {entry.path for entry in baseline.entries}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "agent")
    commit(folder, {"solve.py": "one\n"}, "first")
    run_git(folder, "tag", "v1")
    run_git(folder, "tag", "--annotate", "--message=t", "v1-annotated")
    run_git(folder, "branch", "feature/one")
    commit(folder, {"solve.py": "two\n", "lib/a.py": "a\n"}, "second")
    return folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "agent"
    make_odd_repository(folder)
    return folder


# Commits.


def test_the_default_is_head(repository: Path) -> None:
    baseline = baseline_of(repository)
    assert baseline.tree == tree_of(repository)
    assert baseline.commit == baseline_commit_id(baseline.tree, "sha1")
    assert paths_of(baseline) == {b"solve.py", b"lib/a.py"}


@pytest.mark.parametrize(
    "ref",
    [
        "v1", "v1-annotated", "feature/one", "HEAD~1", "main~1", "HEAD^", ":/first",
        "HEAD^{/first}",
        "refs/tags/v1", "tags/v1", "heads/feature/one", "main@{0}~1",
    ],
)  # fmt: skip
def test_every_name_of_a_commit_will_do(repository: Path, ref: str) -> None:
    assert baseline_of(repository, agent_ref=ref).tree == tree_of(repository, "v1")


def test_a_sha_in_short_or_long_will_do(repository: Path) -> None:
    sha = run_git(repository, "rev-parse", "v1^{commit}").decode().strip()
    for ref in (sha, sha[:8]):
        assert baseline_of(repository, agent_ref=ref).tree == tree_of(repository, "v1")


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("feature/on", "`feature/one`"),
        ("v1-anotated", "`v1-annotated`"),
        ("mian", "`main`"),
        ("zzz", "name a commit"),
        ("0" * 40, "name a commit"),
        ("HEAD~99", "name a commit"),
        ("HEAD^{tree}", ""),
        ("HEAD:solve.py", ""),
        ("main..v1", ""),
        ("--all", ""),
        ("-h", ""),
        ("--git-dir=/", ""),
        ("^HEAD", ""),
        ("*", ""),
        ("a b", ""),
        ("$(id)", ""),
    ],
)
def test_a_ref_that_names_no_commit(repository: Path, ref: str, hint: str) -> None:
    found = complaint(repository, agent_ref=ref)
    assert found.code == "MOR302"
    assert found.span.line == 12
    assert hint in help_of(found)


def test_a_folder_of_a_repository(repository: Path) -> None:
    baseline = baseline_of(repository / "lib")
    assert baseline.tree == run_git(repository, "rev-parse", "HEAD:lib").decode().strip()
    assert paths_of(baseline) == {b"a.py"}


def test_a_folder_that_the_commit_has_not(repository: Path) -> None:
    found = complaint(repository / "lib", agent_ref="v1")
    assert found.code == "MOR302"
    assert "not in that commit" in help_of(found)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "agent")
    (folder / "a").write_text("a")
    assert complaint(folder).code == "MOR303"
    assert complaint(folder, agent_ref="main").code == "MOR302"
    assert paths_of(baseline_of(folder, agent_ref="WORKTREE")) == {b"a"}


def test_a_commit_without_files(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "agent")
    commit(folder, {})
    assert complaint(folder).code == "MOR306"


def test_a_detached_head(repository: Path) -> None:
    run_git(repository, "checkout", "--quiet", "--detach", "v1")
    assert baseline_of(repository).tree == tree_of(repository, "v1")


def test_a_linked_worktree(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "v1")
    baseline = baseline_of(tmp_path / "linked")
    assert baseline.tree == tree_of(repository, "v1")
    assert archived(baseline)[b"solve.py"] == b"one\n"


def test_a_shallow_clone(repository: Path, tmp_path: Path) -> None:
    url = f"file://{repository}"
    run_git(tmp_path, "clone", "--quiet", "--depth=1", "--template=", url, "clone")
    assert baseline_of(tmp_path / "clone").tree == tree_of(repository)


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "agent", object_format="sha256")
    commit(folder, {"a/b": "x\n", "a.b": "y\n"})
    for changes in ({}, {"agent_ref": "WORKTREE"}):
        baseline = baseline_of(folder, **changes)
        assert baseline.object_format == "sha256"
        assert baseline.tree == tree_of(folder)
        assert len(baseline.commit) == 64


def test_a_replaced_commit_counts_as_it_was(repository: Path) -> None:
    wanted = tree_of(repository)
    run_git(repository, "replace", "HEAD", "v1^{commit}")
    assert baseline_of(repository).tree == wanted


def test_a_submodule_is_refused(repository: Path, tmp_path: Path) -> None:
    other = new_repository(tmp_path / "other")
    commit(other, {"x": "x"})
    allow = ("-c", "protocol.file.allow=always")
    run_git(repository, *allow, "submodule", "--quiet", "add", str(other), "module")
    commit(repository, {})
    found = complaint(repository)
    assert found.code == "MOR304"
    assert "`module`" in message_of(found)
    assert complaint(repository, agent_ref="WORKTREE").code == "MOR304"


def test_a_bare_repository_can_be_read_by_ref(repository: Path, tmp_path: Path) -> None:
    url = str(repository)
    run_git(tmp_path, "clone", "--quiet", "--bare", "--template=", url, "bare.git")
    assert baseline_of(tmp_path / "bare.git", agent_ref="main").tree == tree_of(repository)
    assert baseline_of(tmp_path / "bare.git").tree == tree_of(repository)


def test_what_only_looks_like_a_repository_is_a_plain_folder_or_fails(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    (folder / ".git").mkdir(parents=True)
    (folder / "a").write_text("a")
    try:
        baseline = baseline_of(folder)
    except WorldError:
        return
    assert paths_of(baseline) == {b"a"}


def test_a_git_file_that_leads_nowhere_is_a_failure_of_the_world(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / ".git").write_text("gitdir: /no/such/place\n")
    with pytest.raises(WorldError):
        seed(folder)


def test_a_path_with_a_line_break_is_refused_or_read(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "a\nb" / "agent")
    commit(folder, {"x": "x"})
    with pytest.raises(WorldError, match="line break"):
        seed(folder)


def test_a_blob_that_is_gone_is_a_failure_of_the_world(repository: Path) -> None:
    baseline = baseline_of(repository)
    blob = baseline.entries[0].blob
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(WorldError, match=blob):
        archived(baseline)


def test_uncommitted_changes_are_said(repository: Path) -> None:
    assert seed(repository)[1] == ()
    (repository / "solve.py").write_text("three\n")
    (repository / "new.py").write_text("new\n")
    found = complaint(repository)
    assert (found.code, found.severity) == ("MOR307", "warning")
    assert "2 uncommitted" in message_of(found)
    assert seed(repository, agent_ref="main")[1] == ()


def test_changes_elsewhere_in_the_repository_are_not_said(repository: Path) -> None:
    (repository / "solve.py").write_text("three\n")
    assert seed(repository / "lib")[1] == ()


# The files as they lie.


def test_a_plain_folder(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.py").write_text("a\n")
    (folder / "sub" / "run").write_text("b\n")
    (folder / "sub" / "run").chmod(0o700)
    (folder / "link").symlink_to("sub/run")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "x.log").write_text("ignored\n")
    baseline = baseline_of(folder)
    assert {(e.path, e.mode) for e in baseline.entries} == {
        (b".gitignore", "100644"),
        (b"a.py", "100644"),
        (b"link", "120000"),
        (b"sub/run", "100755"),
    }
    assert baseline.object_format == "sha1"
    new_repository(folder)
    run_git(folder, "add", "--all")
    assert run_git(folder, "write-tree").decode().strip() == baseline.tree


def test_a_plain_folder_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "a").write_text("a")
    wanted = baseline_of(tmp_path / "agent").tree
    monkeypatch.chdir(tmp_path)
    assert baseline_of(Path("agent")).tree == wanted
    monkeypatch.chdir(tmp_path / "agent")
    assert baseline_of(Path()).tree == wanted


def test_a_plain_folder_has_no_refs(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "a").write_text("a")
    assert complaint(tmp_path / "agent", agent_ref="main").code == "MOR302"


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    assert complaint(tmp_path / "agent").code == "MOR306"


def test_tracked_ignored_untracked_and_deleted_files(repository: Path) -> None:
    commit(repository, {".gitignore": "*.log\n/out/\n", "kept.log": "tracked\n", "gone": "x\n"})
    (repository / "gone").unlink()
    (repository / "new.py").write_text("new\n")
    (repository / "x.log").write_text("ignored\n")
    (repository / "out").mkdir()
    (repository / "out" / "y").write_text("ignored\n")
    (repository / "lib" / ".gitignore").write_text("*\n!b.py\n")
    (repository / "lib" / "b.py").write_text("b\n")
    (repository / "lib" / "c.py").write_text("c\n")
    baseline = baseline_of(repository, agent_ref="WORKTREE")
    assert paths_of(baseline) == {
        b".gitignore", b"kept.log", b"solve.py", b"new.py", b"lib/a.py", b"lib/b.py",
    }  # fmt: skip
    assert seed(repository, agent_ref="WORKTREE")[1] == ()


def test_the_worktree_of_a_folder_of_a_repository(repository: Path) -> None:
    (repository / "lib" / "new").write_text("new\n")
    (repository / "outside").write_text("x\n")
    baseline = baseline_of(repository / "lib", agent_ref="WORKTREE")
    assert paths_of(baseline) == {b"a.py", b"new"}


def test_an_executable_bit_counts_as_git_counts_it(repository: Path) -> None:
    (repository / "solve.py").chmod(0o744)
    (repository / "lib" / "a.py").chmod(0o655)
    baseline = baseline_of(repository, agent_ref="WORKTREE")
    modes = {entry.path: entry.mode for entry in baseline.entries}
    assert modes == {b"solve.py": "100755", b"lib/a.py": "100644"}


@pytest.mark.parametrize("tracked", [True, False])
def test_a_repository_inside_is_refused(repository: Path, tracked: bool) -> None:
    inner = new_repository(repository / "inner")
    commit(inner, {"x": "x"})
    if tracked:
        run_git(repository, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    found = complaint(repository, agent_ref="WORKTREE")
    assert found.code == "MOR304"
    assert "inner" in message_of(found)


def test_a_special_file_is_refused(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    # Git does not list untracked special files: one in the place of a tracked file is what is left.
    (repository / "solve.py").unlink()
    os.mkfifo(repository / "solve.py")
    found = complaint(repository, agent_ref="WORKTREE")
    assert found.code == "MOR305"
    assert "`solve.py`" in message_of(found)


def test_a_folder_in_the_place_of_a_tracked_file(repository: Path) -> None:
    (repository / "solve.py").unlink()
    (repository / "solve.py").mkdir()
    (repository / "solve.py" / "inside").write_text("x\n")
    baseline, found = seed(repository, agent_ref="WORKTREE")
    if baseline is not None and not found:
        assert paths_of(baseline) == {b"solve.py/inside", b"lib/a.py"}


def test_a_file_in_the_place_of_a_tracked_folder(repository: Path) -> None:
    (repository / "lib" / "a.py").unlink()
    (repository / "lib").rmdir()
    (repository / "lib").write_text("now a file\n")
    baseline = baseline_of(repository, agent_ref="WORKTREE")
    assert paths_of(baseline) == {b"solve.py", b"lib"}


def test_a_link_in_the_place_of_a_tracked_folder_is_not_followed(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.py").write_text("from outside\n")
    (repository / "lib" / "a.py").unlink()
    (repository / "lib").rmdir()
    (repository / "lib").symlink_to(tmp_path / "secret")
    baseline = baseline_of(repository, agent_ref="WORKTREE")
    assert {(e.path, e.mode) for e in baseline.entries} == {
        (b"solve.py", "100644"),
        (b"lib", "120000"),
    }


def test_a_file_that_vanishes_or_changes_while_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "a").write_text("a")
    baseline = baseline_of(folder)
    (folder / "a").write_text("b")
    with pytest.raises(WorldError, match="changed while"):
        archived(baseline)
    (folder / "a").unlink()
    with pytest.raises(WorldError, match="cannot read"):
        archived(baseline)


# Odd names and contents.


def tar_of(baseline: Baseline) -> bytes:
    """The tar, as it would be written."""
    with open_spool(Path(gettempdir())) as spool:
        writer = ArchiveWriter(baseline=baseline, spool=spool)
        assert [entry for entry, _ in writer.read()] == list(baseline.entries)
        return b"".join(stream_content(Archived(writer.archive())))


def archived(baseline: Baseline) -> dict[bytes, bytes]:
    """What is in the tar, links as their targets."""
    data = tar_of(baseline)
    assert len(data) % 512 == 0
    with tarfile.open(fileobj=BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        files = {}
        for member in tar.getmembers():
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == 946684800
            name = member.name.encode("utf-8", "surrogateescape")
            if member.issym():
                files[name] = member.linkname.encode("utf-8", "surrogateescape")
                continue
            assert member.isreg()
            assert member.mode in (0o644, 0o755)
            stream = tar.extractfile(member)
            assert stream is not None
            files[name] = stream.read()
        return files


def test_the_odd_repository_is_read_as_git_stores_it(odd: Path) -> None:
    baseline = baseline_of(odd)
    assert baseline.tree == tree_of(odd)
    assert {e.path: e.mode for e in baseline.entries} == {p: f.mode for p, f in FILES.items()}
    assert archived(baseline) == {path: file.stored for path, file in FILES.items()}


def test_a_project_of_the_odd_repository(odd: Path) -> None:
    baseline = baseline_of(odd / SUBDIRECTORY)
    wanted = run_git(odd, "rev-parse", f"HEAD:{SUBDIRECTORY}").decode().strip()
    assert baseline.tree == wanted
    prefix = SUBDIRECTORY.encode() + b"/"
    assert archived(baseline) == {
        path.removeprefix(prefix): file.stored
        for path, file in FILES.items()
        if path.startswith(prefix)
    }


def test_the_odd_worktree_is_read_as_it_lies(odd: Path) -> None:
    baseline = baseline_of(odd, agent_ref="WORKTREE")
    lying = {p: f.stored if f.on_disk is None else f.on_disk for p, f in FILES.items()}
    assert archived(baseline) == lying
    assert {e.path: e.mode for e in baseline.entries} == {p: f.mode for p, f in FILES.items()}
    for entry in baseline.entries:
        assert entry.blob == hash_object("blob", lying[entry.path], "sha1")


def test_the_tar_lists_files_in_git_s_order(odd: Path) -> None:
    listed = run_git(odd, "ls-tree", "-r", "-z", "--name-only", "HEAD").split(b"\0")[:-1]
    assert [entry.path for entry in baseline_of(odd).entries] == listed


def test_gnu_tar_reads_the_archive(odd: Path, tmp_path: Path) -> None:
    data = tar_of(baseline_of(odd))
    subprocess.run(["tar", "-xf", "-"], input=data, cwd=tmp_path, check=True)
    for path, file in FILES.items():
        lies = os.path.join(os.fsencode(tmp_path), path)
        content = (
            os.readlink(lies) if file.mode == "120000" else Path(os.fsdecode(lies)).read_bytes()
        )
        assert content == file.stored
        if file.mode != "120000":
            assert os.access(lies, os.X_OK) == (file.mode == "100755")


# What must have no influence.

Hostile = Callable[[Path, pytest.MonkeyPatch], None]


def hostile_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "ignore").write_text("*\n")
    (home / ".config" / "git" / "attributes").write_text("* text eol=crlf\n* ident\n")
    (home / "ignore").write_text("*\n")
    (home / "attributes").write_text("* filter=evil\n")
    (home / ".gitconfig").write_text(
        "[core]\n autocrlf = true\n quotePath = true\n fsmonitor = /bin/false\n fileMode = false\n"
        f" excludesFile = {home}/ignore\n attributesFile = {home}/attributes\n symlinks = false\n"
        '[filter "evil"]\n clean = tr a-z A-Z\n smudge = tr a-z A-Z\n required = true\n'
        "[status]\n showUntrackedFiles = no\n short = true\n[init]\n defaultObjectFormat = sha256\n"
        "[alias]\n ls-tree = !false\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def hostile_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(parents=True)
    for name, value in {
        "GIT_DIR": "/no/such/place",
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(home / "index"),
        "GIT_OBJECT_DIRECTORY": str(home),
        "GIT_NAMESPACE": "x",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_TRACE": str(home / "trace"),
        "GIT_PREFIX": "sub/",
        "GIT_REPLACE_REF_BASE": "refs/heads/",
    }.items():
        monkeypatch.setenv(name, value)


def hostile_locale(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LANG", "LANGUAGE"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")


@pytest.mark.parametrize("hostile", [hostile_home, hostile_variables, hostile_locale])
@pytest.mark.parametrize("ref", ["HEAD", "WORKTREE"])
def test_the_user_s_configuration_has_no_influence(
    odd: Path, tmp_path: Path, ref: str, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, said = seed(odd, agent_ref=ref)
    assert wanted is not None
    contents = archived(wanted)
    hostile(tmp_path / "home", monkeypatch)
    found, said_now = seed(odd, agent_ref=ref)
    assert found == wanted
    assert said_now == said
    assert archived(found) == contents
    assert not (tmp_path / "home" / "trace").exists()


@pytest.mark.parametrize("hostile", [hostile_home, hostile_variables])
def test_a_plain_folder_is_read_the_same(
    tmp_path: Path, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "crlf.txt").write_bytes(b"one\r\ntwo\n$Id$\n")
    wanted = baseline_of(folder)
    hostile(tmp_path / "home", monkeypatch)
    assert baseline_of(folder) == wanted
    assert archived(wanted) == {b"crlf.txt": b"one\r\ntwo\n$Id$\n"}


def test_untracked_files_are_said_whatever_the_user_ignores(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile_home(tmp_path / "home", monkeypatch)
    (repository / "new.py").write_text("new\n")
    assert complaint(repository).code == "MOR307"


def test_the_repository_s_own_settings_change_no_content(repository: Path) -> None:
    wanted = baseline_of(repository, agent_ref="WORKTREE")
    run_git(repository, "config", "core.autocrlf", "true")
    run_git(repository, "config", "core.fileMode", "false")
    run_git(repository, "config", "core.quotePath", "true")
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "exclude").write_text("*\n")
    (repository / ".git" / "info" / "attributes").write_text("* text eol=crlf\n")
    assert baseline_of(repository, agent_ref="WORKTREE") == wanted
    assert baseline_of(repository).tree == tree_of(repository)


def test_nothing_of_the_repository_runs(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).symlink_to(program)
    commit(repository, {".gitattributes": "*.py filter=evil diff=evil\n"})
    for key in (
        "core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv",
        "diff.external", "core.pager", "core.sshCommand", "uploadpack.packObjectsHook",
    ):  # fmt: skip
        run_git(repository, "config", key, str(program))
    mark.unlink(missing_ok=True)
    (repository / "solve.py").write_text("changed since\n")
    for ref in ("HEAD", "WORKTREE"):
        seed(repository, agent_ref=ref)
    assert not mark.exists()


def test_reading_changes_nothing(repository: Path) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in repository.rglob("*")
            if path.is_file()
        }

    os.utime(repository / "solve.py", (1, 1))
    before = state()
    seed(repository)
    seed(repository, agent_ref="WORKTREE")
    assert state() == before


# Without git, and with a git that fails.


def test_without_git_the_world_has_failed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.git_program.cache_clear()
    monkeypatch.setenv("PATH", "/no/such/place")
    with pytest.raises(WorldError, match="git is not installed"):
        seed(repository)
    git.git_program.cache_clear()


@pytest.mark.parametrize("fails_at", ["rev-parse", "ls-tree", "status", "cat-file", "ls-files"])
def test_a_git_that_fails_half_way(
    repository: Path, tmp_path: Path, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = git.git_program()
    fake = tmp_path / "git"
    fake.write_text(
        f'#!/bin/sh\ncase " $* " in *" {fails_at} "*) echo "fatal: broken" >&2; exit 128;; esac\n'
        f'exec {real} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(git, "git_program", lambda: str(fake))
    ref = "WORKTREE" if fails_at == "ls-files" else "HEAD"
    with pytest.raises(WorldError, match="broken"):
        archived(baseline_of(repository, agent_ref=ref))


def test_a_folder_that_git_cannot_read_is_a_failure_of_the_world(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    # What git says when a folder is not ours to read; it lists the rest, and ends with 0.
    warning = "warning: could not open directory 'private/': Permission denied"
    fake.write_text(
        f'#!/bin/sh\ncase " $* " in *" ls-files "*) echo "{warning}" >&2;; esac\n'
        f'exec {git.git_program()} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(git, "git_program", lambda: str(fake))
    with pytest.raises(WorldError, match="could not open directory 'private/'"):
        baseline_of(repository, agent_ref="WORKTREE")


def test_the_neutral_environment_of_the_tests_is_not_ours() -> None:
    assert "GIT_AUTHOR_DATE" in NEUTRAL
    assert "GIT_AUTHOR_DATE" not in os.environ
