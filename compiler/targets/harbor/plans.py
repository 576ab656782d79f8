"""Project -> the plan.json of each service (schemas/runtime/ has their contracts)."""

from __future__ import annotations

from typing import Any, Final

from compiler import contracts
from compiler.ir.build import Access, Budget
from compiler.ir.project import Project
from compiler.passes.derive_timeouts import RESCORE_TOP_K
from compiler.passes.lower_task import slot_folder

FAILURE_VALUE: Final = 0.0
# What a sample's process finds in its environment, beside its own HOME and TMPDIR.
_SAMPLE_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
# Places in the runner that every user may write to, and that are emptied after each sample.
_SCRATCH: Final = ("/tmp", "/dev/shm", "/dev/mqueue")


def lower_evaluator_plan(project: Project) -> dict[str, Any]:
    """What the evaluator needs to know; it names labels' files but holds none."""
    build, limits = project.build, project.build.limits
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.EVALUATOR,
        "mode": "A",
        "task": build.name,
        "baseline": {**_lower_baseline(project), "archive": contracts.BASELINE},
        "listen": {"host": "0.0.0.0", "port": contracts.EVALUATOR_PORT},
        "paths": {
            "admin": contracts.STATE_ADMIN,
            "results": contracts.STATE_RESULTS,
            "runner_socket": contracts.RUNNER_SOCKET,
            "data": contracts.DATA,
            "scorer": contracts.SCORER,
            "scorer_python": f"{contracts.SCORER_VENV}/bin/python",
        },
        "input_fields": list(build.input_fields),
        "splits": _lower_splits(project),
        "scorer": {"module": build.scorer.module, "function": build.scorer.function},
        "budgets": [_lower_budget(budget) for budget in build.budgets],
        "selection": {"split": build.selection_split, "rescore_top_k": RESCORE_TOP_K},
        "targets": [{"split": t.split, "reward_key": t.reward_key} for t in build.targets],
        "failure_value": FAILURE_VALUE,
        "timeout": limits.evaluation,
        "sample_timeout": limits.sample,
        "scorer_timeout": contracts.SCORER_SECONDS,
        "max_concurrency": limits.concurrency,
        "limits": {
            "bundle_bytes": contracts.BUNDLE_BYTES,
            "tree_bytes": contracts.TREE_BYTES,
            "output_bytes": contracts.OUTPUT_BYTES,
            "git_seconds": contracts.GIT_SECONDS,
        },
        "secrets": list(build.secrets),
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
    access = {split.name: split.access for split in project.build.splits}
    data = {d.split: d for d in project.data}
    names = [*access, *sorted(set(data) - set(access))]
    return [
        {
            "name": name,
            "access": access.get(name, Access.NO_ACCESS).value,
            "file": data[name].file,
            "samples": data[name].samples,
        }
        for name in names
    ]


def _lower_budget(budget: Budget) -> dict[str, Any]:
    return {
        "split": budget.split,
        "total_run_budget": budget.runs,
        "total_sample_budget": budget.samples,
    }


def lower_runner_plan(project: Project) -> dict[str, Any]:
    """How the runner runs a sample."""
    build = project.build
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.RUNNER,
        "socket": contracts.RUNNER_SOCKET,
        "candidates": contracts.RUNNER_CANDIDATES,
        "slots": [slot_folder(i) for i in range(build.limits.concurrency)],
        "uid_base": contracts.SAMPLE_UID_BASE,
        "command": list(build.command),
        "sample_timeout": build.limits.sample,
        "scratch": list(_SCRATCH),
        "environment": _SAMPLE_ENVIRONMENT,
        "limits": {
            "output_bytes": contracts.OUTPUT_BYTES,
            "stderr_bytes": contracts.STDERR_BYTES,
            "file_bytes": contracts.FILE_BYTES,
            "processes": contracts.SAMPLE_PROCESSES,
            "open_files": contracts.SAMPLE_OPEN_FILES,
            "tree_bytes": contracts.TREE_BYTES,
        },
    }


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
        "splits": [
            {"name": split.name, "access": split.access.value}
            for split in build.splits
            if split.evaluable
        ],
    }
