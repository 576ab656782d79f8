"""The rules over a build's text: each finds its case, in its place, and leaves the rest alone."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of
from tests.projects import codes, keys, line_of, understand

TRAIN = {"split": "train", "access": "viewable"}
VALIDATION = {"split": "validation", "access": "non_viewable"}
TEST = {"split": "test", "access": "no_access"}


def only(changes: dict[str, Any]) -> Diagnostic:
    _, found = understand(changes)
    (complaint,) = found
    return complaint


def assert_placed(found: Diagnostic, changes: dict[str, Any], key: str, column: int) -> None:
    assert (found.span.line, found.span.column) == (line_of(keys(changes), key), column)


def test_the_small_build_has_nothing_to_complain_about() -> None:
    assert understand() == (understand()[0], ())


# MOR200, MOR201: splits.


@pytest.mark.parametrize(
    ("changes", "key", "column"),
    [
        ({"selection_split": "validaton"}, "selection_split", 18),
        ({"budgets": [{"split": "trian"}]}, "budgets", 21),
        ({"targets": [{"split": "test"}, {"split": "tset", "reward_key": "b"}]}, "targets", 40),
    ],
)
def test_an_unknown_split(changes: dict[str, Any], key: str, column: int) -> None:
    found = only(changes)
    assert found.code == "MOR200"
    assert_placed(found, changes, key, column)
    assert "did you mean" in help_of(found)


def test_an_unknown_split_unlike_any_gets_the_list() -> None:
    assert "train, validation, test" in help_of(only({"selection_split": "zzz"}))


def test_a_split_listed_twice() -> None:
    changes = {"splits": [TRAIN, VALIDATION, TEST, {"split": "train", "access": "no_access"}]}
    found = only(changes)
    assert found.code == "MOR201"
    assert dict(found.params)["first"] == found.span.line


def test_each_further_entry_is_reported() -> None:
    _, found = understand({"splits": [TRAIN, TRAIN, TRAIN, VALIDATION, TEST]})
    assert codes(found) == ["MOR201", "MOR201"]


# MOR202: the selection.


def test_a_selection_that_cannot_be_evaluated() -> None:
    changes = {"selection_split": "test"}
    found = only(changes)
    assert found.code == "MOR202"
    assert_placed(found, changes, "selection_split", 18)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_selection_that_can(split: str) -> None:
    assert understand({"selection_split": split})[1] == ()


# MOR203: targets.


def test_a_reward_key_used_twice() -> None:
    changes = {
        "targets": [{"split": "test", "reward_key": "a"}, {"split": "train", "reward_key": "a"}]
    }
    assert only(changes).code == "MOR203"


def test_a_reward_key_that_is_the_default_of_another() -> None:
    changes = {"targets": [{"split": "test", "reward_key": "reward"}, {"split": "train"}]}
    found = only(changes)
    assert found.code == "MOR203"
    assert_placed(found, changes, "targets", 54)


def test_reward_keys_that_differ() -> None:
    targets = [{"split": "test"}, {"split": "test", "reward_key": "Reward"}]
    assert understand({"targets": targets})[1] == ()


# MOR204, MOR205: budgets.


def test_two_budgets_of_a_split() -> None:
    budgets = [{"split": "train", "total_run_budget": 1}, {"split": "train"}]
    assert only({"budgets": budgets}).code == "MOR204"


def test_a_budget_without_effect() -> None:
    found = only({"budgets": [{"split": "test", "total_run_budget": 1}]})
    assert found.code == "MOR205"


def test_budgets_with_effect() -> None:
    budgets = [{"split": "train"}, {"split": "validation", "total_sample_budget": 1}]
    assert understand({"budgets": budgets})[1] == ()


# MOR207: names.


@pytest.mark.parametrize(
    ("key", "names", "column"),
    [("input_fields", ["question", "a", "question"], 33), ("secrets", ["A", "B", "B"], 21)],
)
def test_a_name_that_stands_twice(key: str, names: list[str], column: int) -> None:
    changes = {key: names}
    found = only(changes)
    assert found.code == "MOR207"
    assert_placed(found, changes, key, column)


def test_names_that_differ_in_case_differ() -> None:
    assert understand({"secrets": ["A", "a"]})[1] == ()


# MOR208, MOR209: the command.


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (["run"], ["{output}", "{input}"]),
        (["run", "{input}"], ["{output}"]),
        (["run", "--out={output}"], ["{input}"]),
        (["sh", "-c", "run <{input} >{output}"], []),
        (["{workspace}/run", "{input}", "{output}", "{}", "${x}", "{a b}", "{1}"], []),
    ],
)
def test_a_command_that_never_mentions(command: list[str], missing: list[str]) -> None:
    _, found = understand({"command": [word.replace("$", "$$") for word in command]})
    assert [dict(d.params)["placeholder"] for d in found] == missing
    assert set(codes(found)) <= {"MOR208"}


@pytest.mark.parametrize("word", ["{imput}", "{outputs}", "{Workspace}", "{work_space}"])
def test_a_misspelt_placeholder(word: str) -> None:
    changes = {"command": ["run", "{input}", "{output}", word]}
    found = only(changes)
    assert found.code == "MOR209"
    assert_placed(found, changes, "command", 41)


def test_braces_that_are_no_placeholder() -> None:
    command = ["jq", "{answer}", "{input}", "{output}"]
    assert understand({"command": command})[1] == ()


# MOR210: times.


def test_a_sample_longer_than_its_evaluation() -> None:
    changes = {"timeout": 60, "sample_timeout": "61s"}
    found = only(changes)
    assert found.code == "MOR210"
    assert_placed(found, changes, "sample_timeout", 17)


@pytest.mark.parametrize("changes", [{"timeout": 1}, {"timeout": 60, "sample_timeout": 60}])
def test_a_sample_that_fits(changes: dict[str, Any]) -> None:
    assert understand(changes)[1] == ()


# MOR401: secrets.


def test_a_secret_that_is_a_parameter() -> None:
    changes = {"secrets": ["KEY"], "params": {"KEY": "x"}}
    assert only(changes).code == "MOR401"


def test_a_secret_of_another_name() -> None:
    assert understand({"secrets": ["KEY"], "params": {"key": "x"}})[1] == ()


def test_all_rules_speak_in_one_run() -> None:
    changes = {
        "selection_split": "nothing",
        "budgets": [{"split": "test"}],
        "secrets": ["A", "A"],
        "timeout": 1,
        "sample_timeout": 2,
        "command": ["run"],
    }
    assert {"MOR200", "MOR205", "MOR207", "MOR208", "MOR210"} <= set(codes(understand(changes)[1]))
