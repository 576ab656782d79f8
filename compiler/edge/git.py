"""Reading a user's repository with git's plumbing, without the configuration around it.

Plumbing by subprocess and not GitPython: its porcelain follows the configuration that must not
count here, and importing it takes longer than a whole compilation.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from compiler.edge.world import WorldError

# Nothing of the machine may change what is read, and nothing of the repository may run.
_NEUTRAL = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_OPTIONS = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.quotePath=false",
    # Without these git looks below HOME, whatever GIT_CONFIG_GLOBAL says.
    "-c",
    f"core.excludesFile={os.devnull}",
    "-c",
    f"core.attributesFile={os.devnull}",
)


# So that git and its reader seldom wait for each other.
_PIPE_BYTES = 1024 * 1024
_OID = re.compile(r"[0-9a-f]{40,64}\Z")
# What runs a program of the repository's when git compares a file with the index.
_FILTERS = r"^filter\..*\.(clean|process|required)$"


_UNREAD = b"could not open directory"


class GitFailed(WorldError):
    """A git command ended with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository seen from a folder in it; ``prefix`` is that folder inside it ("" or "a/b/")."""

    folder: Path
    git_dir: str
    prefix: bytes
    object_format: str
    has_worktree: bool
    trusted: tuple[str, ...] = ()


def find_repository(folder: Path) -> Repository | None:
    """The repository that ``folder`` lies in; None when it lies in none.

    Raises WorldError when git is missing, or refuses the repository for its owner.
    """
    trusted: tuple[str, ...] = ()
    found = _probe(folder, trusted)
    if b"dubious ownership" in found.stderr:
        trusted = _trusted_folders()
        found = _probe(folder, trusted)
    if found.returncode:
        text = found.stderr.decode(errors="replace").strip()
        # A .git that leads nowhere is "not a git repository: PATH": broken, and no plain folder.
        if "not a git repository (or any" in text:
            return None
        raise GitFailed(f"git cannot read the repository of {folder}: {text.splitlines()[0]}")
    if found.stdout.count(b"\n") != 4:
        raise GitFailed(f"git cannot tell the repository of {folder}: a line break is in its path")
    git_dir, object_format, worktree, prefix, _ = found.stdout.split(b"\n")
    return Repository(
        folder=folder,
        git_dir=os.fsdecode(git_dir),
        prefix=prefix,
        object_format=object_format.decode(),
        has_worktree=worktree == b"true",
        trusted=trusted,
    )


def _probe(folder: Path, trusted: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    asked = [*_trust(trusted), "-C", os.fspath(folder), "rev-parse", "--absolute-git-dir"]
    return _run([*asked, "--show-object-format", "--is-inside-work-tree", "--show-prefix"])


def _trust(folders: tuple[str, ...]) -> list[str]:
    return [word for folder in folders for word in ("-c", f"safe.directory={folder}")]


def _trusted_folders() -> tuple[str, ...]:
    """The user's own ``safe.directory`` entries: whom to trust is the user's to say."""
    asked = subprocess.run(
        [git_program(), "config", "--get-all", "-z", "safe.directory"],
        capture_output=True,
        cwd="/",
        check=False,
    )
    return tuple(os.fsdecode(f) for f in asked.stdout.split(b"\0") if f)


def find_top(folder: Path) -> str | None:
    """The real path of the work tree that ``folder`` lies in; None outside any, or without git."""
    try:
        found = _run(["-C", os.fspath(folder), "rev-parse", "--show-toplevel"])
    except WorldError:
        return None
    return os.path.realpath(os.fsdecode(found.stdout[:-1])) if found.returncode == 0 else None


def list_ignored(top: str, paths: Sequence[str]) -> list[str]:
    """Those of the paths (absolute) that git leaves out of a commit in the work tree ``top``.

    Here the user's own configuration counts: it is the user's commit.
    """
    asked = subprocess.run(
        [git_program(), "-C", top, "check-ignore", "-z", "--no-index", "--stdin"],
        input=b"\0".join(os.fsencode(path) for path in paths),
        capture_output=True,
        check=False,
    )
    return [os.fsdecode(path) for path in asked.stdout.split(b"\0") if path]


@cache
def git_program() -> str:
    """The git on PATH; WorldError without one."""
    from shutil import which

    found = which("git")
    if found is None:
        raise WorldError("git is not installed, or not on PATH")
    return found


def _environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**inherited, **_NEUTRAL}


def _run(
    args: Sequence[str | bytes], settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [git_program(), *_OPTIONS, *args],
        env={**_environment(), **_as_variables(settings or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _as_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as git-config(1) takes them from the environment: their names may hold anything."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for i, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
    return variables


def _command(repository: Repository, *args: str | bytes) -> list[str | bytes]:
    return ["--git-dir", repository.git_dir, *args]


def _ask(repository: Repository, *args: str | bytes) -> bytes:
    done = _run(_command(repository, *args))
    if done.returncode:
        text = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise GitFailed(f"git {os.fsdecode(args[0])} failed: {text[0]}")
    return done.stdout


def resolve_tree(repository: Repository, ref: str) -> str | None:
    """The id of the tree of ``ref`` at the repository's prefix.

    None when the ref names no commit; "" when the commit has no such folder.
    """
    named = _verify(repository, ref)
    commit = _verify(repository, f"{named}^{{commit}}") if named else None
    if commit is None:
        return None
    at = os.fsencode(commit) + b":" + repository.prefix
    tree = _verify(repository, at.rstrip(b"/"))
    return tree if tree and _ask(repository, "cat-file", "-t", tree) == b"tree\n" else ""


def _verify(repository: Repository, revision: str | bytes) -> str | None:
    """The id of the object that a revision names; None for none, and for the negation of one."""
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision)
    found = _run(_command(repository, *words))
    oid = found.stdout.decode(errors="replace").strip()
    return oid if found.returncode == 0 and _OID.match(oid) else None


def has_commits(repository: Repository) -> bool:
    """True when HEAD names a commit."""
    return _verify(repository, "HEAD^{commit}") is not None


def branch_names(repository: Repository) -> list[str]:
    """Short names of branches and tags, for suggestions."""
    names = _ask(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
    return names.decode(errors="replace").splitlines()


def list_tree(repository: Repository, tree: str) -> Iterator[tuple[str, str, bytes]]:
    """(mode, blob id, path) of every file below a tree, in git's order."""
    for line in _ask(repository, "ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
        if line:
            meta, path = line.split(b"\t", 1)
            mode, _, oid = meta.decode().split(" ")
            yield mode, oid, path


def list_worktree(folder: Path, repository: Repository | None) -> list[bytes]:
    """Paths below ``folder``, tracked or not ignored by its own .gitignore files, sorted.

    Without a repository nothing is tracked. The user's and the machine's ignore files do not count.
    A folder that is a repository of its own is listed with a slash at its end.
    """
    ignored = "--exclude-per-directory=.gitignore"
    folder = folder.absolute()
    if repository is not None:
        inside = [*_trust(repository.trusted), "-C", os.fspath(folder)]
        listed = _listed([*inside, "ls-files", "-z", "--cached", "--others", ignored])
        return _without_linked(folder, listed)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="mooring-") as scratch:
        _listed(["init", "--quiet", "--bare", "--template=", scratch])
        # Absolute: after -C a relative name would mean another folder.
        place = os.path.abspath(folder)
        outside = ["--git-dir", scratch, "--work-tree", place, "-C", place]
        return _listed([*outside, "ls-files", "-z", "--others", ignored])


