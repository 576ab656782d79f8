"""Project -> task.toml (Harbor's TaskConfig, schema version 1.4)."""

from __future__ import annotations

from typing import Any, Final

from compiler import contracts
from compiler.ir.project import Project
from compiler.ir.task_plan import TaskPlan
from compiler.passes.launch.inject import mcp_servers

SCHEMA_VERSION: Final = "1.4"
HEADER: Final = "# Written by `mooring compile`. Change the build file and compile again.\n"
# Harbor redirects what it runs as root to a name in the folder of the reward, and writes a manifest
# and what it collects beside what the agent left: no link of the agent's may be there.
DISMISS: Final = (
    f"{contracts.COMMAND} dismiss --empty {contracts.VERIFIER_LOGS}"
    f" --remove {contracts.ARTIFACT_LOGS}/manifest.json"
    f" --remove {contracts.ARTIFACT_LOGS}/mooring-session"
)
DISMISS_SECONDS: Final = 120.0


def lower_task_config(project: Project, plan: TaskPlan) -> dict[str, Any]:
    """The tables of task.toml. Root keys come first: TOML has no way back to the root."""
    return {
        "schema_version": SCHEMA_VERSION,
        "artifacts": [
            {
                "source": contracts.EXPORT,
                "destination": contracts.EXPORT_ARTIFACT,
                "service": contracts.EVALUATOR,
            }
        ],
        "task": {"name": project.build.name, "description": project.build.description},
        "agent": {"timeout_sec": plan.timeouts.agent.seconds, "user": contracts.AGENT_USER},
        "verifier": {
            "timeout_sec": plan.timeouts.verifier.seconds,
            "environment_mode": "shared",
            # Harbor runs those of main first.
            "collect": [
                {
                    "command": DISMISS,
                    "service": contracts.MAIN,
                    "user": "root",
                    "timeout_sec": DISMISS_SECONDS,
                },
                {
                    "command": f"{contracts.COMMAND} finalize",
                    "service": contracts.EVALUATOR,
                    "timeout_sec": plan.timeouts.finalize.seconds,
                },
            ],
        },
        "environment": {
            "build_timeout_sec": plan.timeouts.build.seconds,
            "workdir": contracts.WORK_REPO,
            **_lower_mcp(project),
        },
    }


def _lower_mcp(project: Project) -> dict[str, Any]:
    """Every agent of Harbor's that speaks MCP is told of these."""
    servers = [
        {"name": name, "transport": "streamable-http", "url": url}
        for name, url in mcp_servers(project.inputs.tongs).items()
    ]
    return {"mcp_servers": servers} if servers else {}


def render_task_config(config: dict[str, Any]) -> str:
    """The file's text."""
    import tomli_w

    return HEADER + tomli_w.dumps(config)
