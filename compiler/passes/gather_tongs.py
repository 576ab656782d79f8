"""Definitions -> tongs: each decoded and filled in, whatever is wrong with the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.tong import Layer, Tong
from compiler.passes.fill_tong import fill_tong
from compiler.surface.build_file import TongDocument
from compiler.surface.decode_tong import decode_tong, recover_tong
from compiler.surface.tong_file import DisabledTong

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The tongs whose shape is right, the definitions that disable one, and what is wrong.

    ``names`` are those of all definitions but the ones that disable, the broken ones too.
    """

    tongs: tuple[Tong, ...]
    disabled: tuple[DisabledTong, ...]
    names: tuple[str, ...]
    found: tuple[Diagnostic, ...]


def gather_tongs(documents: Iterable[TongDocument], layer: Layer, *, strict: bool) -> Gathered:
    """When ``strict``, keys that nobody knows are errors."""
    tongs: list[Tong] = []
    disabled: list[DisabledTong] = []
    found: list[Diagnostic] = []
    names: dict[str, None] = {}
    for named in documents:
        place = named.document.places.value("name")
        if not _NAME.fullmatch(named.name) or len(named.name) > _LONGEST:
            found.append(diagnostic("MOR501", place, name=named.name))
        entry, problems = decode_tong(named.document, named.name, strict=strict)
        found.extend(problems)
        if isinstance(entry, DisabledTong):
            disabled.append(entry)
            continue
        names[named.name] = None
        written = entry or recover_tong(named.document, named.name)
        if written is None:
            continue
        tong, problems = fill_tong(written, layer)
        found.extend(problems)
        if entry is not None:
            tongs.append(tong)
    return Gathered(
        tongs=tuple(tongs), disabled=tuple(disabled), names=tuple(names), found=tuple(found)
    )
