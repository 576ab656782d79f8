"""The agent's repository: which commit, what is not committed, and the bundle that carries it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, NoReturn

from .errors import USAGE, WORLD, ClientError
from .text import shown


class Repository:
    """A work tree of the plan's repository: the one around the current folder, or its main one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, name: str) -> str:
        """The full id of the commit that a name stands for."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        done = _git(self._folder, *words)
        commit = done.stdout.decode("ascii", "replace").strip()
        if done.returncode == 0 and commit:
            return commit
        hint = "Commit something first." if name == "HEAD" else "`git log --oneline` lists commits."
        raise ClientError(USAGE, f"{shown(self._folder)} has no commit {shown(name)!r}", hint)

    def uncommitted(self) -> list[str]:
        """Names of files that differ from the last commit or are not in it; ignored ones aside."""
        fields = _git(self._folder, "status", "--porcelain=v1", "-z").stdout.split(b"\0")
        names = []
        entries = iter(fields)
        for entry in entries:
            if len(entry) > 3:
                names.append(shown(os.fsdecode(entry[3:]), 200))
            if entry[:1] in (b"R", b"C"):
                # The name it had before.
                next(entries, None)
        return names

    def has_commit(self, commit: str) -> bool:
        return _git(self._folder, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0

    def write_bundle(self, commit: str, baseline: str, file: IO[bytes]) -> None:
        """A git bundle of one commit with its history since the baseline; no ref is made for it."""
        known = baseline if self.has_commit(baseline) else None
        file.write(_bundle_header(commit, known))
        file.flush()
        wanted = f"{commit}\n" + (f"^{known}\n" if known else "")
        words = ("pack-objects", "--revs", "--thin", "--delta-base-offset", "--stdout", "-q")
        done = _git(self._folder, *words, text=wanted.encode(), stdout=file)
        if done.returncode != 0:
            raise ClientError(WORLD, f"git cannot pack the commit: {_why(done.stderr)}")


def _bundle_header(commit: str, baseline: str | None) -> bytes:
    version = (
        "# v2 git bundle\n" if len(commit) == 40 else "# v3 git bundle\n@object-format=sha256\n"
    )
    prerequisite = f"-{baseline} \n" if baseline else ""
    return f"{version}{prerequisite}{commit} refs/heads/candidate\n\n".encode("ascii")


def find_repository(expected: Path) -> Repository:
    """The repository to evaluate; standing in another one is an error: which HEAD is meant?"""
    ours = _common_folder(expected)
    if ours is None:
        _refuse(expected)
    try:
        here = Path.cwd()
    except OSError:
        return Repository(expected)
    theirs = _common_folder(here)
    if theirs is None:
        return Repository(expected)
    if theirs != ours:
        raise ClientError(
            USAGE,
            f"the current folder is in another repository, {shown(theirs)}",
            f"Commits of {expected} are evaluated: cd {expected}",
        )
    return Repository(here)


def _common_folder(folder: Path) -> Path | None:
    """Where a work tree's repository lies (one place for all of its work trees)."""
    if not folder.is_dir():
        return None
    done = _git(folder, "rev-parse", "--is-inside-work-tree", "--git-common-dir")
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 2 or lines[0] != b"true":
        return None
    return (folder / os.fsdecode(lines[1])).resolve()


def _refuse(expected: Path) -> NoReturn:
    if not expected.is_dir():
        raise ClientError(WORLD, f"there is no repository at {expected}")
    said = _git(expected, "rev-parse", "--git-common-dir").stderr
    raise ClientError(WORLD, f"git cannot use the repository {expected}: {_why(said)}")


def _git(
    folder: Path, *words: str, text: bytes = b"", stdout: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Git with the user's own configuration, on this folder whatever a hook's environment says."""
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            env=_environment(),
            input=text,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise ClientError(WORLD, f"git cannot be run in {folder}: {error}") from None


def _environment() -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")
    }
    return {**kept, "LC_ALL": "C", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0"}


def _why(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return shown(lines[0] if lines else "it gave no reason", 300)


def spool() -> IO[bytes]:
    """A file without a name, for a bundle."""
    return tempfile.TemporaryFile(prefix="mooring-")
