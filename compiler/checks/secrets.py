"""A secret is nowhere in the artifacts, and where candidates get one, that is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Reach, Recipient, Task

_RESERVED: Final = "MOORING_"


def check_secrets(build: Task) -> Iterator[Diagnostic]:
    """MOR401, MOR402: a secret that is a parameter or in agent_env; MOR405, MOR406."""
    variables = {name for name, _ in build.workbench.variables}
    for secret in build.secrets:
        place = build.places.value(*secret.path)
        if secret.name in build.params:
            yield diagnostic("MOR401", place, name=secret.name)
        if secret.name in variables:
            yield diagnostic("MOR402", place, name=secret.name)
        if secret.name.startswith(_RESERVED):
            yield diagnostic("MOR405", place, name=secret.name)
        if secret.to is Recipient.CANDIDATE and build.runner.network is Reach.PUBLIC:
            yield diagnostic("MOR406", place, name=secret.name)
    for name in sorted(variables):
        if name.startswith(_RESERVED):
            yield diagnostic("MOR405", build.places.key("agent_env", name), name=name)
