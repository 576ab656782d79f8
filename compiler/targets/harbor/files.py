"""Project and TaskPlan -> every file of a Harbor task."""

from __future__ import annotations

from compiler import contracts, resources
from compiler.ir.build import ModeB
from compiler.ir.project import Project
from compiler.ir.task_plan import TaskPlan
from compiler.output.file_set import (
    FILE_MODE,
    Archived,
    Converted,
    Copied,
    File,
    copy_file,
    make_file,
    make_program,
)
from compiler.targets.compose.lower import lower_compose
from compiler.targets.compose.render import render_compose
from compiler.targets.dockerfile.render import (
    render_evaluator,
    render_ignore,
    render_main,
    render_runner,
)
from compiler.targets.gateways.files import render_gateways
from compiler.targets.harbor.baseline_tree import render_baseline_tree
from compiler.targets.harbor.instruction import render_instruction
from compiler.targets.harbor.job import lower_job, render_job
from compiler.targets.harbor.plans import (
    lower_evaluator_plan,
    lower_runner_plan,
    lower_workbench_plan,
)
from compiler.targets.harbor.scripts import (
    lower_references,
    render_harbor_script,
    render_shim,
    render_solve_script,
    render_test_script,
)
from compiler.targets.harbor.task_toml import lower_task_config, render_task_config
from compiler.targets.harbor.topology import render_topology
from compiler.targets.json_text import render_json
from compiler.targets.launch.build import render_build_launch
from compiler.targets.payload import copy_runtime


def render_task(project: Project, plan: TaskPlan) -> dict[str, File]:
    """The whole task, without the manifest."""
    archive = project.baseline.archive
    assert archive is not None
    return {
        "task.toml": make_file(render_task_config(lower_task_config(project, plan))),
        "instruction.md": make_file(render_instruction(project)),
        "TOPOLOGY.md": make_file(render_topology(project, plan)),
        "environment/docker-compose.yaml": make_file(render_compose(lower_compose(plan))),
        contracts.BASELINE_TAR: File(content=Archived(archive), mode=FILE_MODE),
        "environment/baseline.tree": make_file(render_baseline_tree(project.baseline)),
        **_render_main(project),
        **_render_evaluator(project),
        **_render_runner(project),
        **copy_runtime(),
        **_render_gateways(project),
        **render_build_launch(project.inputs),
        "tests/test.sh": make_program(render_test_script()),
        "solution/solve.sh": make_program(render_solve_script(project)),
        "run/harbor.sh": make_program(render_harbor_script(project)),
        **_render_references(project),
        "run/job.yaml": make_file(render_job(lower_job())),
    }


def _render_gateways(project: Project) -> dict[str, File]:
    gateways = project.build.gateways
    if gateways is None:
        return {}
    return {
        **render_gateways(gateways, project.inputs.installed),
        **copy_runtime(("supervisor",)),
    }


def _render_references(project: Project) -> dict[str, File]:
    references = lower_references(project)
    return {"run/secrets.json": make_file(render_json(references))} if references else {}


def _render_main(project: Project) -> dict[str, File]:
    return {
        "environment/Dockerfile": make_file(render_main(project)),
        "environment/Dockerfile.dockerignore": make_file(
            render_ignore(
                "baseline.tar", "main", "runtime/__init__.py", "runtime/baseline", "runtime/client"
            )
        ),
        "environment/main/plan.json": make_file(render_json(lower_workbench_plan(project))),
        "environment/main/mooring": make_program(render_shim("client")),
    }


def _render_evaluator(project: Project) -> dict[str, File]:
    folder = "environment/evaluator"
    requirements = File(content=Copied(str(resources.evaluator_requirements())), mode=FILE_MODE)
    files = {
        f"{folder}/Dockerfile": make_file(render_evaluator(project)),
        f"{folder}/requirements.txt": requirements,
        f"{folder}/plan.json": make_file(render_json(lower_evaluator_plan(project))),
        f"{folder}/mooring": make_program(render_shim("evaluator")),
    }
    for data in project.inputs.data:
        if data.tables is not None:
            content = Converted(data.tables)
            files[f"{folder}/data/{data.file}"] = File(content=content, mode=FILE_MODE)
        elif data.source is None:
            files[f"{folder}/cases/{data.file}"] = make_file(render_json(list(data.ids)))
        else:
            files[f"{folder}/data/{data.file}"] = File(content=Copied(data.source), mode=FILE_MODE)
    for source in project.inputs.scorer:
        files[f"{folder}/scorer/{source.path}"] = copy_file(source)
    for source in project.inputs.inner:
        files[f"{folder}/inner/{source.path}"] = copy_file(source)
    for source in project.inputs.environments:
        files[f"{folder}/environments/{source.path}"] = copy_file(source)
    if project.inputs.requirements is not None:
        files[f"{folder}/scorer-requirements.txt"] = copy_file(project.inputs.requirements)
    return files


def _render_runner(project: Project) -> dict[str, File]:
    return {
        "environment/runner/Dockerfile": make_file(render_runner(project)),
        "environment/runner/Dockerfile.dockerignore": make_file(
            render_ignore(
                "baseline.tar",
                "runner",
                "runtime/__init__.py",
                "runtime/baseline",
                "runtime/runner",
                *(("runtime/agent",) if isinstance(project.build, ModeB) else ()),
            )
        ),
        "environment/runner/plan.json": make_file(render_json(lower_runner_plan(project))),
        "environment/runner/mooring": make_program(render_shim("runner")),
    }
