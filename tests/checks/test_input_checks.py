"""The rules over what a build names: each finds its case in its place, and no other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from compiler.checks.few import MOST
from compiler.checks.name_case import check_name_case
from compiler.checks.partition import check_partition
from compiler.checks.read_only_paths import check_read_only_paths
from compiler.checks.target_samples import check_target_samples
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of, message_of
from compiler.diagnostics.span import span_of_file
from compiler.ir.build import Access, ModeB
from compiler.ir.project import Baseline, Inputs, SourceFile, SplitData, TreeEntry
from tests.projects import (
    MODE_B,
    REQUIRED,
    SAMPLES,
    TASKS,
    build_of,
    codes,
    keys,
    line_of,
    mode_b,
    read,
    task_of,
    write_build,
    write_project,
    write_project_b,
    write_rows,
)

PARTITION: dict[str, list[str]] = MODE_B["partition"]


def found_in(folder: Path, changes: dict[str, Any] | None = None) -> tuple[Diagnostic, ...]:
    return read(write_project(folder, changes))[1]


def found_in_b(folder: Path, changes: dict[str, Any] | None = None) -> tuple[Diagnostic, ...]:
    return read(write_project_b(folder, changes))[1]


def partitioned(**changes: list[str] | None) -> dict[str, Any]:
    merged = {**PARTITION, **changes}
    return {"partition": {split: names for split, names in merged.items() if names is not None}}


def assert_line(found: Diagnostic, changes: dict[str, Any], key: str) -> None:
    assert found.span.line == line_of(keys(changes), key)


# MOR211, MOR213: targets.


def test_a_target_without_samples(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "test", [])
    _, found = read(build_file)
    assert sorted(codes(found)) == ["MOR211", "MOR315"]


@pytest.mark.parametrize("ids", [["6"], ["0", "x"], [-1], ["00"], ["0 "]])
def test_a_sample_that_is_not_there(tmp_path: Path, ids: list[Any]) -> None:
    changes = {"targets": [{"split": "test", "sample_ids": ids}]}
    (only,) = found_in(tmp_path, changes)
    assert only.code == "MOR213"
    assert_line(only, changes, "targets")
    assert help_of(only)


@pytest.mark.parametrize("ids", [["0"], [0, 5], ["5", "1"]])
def test_samples_that_are_there(tmp_path: Path, ids: list[Any]) -> None:
    changes = {"targets": [{"split": "test", "sample_ids": ids}]}
    assert found_in(tmp_path, changes) == ()


def test_samples_have_their_own_ids(tmp_path: Path) -> None:
    build_file = write_project(tmp_path, {"targets": [{"split": "test", "sample_ids": [7, "b"]}]})
    write_rows(tmp_path, "test", [{"question": "q", "id": 7}, {"question": "q", "id": "b"}])
    assert read(build_file)[1] == ()


def test_a_target_of_mode_b_names_tasks(tmp_path: Path) -> None:
    changes = {"targets": [{"split": "test", "sample_ids": ["mango", "mnago"]}]}
    (only,) = found_in_b(tmp_path, changes)
    assert (only.code, "`mango`" in help_of(only)) == ("MOR213", True)


# MOR214, MOR215: counts.


@pytest.mark.parametrize(("count", "wrong"), [(1, True), (4, True), (5, False), (6, False)])
def test_a_hidden_split_with_few_samples(tmp_path: Path, count: int, wrong: bool) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "validation", [{"question": "q"}] * count)
    _, found = read(build_file)
    assert codes(found) == ["MOR214"] * wrong
    assert all(d.span.line == line_of(keys(), "splits") for d in found)


@pytest.mark.parametrize(("split", "least"), [("train", 7), ("validation", 7), ("test", 7)])
def test_a_least_number_that_is_written(tmp_path: Path, split: str, least: int) -> None:
    splits = [
        {**entry, **({"min_samples": least} if entry["split"] == split else {})}
        for entry in REQUIRED["splits"]
    ]
    # Nobody evaluates the third: there it has no effect.
    wanted = "MOR128" if split == "test" else "MOR214"
    assert codes(found_in(tmp_path, {"splits": splits})) == [wanted]


@pytest.mark.parametrize(
    ("budget", "wrong"),
    [
        ({"split": "validation", "total_sample_budget": 5}, True),
        ({"split": "validation", "total_sample_budget": 6}, False),
        ({"split": "validation", "max_samples_per_run": 5}, True),
        ({"split": "validation", "max_samples_per_run": 6, "total_sample_budget": 100}, False),
        ({"split": "validation", "total_run_budget": 1}, False),
        ({"split": "train", "total_sample_budget": 1}, False),
        ({"split": "train", "max_samples_per_run": 1}, False),
    ],
)
def test_a_budget_below_what_one_evaluation_takes(
    tmp_path: Path, budget: dict[str, Any], wrong: bool
) -> None:
    found = found_in(tmp_path, {"budgets": [budget]})
    assert codes(found) == ["MOR215"] * wrong
    assert all(dict(d.params)["least"] == SAMPLES for d in found)


def test_a_budget_below_a_least_number(tmp_path: Path) -> None:
    splits = [{**REQUIRED["splits"][0], "min_samples": 3}, *REQUIRED["splits"][1:]]
    changes = {"splits": splits, "budgets": [{"split": "train", "max_samples_per_run": 2}]}
    (only,) = found_in(tmp_path, changes)
    assert (only.code, dict(only.params)["least"]) == ("MOR215", 3)
    assert_line(only, changes, "budgets")


# MOR220, MOR229, MOR206: the partition and the splits.


def test_a_split_without_tasks(tmp_path: Path) -> None:
    found = found_in_b(tmp_path, partitioned(train=[]))
    assert codes(found) == ["MOR220"]
    assert_line(found[0], mode_b(), "splits")


def test_a_split_without_a_partition(tmp_path: Path) -> None:
    found = found_in_b(tmp_path, partitioned(train=None))
    assert codes(found) == ["MOR229"]
    assert "test, validation" in help_of(found[0])


def test_data_of_an_unlisted_split_is_said(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "extra", [{"question": "q"}])
    (only,) = read(build_file)[1]
    assert (only.code, only.severity) == ("MOR206", "note")


# MOR221, MOR222, MOR226: tasks.


def test_a_task_twice_in_a_split(tmp_path: Path) -> None:
    changes = partitioned(train=["apple", "pear", "apple"])
    (only,) = found_in_b(tmp_path, changes)
    assert (only.code, dict(only.params)["task"]) == ("MOR221", "apple")
    assert_line(only, mode_b(changes), "partition")


@pytest.mark.parametrize(("split", "hidden"), [("validation", True), ("test", True)])
def test_a_task_hidden_and_visible(tmp_path: Path, split: str, hidden: bool) -> None:
    found = found_in_b(tmp_path, partitioned(**{split: [*PARTITION[split], "apple"]}))
    assert codes(found) == ["MOR222"] * hidden
    params = dict(found[0].params)
    assert (params["hidden"], params["visible"], params["task"]) == (split, "train", "apple")


def test_a_task_in_two_hidden_splits_is_no_leak(tmp_path: Path) -> None:
    assert found_in_b(tmp_path, partitioned(test=["mango", "fig"])) == ()


@pytest.mark.parametrize(
    ("name", "near"), [("mnago", "`mango`"), ("zzz", "task.toml"), ("Fig", "fig")]
)
def test_a_task_that_is_not_there(tmp_path: Path, name: str, near: str) -> None:
    changes = partitioned(test=["mango", name])
    (only,) = found_in_b(tmp_path, changes)
    assert only.code == "MOR226"
    assert near in help_of(only)
    assert_line(only, mode_b(changes), "partition")


def test_tasks_of_a_registry_are_not_looked_for(tmp_path: Path) -> None:
    harbor = {"agent_import_path": "solver:Agent", "task_source": "fruit@1.0"}
    assert found_in_b(tmp_path, {"inner_task": None, "harbor": harbor}) == ()


def test_tasks_from_a_file_are_complained_about_where_the_file_is_named(tmp_path: Path) -> None:
    write_project_b(tmp_path)
    (tmp_path / "test.json").write_text('["mango", "mango", "apple", "zzz"]')
    changes = partitioned(test=None) | {"partition_files": {"test": "test.json"}}
    _, found = read(write_build(tmp_path, mode_b(changes)))
    assert sorted(codes(found)) == ["MOR221", "MOR222", "MOR226"]
    for complaint in found:
        assert_line(complaint, mode_b(changes), "partition_files")


def inputs_b(names: list[str], known: tuple[str, ...]) -> Inputs:
    build = build_of(mode_b())
    assert isinstance(build, ModeB)
    data = SplitData(
        split="validation", file="validation.json", ids=tuple(names), source=None,
        place=span_of_file("x"),
    )  # fmt: skip
    file = SourceFile(path="a/task.toml", source="", mode=0o644)
    return Inputs(build=build, baseline=None, data=(data,), inner=(file,), inner_tasks=known)


def test_a_hundred_thousand_names_of_another_folder_are_told_at_once() -> None:
    names = [f"task-{i}" for i in range(100_000)]
    known = tuple(f"other-{i}" for i in range(2000))
    before = time.process_time()
    found = list(check_partition(inputs_b(names, known)))
    assert codes(tuple(found)) == ["MOR226"] * MOST
    assert time.process_time() - before < 10
    assert len(list(check_partition(inputs_b(["a"] * 1000, ("a",))))) == MOST


def test_a_thousand_samples_that_are_not_there_are_told_at_once() -> None:
    wanted = [f"sample-{i}" for i in range(1000)]
    build = task_of({"targets": [{"split": "test", "sample_ids": wanted}]})
    ids = tuple(f"other-{i}" for i in range(5000))
    data = SplitData(split="test", file="", ids=ids, source="", place=span_of_file("x"))
    found = list(check_target_samples(Inputs(build=build, baseline=None, data=(data,))))
    assert codes(tuple(found)) == ["MOR213"] * MOST


def test_the_tiers_of_the_small_build() -> None:
    build = build_of(mode_b())
    assert isinstance(build, ModeB)
    assert [s.access for s in build.splits] == list(Access)
    assert set(TASKS) == {name for names in PARTITION.values() for name in names}


# MOR324, MOR334: the baseline.


def inputs_of(*paths: str, **changes: Any) -> Inputs:
    entries = tuple(TreeEntry(mode="100644", blob="", path=path.encode()) for path in paths)
    baseline = Baseline(
        object_format="sha1", tree="", commit="", entries=entries, folder="", git_dir=None
    )
    return Inputs(build=task_of(changes), baseline=baseline, data=())


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["a", "A"], [("A", "a")]),
        (["a/b", "A/c"], [("A", "a")]),
        (["a/b", "a/B"], [("a/B", "a/b")]),
        (["x", "X/y"], [("X", "x")]),
        (["straße", "STRASSE"], [("STRASSE", "straße")]),
        (["a", "A", "b", "B"], [("A", "a"), ("B", "b")]),
        (["a/x", "A/x", "A/y"], [("A", "a"), ("A/x", "a/x")]),
        (["a", "b", "a.b", "aa", "a-"], []),
        (["a/b", "a/c", "a/d/e"], []),
        ([], []),
    ],
)
def test_names_that_differ_in_case_alone(paths: list[str], told: list[tuple[str, str]]) -> None:
    found = list(check_name_case(inputs_of(*paths)))
    assert {d.code for d in found} <= {"MOR324"}
    assert [(dict(d.params)["path"], dict(d.params)["other"]) for d in found] == told
    assert all(d.severity == "warning" for d in found)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("a", True), ("a/b", True), ("a/b/c.py", True), ("a/", True), ("top", True), ("é", True),
        ("b", False), ("a/b/c", False), ("A", False), ("a/b/c.py/d", False), ("to", False),
    ],
)  # fmt: skip
def test_a_read_only_path(path: str, known: bool) -> None:
    found = list(check_read_only_paths(inputs_of("a/b/c.py", "top", "é", read_only_paths=[path])))
    assert codes(tuple(found)) == ["MOR334"] * (not known)
    assert all(message_of(d) and help_of(d) for d in found)


def test_read_only_paths_may_come_from_an_overlay(tmp_path: Path) -> None:
    changes = {"read_only_paths": ["x/y"], "overlays": [{"source": "new", "dest": "x/y"}]}
    build_file = write_project(tmp_path, changes)
    (tmp_path / "new").write_text("x")
    assert read(build_file)[1] == ()
