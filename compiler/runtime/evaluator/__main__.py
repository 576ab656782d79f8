"""Entry of the evaluator run as a folder: `python -I evaluator COMMAND`."""

import importlib
import sys
from pathlib import Path

_PART = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.insert(0, str(_PART.parent.parent))
    cli = importlib.import_module(f"{_PART.parent.name}.{_PART.name}.cli")
    sys.exit(cli.main(sys.argv[1:]))
