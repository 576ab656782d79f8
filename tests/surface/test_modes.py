"""Keys of the other mode, keys without a task, keys that a mode needs."""

from __future__ import annotations

from typing import Any

import pytest

from compiler import resources
from compiler.diagnostics.render_text import help_of, message_of
from compiler.ir.build import Bare, ModeA, ModeB
from compiler.surface.modes import mode_of, needed_by
from tests.projects import MODE_B, REQUIRED, codes, keys, line_of, mode_b, understand

# A value of the right shape for each key that belongs to one mode.
OF_A: dict[str, Any] = {
    "dataset": "data",
    "input_fields": ["question"],
    "command": ["run", "{input}", "{output}"],
    "setup": ["make"],
    "task_project": "scorer",
    "task_module": "scorer",
    "task": "score",
    "scorer_requirements": "requirements.txt",
    "sample_timeout": "5s",
}
OF_B: dict[str, Any] = {
    "harbor": {"agent_import_path": "a:B"},
    "inner_task": "tasks",
    "partition": {"train": ["a"]},
    "partition_files": {"train": "a.json"},
}
SCHEMA = resources.schema("build")["properties"]


def test_each_key_is_of_one_mode_or_of_both() -> None:
    assert {key for key in SCHEMA if mode_of(key) == "A"} == set(OF_A)
    assert {key for key in SCHEMA if mode_of(key) == "B"} == set(OF_B)


def test_the_three_kinds_of_builds() -> None:
    assert isinstance(understand()[0], ModeA)
    assert isinstance(understand(mode_b())[0], ModeB)
    bare, found = understand({key: None for key in REQUIRED if key != "name"})
    assert isinstance(bare, Bare)
    assert codes(found) == ["MOR125"]


@pytest.mark.parametrize("key", list(OF_B))
def test_a_key_of_mode_b_in_mode_a(key: str) -> None:
    changes = {key: OF_B[key]}
    _, (only,) = understand(changes)
    assert only.code == "MOR126"
    assert (only.span.line, only.span.column) == (line_of(keys(changes), key), 1)
    assert "mode B; this build is mode A" in message_of(only)


@pytest.mark.parametrize("key", list(OF_A))
def test_a_key_of_mode_a_in_mode_b(key: str) -> None:
    changes = mode_b({key: OF_A[key]})
    _, (only,) = understand(changes)
    assert only.code == "MOR126"
    assert (only.span.line, only.span.column) == (line_of(keys(changes), key), 1)
    assert "mode A; this build is mode B" in message_of(only)


@pytest.mark.parametrize("key", ["harbor", "splits", "selection_split", "targets", "mode"])
def test_a_key_that_mode_b_needs(key: str) -> None:
    _, found = understand(mode_b({key: None}))
    missing = [d for d in found if d.code == "MOR111"]
    assert [dict(d.params)["key"] for d in missing] == [key]
    assert help_of(missing[0])


@pytest.mark.parametrize("key", [key for key in SCHEMA if needed_by(key)])
def test_what_the_reference_calls_required_is(key: str) -> None:
    changes = {key: None} if key in REQUIRED else mode_b({key: None})
    assert "MOR111" in codes(understand(changes)[1])


@pytest.mark.parametrize("key", [key for key in SCHEMA if not needed_by(key)])
def test_what_it_does_not_may_be_left_out(key: str) -> None:
    changes = {key: None} if mode_of(key) != "B" else mode_b({key: None})
    assert "MOR111" not in codes(understand(changes)[1]) or key == "name"


@pytest.mark.parametrize("mode", ["C", "a", "", "AB", 1, None, ["A"], {}, True])
def test_a_mode_that_there_is_not(mode: object) -> None:
    _, found = understand({"mode": mode} if mode is not None else {"mode": None})
    assert {"MOR111", "MOR112", "MOR113"} & set(codes(found))
    assert "MOR126" not in codes(found)


def test_keys_without_a_task_are_told_of_once() -> None:
    _, (only,) = understand({"agent_repo": None})
    assert (only.code, only.span.line) == ("MOR127", 2)
    message = message_of(only)
    assert "`mode`, `dataset`, `input_fields` and " in message
    _, (only,) = understand({**dict.fromkeys(list(REQUIRED)[1:]), "timeout": 5})
    assert "`timeout`" in message_of(only)


@pytest.mark.parametrize("written", ["agentrepo", "agent-repo", "Agent_repo", "agent_repos"])
def test_a_misspelt_repository_is_one_complaint(written: str) -> None:
    _, found = understand({"agent_repo": None, written: "agent"})
    assert codes(found) == ["MOR110"]


@pytest.mark.parametrize(
    ("key", "written"),
    [("mode", "mod"), ("dataset", "data_set"), ("splits", "split"), ("targets", "target")],
)
def test_a_misspelt_key_is_not_missing_too(key: str, written: str) -> None:
    _, found = understand({key: None, written: REQUIRED[key]})
    assert codes(found).count("MOR110") == 1
    assert "MOR111" not in codes(found)


def test_the_small_build_of_mode_b_has_nothing_to_complain_about() -> None:
    assert understand(MODE_B)[1] == ()
