"""Blocks of user ids: none is that of another container, and all exist."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from compiler.runtime.runner.plan import MAX_SLOTS, MAX_UID, MIN_UID
from compiler.runtime.runner.slots import make_setup_slot, make_slots
from compiler.runtime.runner.system import WorldError
from compiler.runtime.runner.users import BLOCK, FIRST_NAMESPACE, base_of, choose_base

WHOLE = "         0          0 4294967295\n"
REMAPPED = "         0     100000      65536\n"
ROOTLESS = "         0       1000          1\n         1     100000      65535\n"


@pytest.mark.parametrize("uid_map", [WHOLE, REMAPPED, ROOTLESS])
@pytest.mark.parametrize("base", [MIN_UID, 20000])
def test_blocks_are_apart_and_exist(base: int, uid_map: str) -> None:
    """As many containers side by side as there are blocks among the ids."""
    numbers = range(FIRST_NAMESPACE, FIRST_NAMESPACE + 44)
    bases = sorted(base_of(base, number, uid_map) for number in numbers)
    assert all(after - before >= BLOCK for before, after in itertools.pairwise(bases))
    assert bases[0] == base
    assert bases[-1] + BLOCK <= (MAX_UID if uid_map == WHOLE else 65536)


def test_a_block_has_room_for_the_most_slots() -> None:
    slots = make_slots(tuple(f"/slots/{n}" for n in range(MAX_SLOTS)), 20000)
    last = make_setup_slot("/setup", 20000, len(slots))
    users = {user for slot in (*slots, last) for user in (slot.uid, slot.janitor)}
    assert max(users) - min(users) < BLOCK


@pytest.mark.parametrize(
    ("base", "uid_map"),
    [(20000, "0 1000 1\n"), (20000, "0 0 20000\n"), (65000, REMAPPED), (MAX_UID, WHOLE)],
)
def test_ids_that_do_not_exist_are_refused(base: int, uid_map: str) -> None:
    with pytest.raises(WorldError, match=f"the user ids {base} to "):
        base_of(base, FIRST_NAMESPACE + 7, uid_map)


def test_the_namespace_that_this_is() -> None:
    found = Path("/proc/self/ns/pid").stat().st_ino
    uid_map = Path("/proc/self/uid_map").read_text("ascii")
    assert choose_base(20000) == base_of(20000, found, uid_map)
