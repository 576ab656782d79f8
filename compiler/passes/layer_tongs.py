"""Definitions in layers -> the tongs that count, and what became of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.diagnostics.diagnostic import Diagnostic, Related, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.tong import Layer, Tong
from compiler.surface.tong_file import DisabledTong


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredTong:
    """A tong that counts, with the definitions of lower layers that it hides, the nearest first."""

    tong: Tong
    hides: tuple[Tong, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedTong:
    """Definitions, the nearest first, that ``by`` in a higher layer has disabled."""

    by: DisabledTong
    layer: Layer
    hides: tuple[Tong, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """What one folder defines."""

    layer: Layer
    tongs: tuple[Tong, ...]
    disabled: tuple[DisabledTong, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """The outcome, by name."""

    tongs: tuple[LayeredTong, ...]
    removed: tuple[RemovedTong, ...]


def layer_tongs(layers: Sequence[LayerContent]) -> tuple[Layered, tuple[Diagnostic, ...]]:
    """A definition of a higher layer replaces one of the same name whole; ``disable`` removes it.

    ``layers`` come lowest first. The workspace is not trusted: it may add and disable, not replace.
    """
    standing: dict[str, tuple[Tong, ...]] = {}
    removed: list[RemovedTong] = []
    found: list[Diagnostic] = []
    for content in layers:
        inherited = dict(standing)
        for tong in content.tongs:
            below = inherited.get(tong.name, ())
            if below and content.layer is Layer.WORKSPACE:
                found.append(_refuse(tong, below[0]))
            else:
                standing[tong.name] = (tong, *below)
        for entry in content.disabled:
            below = standing.pop(entry.name, ())
            if below:
                removed.append(RemovedTong(by=entry, layer=content.layer, hides=below))
            else:
                found.append(_warn_idle(entry, inherited))
    tongs = (LayeredTong(tong=t[0], hides=t[1:]) for _, t in sorted(standing.items()))
    removed.sort(key=lambda each: each.by.name)
    return Layered(tongs=tuple(tongs), removed=tuple(removed)), tuple(found)


def _refuse(tong: Tong, below: Tong) -> Diagnostic:
    related = Related(span=below.places.value(), label="it is defined here")
    place = tong.places.value()
    return diagnostic("MOR518", place, related, name=tong.name, lower=below.layer.value)


def _warn_idle(entry: DisabledTong, known: dict[str, tuple[Tong, ...]]) -> Diagnostic:
    near = suggest_name(entry.name, known)
    hint = f"did you mean `{near}`?" if near else "remove it: no lower layer defines one"
    return diagnostic("MOR519", entry.places.key("disable"), name=entry.name, hint=hint)
