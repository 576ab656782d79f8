"""Lists of names hold each name once."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import ModeA, Task
from compiler.source.document import Path


def check_repeated_names(build: Task) -> Iterator[Diagnostic]:
    """MOR207 for input fields, secrets, read-only paths and a target's samples."""
    for names in _lists(build):
        places = [(name, build.places.value(*path)) for name, path in names]
        for name, again, first in find_repeats(places):
            yield diagnostic("MOR207", again, name=name, first=first.line)


def _lists(build: Task) -> Iterator[list[tuple[str, Path]]]:
    if isinstance(build, ModeA):
        yield _named("input_fields", build.input_fields)
    yield [(secret.name, secret.path) for secret in build.secrets]
    yield _named("read_only_paths", build.seed.read_only)
    for target in build.targets:
        ids = target.sample_ids or ()
        yield [(name, (*target.path, "sample_ids", i)) for i, name in enumerate(ids)]


def _named(key: str, names: tuple[str, ...]) -> list[tuple[str, Path]]:
    return [(name, (key, i)) for i, name in enumerate(names)]
