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
from compiler.edge.read_overlays import read_overlays
from compiler.ir.build import Task
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
from compiler.passes.overlay import lay_over

WORKTREE: Final = "WORKTREE"

type Found = tuple[Baseline | None, tuple[Diagnostic, ...]]
type Entries = tuple[TreeEntry, ...]


def read_seed(build: Task, folder: Path, root: Path) -> Found:
    """The baseline of the folder that ``agent_repo`` names, with the overlays upon it.

    Raises WorldError when git is missing or fails, OSError where a file cannot be read.
    """
    repository = git.find_repository(folder)
    ref = build.seed.ref or ("HEAD" if repository else WORKTREE)
    if ref == WORKTREE:
        object_format = repository.object_format if repository else "sha1"
        entries, found = _read_worktree(build, folder, repository, object_format)
        return _finish(build, root, folder, None, object_format, entries, found)
    if repository is None:
        hint = "it is a plain folder: leave `agent_ref` out, or write WORKTREE"
        return None, (_unknown_ref(build, ref, hint),)
    tree, refusal = _resolve(build, repository, ref)
    if tree is None:
        return None, (refusal,) if refusal else ()
    entries = tuple(
        TreeEntry(mode=m, blob=b, path=p) for m, b, p in git.list_tree(repository, tree)
    )
    found = _warn_uncommitted(build, repository, ref)
    git_dir = repository.git_dir
    return _finish(build, root, folder, git_dir, repository.object_format, entries, found)


def _ref_place(build: Task) -> Span:
    return build.places.value("agent_ref" if build.places.has("agent_ref") else "agent_repo")


def _unknown_ref(
    build: Task, ref: str, hint: str, problem: str = "names no commit of"
) -> Diagnostic:
    repository, place = f"`{build.seed.repository}`", _ref_place(build)
    return diagnostic("MOR302", place, ref=ref, problem=problem, repository=repository, hint=hint)


def _resolve(
    build: Task, repository: git.Repository, ref: str
) -> tuple[str | None, Diagnostic | None]:
    tree = git.resolve_tree(repository, ref)
    if tree:
        return tree, None
    if tree == "":
        hint = "the folder is not in that commit: commit it, or use `agent_ref: WORKTREE`"
        return None, _unknown_ref(build, ref, hint, "has no file of")
    if ref == "HEAD" and not git.has_commits(repository):
        shown = f"`{build.seed.repository}`"
        return None, diagnostic("MOR303", _ref_place(build), repository=shown)
    near = suggest_name(ref, git.branch_names(repository))
    default = "name a commit, a branch or a tag that this repository has"
    return None, _unknown_ref(build, ref, f"did you mean `{near}`?" if near else default)


def _warn_uncommitted(build: Task, repository: git.Repository, ref: str) -> tuple[Diagnostic, ...]:
    changed = git.uncommitted(repository) if ref == "HEAD" else []
    if not changed:
        return ()
    place = build.places.value("agent_repo")
    paths = tuple(changed[:5])
    return (diagnostic("MOR307", place, count=len(changed), paths=paths),)


def _read_worktree(
    build: Task, folder: Path, repository: git.Repository | None, object_format: str
) -> tuple[Entries, tuple[Diagnostic, ...]]:
    place = build.places.value("agent_repo")
    entries, found = [], []
    for path in git.list_worktree(folder, repository):
        entry = read_entry(os.path.join(os.fsencode(folder), path), path, object_format)
        if isinstance(entry, TreeEntry):
            entries.append(entry)
        elif entry == "submodule":
            found.append(diagnostic("MOR304", place, path=path.decode(errors="replace")))
        elif entry is not None:
            shown = path.decode(errors="replace")
            found.append(diagnostic("MOR305", place, path=shown, kind=entry))
    return tuple(entries), tuple(found)


def read_entry(full: bytes, path: bytes, object_format: str) -> TreeEntry | str | None:
    """The entry; None for a tracked file that was deleted; the kind of what cannot be in a tree."""
    try:
        mode = os.lstat(full).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        blob = hash_object("blob", os.readlink(full), object_format)
        return TreeEntry(mode=LINK, blob=blob, path=path, source=full)
    if stat.S_ISREG(mode):
        with open(full, "rb") as file:
            blob = hash_object("blob", file.read(), object_format)
        kind = EXECUTABLE if mode & stat.S_IXUSR else FILE
        return TreeEntry(mode=kind, blob=blob, path=path, source=full)
    return "submodule" if stat.S_ISDIR(mode) else "pipe, socket or device"


def _finish(
    build: Task,
    root: Path,
    folder: Path,
    git_dir: str | None,
    object_format: str,
    entries: Entries,
    found: tuple[Diagnostic, ...],
) -> Found:
    overlays, problems = read_overlays(build, root, object_format)
    entries, conflicts = lay_over(build, entries, overlays)
    found = (*found, *problems, *conflicts, *_refuse(build, entries))
    tree = tree_id((e for e in entries if e.mode != SUBMODULE), object_format)
    baseline = Baseline(
        object_format=object_format,
        tree=tree,
        commit=baseline_commit_id(tree, object_format),
        entries=entries,
        folder=os.fspath(folder),
        git_dir=git_dir,
    )
    return baseline, found


def _refuse(build: Task, entries: Entries) -> tuple[Diagnostic, ...]:
    place = build.places.value("agent_repo")
    if not entries:
        return (diagnostic("MOR306", place),)
    return tuple(
        diagnostic("MOR304", place, path=entry.path.decode(errors="replace"))
        for entry in entries
        if entry.mode == SUBMODULE
    )
