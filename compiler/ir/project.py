"""What the inputs of a build were found to be: facts that the checks and the lowering read."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.build import Build


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A file of the baseline: git's mode (octal text), blob id (hex) and path (raw bytes)."""

    mode: str
    blob: str
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The agent's files at the start. ``commit`` is the id of the recreated commit.

    ``origin`` is where to read the contents: a git folder (``git_dir`` and its blobs) or, when
    ``git_dir`` is None, the plain files below ``folder``. Paths of this machine: never rendered.
    """

    object_format: str
    tree: str
    commit: str
    entries: tuple[TreeEntry, ...]
    folder: str
    git_dir: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitData:
    """A split's file: its name, where it lies on this machine, and how many samples it has."""

    split: str
    file: str
    source: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file to copy: where it goes in its folder (``/`` between names), where it lies, its mode.

    ``link`` is the target when it is a symbolic link.
    """

    path: str
    source: str
    mode: int
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A build with the facts about its inputs."""

    build: Build
    baseline: Baseline
    data: tuple[SplitData, ...]
    scorer: tuple[SourceFile, ...]
    requirements: SourceFile | None

    def samples(self, split: str) -> int:
        """How many samples the split has; 0 without data."""
        return next((d.samples for d in self.data if d.split == split), 0)
