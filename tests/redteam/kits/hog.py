"""A candidate that takes all the memory of the runner, in the way that its first word names.

python3 solve.py INPUT OUTPUT
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WAY = Path(__file__).with_name("way").read_text(encoding="utf-8")
BLOCK = b"x" * (1 << 20)


def take_heap() -> None:
    """What the kernel sees and ends this process for."""
    held = []
    while True:
        held.append(BLOCK * 16)


def hide() -> None:
    """Memory that is no process's, held by one that asks to be spared as long as the daemon is."""
    Path("/proc/self/oom_score_adj").write_text("0")
    while True:
        file = os.memfd_create("hidden")
        with contextlib.suppress(OSError):
            for _ in range(128):
                os.write(file, BLOCK)


if __name__ == "__main__":
    {"heap": take_heap, "hidden": hide}[WAY]()
