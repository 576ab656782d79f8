"""A file set -> a folder, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from compiler import contracts
from compiler.edge.archive import give_name
from compiler.edge.contents import digest_content, stream_content
from compiler.edge.read_tree import list_paths, read_bytes, read_digests, read_manifest
from compiler.edge.swap import put_in_place, restore
from compiler.edge.world import Refused, WorldError, raise_error
from compiler.output.file_set import (
    FILE_MODE,
    Archived,
    Digest,
    File,
    FileSet,
    Linked,
    digest_bytes,
    folders_of,
)
from compiler.output.manifest import make_manifest, render_manifest

_FOLDER_MODE: Final = 0o755
_SETTLING_SECONDS: Final = 0.2
_INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def digest_files(name: str, files: FileSet) -> tuple[dict[str, Digest], str]:
    """The digests of the files and of their manifest, and the manifest's text; writes nothing."""
    digests = {
        path: Digest(sha256=digest_content(file.content), mode=file.mode)
        for path, file in files.items()
    }
    return _with_manifest(name, digests)


def _with_manifest(name: str, digests: Mapping[str, Digest]) -> tuple[dict[str, Digest], str]:
    text = render_manifest(make_manifest(name, digests))
    manifest = digest_bytes(text.encode("utf-8"), FILE_MODE)
    return {**digests, contracts.MANIFEST_NAME: manifest}, text


def write_tree(name: str, files: FileSet, destination: Path, *, force: bool = False) -> bool:
    """Write the files and their manifest as ``destination``; what was there before goes.

    False, and nothing is written, when all of it lies there already, modes included.

    Raises Refused when the folder is not Mooring's or holds files that its manifest does not name
    (``force`` overrides), and WorldError when the disk fails. In both cases the old folder is as
    it was, and nothing lies beside it.
    """
    place = Path(os.path.realpath(destination))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place)
        if _is_written(name, files, place):
            return False
        _guard_settled(place, force=force)
        with _staging(place) as staged:
            _fill(name, files, staged)
            _hold_signals()
            put_in_place(staged, place, _aside(place))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise WorldError(f"cannot write {destination}: {error.strerror or error}{where}") from error
    return True


def _is_written(name: str, files: FileSet, place: Path) -> bool:
    """True when ``place`` is a folder of just these files as they would be written now."""
    if read_manifest(place) is None:
        return False
    wanted, text = digest_files(name, files)
    # A change nearly always shows in the manifest, which is asked first.
    if read_bytes(place / contracts.MANIFEST_NAME) != text.encode("utf-8"):
        return False
    try:
        return _modes(place) == _wanted_modes(wanted) and read_digests(place) == wanted
    except (OSError, WorldError):
        return False  # another run exchanges the folder meanwhile


def _wanted_modes(wanted: Mapping[str, Digest]) -> dict[str, int]:
    folders = dict.fromkeys(("", *folders_of(iter(wanted))), _FOLDER_MODE)
    return folders | {path: digest.mode for path, digest in wanted.items()}


def _modes(place: Path) -> dict[str, int]:
    """The permissions of all that lies in a folder, and of itself under the name ""."""
    found = {"": stat.S_IMODE(os.lstat(place).st_mode)}
    for at, folders, names in os.walk(place, onerror=raise_error):
        for full in (os.path.join(at, name) for name in (*folders, *names)):
            path = os.path.relpath(full, place).replace(os.sep, "/")
            found[path] = stat.S_IMODE(os.lstat(full).st_mode)
    return found


def _guard_settled(place: Path, *, force: bool) -> None:
    """Guard, and look twice before refusing: another run may exchange the folder meanwhile."""
    try:
        _guard(place, force=force)
    except Refused:
        time.sleep(_SETTLING_SECONDS)
        _guard(place, force=force)


