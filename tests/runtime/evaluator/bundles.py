"""Bundles made by hand, object for object, so that they may hold what git would never write."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
WHO = b"A <a@localhost> 1000000000 +0000"


class Pack:
    """Objects in the order in which they are added; each method answers the object's id."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []

    def add(self, kind: str, content: bytes) -> str:
        self._entries.append(entry(KINDS[kind], content))
        return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).hexdigest()

    def add_raw(self, raw: bytes) -> None:
        self._entries.append(raw)

    def blob(self, content: bytes) -> str:
        return self.add("blob", content)

    def tree(self, entries: Iterable[tuple[str, bytes, str]]) -> str:
        """Of (mode, name, id), in the order given."""
        return self.add("tree", b"".join(map(_tree_entry, entries)))

    def commit(self, tree: str, parents: Sequence[str] = (), message: bytes = b"x\n") -> str:
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + WHO, b"committer " + WHO, b"", message]
        return self.add("commit", b"\n".join(lines))

    def to_bytes(self) -> bytes:
        body = b"PACK" + struct.pack(">II", 2, len(self._entries)) + b"".join(self._entries)
        return body + hashlib.sha1(body).digest()

    def to_bundle(self, commit: str, prerequisites: Sequence[str] = ()) -> bytes:
        return bundle(self.to_bytes(), [(commit, "refs/heads/main")], prerequisites)


def _tree_entry(entry: tuple[str, bytes, str]) -> bytes:
    mode, name, identity = entry
    return mode.encode() + b" " + name + b"\0" + bytes.fromhex(identity)


def entry(kind: int, content: bytes, size: int | None = None) -> bytes:
    """One entry of a pack; `size` is what it claims."""
    left = len(content) if size is None else size
    head, left = kind << 4 | left & 15, left >> 4
    out = bytearray()
    while left:
        out.append(head | 0x80)
        head, left = left & 0x7F, left >> 7
    out.append(head)
    return bytes(out) + zlib.compress(content, 9)


def varint(number: int) -> bytes:
    """A size as it stands at the beginning of a delta."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def bundle(
    pack: bytes, references: Sequence[tuple[str, str]], prerequisites: Sequence[str] = ()
) -> bytes:
    lines = ["# v2 git bundle", *(f"-{name} x" for name in prerequisites)]
    lines += [f"{identity} {name}" for identity, name in references]
    return "\n".join([*lines, "", ""]).encode() + pack
