"""Tongs and an anvil -> the files of launch/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.ir.launch_plan import Hole, LaunchPlan, Word
from compiler.ir.sidecars import AnvilSettings, Harness
from compiler.ir.tong import Tong
from compiler.output.file_set import File, make_file, make_program
from compiler.passes.launch.docker_flags import UnknownOption
from compiler.passes.launch.inject import NetworkNotShared
from compiler.passes.launch.lower import LaunchSettings, lower_launch
from compiler.targets.json_text import render_json
from compiler.targets.launch.plan_json import lower_launch_plan
from compiler.targets.launch.script import render_script

FOLDER = "launch"


def render_launch(
    name: str,
    tongs: Sequence[Tong],
    anvil: AnvilSettings | None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, File]:
    """The script, its plan and the files that the anvil mounts; nothing without an anvil.

    ``variables`` are what the anvil is told beside what each tong offers.
    """
    if anvil is None:
        return {}
    plan = plan_launch(name, tongs, anvil, variables or {})
    return {
        f"{FOLDER}/launch.sh": make_program(render_script(plan)),
        f"{FOLDER}/plan.json": make_file(render_json(lower_launch_plan(plan))),
        **{f"{FOLDER}/{file.name}": make_file(file.content) for file in plan.files},
    }


def plan_command(
    name: str,
    tongs: Sequence[Tong],
    argv: Sequence[str],
    *,
    harness: Harness | None,
    prefix: str,
    probe_image: str | None,
) -> dict[str, Any]:
    """The plan, as plain data, of a `docker run` command of somebody's own.

    ``probe_image`` None: ports are tried from the command's image. Raises ValueError, with a
    sentence that says why, for a command that tongs cannot serve.
    """
    settings = LaunchSettings(argv=argv, harness=harness, prefix=prefix, probe_image=probe_image)
    try:
        return lower_launch_plan(lower_launch(name, tongs, settings))
    except NetworkNotShared as error:
        raise ValueError(f"on the network `{error}` no tong has a name: choose another") from error
    except UnknownOption as error:
        raise ValueError(
            f"`{error}` is no option of docker's that is known: use {error}=VALUE"
        ) from error


def plan_launch(
    name: str, tongs: Sequence[Tong], anvil: AnvilSettings, variables: Mapping[str, str]
) -> LaunchPlan:
    """The launch of a build's own anvil."""
    return lower_launch(name, tongs, anvil_settings(anvil, variables))


def anvil_settings(anvil: AnvilSettings, variables: Mapping[str, str]) -> LaunchSettings:
    """The `docker run` command of a build's anvil: in the workspace, on the terminal if any."""
    network = () if anvil.network is None else ("--network", anvil.network)
    mounted: Word = (Hole.WORKSPACE, f":{anvil.workspace}")
    argv: tuple[str | Word, ...] = (
        *("docker", "run", "--rm", "-i", Hole.TERMINAL),
        *("-v", mounted, "-w", anvil.workspace),
        *network,
        *(word for name, value in variables.items() for word in ("-e", f"{name}={value}")),
        *(anvil.image, *(anvil.argv or ())),
    )
    return LaunchSettings(argv=argv, harness=anvil.harness, prefix=anvil.prefix)