def _guard(place: Path, *, force: bool) -> None:
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise Refused(f"{place} is a file; name a folder with -o")
    if (place / ".git").exists():
        raise Refused(f"{place} is a git repository of its own; name a folder inside it with -o")
    paths = list_paths(place)
    if force or not paths:
        return
    manifest = read_manifest(place)
    if manifest is None:
        raise Refused(
            f"{place} was not written by mooring; name another folder, or use --force to replace it"
        )
    strange = [path for path in paths if not manifest.names(path)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise Refused(
            f"{place} holds {strange[0]}{more}, not written by mooring; "
            "move it away, or use --force to drop it"
        )


def _prefix(place: Path) -> str:
    return f".{place.name}.mooring-"


def _aside(place: Path) -> Path:
    return place.parent / f"{_prefix(place)}aside"


@contextmanager
def _staging(place: Path) -> Iterator[Path]:
    """A folder beside ``place``, gone afterwards. Its lock tells a later run that we still live.

    Signals wait while it is made and while it is removed: one in the midst would leave it there.
    """
    mask = _hold_signals()
    try:
        folder, lock = _locked_folder(place)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            staged = folder / "new"
            staged.mkdir()
            yield staged
        finally:
            _hold_signals()
            shutil.rmtree(folder, ignore_errors=True)
            if os.path.lexists(place):
                shutil.rmtree(_aside(place), ignore_errors=True)
            os.close(lock)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _hold_signals() -> set[signal.Signals]:
    """From here on signals wait, until ``_staging`` ends; the mask that was before."""
    mask: set[Any] = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    return mask


def _locked_folder(place: Path) -> tuple[Path, int]:
    from tempfile import mkdtemp

    while True:
        folder = Path(mkdtemp(prefix=_prefix(place), dir=place.parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Until the lock was ours, another run may have taken the folder for a leftover.
        if folder.is_dir():
            return folder, lock
        os.close(lock)


def _clear_leftovers(place: Path) -> None:
    """Repair and remove what killed runs left beside ``place``."""
    aside = _aside(place)
    if not restore(place, aside) and os.path.lexists(aside):
        shutil.rmtree(aside)
    left = [f for f in place.parent.iterdir() if f.name.startswith(_prefix(place))]
    for folder in left:
        with suppress(FileNotFoundError, NotADirectoryError, BlockingIOError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _fill(name: str, files: FileSet, folder: Path) -> None:
    os.chmod(folder, _FOLDER_MODE)
    for path in folders_of(iter(files)):
        (folder / path).mkdir()
        os.chmod(folder / path, _FOLDER_MODE)
    digests = {path: _write(file, folder / path) for path, file in files.items()}
    _, text = _with_manifest(name, digests)
    manifest = folder / contracts.MANIFEST_NAME
    manifest.write_text(text, encoding="utf-8")
    os.chmod(manifest, FILE_MODE)


def _write(file: File, path: Path) -> Digest:
    digest = hashlib.sha256(usedforsecurity=False)
    if isinstance(file.content, Linked):
        os.symlink(file.content.target, path)
        return digest_bytes(os.fsencode(file.content.target), file.mode)
    if isinstance(file.content, Archived) and give_name(file.content.archive, path):
        os.chmod(path, file.mode)
        return Digest(sha256=file.content.archive.sha256, mode=file.mode)
    with path.open("xb") as out:
        for piece in stream_content(file.content):
            digest.update(piece)
            out.write(piece)
    os.chmod(path, file.mode)
    return Digest(sha256=digest.hexdigest(), mode=file.mode)


def check_apart(destination: Path, sources: Mapping[str, Path]) -> None:
    """Refuse an output inside a source, or a source inside the output; keys name the sources."""
    place = os.path.realpath(destination)
    for what, source in sources.items():
        other = os.path.realpath(source)
        if os.path.commonpath([place, other]) in (place, other):
            where = "around" if other.startswith(place) else "inside"
            raise Refused(
                f"the output {destination} lies {where} {what} ({source}); "
                "name another folder with -o"
            )
