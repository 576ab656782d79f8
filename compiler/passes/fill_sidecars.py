"""What a build file says of tongs and anvil -> Sidecars: every default."""

from __future__ import annotations

from typing import Final

from compiler import contracts
from compiler.ir.sidecars import AnvilSettings, Harness, Sidecars
from compiler.surface.build_file import AnvilEntry, BuildFile

WORKSPACE: Final = contracts.TONG_WORKSPACE


def fill_sidecars(file: BuildFile) -> Sidecars:
    """The complete sidecars; none at all is no sources and no anvil."""
    return Sidecars(
        sources=file.tongs,
        anvil=None if file.anvil is None else _fill_anvil(file.anvil),
        allow_socket=file.allow_docker_socket,
    )


def _fill_anvil(entry: AnvilEntry) -> AnvilSettings:
    return AnvilSettings(
        image=entry.image,
        argv=entry.argv,
        network=entry.network,
        workspace=entry.workspace or WORKSPACE,
        harness=Harness(entry.harness) if entry.harness else None,
        prefix=entry.env_prefix or contracts.TONG_PREFIX,
    )
