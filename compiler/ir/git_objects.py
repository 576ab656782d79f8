"""Ids of git objects, computed from their parts (https://git-scm.com/docs/git-hash-object)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from compiler import contracts
from compiler.ir.project import TreeEntry

FILE = "100644"
EXECUTABLE = "100755"
LINK = "120000"
SUBMODULE = "160000"
_TREE = "40000"


def hash_object(kind: str, body: bytes, object_format: str) -> str:
    """The hex id of an object of ``kind`` ("blob", "tree", "commit") under "sha1" or "sha256"."""
    digest = hashlib.new(object_format, usedforsecurity=False)
    digest.update(f"{kind} {len(body)}\0".encode())
    digest.update(body)
    return digest.hexdigest()


def tree_id(entries: Iterable[TreeEntry], object_format: str) -> str:
    """The id of the tree that holds these files, folders included."""
    root: dict[bytes, object] = {}
    for entry in entries:
        *folders, name = entry.path.split(b"/")
        here = root
        for folder in folders:
            below = here.setdefault(folder, {})
            assert isinstance(below, dict)
            here = below
        here[name] = entry
    return _hash_tree(root, object_format)


def _hash_tree(node: dict[bytes, object], object_format: str) -> str:
    lines = []
    for name, item in node.items():
        if isinstance(item, TreeEntry):
            lines.append((name, item.mode, name, item.blob))
        else:
            assert isinstance(item, dict)
            # Git sorts a folder as if its name ended in a slash.
            lines.append((name + b"/", _TREE, name, _hash_tree(item, object_format)))
    body = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
        for _, mode, name, oid in sorted(lines)
    )
    return hash_object("tree", body, object_format)


def baseline_commit_id(tree: str, object_format: str) -> str:
    """The id of the baseline commit of ``tree``: parentless, of pinned identity and date."""
    who = (
        f"{contracts.BASELINE_AUTHOR} <{contracts.BASELINE_EMAIL}> {contracts.BASELINE_TIME} +0000"
    )
    body = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{contracts.BASELINE_MESSAGE}"
    return hash_object("commit", body.encode(), object_format)
