"""Git with the machine's, the user's and the caller's configuration out of the way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .errors import BaselineError


def neutral_environment(git_dir: Path) -> dict[str, str]:
    """A whole environment for git on one repository; nothing but PATH comes from the caller's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_DIR": str(git_dir),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def run_git(git_dir: Path, *words: str) -> str:
    """What git prints; a failure is a BaselineError with git's last line."""
    try:
        done = subprocess.run(
            ["git", *words],
            env=neutral_environment(git_dir),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise BaselineError(f"cannot run git: {error}") from error
    if done.returncode != 0:
        raise BaselineError(f"git {words[0]} failed: {last_line(done.stderr)}")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
