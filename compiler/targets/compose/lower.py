"""TaskPlan -> Compose model."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import Resources
from compiler.ir.task_plan import (
    FromCaller,
    Healthcheck,
    Mount,
    Network,
    Plan,
    Service,
    Tmpfs,
    Variable,
)
from compiler.targets.compose.model import ComposeValue, Joined


def lower_compose(plan: Plan) -> dict[str, ComposeValue]:
    """The whole Compose file; Harbor lays its own files under and over it."""
    return {
        "services": {service.name: _lower_service(service) for service in plan.services},
        "networks": {network.name: _lower_network(network) for network in plan.networks},
        "volumes": {volume.name: {} for volume in plan.volumes},
    }


def _lower_service(service: Service) -> ComposeValue:
    lowered: dict[str, ComposeValue] = {
        **_lower_process(service),
        "init": service.init,
        "security_opt": ["no-new-privileges:true"],
        **_lower_capabilities(service),
    }
    if service.read_only:
        lowered["read_only"] = True
    if service.restart:
        lowered["restart"] = "on-failure"
    if service.labels:
        lowered["labels"] = dict(service.labels)
    if service.sysctls:
        lowered["sysctls"] = dict(service.sysctls)
    lowered |= _lower_resources(service.resources)
    if service.gpus is not None:
        lowered["deploy"] = _lower_gpus(service.gpus)
    lowered |= _lower_networks(service)
    if service.environment:
        lowered["environment"] = {v.name: _lower_variable(v) for v in service.environment}
    lowered |= _lower_storage(service)
    if service.healthcheck:
        lowered["healthcheck"] = _lower_healthcheck(service.healthcheck)
    if service.stop_seconds is not None:
        lowered["stop_grace_period"] = f"{service.stop_seconds:g}s"
    if service.depends_on:
        lowered["depends_on"] = {
            name: {"condition": condition.value} for name, condition in service.depends_on
        }
    return lowered


def _lower_process(service: Service) -> dict[str, ComposeValue]:
    lowered: dict[str, ComposeValue] = {}
    if service.dockerfile is not None:
        lowered["build"] = {"context": ".", "dockerfile": service.dockerfile}
    if service.pulled is not None:
        lowered["image"] = service.pulled
    if service.entrypoint is not None:
        lowered["entrypoint"] = list(service.entrypoint)
    if service.command is not None:
        lowered["command"] = list(service.command)
    if service.user is not None:
        lowered["user"] = service.user
    if service.working_dir is not None:
        lowered["working_dir"] = service.working_dir
    if service.interactive:
        lowered |= {"stdin_open": True, "tty": True}
    return lowered


def _lower_capabilities(service: Service) -> dict[str, ComposeValue]:
    own = service.capabilities
    drop, add = (service.cap_drop, service.cap_add) if own is None else (("ALL",), own)
    lowered = {"cap_drop": drop, "cap_add": add}
    return {key: list(names) for key, names in lowered.items() if names}


def _lower_gpus(gpus: str | int | tuple[str, ...]) -> ComposeValue:
    """https://docs.docker.com/reference/compose-file/deploy/#devices"""
    chosen: dict[str, ComposeValue] = (
        {"device_ids": list(gpus)} if isinstance(gpus, tuple) else {"count": gpus}
    )
    device: ComposeValue = {"driver": "nvidia", **chosen, "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [device]}}}


def _lower_resources(resources: Resources) -> dict[str, ComposeValue]:
    lowered: dict[str, ComposeValue] = {}
    if resources.cpus is not None:
        lowered["cpus"] = f"{resources.cpus:g}"
    if resources.memory is not None:
        lowered["mem_limit"] = resources.memory
    if resources.pids is not None:
        lowered["pids_limit"] = resources.pids
    return lowered


def _lower_networks(service: Service) -> dict[str, ComposeValue]:
    if not service.networks:
        return {"network_mode": "none"}
    if not service.aliases:
        return {"networks": list(service.networks)}
    return {"networks": {n: {"aliases": list(service.aliases)} for n in service.networks}}


def _lower_network(network: Network) -> ComposeValue:
    if network.existing is not None:
        return {"name": network.existing, "external": True}
    return {"internal": True} if network.internal else {}


def _lower_variable(variable: Variable) -> ComposeValue:
    if variable.value is None:
        return FromCaller(name=variable.name)
    if isinstance(variable.value, str):
        return variable.value
    return Joined(variable.value)


def _lower_storage(service: Service) -> dict[str, ComposeValue]:
    lowered: dict[str, ComposeValue] = {}
    mounts = [_lower_mount(mount) for mount in service.mounts]
    mounts.extend(_lower_bind(b.source, b.target, b.read_only) for b in service.binds)
    if service.socket is not None:
        socket = service.socket
        mounts.append(_lower_bind(contracts.DOCKER_SOCKET, socket.target, socket.read_only))
    if mounts:
        lowered["volumes"] = mounts
    if service.tmpfs:
        lowered["tmpfs"] = [_lower_tmpfs(tmpfs) for tmpfs in service.tmpfs]
    return lowered


def _lower_mount(mount: Mount) -> ComposeValue:
    lowered: dict[str, ComposeValue] = {
        "type": "volume",
        "source": mount.volume,
        "target": mount.target,
    }
    return lowered | {"read_only": True} if mount.read_only else lowered


def _lower_bind(source: str | FromCaller, target: str, read_only: bool) -> ComposeValue:
    lowered: dict[str, ComposeValue] = {"type": "bind", "source": source, "target": target}
    return lowered | {"read_only": True} if read_only else lowered


def _lower_tmpfs(tmpfs: Tmpfs) -> ComposeValue:
    run = "exec" if tmpfs.executable else "noexec"
    bounds = f"size={tmpfs.size},nr_inodes={tmpfs.files}"
    return f"{tmpfs.target}:{run},nosuid,nodev,{bounds},mode={tmpfs.mode:04o}"


def _lower_healthcheck(check: Healthcheck) -> ComposeValue:
    test: dict[str, ComposeValue] = {}
    if check.command is not None:
        test["test"] = ["CMD", *check.command]
    return {
        **test,
        "interval": f"{check.interval}s",
        "timeout": f"{check.timeout}s",
        "retries": check.retries,
    }
