"""The rules over keys that a task may have: each finds its case in its place, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of, message_of
from compiler.targets.dockerfile.line_check import MOST_LINE_BYTES
from compiler.targets.dockerfile.render import render_runner
from tests.projects import (
    REQUIRED,
    codes,
    keys,
    line_of,
    mode_b,
    project_of,
    read,
    understand,
    write_project,
)


def only(changes: dict[str, Any]) -> Diagnostic:
    _, found = understand(changes)
    (complaint,) = found
    return complaint


def assert_place(found: Diagnostic, changes: dict[str, Any], key: str, column: int) -> None:
    assert (found.span.line, found.span.column) == (line_of(keys(changes), key), column)


def of_registry(source: object, **harbor: Any) -> dict[str, Any]:
    named = {"agent_import_path": "a:B", "task_source": source, **harbor}
    return mode_b({"inner_task": None, "harbor": named})


# MOR125: nothing to write.


def test_a_build_without_a_task_is_told_so() -> None:
    found = only(dict.fromkeys(key for key in REQUIRED if key != "name"))
    assert (found.code, found.severity, found.span.line) == ("MOR125", "note", 1)


# MOR130: a bound of finalising that may be too small.


@pytest.mark.parametrize(("seconds", "told"), [(1, True), (4199, True), (4200, False)])
def test_a_bound_of_finalising(tmp_path: Path, seconds: int, told: bool) -> None:
    changes = {"timeout": "10m", "verifier_timeout": seconds}
    _, found = read(write_project(tmp_path, changes))
    assert codes(found) == ["MOR130"] * told
    if told:
        assert_place(found[0], changes, "verifier_timeout", 19)
        assert found[0].severity == "warning"
        assert "4200 s follow from" in help_of(found[0])


def test_the_derived_bound_of_finalising_is_enough(tmp_path: Path) -> None:
    assert codes(read(write_project(tmp_path, {"timeout": "10m"}))[1]) == []


# MOR131: lines that no builder reads.

TOO_LONG = MOST_LINE_BYTES + 1 - len('RUN [""]')


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"runner": {"build": [["a"], ["x" * TOO_LONG]]}}, 27),
        ({"runner": {"build": [["a"], ["<" * (TOO_LONG // 6 + 1)]]}}, 27),
        ({"packages": ["p" * 60] * 1100}, 11),
        ({"runner": {"packages": ["p" * 60] * 1100}}, 22),
    ],
    ids=["argv", "escaped", "packages", "packages of the runner"],
)
def test_a_line_too_long_for_a_dockerfile(
    tmp_path: Path, changes: dict[str, Any], column: int
) -> None:
    _, (found,) = read(write_project(tmp_path, changes))
    assert (found.code, found.severity) == ("MOR131", "error")
    assert_place(found, changes, next(iter(changes)), column)


def test_the_longest_line_of_a_dockerfile(tmp_path: Path) -> None:
    changes = {"runner": {"build": [["x" * (TOO_LONG - 1)]]}}
    build_file = write_project(tmp_path, changes)
    assert codes(read(build_file)[1]) == []
    lines = render_runner(project_of(build_file)).split("\n")
    assert max(map(len, lines)) == MOST_LINE_BYTES


# MOR128: keys without effect.


def test_a_floor_where_the_optimiser_chooses() -> None:
    changes = {"reward_mode": "submit", "submit_enabled": True, "baseline_floor": True}
    found = only(changes)
    assert (found.code, found.severity) == ("MOR128", "warning")
    assert_place(found, changes, "baseline_floor", 1)


def test_a_least_number_of_samples_that_nobody_asks_for() -> None:
    splits = [*REQUIRED["splits"][:2], {"split": "test", "access": "no_access", "min_samples": 2}]
    found = only({"splits": splits})
    assert found.code == "MOR128"
    assert "`min_samples`" in message_of(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline_floor": True},
        {"reward_mode": "submit", "submit_enabled": True},
        {"splits": [{**split, "min_samples": 1} for split in REQUIRED["splits"][:2]]
         + REQUIRED["splits"][2:]},
    ],
)  # fmt: skip
def test_keys_with_an_effect(changes: dict[str, Any]) -> None:
    assert understand(changes)[1] == ()


# MOR212: submitting.


def test_a_submission_that_nobody_can_make() -> None:
    changes = {"reward_mode": "submit"}
    found = only(changes)
    assert found.code == "MOR212"
    assert_place(found, changes, "reward_mode", 14)
    assert only({"reward_mode": "submit", "submit_enabled": False}).code == "MOR212"


@pytest.mark.parametrize("changes", [{"submit_enabled": True}, {"reward_mode": "auto_best"}])
def test_submissions_that_are_possible(changes: dict[str, Any]) -> None:
    assert understand(changes)[1] == ()


# MOR207: names twice.


def test_names_twice_in_the_newer_lists() -> None:
    assert only({"read_only_paths": ["a", "b", "a"]}).code == "MOR207"
    assert only({"read_only_paths": ["a/", "a"]}).code == "MOR207"
    assert only({"targets": [{"split": "test", "sample_ids": ["1", 1]}]}).code == "MOR207"
    secrets = [{"name": "A"}, {"name": "A", "to": "candidate"}]
    assert codes(understand({"secrets": secrets})[1]) == ["MOR207"]
    assert understand({"read_only_paths": ["a", "A", "a/b"]})[1] == ()


# MOR223, MOR225, MOR228: where mode B's tasks come from.


@pytest.mark.parametrize(
    "source",
    [
        "fruit", "fruit@", "@1.0", "fruit@latest", "fruit@LATEST", "fruit@main", "fruit@head",
        "fruit@master", "fruit@dev", "fruit@sha256:12", "fruit@sha256:" + "g" * 64,
        "fruit@sha256:" + "A" * 64, "fruit@1.0@2.0", "fruit @1.0", "fruit@1.0 ", "a@-1", "a@1/2",
    ],
)  # fmt: skip
def test_a_source_that_may_change(source: str) -> None:
    found = only(of_registry(source))
    assert found.code == "MOR223"
    assert found.span.line == line_of(keys(of_registry(source)), "harbor")


@pytest.mark.parametrize(
    "source",
    ["fruit@1.0", "org/fruit@2024-01-01", "fruit@v1", "fruit@sha256:" + "0" * 64, "fruit@mainly"],
)
def test_a_source_that_stays(source: str) -> None:
    assert understand(of_registry(source))[1] == ()


def test_none_or_two_sources_of_tasks() -> None:
    none = mode_b({"inner_task": None})
    found = only(none)
    assert found.code == "MOR225"
    assert_place(found, none, "harbor", 1)
    assert "inner_task" in help_of(found)
    two = mode_b({"harbor": {"agent_import_path": "a:B", "task_source": "fruit@1.0"}})
    found = only(two)
    assert found.code == "MOR225"
    assert_place(found, two, "inner_task", 1)


def test_a_split_in_both_partitions() -> None:
    changes = mode_b({"partition_files": {"train": "a.json", "test": "b.json"}})
    _, found = understand(changes)
    assert codes(found) == ["MOR228", "MOR228"]
    assert found[0].span.line == line_of(keys(changes), "partition_files")
    assert understand(mode_b({"partition_files": {}}))[1] == ()


@pytest.mark.parametrize("key", ["partition", "partition_files"])
def test_a_partition_of_a_split_that_is_not_listed(key: str) -> None:
    entry: dict[str, Any] = {"partition": ["x"], "partition_files": "x.json"}
    changes = mode_b()
    changes[key] = {**changes.get(key, {}), "tset": entry[key]}
    assert only(changes).code == "MOR200"


# MOR401, MOR402, MOR405, MOR406: secrets.


@pytest.mark.parametrize("secret", ["KEY", {"name": "KEY"}, {"name": "KEY", "to": "candidate"}])
def test_a_secret_that_would_be_in_an_artifact(secret: Any) -> None:
    assert only({"secrets": [secret], "params": {"KEY": "x"}}).code == "MOR401"
    assert only({"secrets": [secret], "agent_env": {"KEY": "x"}}).code == "MOR402"
    assert understand({"secrets": [secret], "agent_env": {"Key": "x"}})[1] == ()


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"secrets": ["MOORING_KEY"]}, 11),
        ({"secrets": [{"name": "MOORING_"}]}, 11),
        ({"agent_env": {"A": "1", "MOORING_EVAL_URL": "x"}}, 23),
    ],
)
def test_a_reserved_name(changes: dict[str, Any], column: int) -> None:
    found = only(changes)
    assert found.code == "MOR405"
    assert_place(found, changes, next(iter(changes)), column)


def test_names_that_are_not_reserved() -> None:
    changes = {"secrets": ["MOORINGS", "mooring_key"], "agent_env": {"A_MOORING_": "x"}}
    assert understand(changes)[1] == ()


def test_a_secret_that_candidates_can_carry_away() -> None:
    secrets = [{"name": "A", "to": "candidate"}, {"name": "B", "to": "evaluator"}, "C"]
    changes = {"secrets": secrets, "runner": {"network": "public"}}
    found = only(changes)
    assert (found.code, found.severity) == ("MOR406", "warning")
    assert dict(found.params)["name"] == "A"
    assert understand({"secrets": secrets})[1] == ()


def test_all_rules_speak_in_one_run() -> None:
    changes = of_registry("fruit", extra_args=["-n4"]) | {
        "reward_mode": "submit",
        "secrets": ["MOORING_A"],
        "read_only_paths": ["a", "a"],
        "selection_split": "nothing",
        "baseline_floor": True,
    }
    wanted = {"MOR200", "MOR207", "MOR212", "MOR223", "MOR227", "MOR405", "MOR128"}
    assert wanted <= set(codes(understand(changes)[1]))
