"""mooring.manifest.json: what was written, so that the next run knows its own files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from compiler import contracts
from compiler.output.file_set import Digest

VERSION: Final = 1
RUNTIME_PREFIX: Final = "environment/runtime/"


class ManifestError(ValueError):
    """The file is no manifest of a version that this Mooring knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Digests by path. The copied runtime is one digest: it changes as a whole."""

    name: str
    files: Mapping[str, Digest]
    runtime: str | None

    def names(self, path: str) -> bool:
        """True when the path is one of those that the manifest speaks for."""
        return (
            path == contracts.MANIFEST_NAME or path.startswith(RUNTIME_PREFIX) or path in self.files
        )


def make_manifest(name: str, digests: Mapping[str, Digest]) -> Manifest:
    """The manifest of a file set with these digests."""
    runtime = {path: d for path, d in digests.items() if path.startswith(RUNTIME_PREFIX)}
    files = {path: digests[path] for path in sorted(digests) if path not in runtime}
    return Manifest(name=name, files=files, runtime=digest_runtime(runtime) if runtime else None)


def digest_runtime(digests: Mapping[str, Digest]) -> str:
    """One SHA-256 over paths, modes and contents, in the order of the paths."""
    lines = (f"{d.mode:o} {d.sha256} {path}\n" for path, d in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def render_manifest(manifest: Manifest) -> str:
    """The file's text; one file a line, so that a diff shows which changed."""
    data: dict[str, Any] = {"version": VERSION, "name": manifest.name}
    if manifest.runtime is not None:
        data["runtime"] = manifest.runtime
    data["files"] = {
        path: f"{digest.mode:o} {digest.sha256}" for path, digest in manifest.files.items()
    }
    return json.dumps(data, indent=2, ensure_ascii=True) + "\n"


def decode_manifest(text: str) -> Manifest:
    """The manifest in ``text``; raises ManifestError."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ManifestError(f"manifest version {data['version']!r} is not known")
        files = {path: _decode_digest(entry) for path, entry in data["files"].items()}
        return Manifest(name=str(data["name"]), files=files, runtime=data.get("runtime"))
    except ManifestError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(f"not a manifest: {error}") from error


def _decode_digest(entry: str) -> Digest:
    mode, sha256 = entry.split(" ")
    return Digest(sha256=sha256, mode=int(mode, 8))
