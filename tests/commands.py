"""The command line within this process, and programs that prepare a project for it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from click.testing import CliRunner, Result

from compiler.cli.main import group

_TOLD: Final = re.compile(r"^\S.*: (error|warning|note)\[(MOR\d+)\]: ", re.MULTILINE)
# Git with an identity, and without anybody's configuration.
_GIT: Final = {
    "GIT_AUTHOR_NAME": "A. Author",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "A. Author",
    "GIT_COMMITTER_EMAIL": "author@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "init.defaultBranch",
    "GIT_CONFIG_VALUE_0": "main",
}


def call_mooring(arguments: Sequence[str]) -> Result:
    """Run the command in the current folder; whatever is not one of its own exits is raised."""
    result = CliRunner().invoke(group, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def exit_code(result: Result) -> int:
    """The code with which the command would end."""
    code: int = result.return_value or 0
    return code


def told(text: str) -> dict[str, str]:
    """The codes in what a command said on standard error, each with its severity."""
    return {code: severity for severity, code in _TOLD.findall(text)}


def run_script(argv: Sequence[str | Path], folder: Path) -> None:
    """Run a program in ``folder``; its failure is the test's."""
    environment = {"PATH": os.environ["PATH"], **_GIT}
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
