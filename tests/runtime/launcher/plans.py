"""Launch plans made by hand, as the compiler writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

SESSION: Final[dict[str, str]] = {"hole": "session"}
OWNER: Final[dict[str, str]] = {"hole": "owner"}
WORKSPACE: Final[dict[str, str]] = {"hole": "workspace"}
SESSION_NETWORK: Final = [SESSION, "-tongs"]
TOLD: Final = "[ -e /run/mooring/delivered ]"
WRAPPER: Final = """\
mkfifo -m 600 /run/mooring/secrets || exit 125
mooring_complete=; eval "$(cat /run/mooring/secrets)"; rm -f /run/mooring/secrets
[ "$mooring_complete" = yes ] || exit 125
unset mooring_complete; : >/run/mooring/delivered; exec "$@"
"""
DELIVER: Final = """\
tries=0
until [ -p /run/mooring/secrets ]; do
  tries=$((tries + 1)); [ "$tries" -le 300 ] || exit 1
  sleep 0.1
done
cat >/run/mooring/secrets
"""

type Json = dict[str, Any]


def make_tong(
    name: str,
    image: str,
    command: Sequence[str],
    *,
    shared: str = "",
    readiness: Json | None = None,
    secrets: Mapping[str, Sequence[Json]] | None = None,
    options: Sequence[Any] = (),
    shared_network: str = "",
    **other: Any,
) -> Json:
    """One tong of a plan. `shared` is the name of its container; the others are the session's."""
    container: Any = shared or [SESSION, f"-tong-{name}"]
    config_hash = other.pop("config_hash", "0" * 64)
    network: Any = shared_network if shared else SESSION_NETWORK
    marks: list[Any] = ["--label", f"mooring.tong.name={name}"]
    marks += ["--label", f"mooring.tong.config-hash={config_hash}"]
    if not shared:
        marks += ["--label", ["mooring.session=", SESSION], "--label", ["mooring.owner=", OWNER]]
    run: list[Any] = ["docker", "run", "-d", "--name", container, "--network", network]
    run += ["--network-alias", name, *marks, *options]
    process: Json = {"inspect": None, "words": []}
    deliver, told = None, None
    if secrets:
        run += ["--tmpfs", "/run/mooring:rw,noexec,nosuid,nodev,size=1m,mode=1777"]
        run += ["--entrypoint", "/bin/sh", image, "-c", WRAPPER, "mooring"]
        process = {"inspect": None, "words": list(command)}
        deliver = ["docker", "exec", "-i", container, "/bin/sh", "-c", DELIVER]
        told = ["docker", "exec", container, "/bin/sh", "-c", TOLD]
    else:
        run += [image, *command]
    join = ["docker", "network", "connect", "--alias", name, SESSION_NETWORK, container]
    leave = ["docker", "network", "disconnect", "-f", SESSION_NETWORK, container]
    tong = {
        "name": name,
        "lifecycle": "shared" if shared else "session",
        "container": container,
        "image": image,
        "config_hash": config_hash,
        "run": run,
        "process": process,
        "connect": [],
        "join": join if shared else None,
        "leave": leave if shared else None,
        "depends_on": [],
        "readiness": readiness or {"mode": "none"},
        "secrets": [
            {"variable": key, "parts": list(parts)} for key, parts in (secrets or {}).items()
        ],
        "deliver": deliver,
        "told": told,
        "volumes": [],
        "aliases": [name],
        "networks": [],
        "layer": "repo",
        "source": f"tongs/{name}.yaml",
        "untrusted": False,
        "definition": {"image": image, "lifecycle": "shared" if shared else "session"},
    }
    return {**tong, **other}


def tcp(host: str, port: int, seconds: float = 30) -> Json:
    return {"mode": "tcp", "host": host, "port": port, "seconds": seconds, "probe": ["docker", "x"]}


def healthcheck(container: Any, command: Sequence[str] | None, seconds: float = 30) -> Json:
    probe = ["docker", "exec", container, *(command or ())]
    return {
        "mode": "healthcheck",
        "command": list(command) if command is not None else None,
        "seconds": seconds,
        "probe": probe,
    }


def secret(provider: str, reference: str) -> Json:
    return {"provider": provider, "reference": reference, "from": "MOORING_SECRET_X"}


def make_plan(tongs: Sequence[Json], anvil: Sequence[Any], image: str = "", **other: Any) -> Json:
    """A plan in whose session network the harness and all tongs are."""
    networks = [{"name": SESSION_NETWORK, "owned": True, "existing": False}]
    networks += [
        {"name": tong["run"][6], "owned": False, "existing": False}
        for tong in tongs
        if tong["lifecycle"] == "shared"
    ]
    probe = {
        "container": [SESSION, "-probe"],
        "network": SESSION_NETWORK,
        "image": image,
        "run": ["docker", "run"],
    }
    needs_probe = image and any(tong["readiness"]["mode"] == "tcp" for tong in tongs)
    plan = {
        "plan_version": 1,
        "name": "demo",
        "networks": networks,
        "tongs": list(tongs),
        "probe": probe if needs_probe else None,
        "anvil": {"argv": list(anvil), "image": image or None},
        "files": [],
        "warnings": [],
    }
    return {**plan, **other}


def harness(image: str, *command: str, options: Sequence[Any] = ()) -> list[Any]:
    """A harness in the session's network, with the labels by which its session finds it."""
    marks = ["--label", ["mooring.session=", SESSION], "--label", ["mooring.owner=", OWNER]]
    return [
        "docker",
        "run",
        "--rm",
        "--network",
        SESSION_NETWORK,
        *marks,
        *options,
        image,
        *command,
    ]
