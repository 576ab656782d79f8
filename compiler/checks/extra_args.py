"""``harbor.extra_args`` leaves alone what Mooring sets itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import ModeB, Task

# Flags of `harbor run` that the nested run is made of, with the key that sets each, or why there is
# none. Harbor takes the forms `--flag value`, `--flag=value`, `-f value` and `-fvalue`.
CONTROLLED: Final[dict[str, str]] = {
    "--agent": "harbor.agent_import_path",
    "-a": "harbor.agent_import_path",
    "--agent-import-path": "harbor.agent_import_path",
    "--model": "harbor.model",
    "-m": "harbor.model",
    "--env": "harbor.environment",
    "-e": "harbor.environment",
    "--environment-import-path": "harbor.environment",
    "--dataset": "harbor.task_source",
    "-d": "harbor.task_source",
    "--path": "inner_task",
    "-p": "inner_task",
    "--task": "harbor.task_source",
    "-t": "harbor.task_source",
    "--repo": "harbor.task_source",
    "--task-git-url": "harbor.task_source",
    "--task-git-commit": "harbor.task_source",
    "--registry-url": "harbor.task_source",
    "--registry-path": "harbor.task_source",
    "--include-task-name": "partition",
    "-i": "partition",
    "--exclude-task-name": "partition",
    "-x": "partition",
    "--n-tasks": "partition",
    "-l": "partition",
    "--n-attempts": "harbor.n_attempts",
    "-k": "harbor.n_attempts",
    "--n-concurrent": "max_concurrency",
    "-n": "max_concurrency",
    "--n-concurrent-agents": "max_concurrency",
    "--max-retries": "harbor.max_retries",
    "-r": "harbor.max_retries",
    "--retry-include": "harbor.retry.include",
    "--retry-exclude": "harbor.retry.exclude",
    "--config": "the keys of `harbor` say it all",
    "-c": "the keys of `harbor` say it all",
    "--jobs-dir": "results are read from a folder of mooring's",
    "-o": "results are read from a folder of mooring's",
    "--job-name": "results are read from a folder of mooring's",
    "--yes": "it is always given",
    "-y": "it is always given",
    "--quiet": "it is always given",
    "-q": "it is always given",
    "--silent": "it is always given",
    "--launch": "results are read from a folder of mooring's",
    "--disable-verification": "without verification there is no score",
    "--verifier": "the tasks' own verifiers decide",
    "--verifier-import-path": "the tasks' own verifiers decide",
    "--install-only": "candidates are run",
    "--dry-run": "candidates are run",
    "--print-config": "candidates are run",
}
_SHORT: Final = 2


def check_extra_args(build: Task) -> Iterator[Diagnostic]:
    """MOR227 for a flag of the table, in any spelling."""
    if not isinstance(build, ModeB):
        return
    for i, word in enumerate(build.harbor.extra_args):
        flag = controlled_flag(word)
        if flag is not None:
            place = build.places.value("harbor", "extra_args", i)
            yield diagnostic("MOR227", place, flag=flag, hint=_hint(flag))


def _hint(flag: str) -> str:
    setting = CONTROLLED[flag]
    return setting if " " in setting else f"set `{setting}` instead"


def controlled_flag(word: str) -> str | None:
    """The flag of the table that a word of a command line sets."""
    name = word.split("=", maxsplit=1)[0]
    if name in CONTROLLED:
        return name
    if word.startswith("--"):
        # No abbreviations today, but a later Harbor might: refuse what can only mean one of ours.
        near = [flag for flag in CONTROLLED if len(name) > _SHORT and flag.startswith(name)]
        return near[0] if len(near) == 1 else None
    return word[:_SHORT] if word[:_SHORT] in CONTROLLED else None
