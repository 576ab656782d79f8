"""The nested `harbor run`: its arguments, its configuration and its variables. Pure.

Flags and keys are those of Harbor 0.24; a value that Harbor has no flag for stands in the
configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .faults import HARBORS_EXCLUDED, NEVER_RETRIED
from .settings import Settings

# Folder and name of the package that this one is in; the agent is loaded from there.
_PACKAGE = __package__ or "nested"
ROOT = Path(__file__).resolve().parents[len(_PACKAGE.split("."))]
AGENT = f"{_PACKAGE}.proxy_agent:ProxyAgent"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the way out of the container may need, beside the secrets.
PASSED_ON = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
# How much of an evaluation one phase of one agent may take where the task itself does not say: an
# agent that stalls must be seen to have stalled while the evaluation still runs.
PHASE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the plan says of places and bounds. Seconds are those of one evaluation."""

    harbor: Path
    inner_tasks: Path | None
    environments: Path | None
    socket: Path
    secrets: tuple[str, ...]
    concurrency: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run of Harbor: a candidate, the tasks that it is run on, a folder of its own."""

    tree: str
    tasks: tuple[str, ...]
    folder: Path
    run: int

    @property
    def job(self) -> str:
        return f"run-{self.run}"

    @property
    def config(self) -> Path:
        return self.folder / f"{self.job}.json"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.job}.log"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def home(self) -> Path:
        return self.folder / "home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`config` is the content of the file that `argv` names."""

    argv: tuple[str, ...]
    config: str
    environment: Mapping[str, str]


def build_command(
    settings: Settings,
    around: Surroundings,
    request: Request,
    variables: Mapping[str, str],
    extra: Sequence[str] = (),
) -> Command:
    """The command that runs a request. `variables` are those of the evaluator, of which the secrets
    and little else are passed on. `extra` are arguments for this run alone.
    """
    return Command(
        argv=(
            *(str(around.harbor), "run", "--config", str(request.config)),
            *_source(settings, around),
            *(word for task in request.tasks for word in ("-i", escape(task))),
            *("-e", settings.environment),
            *("-n", str(around.concurrency)),
            *("--n-attempts", str(settings.n_attempts)),
            *("--max-retries", str(settings.max_retries)),
            *_retry(settings),
            *("--jobs-dir", str(request.jobs), "--job-name", request.job),
            *("-y", "-q"),
            *extra,
            *settings.extra_args,
        ),
        config=json.dumps(_config(settings, around, request), indent=2, sort_keys=True) + "\n",
        environment=_environment(around, request, variables),
    )


def _source(settings: Settings, around: Surroundings) -> tuple[str, ...]:
    if settings.task_source is not None:
        return ("-d", settings.task_source)
    return ("-p", str(around.inner_tasks))


def escape(task: str) -> str:
    """A pattern that matches this name alone: Harbor takes names as shell patterns."""
    return re.sub(r"([*?[])", r"[\1]", task)


def _retry(settings: Settings) -> tuple[str, ...]:
    retry = settings.retry
    include = retry.include or ()
    # What the build file says comes first, and then, for Harbor, what is excluded.
    never = {*NEVER_RETRIED, *(HARBORS_EXCLUDED if retry.exclude is None else ())}
    exclude = {*(retry.exclude or ()), *(never - set(include))}
    return (
        *(word for name in include for word in ("--retry-include", name)),
        *(word for name in sorted(exclude) for word in ("--retry-exclude", name)),
    )


def _config(settings: Settings, around: Surroundings, request: Request) -> dict[str, Any]:
    agent = {
        "import_path": AGENT,
        "model_name": settings.model,
        "kwargs": {
            "socket": str(around.socket),
            "tree": request.tree,
            "seconds": around.seconds * PHASE_SHARE,
        },
        # The candidate reads its logs itself; Harbor need not fetch what it may have made of them.
        "exclude_logs": ["*"],
    }
    return {
        "agents": [agent],
        "retry": {
            "wait_multiplier": settings.retry.wait_multiplier,
            "min_wait_sec": settings.retry.min_wait,
            "max_wait_sec": settings.retry.max_wait,
        },
    }


def _environment(
    around: Surroundings, request: Request, variables: Mapping[str, str]
) -> dict[str, str]:
    modules = (ROOT, around.environments)
    wanted = (*PASSED_ON, *around.secrets)
    return {
        **{name: variables[name] for name in wanted if name in variables},
        "PATH": f"{around.harbor.parent}:{PATH}",
        "LANG": "C.UTF-8",
        "HOME": str(request.home),
        "TMPDIR": str(request.home / "tmp"),
        "PYTHONPATH": ":".join(str(folder) for folder in modules if folder is not None),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HARBOR_TELEMETRY": "0",
        "NO_COLOR": "1",
    }
