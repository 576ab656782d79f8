"""The canonical form of a definition, and its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from compiler.ir.tong import (
    Bounds,
    Definition,
    Interface,
    Mount,
    SecretReference,
    SocketMount,
    Tong,
    Value,
    VolumeMount,
)


def canonical_definition(tong: Tong) -> Definition:
    """All that a definition asks for, defaults filled in; secrets are their references.

    What only people read, and where the definition comes from, is left out.
    """
    return {
        "name": tong.name,
        "lifecycle": tong.lifecycle.value,
        "image": tong.image,
        "env": {name: written_value(value) for name, value in sorted(tong.environment)},
        "interface": _interface(tong.interface),
        "aliases": list(tong.aliases),
        "readiness": {
            "mode": tong.readiness.mode.value,
            "command": _listed(tong.readiness.command),
            "timeout": tong.readiness.seconds,
        },
        "mounts": [written_mount(mount) for mount in tong.mounts],
        "resources": _bounds(tong.resources),
        "networks": list(tong.networks),
        "entrypoint": _listed(tong.entrypoint),
        "command": _listed(tong.command),
        "depends_on": list(tong.depends_on),
        "user": tong.user,
        "read_only": tong.read_only,
        "cap_drop": list(tong.cap_drop),
        "cap_add": list(tong.cap_add),
    }


def config_hash(tong: Tong) -> str:
    """SHA-256 (hex) of the canonical definition; a container with another is of another one."""
    text = json.dumps(canonical_definition(tong), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def written_value(value: Value) -> str:
    """A variable's value as it is written."""
    return "".join(
        f"${{secret:{part.provider}:{part.reference}}}"
        if isinstance(part, SecretReference)
        else part
        for part in value
    )


def written_mount(mount: Mount) -> str:
    """A mount as it is written, in full."""
    mode = "ro" if mount.read_only else "rw"
    if isinstance(mount, VolumeMount):
        return f"volume:{mount.volume}:{mount.target}:{mode}"
    if isinstance(mount, SocketMount):
        return f"docker-socket:{mode}"
    return f"workspace:{mount.target}:{mode}"


def _interface(interface: Interface) -> dict[str, Any]:
    pairs = {
        "kind": interface.kind.value,
        "port": interface.port,
        "name": interface.name,
        "path": interface.path,
        "protocol": interface.protocol,
        "volume": interface.volume,
        "mountpoint": interface.mountpoint,
    }
    return {key: value for key, value in pairs.items() if value is not None}


def _bounds(bounds: Bounds) -> dict[str, Any]:
    gpus = list(bounds.gpus) if isinstance(bounds.gpus, tuple) else bounds.gpus
    pairs = {"memory": bounds.memory, "cpus": bounds.cpus, "pids": bounds.pids, "gpus": gpus}
    return {key: value for key, value in pairs.items() if value is not None}


def _listed(argv: tuple[str, ...] | None) -> list[str] | None:
    return None if argv is None else list(argv)
