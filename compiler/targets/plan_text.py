"""TaskPlan -> what `mooring plan` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.ir.task_plan import Bound, FromCaller, Plan, Service, TaskPlan, Variable


def describe_plan(name: str, plan: Plan) -> dict[str, Any]:
    """The plan as plain data: sizes in bytes, times in seconds, modes in octal text."""
    return {
        "name": name,
        "services": [_describe_service(service) for service in plan.services],
        "networks": [{"name": n.name, "internal": n.internal} for n in plan.networks],
        "volumes": [{"name": v.name, "holds": [a.value for a in v.holds]} for v in plan.volumes],
        "timeouts": {
            phase: {"seconds": bound.seconds, "why": bound.why} for phase, bound in _bounds(plan)
        },
    }


def _describe_service(service: Service) -> dict[str, Any]:
    capabilities = service.capabilities
    return {
        "name": service.name,
        "trust": service.trust.value,
        "role": service.role,
        "dockerfile": service.dockerfile,
        "image": service.pulled,
        "networks": list(service.networks),
        "aliases": list(service.aliases),
        "docker_socket": service.socket is not None,
        "environment": [_describe_variable(v) for v in service.environment],
        "mounts": [
            {"volume": m.volume, "target": m.target, "read_only": m.read_only}
            for m in service.mounts
        ],
        "tmpfs": [
            {"target": t.target, "size": t.size, "files": t.files, "mode": f"{t.mode:04o}"}
            for t in service.tmpfs
        ],
        "capabilities": "the engine's" if capabilities is None else list(capabilities),
        "read_only": service.read_only,
        "restart": service.restart,
        "resources": {
            "cpus": service.resources.cpus,
            "memory": service.resources.memory,
            "pids": service.resources.pids,
        },
        "waits_for": {peer: condition.value for peer, condition in service.depends_on},
    }


def _describe_variable(variable: Variable) -> dict[str, Any]:
    value = variable.value
    if value is None:
        return {"name": variable.name, "from": "caller"}
    if isinstance(value, str):
        return {"name": variable.name, "value": value}
    callers = [part.name for part in value if isinstance(part, FromCaller)]
    return {"name": variable.name, "from": "caller", "variables": callers}


def _bounds(plan: Plan) -> Iterator[tuple[str, Bound]]:
    """The bounds of Harbor's phases; none without a task."""
    if not isinstance(plan, TaskPlan):
        return
    timeouts = plan.timeouts
    yield "build", timeouts.build
    yield "agent", timeouts.agent
    yield "finalize", timeouts.finalize
    yield "verifier", timeouts.verifier


def render_plan(name: str, plan: Plan) -> str:
    """The same for people."""
    blocks = [name]
    blocks.extend("\n".join(_service_lines(service)) for service in plan.services)
    networks = (f"{n.name} (internal)" if n.internal else n.name for n in plan.networks)
    blocks.append(f"networks  {', '.join(networks)}")
    volumes = (
        f"  {v.name:15} {', '.join(a.value for a in v.holds) or 'a socket'}" for v in plan.volumes
    )
    blocks.append("\n".join(["volumes", *volumes]))
    bounds = [f"  {phase:9} {b.seconds:8g} s  {b.why}" for phase, b in _bounds(plan)]
    if bounds:
        blocks.append("\n".join(["timeouts", *bounds]))
    return "\n\n".join(blocks) + "\n"


def _service_lines(service: Service) -> Iterator[str]:
    yield f"{service.name}: {service.trust.value}"
    yield f"  {service.role}"
    if service.pulled is not None:
        yield f"  image        {service.pulled}"
    yield f"  networks     {', '.join(service.networks) or 'none'}"
    if service.aliases:
        yield f"  also called  {', '.join(service.aliases)}"
    for variable in service.environment:
        yield f"  variable     {_shown(variable)}"
    for mount in service.mounts:
        how = ", read-only" if mount.read_only else ""
        yield f"  mount        {mount.volume} at {mount.target}{how}"
    if service.socket is not None:
        yield "  mount        the socket of the host's Docker: it is root on the host"
    for tmpfs in service.tmpfs:
        size = f"{tmpfs.size // 2**20} MiB" if tmpfs.size >= 2**20 else f"{tmpfs.size} bytes"
        yield f"  memory disk  {tmpfs.target}, {size}, {tmpfs.files} files"
    if service.capabilities is not None:
        yield f"  capabilities {', '.join(service.capabilities) or 'none'}"
    if service.read_only:
        yield "  root         read-only"
    if service.restart:
        yield "  restart      when it fails"
    for line in _resource_lines(service):
        yield f"  {line}"
    for peer, condition in service.depends_on:
        yield f"  waits for    {peer} ({condition.value.removeprefix('service_')})"


def _shown(variable: Variable) -> str:
    if variable.value is None:
        return f"{variable.name}, from the environment of harbor"
    if isinstance(variable.value, str):
        return f"{variable.name}={variable.value!r}"
    shown = "".join(p if isinstance(p, str) else f"${{{p.name}}}" for p in variable.value)
    return f"{variable.name}={shown!r}, with what the environment of harbor has"


def _resource_lines(service: Service) -> Iterator[str]:
    resources = service.resources
    if resources.cpus is not None:
        yield f"cpus         {resources.cpus:g}"
    if resources.memory is not None:
        yield f"memory       {resources.memory // 2**20} MiB"
    if resources.pids is not None:
        yield f"processes    {resources.pids}"
