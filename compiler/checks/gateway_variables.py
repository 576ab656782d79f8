"""The variables of gateways stand in the artifacts: no secret, and none of Mooring's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Bare, Build
from compiler.ir.gateways import Gateways
from compiler.source.document import Path

_RESERVED: Final = "MOORING_"


def check_gateway_variables(build: Build) -> Iterator[Diagnostic]:
    """MOR405 for a reserved name, MOR606 for the value of a secret."""
    if build.gateways is None:
        return
    secrets = set() if isinstance(build, Bare) else {secret.name for secret in build.secrets}
    for name, value, path in _variables(build.gateways):
        if name.startswith(_RESERVED):
            yield diagnostic("MOR405", build.places.key(*path), name=name)
        elif name in secrets and value is not None:
            yield diagnostic("MOR606", build.places.key(*path), name=name)


def _variables(gateways: Gateways) -> Iterator[tuple[str, str | None, Path]]:
    for name, value in gateways.env:
        yield name, value, ("gateways", "env", name)
    for profile in gateways.profiles:
        for name, value in profile.env:
            yield name, value, (*profile.path, "env", name)
