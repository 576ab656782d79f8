"""Entry of `python3 -I -S FOLDER`: finds the package that this folder is, and runs its commands."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    part = Path(__file__).resolve().parent
    # Last, so that what lies beside the runtime folder never hides a standard module.
    sys.path.append(str(part.parent.parent))
    cli = importlib.import_module(f"{part.parent.name}.{part.name}.cli")
    sys.exit(cli.main(sys.argv[1:]))
