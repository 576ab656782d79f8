"""Recreating the baseline commit with `git fast-import`, whole or not at all.

The repository is made beside its place and renamed into it as the last step, so that a run that was
killed leaves nothing that looks finished; the next run clears what it left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from .archive import Entry, read_entries
from .errors import BaselineError
from .git import last_line, neutral_environment, run_git
from .plan import Baseline

# Who commits in the workbench when the agent says nothing else.
USER = {"user.name": "Agent", "user.email": "agent@localhost"}
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")


def recreate(
    archive: Path, baseline: Baseline, into: Path, *, bare: bool, branch: str = "main"
) -> bool:
    """Make the repository with the baseline as its only commit, checked out unless bare.

    `into` is missing or empty, or already holds the baseline, which is then left as it is. Answers
    whether anything was made. The ids of commit and tree are compared with the plan's before the
    repository appears; whatever does not fit is a BaselineError.
    """
    git_dir = into if bare else into / ".git"
    partial = into.with_name(into.name + ".partial") if bare else into / ".git.partial"
    try:
        if (git_dir / "HEAD").exists():
            check_existing(git_dir, baseline, branch if bare else None)
            return False
        if not _clear(partial):
            _check_place(into)
        _build(archive, baseline, partial, bare, branch)
        if not bare:
            _check_out(partial, into)
        os.rename(partial, git_dir)
    except OSError as error:
        raise BaselineError(f"cannot make the repository {into}: {error}") from error
    return True


def check_existing(git_dir: Path, baseline: Baseline, branch: str | None) -> None:
    """Compare a repository with the baseline: the commit is there, at the branch if one is named.

    Another user's repository is not looked into: its configuration could run programs of theirs.
    """
    if git_dir.lstat().st_uid != os.geteuid():
        raise BaselineError(f"{git_dir} belongs to another user")
    name = f"refs/heads/{branch}" if branch else baseline.commit
    try:
        _check_ids(git_dir, name, baseline)
    except BaselineError as error:
        raise BaselineError(f"{git_dir} exists, but does not hold the baseline: {error}") from error


def _clear(partial: Path) -> bool:
    """Whether a run was interrupted here; what it had checked out is checked out again over it."""
    if not partial.exists():
        return False
    shutil.rmtree(partial)
    return True


def _check_place(into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    if into.exists() and any(into.iterdir()):
        raise BaselineError(f"{into} is not empty and holds no repository")


def _build(archive: Path, baseline: Baseline, git_dir: Path, bare: bool, branch: str) -> None:
    """The repository without a work tree, verified; on failure nothing of it remains."""
    init = ["init", "--quiet", "--template="]
    if baseline.object_format != "sha1":
        init.append(f"--object-format={baseline.object_format}")
    git_dir.mkdir(parents=True)
    try:
        run_git(git_dir, *init)
        run_git(git_dir, "config", "core.bare", "true" if bare else "false")
        run_git(git_dir, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
        _import(archive, baseline, git_dir, branch)
        _check_ids(git_dir, f"refs/heads/{branch}", baseline)
    except BaseException:
        shutil.rmtree(git_dir, ignore_errors=True)
        raise


def _check_out(git_dir: Path, tree: Path) -> None:
    for key, value in USER.items():
        run_git(git_dir, "config", key, value)
    run_git(
        git_dir,
        "-c",
        "core.logAllRefUpdates=false",
        f"--work-tree={tree}",
        "reset",
        "--hard",
        "--quiet",
    )


def _check_ids(git_dir: Path, name: str, baseline: Baseline) -> None:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    for what, expected in (("commit", baseline.commit), ("tree", baseline.tree)):
        found = run_git(git_dir, *words, f"{name}^{{{what}}}")
        if found != expected:
            raise BaselineError(f"the {what} is {found}, but the plan says {expected}")


def _import(archive: Path, baseline: Baseline, git_dir: Path, branch: str) -> None:
    """Feed one fast-import process; its own complaint goes before a broken pipe."""
    argv = ["git", "fast-import", "--quiet", "--done", "--date-format=raw"]
    environment = neutral_environment(git_dir)
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr
        )
        try:
            _feed(process, archive, baseline, branch)
        except BrokenPipeError:
            pass
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.wait() != 0:
            stderr.seek(0)
            raise BaselineError(f"git fast-import failed: {last_line(stderr.read())}")


def _feed(process: subprocess.Popen[bytes], archive: Path, baseline: Baseline, branch: str) -> None:
    assert process.stdin is not None
    with process.stdin as stream:
        stream.write(_commit(baseline, branch))
        for entry in read_entries(archive):
            _write_entry(stream, entry)
        stream.write(b"done\n")


def _commit(baseline: Baseline, branch: str) -> bytes:
    who = f"{baseline.author} <{baseline.email}> {baseline.time} +0000"
    message = baseline.message.encode()
    head = f"commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n"
    return head.encode() + message + b"\n"


def _write_entry(stream: IO[bytes], entry: Entry) -> None:
    head = f"M {entry.mode} inline {quoted(entry.name)}\ndata {entry.size}\n"
    stream.write(head.encode())
    for chunk in entry.chunks():
        stream.write(chunk)
    stream.write(b"\n")


def quoted(name: bytes) -> str:
    """A path as fast-import reads it: in quotes, everything unusual as an octal escape."""
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in name) + '"'
