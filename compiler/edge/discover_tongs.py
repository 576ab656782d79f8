"""Tongs in the layers of a machine: read, judged, and laid over each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.checks.tong import check_tong
from compiler.checks.tong_set import check_tong_set
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.edge.read_tongs import read_folder
from compiler.ir.tong import Layer, Tong
from compiler.passes.gather_tongs import gather_tongs
from compiler.passes.layer_tongs import LayerContent, Layered, layer_tongs
from compiler.surface.build_file import TongDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """The outcome of all layers, what is wrong with it, and the texts of the files by name."""

    layered: Layered
    found: tuple[Diagnostic, ...]
    texts: dict[str, str]

    @property
    def tongs(self) -> tuple[Tong, ...]:
        """The tongs that count, by name."""
        return tuple(each.tong for each in self.layered.tongs)


def discover_tongs(folders: Mapping[Layer, Path], *, strict: bool) -> Discovered:
    """What the folders define; one that is not there defines nothing.

    A definition with errors is an error, whatever would have hidden it.
    """
    contents: list[LayerContent] = []
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    broken: set[str] = set()
    for layer in Layer:
        if layer not in folders:
            continue
        documents, problems = read_folder(folders[layer])
        found.extend(problems)
        texts.update({d.document.places.file: d.document.text for d in documents})
        gathered = gather_tongs(documents, layer, strict=strict)
        found.extend(gathered.found)
        broken.update(set(gathered.names) - {tong.name for tong in gathered.tongs})
        contents.append(LayerContent(layer=layer, tongs=gathered.tongs, disabled=gathered.disabled))
    layered, problems = layer_tongs(contents)
    found.extend(problems)
    effective = tuple(each.tong for each in layered.tongs)
    names = dict.fromkeys((*(t.name for t in effective), *sorted(broken)))
    for tong in effective:
        found.extend(check_tong(tong))
    found.extend(check_tong_set(effective, names))
    return Discovered(layered=layered, found=tuple(found), texts=texts)


def judge_definitions(
    documents: tuple[TongDocument, ...], *, strict: bool
) -> tuple[tuple[Tong, ...], tuple[Diagnostic, ...]]:
    """Definitions that stand by themselves: each is judged, but not what they are together."""
    gathered = gather_tongs(documents, Layer.BUILD, strict=strict)
    more = (d for tong in gathered.tongs for d in check_tong(tong))
    return gathered.tongs, (*gathered.found, *more)
