"""Project -> TaskPlan: the three services of Mode A, as the contracts have them."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import RunnerNetwork
from compiler.ir.project import Project
from compiler.ir.task_plan import (
    Condition,
    Healthcheck,
    Mount,
    Network,
    Service,
    TaskPlan,
    Tmpfs,
    Trust,
    Variable,
)
from compiler.passes.derive_timeouts import derive_timeouts

# Beyond the samples' own processes: init, the daemon, its handlers.
_DAEMON_PROCESSES = 128


def lower_task(project: Project) -> TaskPlan:
    """The plan of the task that a Mode A build describes."""
    public = project.build.runner.network is RunnerNetwork.PUBLIC
    networks = [
        Network(name=contracts.NETWORK_DEFAULT, internal=False),
        Network(name=contracts.NETWORK_EVAL, internal=True),
    ]
    if public:
        networks.append(Network(name=contracts.NETWORK_EGRESS, internal=False))
    return TaskPlan(
        services=(_lower_main(), _lower_evaluator(project), _lower_runner(project)),
        networks=tuple(networks),
        volumes=(
            contracts.VOLUME_REPO,
            contracts.VOLUME_RESULTS,
            contracts.VOLUME_ADMIN,
            contracts.VOLUME_RUNNER,
        ),
        timeouts=derive_timeouts(project),
    )


def _lower_main() -> Service:
    return Service(
        name=contracts.MAIN,
        role="the workbench: the optimiser edits the candidate repository here",
        trust=Trust.UNTRUSTED,
        dockerfile="Dockerfile",
        networks=(contracts.NETWORK_DEFAULT, contracts.NETWORK_EVAL),
        environment=(Variable(name=contracts.EVAL_URL_VARIABLE, value=contracts.EVAL_URL),),
        mounts=(
            Mount(volume=contracts.VOLUME_REPO, target=contracts.WORK_REPO),
            Mount(volume=contracts.VOLUME_RESULTS, target=contracts.WORK_RESULTS, read_only=True),
        ),
        depends_on=((contracts.EVALUATOR, Condition.HEALTHY),),
    )


def _lower_evaluator(project: Project) -> Service:
    return Service(
        name=contracts.EVALUATOR,
        role="the evaluator: dataset with labels, scorer, budgets, results",
        trust=Trust.TRUSTED,
        dockerfile="evaluator/Dockerfile",
        networks=(contracts.NETWORK_EVAL,),
        environment=tuple(Variable(name=name, value=None) for name in project.build.secrets),
        mounts=(
            Mount(volume=contracts.VOLUME_ADMIN, target=contracts.STATE_ADMIN),
            Mount(volume=contracts.VOLUME_RESULTS, target=contracts.STATE_RESULTS),
            Mount(volume=contracts.VOLUME_RUNNER, target=contracts.RUNNER_RUN),
        ),
        capabilities=(),
        healthcheck=Healthcheck(
            command=(contracts.COMMAND, "health"), interval=1, timeout=10, retries=120
        ),
        depends_on=((contracts.RUNNER, Condition.STARTED),),
    )


def _lower_runner(project: Project) -> Service:
    runner, slots = project.build.runner, project.build.limits.concurrency
    public = runner.network is RunnerNetwork.PUBLIC
    return Service(
        name=contracts.RUNNER,
        role="the box in which candidates answer samples, each under a user of its own",
        trust=Trust.RUNS_UNTRUSTED,
        dockerfile="runner/Dockerfile",
        networks=(contracts.NETWORK_EGRESS,) if public else (),
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
        processes=_DAEMON_PROCESSES + slots * contracts.SAMPLE_PROCESSES,
    )


def _slot(index: int) -> Tmpfs:
    return Tmpfs(
        target=slot_folder(index), size=contracts.SLOT_TMPFS_BYTES, mode=0o711, executable=True
    )


def slot_folder(index: int) -> str:
    """The folder of the runner's slot ``index``, counted from 0."""
    return f"{contracts.RUNNER_SLOTS}/{index}"
