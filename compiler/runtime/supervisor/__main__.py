"""Entry of `python3 -I -S FOLDER`, and, run as a file, of the slots' scripts."""

from __future__ import annotations

import sys

# What s6 runs at each start and end of a gateway imports as little as it can, and by this way:
# importlib and pathlib alone would cost more than all that these scripts do.
QUICK = {
    "slot-run": "slot_run",
    "slot-finish": "slot_finish",
    "main-run": "slot_main",
    "main-finish": "slot_main",
}

if __name__ == "__main__":
    folder = __file__.rpartition("/")[0]
    if not folder.startswith("/"):
        import os

        folder = os.path.realpath(folder or ".")
    above, _, part = folder.rpartition("/")
    root, _, package = above.rpartition("/")
    # Last, so that what lies beside the runtime folder never hides a standard module.
    sys.path.append(root or "/")
    module = QUICK.get(sys.argv[1] if len(sys.argv) > 1 else "", "cli")
    entry = __import__(f"{package}.{part}.{module}", fromlist=["main"])
    sys.exit(entry.main(sys.argv[1:]))
