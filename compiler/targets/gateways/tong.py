"""Gateways as a tong: for `mooring launch`, and for the launch of a build's own anvil."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from compiler import contracts
from compiler.ir.build import Build
from compiler.ir.gateways import ROOT_PROFILE, Gateways
from compiler.ir.project import InstalledFiles
from compiler.ir.tong import (
    Bounds,
    Interface,
    Kind,
    Layer,
    Lifecycle,
    Readiness,
    ReadinessMode,
    Tong,
    VolumeMount,
)
from compiler.output.file_set import File, make_file
from compiler.passes.lower_gateways import CAPABILITIES, profile_ports
from compiler.targets.compose.render import render_yaml
from compiler.targets.gateways.files import FOLDER, render_dockerfile
from compiler.targets.gateways.plan import lower_gateways_plan
from compiler.targets.json_text import render_json

FILE: Final = f"tongs/{contracts.GATEWAYS}.yaml"
READY_SECONDS: Final = 120
_TAG_DIGITS: Final = 12
_HEADER: Final = """\
# Written by `mooring compile`. The gateways as a tong. Its image, from the folder above this one:
#   docker build --tag {image} --file {dockerfile} environment
"""


def gateways_tong(build: Build, installed: tuple[InstalledFiles, ...]) -> Tong:
    """The tong of a build with gateways; its image is one that the user builds.

    Its interface has room for one port; of the other profiles the anvil is told by variables.
    """
    gateways = build.gateways
    assert gateways is not None
    slug = re.sub(r"[^a-z0-9]+", "-", build.name.lower()).strip("-")
    home = VolumeMount(
        volume=f"mooring-{contracts.GATEWAYS}-{slug}", target=gateways.home, read_only=False
    )
    return Tong(
        name=contracts.GATEWAYS,
        description=f"The gateways of {build.name}",
        # They are to stay up, whatever comes and goes around them.
        lifecycle=Lifecycle.SHARED,
        image=f"mooring-{contracts.GATEWAYS}/{slug}:{_tag(gateways, installed)}",
        environment=(),
        interface=Interface(kind=Kind.PORT, port=_port(gateways)),
        aliases=(),
        readiness=Readiness(
            mode=ReadinessMode.HEALTHCHECK,
            command=(contracts.COMMAND, "health"),
            seconds=READY_SECONDS,
        ),
        mounts=(home,),
        resources=Bounds(),
        networks=(),
        entrypoint=None,
        command=None,
        depends_on=(),
        user=None,
        # A tong has no memory file systems, so `/run` is the container's own.
        read_only=False,
        cap_drop=("ALL",),
        cap_add=CAPABILITIES,
        layer=Layer.BUILD,
        places=build.places,
    )


def _tag(gateways: Gateways, installed: tuple[InstalledFiles, ...]) -> str:
    """Another Dockerfile or plan is another image, so that a running container is replaced."""
    plan = render_json(lower_gateways_plan(gateways))
    text = render_dockerfile(gateways, installed) + plan
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_TAG_DIGITS]


def _port(gateways: Gateways) -> int:
    wanted = [profile.name for profile in gateways.profiles if profile.start]
    first = next(iter((*wanted, *gateways.names())), ROOT_PROFILE)
    return profile_ports(gateways)[first]


def render_gateways_tong(tong: Tong) -> dict[str, File]:
    """Its definition as a file for a layer of tongs."""
    (home,) = tong.mounts
    assert isinstance(home, VolumeMount)
    command = list(tong.readiness.command or ())
    definition = {
        "description": tong.description,
        "lifecycle": tong.lifecycle.value,
        "image": tong.image,
        "interface": {"kind": tong.interface.kind.value, "port": tong.interface.port},
        "readiness": {
            "mode": tong.readiness.mode.value,
            "command": command,
            "timeout": int(tong.readiness.seconds),
        },
        "mounts": [f"volume:{home.volume}:{home.target}"],
        "cap_drop": list(tong.cap_drop),
        "cap_add": list(tong.cap_add),
    }
    header = _HEADER.format(image=tong.image, dockerfile=f"{FOLDER}/Dockerfile")
    return {FILE: make_file(header + render_yaml(definition))}
