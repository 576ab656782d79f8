"""The baseline's files -> its tar, read once: whoever looks at the files sees them on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from compiler.edge import git
from compiler.edge.tar_member import BLOCK, render_member, take_member
from compiler.edge.world import WorldError
from compiler.ir.git_objects import LINK, SUBMODULE, hash_object
from compiler.ir.project import Archive, Baseline, TreeEntry

_CHUNK: Final = 1024 * 1024
_END: Final = b"\0" * (2 * BLOCK)


def open_spool(folder: Path) -> IO[bytes]:
    """A file without a name on the disk of ``folder``: gone with the process, however that ends.

    Where the system allows it the file can be given a name later.
    """
    while not folder.is_dir():
        folder = folder.parent
    try:
        # Unlike tempfile without O_EXCL, which would keep it from ever having a name.
        file = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (AttributeError, OSError):
        return _open_temporary(folder)
    return os.fdopen(file, "w+b", buffering=_CHUNK)


@contextmanager
def keep_spool(folder: Path) -> Iterator[IO[bytes]]:
    """A spool that is closed in the end, whatever still is on its way to a full disk."""
    spool = open_spool(folder)
    try:
        yield spool
    finally:
        with suppress(OSError):
            spool.close()


def give_name(archive: Archive, place: Path) -> bool:
    """True when the tar's own file now is ``place``; False where it has to be copied there."""
    if archive.file is None or not archive.nameless:
        return False
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # With a folder given Python calls linkat(2), which alone follows such a link.
        os.link(f"/proc/self/fd/{archive.file}", place.name, dst_dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def _open_temporary(folder: Path) -> IO[bytes]:
    try:
        return TemporaryFile(dir=folder)
    except OSError as error:
        raise WorldError(f"cannot write in {folder}: {error.strerror}") from error


def open_former(tar: Path) -> IO[bytes] | None:
    """The tar that an earlier run wrote; None where there is none that can be read."""
    try:
        return tar.open("rb", buffering=_CHUNK) if tar.is_file() else None
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tars:
    """Files for the tar of a baseline, open.

    With a ``spool`` the tar is kept there; without, only measured. ``former`` is a tar that an
    earlier run wrote.
    """

    spool: IO[bytes] | None = None
    former: IO[bytes] | None = None


NO_TARS: Final = Tars()


@dataclass
class ArchiveWriter:
    """Makes the tar of a baseline.

    As far as the former tar is what would be made, files are taken from it and not from the
    repository, where they lie packed, and nothing is kept; one that is right to its end is the tar.
    """

    baseline: Baseline
    spool: IO[bytes] | None
    former: IO[bytes] | None = None
    _digest: Any = field(default_factory=lambda: hashlib.sha256(usedforsecurity=False))
    _size: int = 0

    def read(self) -> Iterator[tuple[TreeEntry, bytes]]:
        """Each file with its content (of a link: its target), in git's order, written on the way.

        Raises WorldError where git fails or a file changed since it was listed.
        """
        entries = [entry for entry in self.baseline.entries if entry.mode != SUBMODULE]
        done = 0
        while done < len(entries) and (content := self._take(entries[done])) is not None:
            yield entries[done], content
            done += 1
        for entry, content in _contents(self.baseline, entries[done:]):
            self._write(render_member(entry, content))
            yield entry, content
        self._finish()

    def archive(self) -> Archive:
        """The tar, once ``read`` is exhausted."""
        kept = self.former or self.spool
        return Archive(
            sha256=self._digest.hexdigest(),
            size=self._size,
            file=None if kept is None else kept.fileno(),
            nameless=self.former is None,
        )

    def _take(self, entry: TreeEntry) -> bytes | None:
        """The entry's content, counted, from the former tar; None once that is another one."""
        if self.former is None:
            return None
        taken = take_member(self.former, entry, self.baseline.object_format)
        # An id says what a blob is where git has looked at it; of a plain file its content does.
        if taken is None or (
            entry.source is not None
            and taken[1] != _read_source(entry, entry.source, self.baseline.object_format)
        ):
            self._leave_former()
            return None
        member, content = taken
        self._count(member)
        return content

    def _leave_former(self) -> None:
        """The former tar is another one from here on: what it had in common is kept as ours."""
        if self.former is None:
            return
        former, self.former = self.former, None
        again = hashlib.sha256(usedforsecurity=False)
        former.seek(0)
        for offset in range(0, self._size, _CHUNK):
            piece = former.read(min(_CHUNK, self._size - offset))
            again.update(piece)
            self._keep(piece)
        if again.digest() != self._digest.digest():
            raise WorldError("the output changed while it was read; run again")

    def _finish(self) -> None:
        if self.former is not None and self.former.read(len(_END) + 1) == _END:
            self._count(_END)
            return
        self._leave_former()
        self._write(_END)
        self._keep(None)

    def _write(self, piece: bytes) -> None:
        self._count(piece)
        self._keep(piece)

    def _keep(self, piece: bytes | None) -> None:
        """Write a piece to the spool, or with None what is still on its way there."""
        if self.spool is None:
            return
        try:
            self.spool.flush() if piece is None else self.spool.write(piece)
        except OSError as error:
            raise WorldError(f"cannot write the agent's files: {error.strerror}") from error

    def _count(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size += len(piece)


def _contents(
    baseline: Baseline, entries: Sequence[TreeEntry]
) -> Iterator[tuple[TreeEntry, bytes]]:
    wanted = [entry.blob for entry in entries if entry.source is None]
    git_dir = baseline.git_dir if wanted else None
    stored = iter(()) if git_dir is None else iter(git.read_blobs(git_dir, wanted))
    for entry in entries:
        if entry.source is None:
            yield entry, next(stored)
        else:
            yield entry, _read_source(entry, entry.source, baseline.object_format)
    # Exhausted, so that git's own exit code is looked at.
    assert next(stored, None) is None


def _read_source(entry: TreeEntry, source: bytes, object_format: str) -> bytes:
    try:
        if entry.mode == LINK:
            content = os.readlink(source)
        else:
            with open(source, "rb") as file:
                content = file.read()
    except OSError as error:
        raise WorldError(f"cannot read {os.fsdecode(source)}: {error.strerror}") from error
    if hash_object("blob", content, object_format) != entry.blob:
        raise WorldError(f"{os.fsdecode(source)} changed while it was read; run again")
    return content
