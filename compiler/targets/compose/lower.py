"""TaskPlan -> Compose model."""

from __future__ import annotations

from compiler.ir.build import Resources
from compiler.ir.task_plan import Healthcheck, Mount, Network, Service, TaskPlan, Tmpfs, Variable
from compiler.targets.compose.model import ComposeValue, FromCaller


def lower_compose(plan: TaskPlan) -> dict[str, ComposeValue]:
    """The whole Compose file; Harbor lays its own files under and over it."""
    return {
        "services": {service.name: _lower_service(service) for service in plan.services},
        "networks": {network.name: _lower_network(network) for network in plan.networks},
        "volumes": {volume.name: {} for volume in plan.volumes},
    }


def _lower_service(service: Service) -> ComposeValue:
    lowered: dict[str, ComposeValue] = {
        "build": {"context": ".", "dockerfile": service.dockerfile},
        "init": True,
        "security_opt": ["no-new-privileges:true"],
    }
    if service.capabilities is not None:
        lowered["cap_drop"] = ["ALL"]
        if service.capabilities:
            lowered["cap_add"] = list(service.capabilities)
    if service.read_only:
        lowered["read_only"] = True
    lowered |= _lower_resources(service.resources)
    lowered |= _lower_networks(service)
    if service.environment:
        lowered["environment"] = {v.name: _lower_variable(v) for v in service.environment}
    lowered |= _lower_storage(service)
    if service.healthcheck:
        lowered["healthcheck"] = _lower_healthcheck(service.healthcheck)
    if service.depends_on:
        lowered["depends_on"] = {
            name: {"condition": condition.value} for name, condition in service.depends_on
        }
    return lowered


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
    return {"networks": list(service.networks)} if service.networks else {"network_mode": "none"}


def _lower_network(network: Network) -> ComposeValue:
    return {"internal": True} if network.internal else {}


def _lower_variable(variable: Variable) -> ComposeValue:
    return FromCaller(variable.name) if variable.value is None else variable.value


def _lower_storage(service: Service) -> dict[str, ComposeValue]:
    lowered: dict[str, ComposeValue] = {}
    if service.mounts:
        lowered["volumes"] = [_lower_mount(mount) for mount in service.mounts]
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


def _lower_tmpfs(tmpfs: Tmpfs) -> ComposeValue:
    run = "exec" if tmpfs.executable else "noexec"
    return f"{tmpfs.target}:{run},nosuid,nodev,size={tmpfs.size},mode={tmpfs.mode:04o}"


def _lower_healthcheck(check: Healthcheck) -> ComposeValue:
    return {
        "test": ["CMD", *check.command],
        "interval": f"{check.interval}s",
        "timeout": f"{check.timeout}s",
        "retries": check.retries,
    }
