"""Project -> the three Dockerfiles."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import ModeB
from compiler.ir.project import Project
from compiler.targets.dockerfile.packages import render_install, render_install_missing
from compiler.targets.dockerfile.quote import exec_form
from compiler.targets.render_template import render_template


def render_main(project: Project) -> str:
    """The workbench's Dockerfile; its context is ``environment/``."""
    workbench = project.build.workbench
    return render_template(
        "docker/main.Dockerfile.j2",
        image=workbench.image,
        install_missing=render_install_missing(("bash", "git", "python3")),
        packages=render_install(workbench.packages) if workbench.packages else "",
        user=contracts.AGENT_USER,
        uid=contracts.AGENT_UID,
        repository=contracts.WORK_REPO,
        results=contracts.WORK_RESULTS,
        command=contracts.COMMAND,
        runtime=contracts.RUNTIME,
        plan=contracts.PLAN,
    )


def render_evaluator(project: Project) -> str:
    """The evaluator's Dockerfile; its context is ``environment/``."""
    build = project.build
    nested = isinstance(build, ModeB)
    return render_template(
        "docker/evaluator.Dockerfile.j2",
        image=build.evaluator.image,
        # What installs Harbor is the same as in the runner, so that the engine does it once.
        install_python=render_install_missing(("python3",), venv=True),
        install_missing=(
            render_install_missing(("git",))
            if nested
            else render_install_missing(("git", "python3"), venv=True)
        ),
        opt=contracts.OPT,
        venv=contracts.EVALUATOR_VENV,
        scorer_venv=contracts.SCORER_VENV,
        scorer_requirements=project.inputs.requirements is not None,
        nested=nested,
        nested_venv=contracts.NESTED_VENV,
        harbor=build.harbor.requirement if isinstance(build, ModeB) else "",
        cases=contracts.CASES,
        inner_tasks=contracts.INNER_TASKS if nested and project.inputs.inner else "",
        environments=contracts.NESTED_ENVIRONMENTS if project.inputs.environments else "",
        command=contracts.COMMAND,
        runtime=contracts.RUNTIME,
        baseline=contracts.BASELINE,
        data=contracts.DATA,
        scorer=contracts.SCORER,
        plan=contracts.PLAN,
    )


def render_runner(project: Project) -> str:
    """The runner's Dockerfile; its context is ``environment/``."""
    build, runner = project.build, project.build.runner
    nested = isinstance(build, ModeB)
    return render_template(
        "docker/runner.Dockerfile.j2",
        image=runner.image,
        install_missing=render_install_missing(("python3",), venv=nested),
        packages=render_install(runner.packages) if runner.packages else "",
        nested=nested,
        nested_venv=contracts.NESTED_VENV,
        # The candidate's half needs Harbor's own classes, and nothing of a provider's.
        harbor=_without_extras(build.harbor.requirement) if isinstance(build, ModeB) else "",
        build=[exec_form(argv) for argv in runner.build],
        runtime=contracts.RUNTIME,
        baseline=contracts.RUNNER_BASELINE,
        command=contracts.COMMAND,
        plan=contracts.PLAN,
    )


def _without_extras(requirement: str) -> str:
    name, bracket, rest = requirement.partition("[")
    return name + rest.partition("]")[2] if bracket else requirement


def render_ignore(*wanted: str) -> str:
    """A .dockerignore that lets in these paths alone: labels never enter the image's build."""
    return "".join(["*\n", *(f"!{path}\n" for path in wanted)])
