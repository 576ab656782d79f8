"""Lines of the Dockerfiles that a build makes as long as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Task
from compiler.targets.dockerfile.packages import render_install
from compiler.targets.dockerfile.quote import exec_form

# BuildKit's parser reads lines into a buffer of 64 KiB, line break included.
MOST_LINE_BYTES: Final = 65_535


def check_dockerfile_lines(build: Task) -> Iterator[Diagnostic]:
    """MOR131 for an argv or a list of packages whose instruction no builder would read."""
    for path, text in _instructions(build):
        longest = max(len(line.encode("utf-8")) for line in text.split("\n"))
        if longest > MOST_LINE_BYTES:
            place = build.places.value(*path)
            yield diagnostic("MOR131", place, size=longest, most=MOST_LINE_BYTES)


def _instructions(build: Task) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield ("packages",), render_install(build.workbench.packages)
    yield ("runner", "packages"), render_install(build.runner.packages)
    for i, argv in enumerate(build.runner.build):
        yield ("runner", "build", i), f"RUN {exec_form(argv)}"
