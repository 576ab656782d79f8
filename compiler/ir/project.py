"""What the inputs of a build were found to be: facts that the checks and the lowering read."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.diagnostics.span import Span
from compiler.ir.build import Bare, ModeA, ModeB
from compiler.ir.gateways import Installed
from compiler.ir.tong import Tong


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A file of the baseline: git's mode (octal text), blob id (hex) and path (raw bytes).

    ``source`` is the file on this machine that has the content; None: it is in the repository.
    ``overlay`` is true of what the build lays over the agent's own files.
    """

    mode: str
    blob: str
    path: bytes
    source: bytes | None = None
    overlay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The baseline's tar: its SHA-256 (hex), its size in bytes, and the open file that holds it.

    ``file`` None: the tar was measured but not kept. ``nameless``: the file was made for this run
    alone, and lies in no folder.
    """

    sha256: str
    size: int
    file: int | None
    nameless: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The agent's files at the start. ``commit`` is the id of the recreated commit.

    ``folder`` and ``git_dir`` (None for a plain folder) are paths of this machine: never rendered.
    ``archive`` is None until the files have been read.
    """

    object_format: str
    tree: str
    commit: str
    entries: tuple[TreeEntry, ...]
    folder: str
    git_dir: str | None
    archive: Archive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitData:
    """A split's samples: their ids in order, the name of its file, and where that lies here.

    ``tables`` are the Arrow files here that its file is made from. Without them and with ``source``
    None it is made from the ids. ``place`` is where to complain about it. ``whole`` False: some of
    it could not be read, so what is there says nothing of the rest.
    """

    split: str
    file: str
    ids: tuple[str, ...]
    source: str | None
    place: Span
    tables: tuple[str, ...] | None = None
    whole: bool = True


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
class InstalledFiles:
    """An entry of ``gateways.files`` with what it names; ``folder`` False: one file."""

    entry: Installed
    files: tuple[SourceFile, ...]
    folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was found of a build's inputs; what was not found was complained about.

    ``scorer_source`` is the scorer's module, (path, bytes). ``inner`` has the files of the inner
    tasks, ``inner_tasks`` the names of their folders, ``environments`` the files of the folder that
    holds the nested environment's module. ``template`` is the instruction template.
    """

    build: ModeA | ModeB
    baseline: Baseline | None
    data: tuple[SplitData, ...]
    scorer: tuple[SourceFile, ...] = ()
    scorer_source: tuple[str, bytes] | None = None
    requirements: SourceFile | None = None
    inner: tuple[SourceFile, ...] = ()
    inner_tasks: tuple[str, ...] = ()
    environments: tuple[SourceFile, ...] = ()
    template: str | None = None
    installed: tuple[InstalledFiles, ...] = ()
    tongs: tuple[Tong, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BareInputs:
    """The same of a build that optimises nothing."""

    build: Bare
    installed: tuple[InstalledFiles, ...] = ()
    tongs: tuple[Tong, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A build with all its inputs, free of errors."""

    build: ModeA | ModeB
    baseline: Baseline
    inputs: Inputs

    def samples(self, split: str) -> int:
        """How many samples the split has; 0 without data."""
        return next((len(d.ids) for d in self.inputs.data if d.split == split), 0)


def complete(inputs: Inputs) -> Project:
    """The project of inputs without errors."""
    assert inputs.baseline is not None and inputs.baseline.archive is not None
    return Project(build=inputs.build, baseline=inputs.baseline, inputs=inputs)
