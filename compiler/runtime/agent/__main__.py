"""Entry of `python -I FOLDER WORKSPACE MODULE:CLASS [SECRET...]`; the session is descriptor 3."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    part = Path(__file__).resolve().parent
    # Last, so that what lies beside the runtime folder never hides a standard module.
    sys.path.append(str(part.parent.parent))
    host = importlib.import_module(f"{part.parent.name}.{part.name}.host")
    host.main(*sys.argv[1:])
