"""Document -> BuildFile, once the schema has found its shape right."""

from __future__ import annotations

from typing import Any

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.source.document import Document
from compiler.surface.build_file import (
    Argv,
    BudgetEntry,
    BuildFile,
    RunnerEntry,
    SplitEntry,
    TargetEntry,
)
from compiler.surface.duration import parse_duration
from compiler.surface.schema_check import check_schema

_DURATIONS = ("timeout", "sample_timeout", "agent_timeout")


def decode_build(document: Document) -> tuple[BuildFile | None, tuple[Diagnostic, ...]]:
    """The build file, or None with everything that is wrong with its shape."""
    found = check_schema(document, "build")
    if found:
        return None, found
    durations, found = _decode_durations(document)
    if found:
        return None, found
    return _decode(document, durations), ()


def _decode_durations(
    document: Document,
) -> tuple[dict[str, float | None], tuple[Diagnostic, ...]]:
    seconds: dict[str, float | None] = dict.fromkeys(_DURATIONS)
    found = []
    for key in _DURATIONS:
        if key not in document.data:
            continue
        try:
            seconds[key] = parse_duration(document.data[key])
        except ValueError as error:
            place = document.places.value(key)
            problem = f"`{document.data[key]}` is not a usable duration: {error}"
            found.append(diagnostic("MOR115", place, problem=problem, hint="write 90s, 30m or 2h"))
    return seconds, tuple(found)


def _decode(document: Document, durations: dict[str, float | None]) -> BuildFile:
    data = document.data
    return BuildFile(
        places=document.places,
        name=data["name"],
        description=data.get("description"),
        agent_repo=data["agent_repo"],
        agent_ref=data.get("agent_ref"),
        mode=data["mode"],
        dataset=data["dataset"],
        input_fields=tuple(data["input_fields"]),
        command=tuple(data["command"]),
        task_project=data["task_project"],
        task_module=data["task_module"],
        task=data.get("task"),
        scorer_requirements=data.get("scorer_requirements"),
        splits=tuple(SplitEntry(split=e["split"], access=e["access"]) for e in data["splits"]),
        budgets=tuple(_decode_budget(e) for e in data.get("budgets", ())),
        selection_split=data["selection_split"],
        targets=tuple(_decode_target(e) for e in data["targets"]),
        secrets=tuple(data.get("secrets", ())),
        params=tuple(data.get("params", ())),
        base_image_main=data.get("base_image_main"),
        base_image_sidecar=data.get("base_image_sidecar"),
        runner=_decode_runner(data.get("runner", {})),
        packages=tuple(data.get("packages", ())),
        timeout=durations["timeout"],
        sample_timeout=durations["sample_timeout"],
        agent_timeout=durations["agent_timeout"],
        max_concurrency=data.get("max_concurrency"),
    )


def _decode_budget(entry: dict[str, Any]) -> BudgetEntry:
    return BudgetEntry(
        split=entry["split"],
        total_run_budget=entry.get("total_run_budget"),
        total_sample_budget=entry.get("total_sample_budget"),
    )


def _decode_target(entry: dict[str, Any]) -> TargetEntry:
    return TargetEntry(split=entry["split"], reward_key=entry.get("reward_key"))


def _decode_runner(entry: dict[str, Any]) -> RunnerEntry:
    build: tuple[Argv, ...] = tuple(tuple(argv) for argv in entry.get("build", ()))
    return RunnerEntry(
        base_image=entry.get("base_image"),
        packages=tuple(entry.get("packages", ())),
        build=build,
        network=entry.get("network"),
    )
