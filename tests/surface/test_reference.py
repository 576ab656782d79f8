"""The reference is the schema's, and the schema's defaults are the compiler's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from compiler import resources
from compiler.source.document import Places
from compiler.surface.reference import render_reference
from tests.commands import call_mooring
from tests.projects import build_of

ROOT: Final = Path(__file__).resolve().parent.parent.parent
SCHEMA: Final = resources.schema("build")

# Keys whose default another key decides, or that leave something out: described in words.
NO_DEFAULT: Final = {
    "agent_repo", "agent_ref", "description", "instruction_template", "scorer_requirements",
    "harbor.task_source", "harbor.environment_project", "harbor.requirement", "harbor.model",
    "harbor.reward_key", "inner_task",
    "splits[].min_samples", "budgets[].total_run_budget", "budgets[].total_sample_budget",
    "budgets[].max_samples_per_run", "runner.base_image", "verifier_timeout",
    "resources.main.cpus", "resources.main.memory", "resources.main.pids",
    "resources.evaluator.cpus", "resources.evaluator.memory", "resources.evaluator.pids",
    "resources.runner.cpus", "resources.runner.memory", "resources.runner.pids",
    "anvil.harness", "anvil.network",
}  # fmt: skip
# Written by every build with a task.
NEEDED: Final = {
    "mode", "splits", "selection_split", "targets", "dataset", "input_fields", "command",
    "task_project", "task_module", "harbor",
}  # fmt: skip
MODE_B: Final = {
    "mode": "B",
    "harbor": {"agent_import_path": "package.module:Class"},
    "inner_task": "tasks",
    "partition": {split: [split] for split in ("train", "validation", "test")},
    "secrets": ["MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"],
    **dict.fromkeys(("dataset", "input_fields", "command", "task_project", "task_module")),
}

# What a key of a mapping that may be left out whole needs beside itself.
BESIDE: Final[dict[str, dict[str, Any]]] = {
    "harbor": MODE_B,
    "secrets[]": {"secrets": [{"name": "KEY"}]},
    "anvil": {"anvil": {"image": "harness"}, "tongs": ["tongs"]},
    "gateways": {"gateways": {"command": ["gateway"], "profiles": [{"name": "coder"}]}},
}

type Key = tuple[str, ...]


def resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    reference: str = described.get("$ref", "")
    form: Mapping[str, Any] = SCHEMA["$defs"].get(reference.removeprefix("#/$defs/"), described)
    return form


def keys(at: Mapping[str, Any], path: Key = ()) -> Iterator[tuple[Key, Mapping[str, Any], bool]]:
    """Every key with what describes it, and whether it may be left out."""
    for name, described in at.get("properties", {}).items():
        form = resolved(described)
        yield (*path, name), described, name not in at.get("required", ())
        if form.get("type") == "array":
            yield from keys(resolved(form["items"]), (*path, f"{name}[]"))
        else:
            yield from keys(form, (*path, name))


DEFAULTS: Final = {
    path: described["default"] for path, described, _ in keys(SCHEMA) if "default" in described
}


def without_places(value: Any) -> Any:
    """The build as plain data, without where it was written."""
    if isinstance(value, Places):
        return None
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: without_places(getattr(value, field.name)) for field in fields}
    return [without_places(item) for item in value] if isinstance(value, tuple) else value


def writing(path: Key, value: object, base: Mapping[str, Any]) -> dict[str, Any]:
    """The key of the top that has to change so that ``path`` is written, and its value."""
    top, *rest = path
    name = top.removesuffix("[]")
    if not rest:
        return {name: value}
    if not top.endswith("[]"):
        inner = base.get(name, {})
        return {name: {**inner, **writing(tuple(rest), value, inner)}}
    first, *others = base.get(name, [{"name": "KEY"}])
    return {name: [{**first, **writing(tuple(rest), value, first)}, *others]}


def test_the_reference_is_not_stale() -> None:
    """To write it anew: ``mooring schema build --markdown > docs/reference.md``."""
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == render_reference(SCHEMA)


def test_the_command_prints_it() -> None:
    assert call_mooring(["schema", "build", "--markdown"]).stdout == render_reference(SCHEMA)


def test_every_key_is_in_it() -> None:
    text = render_reference(SCHEMA)
    assert len(list(keys(SCHEMA))) > 80
    for path, described, _ in keys(SCHEMA):
        assert f"| `{path[-1]}` |" in text
        assert described["description"].replace("|", "\\|") in text
        assert len(path) == 1 or f"`{'.'.join(path[:-1])}`" in text


@pytest.mark.parametrize("path", DEFAULTS, ids=".".join)
def test_writing_a_default_changes_nothing(path: Key) -> None:
    base = {**BESIDE.get(path[0], {}), "targets": [{"split": "test"}]}
    written = {**base, **writing(path, DEFAULTS[path], base)}
    assert without_places(build_of(written)) == without_places(build_of(base))


@pytest.mark.parametrize("path", DEFAULTS, ids=".".join)
def test_writing_something_else_changes_the_build(path: Key) -> None:
    """So that the test above cannot pass on a key that nothing reads."""
    beside = BESIDE.get(path[0], {})
    base = {**beside, "targets": [{"split": "test"}], "submit_enabled": True}
    other = another(path, DEFAULTS[path])
    written = {**base, **writing(path, other, base)}
    assert without_places(build_of(written)) != without_places(build_of(base))


def another(path: Key, default: object) -> object:
    form: Mapping[str, Any] = SCHEMA
    for name in path:
        form = resolved(form["properties"][name.removesuffix("[]")])
        form = resolved(form["items"]) if name.endswith("[]") else form
    if "enum" in form:
        return next(word for word in form["enum"] if word != default)
    if isinstance(default, bool):
        return path[-1] != "submit_enabled"
    if isinstance(default, (int, float)):
        return default + 1
    others = {
        "environment": "docker",
        "home": "/other",
        "workspace": "/other",
        "port_range": "1-2000",
        "readiness": "none",
    }
    return others.get(path[-1], "59s" if "imum" in str(form) else "other")


def test_each_optional_value_has_a_default_or_a_reason() -> None:
    lacking = {
        ".".join(path)
        for path, described, optional in keys(SCHEMA)
        if optional
        and "default" not in described
        and resolved(described).get("type") not in ("array", "object")
    }
    assert lacking - NEEDED == NO_DEFAULT
