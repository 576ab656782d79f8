"""The shell scripts of a task."""

from __future__ import annotations

import shlex

from compiler import contracts
from compiler.ir.environments import refused_outside
from compiler.ir.project import Project
from compiler.passes.launch.lower import held_secrets
from compiler.targets.render_template import render_template

_PYTHON = "python3 -I -S"


def render_test_script() -> str:
    """tests/test.sh."""
    return render_template(
        "harbor/test.sh.j2", command=contracts.COMMAND, reward_file=contracts.REWARD_FILE
    )


def render_solve_script(project: Project) -> str:
    """solution/solve.sh; split names have no characters that a shell minds."""
    return render_template(
        "harbor/solve.sh.j2",
        repository=contracts.WORK_REPO,
        selection_split=project.build.selection.split,
    )


def render_harbor_script(project: Project) -> str:
    """run/harbor.sh; names of secrets have the form of variable names."""
    secrets, tongs = project.build.secrets, project.inputs.tongs
    references = held_secrets(tongs)
    needed = bool(secrets or references)
    return render_template(
        "scripts/harbor.sh.j2",
        secrets=" ".join(secret.name for secret in secrets),
        tongs=bool(tongs),
        references=" ".join(held.variable for held in references),
        refused=[
            (" | ".join(names), shlex.quote(why))
            for why, names in refused_outside(secrets=needed).items()
        ],
    )


def lower_references(project: Project) -> dict[str, list[dict[str, str]]]:
    """run/secrets.json: what `mooring tongs with-secrets` looks up; empty without secrets."""
    held = held_secrets(project.inputs.tongs)
    listed = [
        {"variable": h.variable, "provider": h.provider, "reference": h.reference} for h in held
    ]
    return {"secrets": listed} if listed else {}


def render_shim(part: str) -> str:
    """The `mooring` command of a service: the runtime's part of that name."""
    python = f"{contracts.EVALUATOR_VENV}/bin/python -I" if part == "evaluator" else _PYTHON
    return render_template(
        "scripts/shim.sh.j2", python=python, runtime=contracts.RUNTIME, part=part
    )
