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
from compiler.passes.derive_timeouts import derive_timeouts
from compiler.passes.lower_gateways import (
    gateway_variables,
    lower_gateways,
    lower_gateways_volume,
)

# Beyond the samples' own processes: init, the daemon, its handlers.
_DAEMON_PROCESSES: Final = 128


def lower_task(project: Project) -> TaskPlan:
    """The plan of the task that a build describes."""
    build = project.build
    services = (
        _lower_main(build),
        _lower_evaluator(build),
        _lower_runner(build),
        *_lower_gateways(build),
    )
    return TaskPlan(
        services=services,
        networks=_lower_networks(build, services),
        volumes=(
            Volume(name=contracts.VOLUME_REPO, holds=(Asset.CANDIDATES,)),
            Volume(name=contracts.VOLUME_RESULTS, holds=(Asset.RESULTS,)),
            Volume(name=contracts.VOLUME_ADMIN, holds=(Asset.LEDGER, Asset.CANDIDATES)),
            Volume(name=contracts.VOLUME_RUNNER, holds=()),
            *((lower_gateways_volume(),) if build.gateways else ()),
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
    public = build.workbench.network is Reach.PUBLIC
    own_way_out = () if public else (contracts.NETWORK_TONGS_EGRESS,)
    return (lower_gateways(build.gateways, (contracts.NETWORK_TONGS, *own_way_out)),)


def _lower_main(build: Task) -> Service:
    public = build.workbench.network is Reach.PUBLIC
    variables = {
        contracts.EVAL_URL_VARIABLE: contracts.EVAL_URL,
        **(gateway_variables(build.gateways) if build.gateways else {}),
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
            *((contracts.NETWORK_TONGS,) if build.gateways else ()),
        ),
        environment=tuple(Variable(name=name, value=value) for name, value in variables.items()),
        mounts=(
            Mount(volume=contracts.VOLUME_REPO, target=contracts.WORK_REPO),
            Mount(volume=contracts.VOLUME_RESULTS, target=contracts.WORK_RESULTS, read_only=True),
        ),
        resources=build.workbench.resources,
        depends_on=tuple((n, Condition.HEALTHY) for n in (contracts.EVALUATOR, *gateways)),
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
            command=(contracts.COMMAND, "health"), interval=1, timeout=10, retries=120
        ),
        depends_on=((contracts.RUNNER, Condition.STARTED),),
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
        tmpfs=(
            Tmpfs(
                target=contracts.RUNNER_CANDIDATES,
                size=contracts.CANDIDATES_TMPFS_BYTES,
                mode=0o755,
                executable=True,
            ),
            *(_slot(i) for i in range(slots)),
            Tmpfs(target="/tmp", size=contracts.SHARED_TMP_BYTES, mode=0o1777, executable=True),
        ),
        capabilities=contracts.RUNNER_CAPABILITIES,
        read_only=True,
        resources=resources,
    )


def _slot(index: int) -> Tmpfs:
    return Tmpfs(
        target=slot_folder(index), size=contracts.SLOT_TMPFS_BYTES, mode=0o711, executable=True
    )


def slot_folder(index: int) -> str:
    """The folder of the runner's slot ``index``, counted from 0."""
    return f"{contracts.RUNNER_SLOTS}/{index}"
