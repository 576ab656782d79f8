"""The options of Harbor's own `run` command, as one JSON list: the spellings of each.

    HARBORS_PYTHON run_options.py

Runs in Harbor's environment, so it imports nothing of this project.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main() -> None:
    """Print them."""
    typer: Any = importlib.import_module("typer")
    app = importlib.import_module("harbor.cli.main").app
    run = typer.main.get_command(app).commands["run"]
    options = [[*param.opts, *param.secondary_opts] for param in run.params]
    json.dump(options, sys.stdout)


if __name__ == "__main__":
    main()
