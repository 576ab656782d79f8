"""The command `mooring`. The only place that prints and exits."""

from __future__ import annotations

import gc
from typing import Final

# A run makes many objects that live until its end and hardly a cycle: looking for cycles after
# every 700 of them, as Python does, takes a twelfth of a small compilation.
_OBJECTS_BETWEEN_SEARCHES: Final = 100_000


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)
    try:
        from compiler.cli.main import run
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # 128 + SIGINT

    run()
