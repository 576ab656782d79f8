"""Project -> TaskPlan: the three services, as the contracts have them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from compiler import contracts
from compiler.ir.build import ModeA, Reach, Recipient, Task
from compiler.ir.project import Project
from compiler.ir.task_plan import (
    Asset,
    Condition,
    Healthcheck,
    Mount,
    Network,
    Service,
    TaskPlan,
    Tmpfs,
    Trust,
    Variable,
    Volume,
)
from compiler.ir.tong import Tong
from compiler.passes.derive_timeouts import derive_timeouts
from compiler.passes.launch.inject import anvil_variables
from compiler.passes.lower_gateways import (
    gateway_variables,
    lower_gateways,
    lower_gateways_volume,
)
from compiler.passes.lower_tongs import (
    Surroundings,
    lower_tong_networks,
    lower_tong_volumes,
    lower_tongs,
    offered_mounts,
    wait_for_tongs,
)

# Beyond the samples' own processes: init, the daemon, its handlers.
_DAEMON_PROCESSES: Final = 128


def lower_task(project: Project) -> TaskPlan:
    """The plan of the task that a build describes."""
    build, tongs = project.build, project.inputs.tongs
    services = (
        _lower_main(build, tongs),
        _lower_evaluator(build),
        _lower_runner(build),
        *_lower_gateways(build),
        *_lower_tongs(build, tongs),
    )
    return TaskPlan(
        services=services,
        networks=(*_lower_networks(build, services), *lower_tong_networks(tongs)),
        volumes=(
            Volume(name=contracts.VOLUME_REPO, holds=(Asset.CANDIDATES,)),
            Volume(name=contracts.VOLUME_RESULTS, holds=(Asset.RESULTS,)),
            Volume(name=contracts.VOLUME_ADMIN, holds=(Asset.LEDGER, Asset.CANDIDATES)),
            Volume(name=contracts.VOLUME_RUNNER, holds=()),
            *((lower_gateways_volume(),) if build.gateways else ()),
            *lower_tong_volumes(tongs),
        ),
        timeouts=derive_timeouts(build),
    )


def _lower_networks(build: Task, services: tuple[Service, ...]) -> tuple[Network, ...]:
    public = build.workbench.network is Reach.PUBLIC
    used = {name for service in services for name in service.networks}
    known = (
        Network(name=contracts.NETWORK_DEFAULT, internal=False),
        Network(name=contracts.NETWORK_EVAL, internal=True),
        Network(name=contracts.NETWORK_EGRESS, internal=False),
        Network(name=contracts.NETWORK_PROVIDERS, internal=False),
        # It must not be main's way out where the build keeps that from it.
        Network(name=contracts.NETWORK_TONGS, internal=not public),
        Network(name=contracts.NETWORK_TONGS_EGRESS, internal=False),
    )
    return tuple(network for network in known if network.name in used)


def _lower_gateways(build: Task) -> tuple[Service, ...]:
    if build.gateways is None:
        return ()
    return (lower_gateways(build.gateways, _beside_main(build)),)


def _lower_tongs(build: Task, tongs: tuple[Tong, ...]) -> tuple[Service, ...]:
    around = Surroundings(
        networks=_beside_main(build),
        gate_image=build.workbench.image,
        workspace=contracts.VOLUME_REPO,
        caller="harbor",
    )
    return lower_tongs(tongs, around)


def _beside_main(build: Task) -> tuple[str, ...]:
    """The networks of what serves main, which has a way out where main has none."""
    public = build.workbench.network is Reach.PUBLIC
    own_way_out = () if public else (contracts.NETWORK_TONGS_EGRESS,)
    return (contracts.NETWORK_TONGS, *own_way_out)


def _lower_main(build: Task, tongs: tuple[Tong, ...]) -> Service:
    public = build.workbench.network is Reach.PUBLIC
    variables = {
        contracts.EVAL_URL_VARIABLE: contracts.EVAL_URL,
        **(gateway_variables(build.gateways) if build.gateways else {}),
        **dict(anvil_variables(tongs, contracts.TONG_PREFIX)),
        **dict(build.workbench.variables),
    }
    gateways = (contracts.GATEWAYS,) if build.gateways else ()
    return Service(
        name=contracts.MAIN,
        role="the workbench: the optimiser edits the candidate repository here",
        trust=Trust.UNTRUSTED,
        dockerfile="Dockerfile",
        image=(Asset.CANDIDATES,),
        networks=(
            *((contracts.NETWORK_DEFAULT,) if public else ()),
            contracts.NETWORK_EVAL,
            *((contracts.NETWORK_TONGS,) if build.gateways or tongs else ()),
        ),
        environment=tuple(Variable(name=name, value=value) for name, value in variables.items()),
        mounts=(
            Mount(volume=contracts.VOLUME_REPO, target=contracts.WORK_REPO),
            Mount(volume=contracts.VOLUME_RESULTS, target=contracts.WORK_RESULTS, read_only=True),
            *offered_mounts(tongs),
        ),
        # What else is on its networks must not reach the evaluator through it.
        sysctls=(("net.ipv4.ip_forward", "0"),) if build.gateways or tongs else (),
        resources=build.workbench.resources,
        depends_on=(
            *((n, Condition.HEALTHY) for n in (contracts.EVALUATOR, *gateways)),
            *wait_for_tongs(tongs),
        ),
    )


def _lower_evaluator(build: Task) -> Service:
    nested = () if isinstance(build, ModeA) else (contracts.NETWORK_PROVIDERS,)
    return Service(
        name=contracts.EVALUATOR,
        role=f"the evaluator: {_held(build)}, budgets, results",
        trust=Trust.TRUSTED,
        dockerfile="evaluator/Dockerfile",
        image=(Asset.LABELS, Asset.SCORER, Asset.CANDIDATES),
        networks=(contracts.NETWORK_EVAL, *nested),
        environment=_required(build, Recipient.EVALUATOR),
        mounts=(
            Mount(volume=contracts.VOLUME_ADMIN, target=contracts.STATE_ADMIN),
            Mount(volume=contracts.VOLUME_RESULTS, target=contracts.STATE_RESULTS),
            Mount(volume=contracts.VOLUME_RUNNER, target=contracts.RUNNER_RUN),
        ),
        capabilities=(),
        resources=build.evaluator.resources,
        healthcheck=Healthcheck(
            command=(contracts.COMMAND, "health", "--hold", str(contracts.HEALTH_HOLD)),
            interval=1,
            timeout=contracts.HEALTH_HOLD + 15,
            retries=120,
        ),
        depends_on=((contracts.RUNNER, Condition.STARTED),),
        stop_seconds=contracts.NESTED_STOP_SECONDS if nested else None,
    )


def _held(build: Task) -> str:
    mode_a = isinstance(build, ModeA)
    return "samples with labels, scorer" if mode_a else "inner tasks, a Harbor that runs them"


def _run_of(build: Task) -> str:
    return "sample" if isinstance(build, ModeA) else "task"


def _required(build: Task, recipient: Recipient) -> tuple[Variable, ...]:
    return tuple(Variable(name=name, value=None) for name in build.secrets_to(recipient))


def _lower_runner(build: Task) -> Service:
    slots = build.limits.concurrency
    public = build.runner.network is Reach.PUBLIC
    processes = _DAEMON_PROCESSES + slots * contracts.SAMPLE_PROCESSES
    resources = build.runner.resources
    if resources.pids is None:
        resources = replace(resources, pids=processes)
    return Service(
        name=contracts.RUNNER,
        role=f"the box in which candidates run, each {_run_of(build)} under a user of its own",
        trust=Trust.RUNS_UNTRUSTED,
        dockerfile="runner/Dockerfile",
        image=(Asset.CANDIDATES,),
        networks=(contracts.NETWORK_EGRESS,) if public else (),
        environment=_required(build, Recipient.CANDIDATE),
        mounts=(Mount(volume=contracts.VOLUME_RUNNER, target=contracts.RUNNER_RUN),),
        tmpfs=_lower_memory_disks(slots, resources.memory),
        capabilities=contracts.RUNNER_CAPABILITIES,
        sysctls=contracts.RUNNER_SYSCTLS,
        read_only=True,
        # Candidate code that ends the whole box, by its memory say, ends it for itself alone.
        restart=True,
        resources=resources,
    )


def _lower_memory_disks(slots: int, memory: int | None) -> tuple[Tmpfs, ...]:
    """All that the runner's processes can write to; smaller where there is too little memory."""
    disks = (
        Tmpfs(
            target=contracts.RUNNER_CANDIDATES,
            size=contracts.CANDIDATES_TMPFS_BYTES,
            mode=0o755,
            executable=True,
        ),
        *(_slot(i) for i in range(slots)),
        Tmpfs(target="/tmp", size=contracts.SHARED_TMP_BYTES, mode=0o1777, executable=True),
        Tmpfs(target="/dev/shm", size=contracts.SHARED_MEMORY_BYTES, mode=0o1777),
    )
    # What System V shares is bounded like /dev/shm.
    most = sum(disk.size for disk in disks) + contracts.SHARED_MEMORY_BYTES
    if memory is None or most <= memory * contracts.MOST_MEMORY_IN_FILES:
        return disks
    share = (memory * contracts.MOST_MEMORY_IN_FILES - contracts.SHARED_MEMORY_BYTES) / most
    return tuple(replace(disk, size=_shrink(disk.size, share)) for disk in disks)


def _shrink(size: int, share: float) -> int:
    """Whole pages, at least 16 of them."""
    pages = int(size * share) // contracts.PAGE_BYTES
    return max(16, pages) * contracts.PAGE_BYTES


def _slot(index: int) -> Tmpfs:
    return Tmpfs(
        target=slot_folder(index), size=contracts.SLOT_TMPFS_BYTES, mode=0o711, executable=True
    )


def slot_folder(index: int) -> str:
    """The folder of the runner's slot ``index``, counted from 0."""
    return f"{contracts.RUNNER_SLOTS}/{index}"
