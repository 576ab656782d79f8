"""``harbor.extra_args`` leaves alone what Mooring sets itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import ModeB, Task

# Flags of `harbor run` that the nested run is made of, with the key that sets each. Harbor takes
# the forms `--flag value`, `--flag=value`, `-f value` and `-fvalue`.
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
    "--config": "the other keys of `harbor`",
    "-c": "the other keys of `harbor`",
    "--jobs-dir": "nothing: results are read from a folder of mooring's",
    "-o": "nothing: results are read from a folder of mooring's",
    "--job-name": "nothing: results are read from a folder of mooring's",
    "--yes": "nothing: it is always given",
    "-y": "nothing: it is always given",
    "--quiet": "nothing: it is always given",
    "-q": "nothing: it is always given",
    "--disable-verification": "nothing: without verification there is no score",
    "--verifier": "nothing: the tasks' own verifiers decide",
    "--verifier-import-path": "nothing: the tasks' own verifiers decide",
    "--install-only": "nothing: candidates are run",
    "--dry-run": "nothing: candidates are run",
    "--print-config": "nothing: candidates are run",
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
            yield diagnostic("MOR227", place, flag=flag, hint=f"it is set by {CONTROLLED[flag]}")


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
