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
    for layer in Layer:
        if layer not in folders:
            continue
        documents, problems = read_folder(folders[layer])
        found.extend(problems)
        texts.update({d.document.places.file: d.document.text for d in documents})
        tongs, disabled, problems = gather_tongs(documents, layer, strict=strict)
        found.extend(problems)
        contents.append(LayerContent(layer=layer, tongs=tongs, disabled=disabled))
    layered, problems = layer_tongs(contents)
    found.extend(problems)
    effective = tuple(each.tong for each in layered.tongs)
    for tong in effective:
        found.extend(check_tong(tong))
    found.extend(check_tong_set(effective))
    return Discovered(layered=layered, found=tuple(found), texts=texts)


def judge_definitions(
    documents: tuple[TongDocument, ...], *, strict: bool
) -> tuple[tuple[Tong, ...], tuple[Diagnostic, ...]]:
    """Definitions that stand by themselves: each is judged, but not what they are together."""
    tongs, _, found = gather_tongs(documents, Layer.BUILD, strict=strict)
    return tongs, (*found, *(d for tong in tongs for d in check_tong(tong)))
