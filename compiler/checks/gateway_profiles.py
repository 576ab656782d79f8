"""Profiles of gateways are told apart, by name and in the variables that main finds them by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build
from compiler.ir.gateways import ROOT_PROFILE
from compiler.ir.variable_name import gateway_variable

# The supervisor takes no more.
MOST_PORTS: Final = 2000


def check_gateway_profiles(build: Build) -> Iterator[Diagnostic]:
    """MOR207 for a name that stands twice, MOR600 for two names that one variable would have,
    MOR601 for a range of ports that is none or too small."""
    if build.gateways is None:
        return
    names = {profile.name: (*profile.path, "name") for profile in build.gateways.profiles}
    listed = [(profile.name, (*profile.path, "name")) for profile in build.gateways.profiles]
    for name, again, first in find_repeats(listed):
        line = build.places.value(*first).line
        yield diagnostic("MOR207", build.places.value(*again), name=name, first=line)
    variables = [(gateway_variable(name, "HOST"), name) for name in names]
    for variable, name, other in find_repeats(variables):
        place = build.places.value(*names[name])
        yield diagnostic("MOR600", place, name=name, other=other, variable=variable)
    yield from _check_ports(build, len({*names, ROOT_PROFILE}))


def _check_ports(build: Build, profiles: int) -> Iterator[Diagnostic]:
    assert build.gateways is not None
    first, last = build.gateways.ports
    place = build.places.value("gateways", "port_range")
    if not 1 <= first <= last <= 65535 or last - first >= MOST_PORTS:
        problem = f"at most {MOST_PORTS} ports from 1 to 65535, the first one first"
        yield diagnostic("MOR601", place, first=first, last=last, problem=problem)
    elif last - first + 1 < profiles:
        problem = f"{profiles} profiles need one each, `{ROOT_PROFILE}` included"
        yield diagnostic("MOR601", place, first=first, last=last, problem=problem)
