"""Project -> the plan.json of each service (schemas/runtime/ has their contracts)."""

from __future__ import annotations

from typing import Any, Final

from compiler import contracts
from compiler.ir.build import Access, Budget, ModeA, ModeB, Recipient, Target, Task
from compiler.ir.project import Project
from compiler.passes.lower_task import slot_folder

# What a sample's process finds in its environment, beside its own HOME and TMPDIR.
_SAMPLE_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
# Places in the runner that every user may write to, and that are emptied after each sample.
_SCRATCH: Final = ("/tmp", "/dev/shm", "/dev/mqueue")


def lower_evaluator_plan(project: Project) -> dict[str, Any]:
    """What the evaluator needs to know; it names labels' files but holds none."""
    build = project.build
    backend = _lower_a(build) if isinstance(build, ModeA) else _lower_b(build)
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.EVALUATOR,
        "mode": "A" if isinstance(build, ModeA) else "B",
        "task": build.name,
        "baseline": {**_lower_baseline(project), "archive": contracts.BASELINE},
        "listen": {"host": "0.0.0.0", "port": contracts.EVALUATOR_PORT},
        "paths": _lower_paths(build),
        **backend,
        "splits": _lower_splits(project),
        "budgets": [_lower_budget(budget) for budget in build.budgets],
        "selection": {
            "split": build.selection.split,
            "mode": build.selection.mode.value,
            "rescore_top_k": build.selection.rescore_top_k,
            "baseline_floor": build.selection.baseline_floor,
        },
        "submit_enabled": build.selection.submit_enabled,
        "score_baseline": build.selection.score_baseline,
        "targets": [_lower_target(target) for target in build.targets],
        "failure_value": build.failure_value,
        "deterministic": build.deterministic,
        "timeout": build.limits.evaluation,
        "max_concurrency": build.limits.concurrency,
        "read_only_paths": list(build.seed.read_only),
        "limits": {
            "bundle_bytes": contracts.BUNDLE_BYTES,
            "tree_bytes": contracts.TREE_BYTES,
            "output_bytes": contracts.OUTPUT_BYTES,
            "git_seconds": contracts.GIT_SECONDS,
        },
        "secrets": list(build.secrets_to(Recipient.EVALUATOR)),
    }


def _lower_a(build: ModeA) -> dict[str, Any]:
    return {
        "input_fields": list(build.input_fields),
        "scorer": {"module": build.scorer.module, "function": build.scorer.function},
        "sample_timeout": build.sample_seconds,
        "scorer_timeout": contracts.SCORER_SECONDS,
    }


def _lower_b(build: ModeB) -> dict[str, Any]:
    harbor, retry = build.harbor, build.harbor.retry
    return {
        "harbor": {
            "task_source": harbor.task_source,
            "environment": harbor.environment,
            "model": harbor.model,
            "n_attempts": harbor.n_attempts,
            "max_retries": retry.attempts,
            "retry": {
                "include": None if retry.include is None else list(retry.include),
                "exclude": None if retry.exclude is None else list(retry.exclude),
                "wait_multiplier": retry.wait_multiplier,
                "min_wait": retry.min_wait,
                "max_wait": retry.max_wait,
            },
            "reward_key": harbor.reward_key,
            "aggregate_attempts": harbor.aggregate.value,
            "exceptions": {name: fault.value for name, fault in sorted(harbor.exceptions)},
            "extra_args": list(harbor.extra_args),
        },
    }


def _lower_paths(build: ModeA | ModeB) -> dict[str, Any]:
    common = {
        "admin": contracts.STATE_ADMIN,
        "results": contracts.STATE_RESULTS,
        "runner_socket": contracts.RUNNER_SOCKET,
    }
    if isinstance(build, ModeA):
        return common | {
            "data": contracts.DATA,
            "scorer": contracts.SCORER,
            "scorer_python": f"{contracts.SCORER_VENV}/bin/python",
        }
    project = build.harbor.environment_project
    environments = None if project is None else contracts.NESTED_ENVIRONMENTS
    return common | {
        "cases": contracts.CASES,
        "inner_tasks": None if build.inner_task is None else contracts.INNER_TASKS,
        "environments": environments,
        "harbor": f"{contracts.NESTED_VENV}/bin/harbor",
    }


