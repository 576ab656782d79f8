"""What is wrong with tongs taken together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from compiler.diagnostics.diagnostic import Diagnostic, Related, diagnostic
from compiler.diagnostics.span import Span
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.tong import Lifecycle, Tong
from compiler.ir.tong_names import (
    alias_collisions,
    canonical_alias,
    network_aliases,
)
from compiler.ir.tong_order import find_cycle
from compiler.ir.variable_name import variable_name


def check_tong_set(tongs: Sequence[Tong], names: Collection[str]) -> Iterator[Diagnostic]:
    """MOR509 to MOR513 and MOR516: names that two claim, and tongs that wait for others.

    ``names`` are those of all definitions, also of those whose shape is not right.
    """
    yield from _check_aliases(tongs)
    yield from _check_variables(tongs)
    yield from _check_dependencies(tongs, names)
    circle = find_cycle(tongs)
    if circle:
        first = next(tong for tong in tongs if tong.name == circle[0])
        shown = " -> ".join(circle)
        yield diagnostic("MOR512", first.places.value("depends_on"), circle=shown)


def check_reserved(tongs: Sequence[Tong], reserved: Sequence[str]) -> Iterator[Diagnostic]:
    """MOR510: a tong with the name of a service, or of the machine itself."""
    taken = {"localhost": "the container itself"}
    taken |= {name.casefold(): "a service of the task" for name in reserved}
    for tong in tongs:
        for alias in network_aliases(tong):
            owner = taken.get(alias.casefold())
            if owner is not None:
                yield diagnostic("MOR510", alias_place(tong, alias), alias=alias, owner=owner)


def alias_place(tong: Tong, alias: str) -> Span:
    """Where a tong claims a name."""
    if alias in tong.aliases and alias != canonical_alias(tong):
        return tong.places.value("aliases", tong.aliases.index(alias))
    return tong.places.value("interface", "name")


def _check_aliases(tongs: Sequence[Tong]) -> Iterator[Diagnostic]:
    for alias, first, second in alias_collisions(tongs):
        mine = next(a for a in network_aliases(first) if a.casefold() == alias.casefold())
        related = Related(span=alias_place(first, mine), label=f"`{first.name}` claims it here")
        yield diagnostic(
            "MOR509",
            alias_place(second, alias),
            related,
            alias=alias,
            first=first.name,
            second=second.name,
        )


def _check_variables(tongs: Sequence[Tong]) -> Iterator[Diagnostic]:
    stems: dict[str, Tong] = {}
    for tong in sorted(tongs, key=lambda t: t.name):
        stem = variable_name(tong.name)
        first = stems.setdefault(stem, tong)
        if first is not tong:
            what = "name" if first.name == tong.name else f"variables, MOORING_TONG_{stem}_..."
            place = tong.places.value("name")
            yield diagnostic("MOR516", place, first=first.name, second=tong.name, what=what)


def _check_dependencies(tongs: Sequence[Tong], names: Collection[str]) -> Iterator[Diagnostic]:
    known = {tong.name: tong for tong in tongs}
    for tong in tongs:
        for i, name in enumerate(tong.depends_on):
            place = tong.places.value("depends_on", i)
            if name not in names:
                near = suggest_name(name, names)
                hint = f"did you mean `{near}`?" if near else f"the tongs are: {', '.join(names)}"
                yield diagnostic("MOR511", place, name=tong.name, missing=name, hint=hint)
            elif name in known and (tong.lifecycle, known[name].lifecycle) == (
                Lifecycle.SHARED,
                Lifecycle.SESSION,
            ):
                problem = f"depend on `{name}`, which ends with its session"
                yield diagnostic("MOR513", place, problem=problem)
