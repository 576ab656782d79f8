"""The order in which tongs start."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from compiler.ir.tong import Tong


def find_cycle(tongs: Iterable[Tong]) -> tuple[str, ...]:
    """Names of tongs that wait for each other in a circle, the first again at the end; or none."""
    try:
        TopologicalSorter({tong.name: tong.depends_on for tong in tongs}).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def start_order(tongs: Iterable[Tong]) -> tuple[Tong, ...]:
    """Tongs after those that they depend on, by name where that leaves a choice.

    Raises CycleError for a circle. What is not among the tongs is passed over.
    """
    known = {tong.name: tong for tong in tongs}
    sorter = TopologicalSorter({name: tong.depends_on for name, tong in known.items()})
    sorter.prepare()
    ordered: list[Tong] = []
    while sorter.is_active():
        # Sorted: what is ready comes in no order.
        ready = sorted(sorter.get_ready())
        ordered.extend(known[name] for name in ready if name in known)
        sorter.done(*ready)
    return tuple(ordered)
