"""Entry of the part run as a folder: `python3 -I -S report WORDS`."""

import importlib
import sys
from pathlib import Path

_PART = Path(__file__).resolve().parent

if __name__ == "__main__":
    # The folder itself goes: its modules are reached through the package and shadow nothing.
    sys.path[0] = str(_PART.parent.parent)
    cli = importlib.import_module(f"{_PART.parent.name}.{_PART.name}.cli")
    sys.exit(cli.main(sys.argv[1:]))
