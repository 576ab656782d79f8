"""Harbor's own environments, as one JSON object: name to extra and whether it runs Compose files.

    HARBORS_PYTHON known_environments.py

Runs in Harbor's environment, so it imports nothing of this project; the providers' clients are not
installed, so the modules are read and not imported.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Print them."""
    factory = importlib.import_module("harbor.environments.factory")
    root = Path(importlib.import_module("harbor").__file__ or "").parent.parent
    found = {}
    for kind, entry in factory._ENVIRONMENT_REGISTRY.items():
        found[kind.value] = {"extra": entry.pip_extra, "compose": _runs_compose(root, entry)}
    json.dump(found, sys.stdout)


def _runs_compose(root: Path, entry: Any) -> bool:
    path = root / entry.module.replace(".", "/")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    text = "".join(file.read_text("utf-8") for file in files)
    # Those that are Docker under another name inherit it.
    return "docker_compose=True" in text or "(DockerEnvironment)" in text


if __name__ == "__main__":
    main()
