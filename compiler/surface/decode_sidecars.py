"""The keys ``tongs`` and ``anvil`` of a build file -> what the user wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from compiler.source.document import Document, list_items
from compiler.surface.build_file import AnvilEntry, TongDocument, TongPath


def decode_tongs(document: Document) -> tuple[TongPath | TongDocument, ...]:
    """The items in their order; definitions are looked into later, as those of files are."""
    if "tongs" not in document.data:
        return ()
    return tuple(_decode_item(item, i) for i, item in enumerate(list_items(document, "tongs")))


def _decode_item(item: Document, index: int) -> TongPath | TongDocument:
    if isinstance(item.data, str):
        return TongPath(path=item.data, index=index)
    definition = {key: value for key, value in item.data.items() if key != "name"}
    return TongDocument(name=item.data["name"], document=replace(item, data=definition))


def decode_anvil(entry: dict[str, Any] | None) -> AnvilEntry | None:
    """The anvil, where there is one."""
    if entry is None:
        return None
    return AnvilEntry(
        image=entry["image"],
        argv=tuple(entry["argv"]) if "argv" in entry else None,
        network=entry.get("network"),
        workspace=entry.get("workspace"),
        harness=entry.get("harness"),
        env_prefix=entry.get("env_prefix"),
    )
