"""The agent's repository -> Baseline: which files the optimiser starts from."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.diagnostics.suggest import suggest_name
from compiler.edge import git
from compiler.ir.build import Build
from compiler.ir.git_objects import (
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    baseline_commit_id,
    hash_object,
    tree_id,
)
from compiler.ir.project import Baseline, TreeEntry

WORKTREE: Final = "WORKTREE"

type Found = tuple[Baseline | None, tuple[Diagnostic, ...]]


def read_seed(build: Build, folder: Path) -> Found:
    """The baseline of the folder that ``agent_repo`` names.

    Raises WorldError when git is missing or fails, or a file cannot be read.
    """
    place = build.places.value("agent_repo")
    repository = git.find_repository(folder)
    ref = build.seed.ref or ("HEAD" if repository else WORKTREE)
    if ref == WORKTREE:
        return _read_worktree(folder, repository, place)
    if repository is None:
        hint = "it is a plain folder: leave `agent_ref` out, or write WORKTREE"
        shown = f"`{build.seed.repository}`"
        return None, (
            diagnostic("MOR302", _ref_place(build), ref=ref, repository=shown, hint=hint),
        )
    return _read_commit(build, repository, ref)


def _ref_place(build: Build) -> Span:
    key = "agent_ref" if build.places.has("agent_ref") else "agent_repo"
    return build.places.value(key)


def _read_commit(build: Build, repository: git.Repository, ref: str) -> Found:
    place = _ref_place(build)
    shown = f"`{build.seed.repository}`"
    tree = git.resolve_tree(repository, ref)
    if tree is None:
        if ref == "HEAD" and not git.has_commits(repository):
            return None, (diagnostic("MOR303", place, repository=shown),)
        near = suggest_name(ref, git.branch_names(repository))
        hint = (
            f"did you mean `{near}`?"
            if near
            else "name a commit, a branch or a tag that this repository has"
        )
        return None, (diagnostic("MOR302", place, ref=ref, repository=shown, hint=hint),)
    if not tree:
        hint = "the folder is not in that commit: commit it, or use `agent_ref: WORKTREE`"
        return None, (diagnostic("MOR302", place, ref=ref, repository=shown, hint=hint),)
    entries = tuple(
        TreeEntry(mode=m, blob=b, path=p) for m, b, p in git.list_tree(repository, tree)
    )
    found = (*_refuse(entries, place), *_warn_uncommitted(build, repository, ref))
    return _baseline(
        entries, tree, repository.object_format, repository.folder, repository.git_dir, found
    )


def _warn_uncommitted(build: Build, repository: git.Repository, ref: str) -> tuple[Diagnostic, ...]:
    if ref != "HEAD":
        return ()
    changed = git.uncommitted(repository)
    if not changed:
        return ()
    place = build.places.value("agent_repo")
    return (diagnostic("MOR307", place, count=len(changed), path=changed[0]),)


def _read_worktree(folder: Path, repository: git.Repository | None, place: Span) -> Found:
    object_format = repository.object_format if repository else "sha1"
    entries, found = [], []
    for path in git.list_worktree(folder, repository):
        entry = _read_entry(folder, path, object_format)
        if isinstance(entry, str):
            shown = path.decode(errors="replace")
            code = "MOR304" if entry == "submodule" else "MOR305"
            params = {"path": shown} if code == "MOR304" else {"path": shown, "kind": entry}
            found.append(diagnostic(code, place, **params))
        elif entry is not None:
            entries.append(entry)
    tree = tree_id(entries, object_format)
    found.extend(_refuse(tuple(entries), place))
    return _baseline(tuple(entries), tree, object_format, folder, None, tuple(found))


def _read_entry(folder: Path, path: bytes, object_format: str) -> TreeEntry | str | None:
    """The entry; None for a tracked file that was deleted; the kind of what cannot be in a tree."""
    full = os.path.join(os.fsencode(folder), path)
    try:
        mode = os.lstat(full).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return TreeEntry(
            mode=LINK, blob=hash_object("blob", os.readlink(full), object_format), path=path
        )
    if stat.S_ISREG(mode):
        with open(full, "rb") as file:
            blob = hash_object("blob", file.read(), object_format)
        return TreeEntry(mode=EXECUTABLE if mode & stat.S_IXUSR else FILE, blob=blob, path=path)
    return "submodule" if stat.S_ISDIR(mode) else "special file"


def _refuse(entries: tuple[TreeEntry, ...], place: Span) -> tuple[Diagnostic, ...]:
    if not entries:
        return (diagnostic("MOR306", place),)
    return tuple(
        diagnostic("MOR304", place, path=entry.path.decode(errors="replace"))
        for entry in entries
        if entry.mode == SUBMODULE
    )


def _baseline(
    entries: tuple[TreeEntry, ...],
    tree: str,
    object_format: str,
    folder: Path,
    git_dir: str | None,
    found: tuple[Diagnostic, ...],
) -> Found:
    baseline = Baseline(
        object_format=object_format,
        tree=tree,
        commit=baseline_commit_id(tree, object_format),
        entries=entries,
        folder=os.fspath(folder),
        git_dir=git_dir,
    )
    return baseline, found
