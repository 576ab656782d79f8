"""Tongs and an anvil -> the files of launch/."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.ir.launch_plan import Hole, LaunchPlan, Word
from compiler.ir.sidecars import AnvilSettings
from compiler.ir.tong import Tong
from compiler.output.file_set import File, make_file, make_program
from compiler.passes.launch.lower import LaunchSettings, lower_launch
from compiler.targets.json_text import render_json
from compiler.targets.launch.plan_json import lower_launch_plan
from compiler.targets.launch.script import render_script

FOLDER = "launch"


def render_launch(name: str, tongs: Sequence[Tong], anvil: AnvilSettings | None) -> dict[str, File]:
    """The script, its plan and the files that the anvil mounts; nothing without an anvil."""
    if anvil is None:
        return {}
    plan = plan_launch(name, tongs, anvil)
    return {
        f"{FOLDER}/launch.sh": make_program(render_script(plan)),
        f"{FOLDER}/plan.json": make_file(render_json(lower_launch_plan(plan))),
        **{f"{FOLDER}/{file.name}": make_file(file.content) for file in plan.files},
    }


def plan_launch(name: str, tongs: Sequence[Tong], anvil: AnvilSettings) -> LaunchPlan:
    """The launch of a build's own anvil."""
    return lower_launch(name, tongs, anvil_settings(anvil))


def anvil_settings(anvil: AnvilSettings) -> LaunchSettings:
    """The `docker run` command of a build's anvil: in the workspace, on the terminal if any."""
    network = () if anvil.network is None else ("--network", anvil.network)
    mounted: Word = (Hole.WORKSPACE, f":{anvil.workspace}")
    argv: tuple[str | Word, ...] = (
        *("docker", "run", "--rm", "-i", Hole.TERMINAL),
        *("-v", mounted, "-w", anvil.workspace),
        *network,
        *(anvil.image, *(anvil.argv or ())),
    )
    return LaunchSettings(argv=argv, harness=anvil.harness, prefix=anvil.prefix)
