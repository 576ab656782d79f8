"""An archive of raw blobs and its plan, made by real git from a repository's tree."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.git_oddities import NEUTRAL, run_git

IDENTITY = {
    "GIT_AUTHOR_NAME": "Mooring",
    "GIT_AUTHOR_EMAIL": "mooring@localhost",
    "GIT_AUTHOR_DATE": "946684800 +0000",
    "GIT_COMMITTER_NAME": "Mooring",
    "GIT_COMMITTER_EMAIL": "mooring@localhost",
    "GIT_COMMITTER_DATE": "946684800 +0000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`plan` is what stands under `baseline` in a plan; its archive has been written."""

    archive: Path
    plan: dict[str, Any]

    @property
    def commit(self) -> str:
        return str(self.plan["commit"])

    @property
    def tree(self) -> str:
        return str(self.plan["tree"])

    def write_plan(self, **changes: Any) -> Path:
        path = self.archive.with_suffix(".plan.json")
        path.write_text(json.dumps({"baseline": {**self.plan, **changes}}))
        return path


def list_tree(repository: Path, name: str) -> dict[bytes, tuple[str, bytes]]:
    """Mode and content of every file below a tree, by path."""
    found = {}
    for line in run_git(repository, "ls-tree", "-r", "-z", name).split(b"\0")[:-1]:
        description, path = line.split(b"\t", 1)
        mode, _, blob = description.decode().split()
        found[path] = mode, run_git(repository, "cat-file", "blob", blob)
    return found


def make_source(repository: Path, name: str, archive: Path) -> Source:
    """The archive of a tree, and the ids that real git gives the tree and its pinned commit."""
    write_archive(list_tree(repository, name), archive)
    found = run_git(repository, "rev-parse", name).decode().strip()
    tree = run_git(repository, "rev-parse", f"{found}^{{tree}}").decode().strip()
    commit = subprocess.run(
        ["git", "commit-tree", tree],
        cwd=repository,
        env={**NEUTRAL, **IDENTITY, "PATH": os.environ["PATH"]},
        input=b"Baseline\n",
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    plan = {
        "commit": commit.strip(),
        "tree": tree,
        "object_format": "sha1" if len(tree) == 40 else "sha256",
        "archive": str(archive),
        "author": "Mooring",
        "email": "mooring@localhost",
        "time": 946684800,
        "message": "Baseline\n",
    }
    return Source(archive=archive, plan=plan)


def write_archive(files: dict[bytes, tuple[str, bytes]], archive: Path) -> None:
    with tarfile.open(
        archive, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for member, content in _members(files):
            tar.addfile(member, io.BytesIO(content))


def _members(
    files: dict[bytes, tuple[str, bytes]],
) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for path, (mode, content) in files.items():
        member = tarfile.TarInfo(path.decode("utf-8", "surrogateescape"))
        if mode == "120000":
            member.type, member.mode = tarfile.SYMTYPE, 0o777
            member.linkname = content.decode("utf-8", "surrogateescape")
            yield member, b""
            continue
        member.mode, member.size = int(mode[-3:], 8), len(content)
        yield member, content


def make_repository(folder: Path, files: dict[str, bytes], object_format: str = "sha1") -> Path:
    """A repository with one commit of plain files, on branch main."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", "--template=", f"--object-format={object_format}", "-b", "main")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run_git(folder, "add", "-A", "-f")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "Source")
    return folder
