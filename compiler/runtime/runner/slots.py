"""A slot: one user id, one folder of its own, at most one sample at a time.

A slot is taken by a lock on its folder, which the kernel frees with the process that holds it. Its
folder is empty while the slot is clean: the first thing of a sample is made in it before any
candidate code runs, and goes last, after all traces are gone. So whoever takes a slot sees by
itself whether the one before finished.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

INPUT_FOLDER, OUTPUT_FOLDER, HOME_FOLDER = "in", "out", "work"


@dataclass(frozen=True)
class Slot:
    """A user id and its folder. `janitor` is a user id that no candidate code has: janitor.py.

    A candidate's setup has a slot of its own as well, with neither input nor output.
    """

    name: str
    path: str
    uid: int
    janitor: int
    owned: tuple[str, ...]

    @property
    def input(self) -> str:
        """The file with the sample's input."""
        return f"{self.path}/{INPUT_FOLDER}/input.json"

    @property
    def output(self) -> str:
        """The file into which the sample writes its answer."""
        return f"{self.path}/{OUTPUT_FOLDER}/output.json"

    @property
    def home(self) -> str:
        """HOME and TMPDIR of what runs here."""
        return f"{self.path}/{HOME_FOLDER}"


def make_slots(paths: tuple[str, ...], uid_base: int) -> tuple[Slot, ...]:
    """The slots of samples. With n slots, user ids from `uid_base` on are: n for samples, n for
    their janitors, one for setups and one for its janitor.
    """
    return tuple(
        Slot(
            name=f"slot {index}",
            path=path,
            uid=uid_base + index,
            janitor=uid_base + len(paths) + index,
            owned=(f"{path}/{OUTPUT_FOLDER}", f"{path}/{HOME_FOLDER}"),
        )
        for index, path in enumerate(paths)
    )


def make_setup_slot(path: str, uid_base: int, slots: int) -> Slot:
    """The one of setups, beside so many slots of samples."""
    uid = uid_base + 2 * slots
    home = f"{path}/{HOME_FOLDER}"
    return Slot(name="the setup slot", path=path, uid=uid, janitor=uid + 1, owned=(home,))


def lock_slot(slot: Slot) -> int | None:
    """A descriptor that holds the slot until it is closed; None when somebody else has it."""
    # Candidate code cannot open this folder, whose mode is 0711, and so cannot lock it.
    folder = os.open(slot.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        return None
    return folder


def free_slots(slots: tuple[Slot, ...]) -> Iterator[tuple[Slot, int]]:
    """Locks one slot after the other that is free; the taker closes each descriptor."""
    for slot in slots:
        lock = lock_slot(slot)
        if lock is not None:
            yield slot, lock


def is_clean(slot: Slot) -> bool:
    """Whether the last sample here was cleared away to the end."""
    return not os.listdir(slot.path)


def furnish(slot: Slot, text: bytes) -> None:
    """Lays out a clean slot for one sample with the input `text`."""
    folder = os.path.dirname(slot.input)
    os.mkdir(folder, 0o700)
    _give(folder, 0, slot.uid, 0o750)
    file = os.open(slot.input, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as writer:
        writer.write(text)
    _give(slot.input, 0, slot.uid, 0o640)
    furnish_owned(slot)


def furnish_owned(slot: Slot) -> None:
    """The folders that belong to the slot's user."""
    for path in slot.owned:
        os.mkdir(path, 0o700)
        os.chown(path, slot.uid, slot.uid)


def _give(path: str, uid: int, gid: int, mode: int) -> None:
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def clear(slot: Slot) -> None:
    """Takes down what was laid out, once the janitor has emptied what the slot's user owned."""
    for path in slot.owned:
        _ignore_missing(os.rmdir, path)
    _ignore_missing(os.unlink, slot.input)
    _ignore_missing(os.rmdir, os.path.dirname(slot.input))
    if not is_clean(slot):
        raise OSError(f"{slot.path}: not empty")


def _ignore_missing(remove: Callable[[str], None], path: str) -> None:
    try:
        remove(path)
    except FileNotFoundError:
        return
