"""Leave for tongs that came with a workspace: asked of a person once, void at any change."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import LaunchError, Refused
from .text import shown

STORE_VERSION = 1


@dataclass(frozen=True)
class Request:
    """What there is to allow. `path` is the definition's real path; `digest` names the content of
    the image, None as long as it is not here."""

    path: str
    name: str
    definition: Mapping[str, Any]
    image: str
    digest: str | None

    def key(self) -> str:
        """One for each path, name, whole definition and content of the image."""
        parts = [self.path, self.name, self.definition, self.image, self.digest]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def describe(request: Request) -> list[str]:
    """Every key of the definition, in lines without a character that a terminal would obey."""
    digest = request.digest or "not here yet: it will be fetched"
    lines = [f"tong {request.name} of {request.path}", f"  image content: {digest}"]
    if "docker-socket" in json.dumps(request.definition.get("mounts")):
        lines.append("  WARNING: with docker-socket it is root on this host")
    for key, value in sorted(request.definition.items()):
        if isinstance(value, (list, dict)) and value:
            lines.append(f"  {key}:")
            lines.extend(f"    {item}" for item in _items(value))
        else:
            lines.append(f"  {key}: {_plain(value)}")
    return [shown(line) for line in lines]


def _items(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in sorted(value.items()):
            yield f"{_plain(key)}: {_plain(item)}"
    else:
        for item in value:
            yield f"- {_plain(item)}"


def _plain(value: Any) -> str:
    """JSON, so that where a value ends is never in doubt."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Approvals:
    """The store: a file of this user's, replaced whole."""

    def __init__(self, path: str) -> None:
        self._path = path

    def has(self, request: Request) -> bool:
        """Never for an image whose content is not known yet."""
        return request.digest is not None and request.key() in self._read()

    def add(self, request: Request) -> None:
        """Keep the leave; others that write at the same time lose nothing."""
        if request.digest is None:
            raise ValueError("nothing can be kept for an image that is not here")
        try:
            with self._locked():
                self._write({**self._read(), request.key(): _record(request)})
        except OSError as error:
            raise LaunchError(f"cannot write {self._path}: {error.strerror}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        file = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _read(self) -> dict[str, Any]:
        hint = "remove it to be asked again"
        try:
            with open(self._path, encoding="utf-8") as file:
                content = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise Refused(f"cannot read the approvals in {self._path}: {error}", hint) from error
        if not isinstance(content, dict) or content.get("version") != STORE_VERSION:
            raise Refused(f"{self._path} holds no approvals of this version", hint)
        approvals = content.get("approvals")
        if not isinstance(approvals, dict):
            raise Refused(f"{self._path} holds no approvals", hint)
        return approvals

    def _write(self, approvals: Mapping[str, Any]) -> None:
        content = {"version": STORE_VERSION, "approvals": approvals}
        folder = os.path.dirname(self._path)
        file, scratch = tempfile.mkstemp(prefix=".approvals-", dir=folder)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                json.dump(content, stream, indent=2, sort_keys=True)
                stream.write("\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(scratch, self._path)
        except BaseException:
            os.unlink(scratch)
            raise


def _record(request: Request) -> dict[str, Any]:
    return {"path": request.path, "tong": request.name, "image": request.image}


def demand(
    requests: Sequence[Request], store: Approvals, ask: Callable[[Sequence[str]], bool] | None
) -> tuple[Request, ...]:
    """Refused unless each is allowed, now or before; the answer is those allowed just now.

    `ask` shows lines and takes a yes or no; None stands for nobody to ask.
    """
    allowed = []
    for request in requests:
        if store.has(request):
            continue
        if ask is None:
            raise Refused(
                f"tong {request.name} of {request.path} needs approval, and there is nobody to ask",
                "launch once from a terminal, without --no-prompt, and approve it there",
            )
        if not ask(describe(request)):
            raise Refused(f"tong {request.name} of {request.path} was not approved")
        allowed.append(request)
    return tuple(allowed)
