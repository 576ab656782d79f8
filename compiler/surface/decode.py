"""Document -> BuildFile, once the schema has found its shape right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.source.document import Document
from compiler.surface.build_file import (
    BudgetEntry,
    BuildFile,
    HarborEntry,
    ModeAEntry,
    ModeBEntry,
    OverlayEntry,
    ResourcesEntry,
    RetryEntry,
    RunnerEntry,
    SecretEntry,
    SplitEntry,
    TargetEntry,
    TaskEntry,
)
from compiler.surface.decode_gateways import DURATIONS as _OF_GATEWAYS
from compiler.surface.decode_gateways import decode_gateways
from compiler.surface.decode_sidecars import decode_anvil, decode_tongs
from compiler.surface.duration import parse_duration
from compiler.surface.memory import parse_memory
from compiler.surface.modes import check_modes
from compiler.surface.schema_check import check_schema
from compiler.surface.variables import decode_variables

_MEMORY: Final = tuple(("resources", name, "memory") for name in ("main", "evaluator", "runner"))
_DURATIONS: Final = (
    ("timeout",),
    ("sample_timeout",),
    ("agent_timeout",),
    ("build_timeout",),
    ("verifier_timeout",),
    ("harbor", "retry", "min_wait"),
    ("harbor", "retry", "max_wait"),
    *_OF_GATEWAYS,
)

# What an amount is called, and how to write one.
_A_DURATION: Final = ("duration", "write 90s, 30m or 2h")
_AN_AMOUNT: Final = ("amount of memory", "write 512m or 2g")

type _Data = dict[str, Any]
type _Seconds = dict[tuple[str, ...], float]
type _Bytes = dict[tuple[str, ...], int]


def decode_build(document: Document) -> tuple[BuildFile | None, tuple[Diagnostic, ...]]:
    """The build file, or None with everything that is wrong with its shape."""
    found = check_schema(document, "build")
    if isinstance(document.data, dict):
        complained = {d.span for d in found}
        modes = (d for d in check_modes(document) if d.span not in complained)
        found = (*found, *modes)
    if found:
        return None, found
    seconds, problems = _decode_amounts(document, _DURATIONS, parse_duration, _A_DURATION)
    memory, more = _decode_amounts(document, _MEMORY, parse_memory, _AN_AMOUNT)
    found = (*problems, *more)
    if found:
        return None, found
    data = document.data
    file = BuildFile(
        places=document.places,
        name=data["name"],
        description=data.get("description"),
        params=tuple(data.get("params", ())),
        task=_decode_task(document, seconds, memory) if "agent_repo" in data else None,
        gateways=decode_gateways(document, seconds),
        tongs=decode_tongs(document),
        anvil=decode_anvil(data.get("anvil")),
        allow_docker_socket=data.get("allow_docker_socket", False),
    )
    return file, ()


def _decode_amounts[T](
    document: Document,
    paths: tuple[tuple[str, ...], ...],
    parse: Callable[[Any], T],
    names: tuple[str, str],
) -> tuple[dict[tuple[str, ...], T], tuple[Diagnostic, ...]]:
    decoded: dict[tuple[str, ...], T] = {}
    found = []
    what, hint = names
    for path in paths:
        value = _value_at(document.data, path)
        if value is None:
            continue
        try:
            decoded[path] = parse(value)
        except ValueError as error:
            problem = f"`{value}` is not a usable {what}: {error}"
            found.append(
                diagnostic("MOR115", document.places.value(*path), problem=problem, hint=hint)
            )
    return decoded, tuple(found)


def _value_at(data: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        data = data.get(key, {})
    return data if data != {} else None


def _decode_task(document: Document, seconds: _Seconds, memory: _Bytes) -> TaskEntry:
    data = document.data
    return TaskEntry(
        agent_repo=data["agent_repo"],
        agent_ref=data.get("agent_ref"),
        mode=_decode_a(data, seconds) if data["mode"] == "A" else _decode_b(data, seconds),
        read_only_paths=_names(data, "read_only_paths"),
        overlays=tuple(
            OverlayEntry(source=e["source"], dest=e["dest"]) for e in data.get("overlays", ())
        ),
        instruction_template=data.get("instruction_template"),
        failure_value=data.get("failure_value"),
        deterministic=data.get("deterministic", False),
        splits=tuple(_decode_split(e) for e in data["splits"]),
        budgets=tuple(_decode_budget(e) for e in data.get("budgets", ())),
        selection_split=data["selection_split"],
        targets=tuple(_decode_target(e) for e in data["targets"]),
        reward_mode=data.get("reward_mode"),
        submit_enabled=data.get("submit_enabled", False),
        rescore_top_k=data.get("rescore_top_k"),
        score_baseline=data.get("score_baseline", False),
        baseline_floor=data.get("baseline_floor", False),
        secrets=tuple(_decode_secret(e) for e in data.get("secrets", ())),
        agent_env=tuple(
            (name, value)
            for name, value in decode_variables(document, ("agent_env",))
            if value is not None
        ),
        base_image_main=data.get("base_image_main"),
        base_image_sidecar=data.get("base_image_sidecar"),
        runner=_decode_runner(data.get("runner", {})),
        packages=_names(data, "packages"),
        network=data.get("network"),
        resources=tuple(
            (n, _decode_resources(e, memory.get(("resources", n, "memory"))))
            for n, e in data.get("resources", {}).items()
        ),
        timeout=seconds.get(("timeout",)),
        agent_timeout=seconds.get(("agent_timeout",)),
        build_timeout=seconds.get(("build_timeout",)),
        verifier_timeout=seconds.get(("verifier_timeout",)),
        max_concurrency=data.get("max_concurrency"),
    )


def _names(data: _Data, key: str) -> tuple[str, ...]:
    return tuple(data.get(key, ()))


def _argv(data: _Data, key: str) -> tuple[str, ...] | None:
    return tuple(data[key]) if key in data else None


def _decode_a(data: _Data, seconds: _Seconds) -> ModeAEntry:
    return ModeAEntry(
        dataset=data["dataset"],
        input_fields=tuple(data["input_fields"]),
        command=tuple(data["command"]),
        setup=_argv(data, "setup"),
        task_project=data["task_project"],
        task_module=data["task_module"],
        task=data.get("task"),
        scorer_requirements=data.get("scorer_requirements"),
        sample_timeout=seconds.get(("sample_timeout",)),
    )


def _decode_b(data: _Data, seconds: _Seconds) -> ModeBEntry:
    return ModeBEntry(
        harbor=_decode_harbor(data["harbor"], seconds),
        inner_task=data.get("inner_task"),
        partition=tuple((name, tuple(tasks)) for name, tasks in data.get("partition", {}).items()),
        partition_files=tuple(data.get("partition_files", {}).items()),
    )


def _decode_harbor(data: _Data, seconds: _Seconds) -> HarborEntry:
    retry = data.get("retry", {})
    return HarborEntry(
        agent_import_path=data["agent_import_path"],
        task_source=data.get("task_source"),
        environment=data.get("environment"),
        environment_project=data.get("environment_project"),
        model=data.get("model"),
        n_attempts=data.get("n_attempts"),
        max_retries=data.get("max_retries"),
        retry=RetryEntry(
            include=_argv(retry, "include"),
            exclude=_argv(retry, "exclude"),
            wait_multiplier=retry.get("wait_multiplier"),
            min_wait=seconds.get(("harbor", "retry", "min_wait")),
            max_wait=seconds.get(("harbor", "retry", "max_wait")),
        ),
        reward_key=data.get("reward_key"),
        aggregate_attempts=data.get("aggregate_attempts"),
        exceptions=tuple(data.get("exceptions", {}).items()),
        requirement=data.get("requirement"),
        extra_args=_names(data, "extra_args"),
    )


def _decode_split(entry: _Data) -> SplitEntry:
    return SplitEntry(
        split=entry["split"], access=entry["access"], min_samples=entry.get("min_samples")
    )


def _decode_budget(entry: _Data) -> BudgetEntry:
    return BudgetEntry(
        split=entry["split"],
        total_run_budget=entry.get("total_run_budget"),
        total_sample_budget=entry.get("total_sample_budget"),
        max_samples_per_run=entry.get("max_samples_per_run"),
    )


def _decode_target(entry: _Data) -> TargetEntry:
    ids = entry.get("sample_ids")
    return TargetEntry(
        split=entry["split"],
        reward_key=entry.get("reward_key"),
        sample_ids=None if ids is None else tuple(str(name) for name in ids),
    )


def _decode_secret(entry: str | _Data) -> SecretEntry:
    if isinstance(entry, str):
        return SecretEntry(name=entry, to=None)
    return SecretEntry(name=entry["name"], to=entry.get("to"))


def _decode_runner(entry: _Data) -> RunnerEntry:
    return RunnerEntry(
        base_image=entry.get("base_image"),
        packages=_names(entry, "packages"),
        build=tuple(tuple(argv) for argv in entry.get("build", ())),
        network=entry.get("network"),
    )


def _decode_resources(entry: _Data, memory: int | None) -> ResourcesEntry:
    return ResourcesEntry(cpus=entry.get("cpus"), memory=memory, pids=entry.get("pids"))
