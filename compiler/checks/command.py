"""The command reads its input, writes its output, and uses known placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeA, Task

PLACEHOLDERS: Final = ("{input}", "{output}", "{workspace}")
_LIKE_A_PLACEHOLDER: Final = re.compile(r"\{[A-Za-z_]+\}")


def check_command(build: Task) -> Iterator[Diagnostic]:
    """MOR208 where input or output is never mentioned, MOR209 for a misspelt placeholder."""
    if not isinstance(build, ModeA):
        return
    place = build.places.value("command")
    for needed, hint in (
        ("{output}", "without it a candidate cannot know where to write its answer"),
        ("{input}", "without it a candidate cannot know what to answer"),
    ):
        if not any(needed in word for word in build.command):
            yield diagnostic("MOR208", place, placeholder=needed, hint=hint)
    for i, word in enumerate(build.command):
        for match in _LIKE_A_PLACEHOLDER.findall(word):
            near = suggest_name(match, PLACEHOLDERS)
            if match not in PLACEHOLDERS and near:
                hint = f"did you mean `{near}`?"
                yield diagnostic(
                    "MOR209", build.places.value("command", i), placeholder=match, hint=hint
                )
