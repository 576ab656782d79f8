"""An output folder as it lies: digests of its files, and its manifest."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from compiler import contracts
from compiler.edge.world import WorldError, raise_error
from compiler.output.file_set import Digest
from compiler.output.manifest import Manifest, ManifestError, decode_manifest

_CACHES = frozenset(("__pycache__",))


def read_digests(folder: Path) -> dict[str, Digest]:
    """The digest of every file below ``folder``; nothing when there is no such folder."""
    try:
        return {path: _digest(folder / path) for path in list_paths(folder)}
    except OSError as error:
        raise WorldError(f"cannot read {error.filename}: {error.strerror}") from error


def list_paths(folder: Path) -> list[str]:
    """Every file below ``folder``, ``/`` between names, sorted. Python's caches do not count.

    Nothing when there is no such folder; raises OSError where it cannot be read.
    """
    paths: list[str] = []
    if not folder.is_dir():
        return paths
    for at, folders, names in os.walk(folder, onerror=raise_error):
        links = [name for name in folders if os.path.islink(os.path.join(at, name))]
        folders[:] = [name for name in folders if name not in _CACHES]
        paths.extend(os.path.relpath(os.path.join(at, name), folder) for name in [*names, *links])
    return sorted(path.replace(os.sep, "/") for path in paths)


def _digest(path: Path) -> Digest:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        content = os.fsencode(os.readlink(path))
        return Digest(sha256=hashlib.sha256(content).hexdigest(), mode=0o777)
    if not stat.S_ISREG(mode):
        return Digest(sha256="", mode=stat.S_IMODE(mode))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    # Git keeps no more of a mode than whether its owner may execute the file.
    return Digest(sha256=sha256, mode=0o755 if mode & stat.S_IXUSR else 0o644)


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest; None when it has none that can be read."""
    try:
        text = (folder / contracts.MANIFEST_NAME).read_text(encoding="utf-8")
        return decode_manifest(text)
    except (OSError, ManifestError, UnicodeDecodeError):
        return None


def read_bytes(path: Path) -> bytes:
    """A file's bytes, of a link its target's name; nothing when it is gone or no such thing."""
    try:
        if path.is_symlink():
            return os.fsencode(os.readlink(path))
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""