def _lower_baseline(project: Project) -> dict[str, Any]:
    baseline = project.baseline
    return {
        "commit": baseline.commit,
        "tree": baseline.tree,
        "object_format": baseline.object_format,
        "author": contracts.BASELINE_AUTHOR,
        "email": contracts.BASELINE_EMAIL,
        "time": contracts.BASELINE_TIME,
        "message": contracts.BASELINE_MESSAGE,
    }


def _lower_splits(project: Project) -> list[dict[str, Any]]:
    """Listed splits in the order of the build file, then those that only have data, by name."""
    listed = {split.name: split for split in project.build.splits}
    data = {d.split: d for d in project.inputs.data}
    return [
        {
            "name": name,
            "access": listed[name].access.value if name in listed else Access.NO_ACCESS.value,
            "file": data[name].file,
            "samples": len(data[name].ids),
            "min_samples": listed[name].min_samples if name in listed else 1,
        }
        for name in [*listed, *sorted(set(data) - set(listed))]
    ]


def _lower_budget(budget: Budget) -> dict[str, Any]:
    return {
        "split": budget.split,
        "total_run_budget": budget.runs,
        "total_sample_budget": budget.samples,
        "max_samples_per_run": budget.samples_per_run,
    }


def _lower_target(target: Target) -> dict[str, Any]:
    ids = None if target.sample_ids is None else list(target.sample_ids)
    return {"split": target.split, "reward_key": target.reward_key, "sample_ids": ids}


def lower_runner_plan(project: Project) -> dict[str, Any]:
    """How the runner runs a candidate."""
    build = project.build
    mode_a = isinstance(build, ModeA)
    what = (
        {"command": list(build.command), "sample_timeout": build.sample_seconds}
        if isinstance(build, ModeA)
        else {"agent": _lower_agent(build)}
    )
    setup = build.setup if isinstance(build, ModeA) else None
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.RUNNER,
        **({} if mode_a else {"mode": "B"}),
        "socket": contracts.RUNNER_SOCKET,
        "candidates": contracts.RUNNER_CANDIDATES,
        "slots": [slot_folder(i) for i in range(build.limits.concurrency)],
        "uid_base": contracts.SAMPLE_UID_BASE,
        **what,
        "setup": None if setup is None else list(setup),
        "setup_timeout": setup_seconds(build),
        "scratch": list(_SCRATCH),
        "environment": _SAMPLE_ENVIRONMENT,
        "secrets": list(build.secrets_to(Recipient.CANDIDATE)),
        "limits": {
            "output_bytes": contracts.OUTPUT_BYTES,
            "stderr_bytes": contracts.STDERR_BYTES,
            "file_bytes": contracts.FILE_BYTES,
            "processes": contracts.SAMPLE_PROCESSES,
            "open_files": contracts.SAMPLE_OPEN_FILES,
            "tree_bytes": contracts.TREE_BYTES,
        },
    }


def _lower_agent(build: ModeB) -> dict[str, Any]:
    return {
        "import_path": build.harbor.agent_import_path,
        "python": f"{contracts.NESTED_VENV}/bin/python",
        "session_timeout": min(build.limits.evaluation, contracts.SESSION_SECONDS),
    }


def setup_seconds(build: Task) -> float:
    """The bound of a candidate's setup: well below an evaluation's, so that one that stalls is seen
    to be the candidate's and not taken for the machinery's."""
    return min(contracts.SETUP_SECONDS, build.limits.evaluation / 2)


def lower_workbench_plan(project: Project) -> dict[str, Any]:
    """What the command in main needs; the optimiser can read it, so it names nothing hidden."""
    build = project.build
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.MAIN,
        "task": build.name,
        "repository": contracts.WORK_REPO,
        "results": contracts.WORK_RESULTS,
        "baseline": _lower_baseline(project),
        "agent": {"user": contracts.AGENT_USER, "uid": contracts.AGENT_UID},
        "network": build.workbench.network.value,
        "submit_enabled": build.selection.submit_enabled,
        "splits": [
            {
                "name": split.name,
                "access": split.access.value,
                "min_samples": split.min_samples,
            }
            for split in build.splits
            if split.evaluable
        ],
    }
