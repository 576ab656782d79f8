"""What gateways put into their container lies where nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler import contracts
from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build
from compiler.ir.gateways import Gateways

# Whose content the engine, the supervisor or the system owns.
_OWNED: Final = ("/dev", "/proc", "/run", "/sys", "/tmp", "/command", contracts.OPT)
# A volume at, above or below one of these would hide the system from itself.
_SYSTEM: Final = ("/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/var/run")


def check_gateway_places(build: Build) -> Iterator[Diagnostic]:
    """MOR604 for the home, MOR605 for a file at a place that is taken, MOR207 for two at one."""
    gateways = build.gateways
    if gateways is None:
        return
    taken = _first_overlap(gateways.home, (*_OWNED, *_SYSTEM))
    if taken:
        place = build.places.value("gateways", "home")
        yield diagnostic("MOR604", place, home=gateways.home, taken=taken)
    listed = [(file.dest, (*file.path, "dest")) for file in gateways.files]
    for dest, again, first in find_repeats(listed):
        line = build.places.value(*first).line
        yield diagnostic("MOR207", build.places.value(*again), name=dest, first=line)
    yield from _check_files(build, gateways)


def _check_files(build: Build, gateways: Gateways) -> Iterator[Diagnostic]:
    owned = dict.fromkeys((*_OWNED, contracts.COMMAND), "mooring or the system owns it")
    owned[gateways.home] = "the volume of the home lies over it"
    for file in gateways.files:
        # What lies beside the command is nobody's.
        command = contracts.COMMAND if file.dest == contracts.COMMAND else None
        taken = command or _first_overlap(file.dest, (*_OWNED, gateways.home))
        if taken:
            place = build.places.value(*file.path, "dest")
            yield diagnostic("MOR605", place, dest=file.dest, taken=taken, why=owned[taken])


def _first_overlap(path: str, places: tuple[str, ...]) -> str | None:
    """The first place that is the path, lies in it, or in which it lies."""
    return next(
        (p for p in places if f"{p}/".startswith(f"{path}/") or path.startswith(f"{p}/")), None
    )
