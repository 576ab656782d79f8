"""What a process can see of its container. The standard library alone: it is sent into images.

    python3 - HEX... < sight.py

Prints one JSON object: where each needle (given in hex, so that it is not found in what gives it)
stands in the names, links and contents of files, and in what /proc shows of processes.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator

PIECE = 1 << 20
# Kernel interfaces; of /proc the processes are looked at one by one.
PASSED_OVER = ("/proc", "/sys")
OF_A_PROCESS = ("environ", "cmdline", "comm", "mountinfo", "cgroup", "stack", "wchan")


def look_around(needles: list[bytes]) -> dict[str, object]:
    """`found`: needle -> places. `files`, `bytes`: how much was read; `sockets`: where some are."""
    sight = Sight(needles)
    for path in walk("/"):
        sight.take_path(path)
    for path in processes():
        sight.take_path(path)
    places = {needle.hex(): sorted(found) for needle, found in sight.found.items()}
    return {
        "found": {needle: found for needle, found in places.items() if found},
        "files": sight.files,
        "bytes": sight.bytes,
        "sockets": sorted(sight.sockets),
    }


class Sight:
    def __init__(self, needles: list[bytes]) -> None:
        self.found: dict[bytes, set[str]] = {needle: set() for needle in needles}
        self.longest = max(map(len, needles))
        self.sockets: set[str] = set()
        self.files = self.bytes = 0

    def take_path(self, path: str) -> None:
        try:
            kind = os.lstat(path).st_mode
            self._take(os.fsencode(path), path)
            if stat.S_ISLNK(kind):
                self._take(os.fsencode(os.readlink(path)), path)
            elif stat.S_ISREG(kind):
                self._read(path)
            elif stat.S_ISSOCK(kind):
                self.sockets.add(path)
        except OSError:
            return

    def _read(self, path: str) -> None:
        before = b""
        with open(path, "rb", buffering=0) as file:
            self.files += 1
            while piece := file.read(PIECE):
                self.bytes += len(piece)
                self._take(before + piece, path)
                before = piece[-self.longest :]

    def _take(self, text: bytes, place: str) -> None:
        for needle, found in self.found.items():
            if needle in text:
                found.add(place)


def walk(top: str) -> Iterator[str]:
    """Every path below that can be listed, links not followed."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.path in PASSED_OVER:
                continue
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def processes() -> Iterator[str]:
    """What /proc shows of each process: the texts, and the links to files that it has open."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        folder = f"/proc/{process}"
        yield from (f"{folder}/{name}" for name in OF_A_PROCESS)
        yield from (f"{folder}/{name}" for name in ("cwd", "root", "exe"))
        try:
            yield from (f"{folder}/fd/{name}" for name in os.listdir(f"{folder}/fd"))
        except OSError:
            continue


if __name__ == "__main__":
    print(json.dumps(look_around([bytes.fromhex(word) for word in sys.argv[1:]])))
