"""Harbor's JobConfig: what run/harbor.sh and `mooring run` hand to `harbor run --config`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from compiler.ir.environments import is_import_path
from compiler.targets.compose.render import render_yaml

type Job = dict[str, Any]

_SINGLE: Final = (
    "# Written by `mooring compile`. What run/harbor.sh hands to `harbor run --config`.\n"
)
_GRID: Final = """\
# Written by `mooring run`: agents by models by tasks, one job of Harbor's. In the folder above:
#
#   harbor run --config run/job.yaml
"""


def lower_job() -> Job:
    """One attempt and no retries: an optimisation session is not to be had twice by accident."""
    return {"n_attempts": 1, "n_concurrent_trials": 1, "retry": {"max_retries": 0}}


def lower_grid_job(
    folders: Sequence[str], agents: Sequence[tuple[str, str | None]], environment: str
) -> Job:
    """Each agent, with its model or none, on each task; folders are relative to where Harbor is
    started."""
    where = "import_path" if is_import_path(environment) else "type"
    return {
        **lower_job(),
        "environment": {where: environment},
        "agents": [
            {"name": name} if model is None else {"name": name, "model_name": model}
            for name, model in agents
        ],
        "tasks": [{"path": folder} for folder in folders],
    }


def render_job(job: Job) -> str:
    """run/job.yaml of one task."""
    return _SINGLE + render_yaml(job)


def render_grid_job(job: Job) -> str:
    """run/job.yaml of a grid."""
    return _GRID + render_yaml(job)