def _listed(args: Sequence[str | bytes]) -> list[bytes]:
    done = _run(args)
    if done.returncode:
        raise GitFailed(f"git ls-files failed: {done.stderr.decode(errors='replace').strip()}")
    # Git says no more of a folder that it cannot read, and ends well.
    unread = next((line for line in done.stderr.splitlines() if _UNREAD in line), None)
    if unread is not None:
        raise GitFailed(f"git ls-files failed: {unread.decode(errors='replace').strip()}")
    return sorted({path for path in done.stdout.split(b"\0") if path})


def _without_linked(folder: Path, paths: list[bytes]) -> list[bytes]:
    """Without what lies behind a link: git tracks it still where a link took a folder's place."""
    parents = {path: _parents(path) for path in paths}
    top = os.fsencode(folder)
    links = {
        parent
        for parent in set().union(*parents.values())
        if os.path.islink(os.path.join(top, parent))
    }
    return [path for path in paths if links.isdisjoint(parents[path])]


def _parents(path: bytes) -> list[bytes]:
    names = path.split(b"/")
    return [b"/".join(names[:i]) for i in range(1, len(names))]


def uncommitted(repository: Repository) -> list[str]:
    """Paths below the repository's folder that differ from HEAD or are not tracked."""
    if not repository.has_worktree:
        return []
    inside = [*_trust(repository.trusted), "-C", os.fspath(repository.folder)]
    wanted = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"]
    done = _run([*inside, *wanted, "--", "."], _no_filters(inside))
    if done.returncode:
        raise GitFailed(f"git status failed: {done.stderr.decode(errors='replace').strip()}")
    return [line[3:].decode(errors="replace") for line in done.stdout.split(b"\0") if line]


def _no_filters(inside: Sequence[str]) -> dict[str, str]:
    """Settings that turn the repository's filters off."""
    found = _run([*inside, "config", "--null", "--name-only", "--get-regexp", _FILTERS])
    keys = {os.fsdecode(key) for key in found.stdout.split(b"\0") if key}
    return {key: "false" if key.endswith(".required") else "" for key in sorted(keys)}


def read_blobs(git_dir: str, blobs: Sequence[str]) -> Iterator[bytes]:
    """The content of each blob in turn."""
    with _temporary("".join(f"{blob}\n" for blob in blobs).encode()) as wanted:
        command = [
            git_program(),
            *_OPTIONS,
            "--git-dir",
            git_dir,
            "cat-file",
            "--batch",
            "--buffer",
        ]
        with subprocess.Popen(
            command,
            env=_environment(),
            stdin=wanted,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=_PIPE_BYTES,
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            # Beyond what the system lets a user have, the pipe keeps its usual size.
            with suppress(AttributeError, OSError):
                fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            complete = yield from _blobs(process.stdout, blobs)
            said = process.stderr.read().decode(errors="replace").strip()
            if process.wait() or not complete:
                raise GitFailed(f"git cat-file failed: {said or 'it ended early'}")


def _temporary(content: bytes) -> IO[bytes]:
    """A file without a name that holds the content, at its start."""
    try:
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile(buffering=0))
            while content:
                content = content[file.write(content) :]
            file.seek(0)
            stack.pop_all()
            return file
    except OSError as error:
        raise WorldError(f"cannot write a temporary file: {error.strerror or error}") from error


def _blobs(stream: IO[bytes], blobs: Sequence[str]) -> Generator[bytes, None, bool]:
    """False when the stream ended before the last of them."""
    for blob in blobs:
        line = stream.readline()
        header = line.split()
        if line and (len(header) != 3 or header[1] != b"blob"):
            raise GitFailed(f"the repository lacks the blob {blob}")
        size = int(header[2]) if line else 0
        content = stream.read(size)
        if not line or len(content) != size:
            return False
        yield content
        stream.read(1)
    return True
