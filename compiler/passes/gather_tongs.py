"""Definitions -> tongs: each decoded and filled in, whatever is wrong with the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.tong import Layer, Tong
from compiler.passes.fill_tong import fill_tong
from compiler.surface.build_file import TongDocument
from compiler.surface.decode_tong import decode_tong
from compiler.surface.tong_file import DisabledTong

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_LONGEST: Final = 100


def gather_tongs(
    documents: Iterable[TongDocument], layer: Layer, *, strict: bool
) -> tuple[tuple[Tong, ...], tuple[DisabledTong, ...], tuple[Diagnostic, ...]]:
    """The tongs without errors, the definitions that disable one, and what is wrong with the rest.

    When ``strict``, keys that nobody knows are errors.
    """
    tongs: list[Tong] = []
    disabled: list[DisabledTong] = []
    found: list[Diagnostic] = []
    for named in documents:
        place = named.document.places.value("name")
        if not _NAME.fullmatch(named.name) or len(named.name) > _LONGEST:
            found.append(diagnostic("MOR501", place, name=named.name))
        entry, problems = decode_tong(named.document, named.name, strict=strict)
        found.extend(problems)
        if isinstance(entry, DisabledTong):
            disabled.append(entry)
        elif entry is not None:
            tong, problems = fill_tong(entry, layer)
            found.extend(problems)
            if tong is not None:
                tongs.append(tong)
    return tuple(tongs), tuple(disabled), tuple(found)
