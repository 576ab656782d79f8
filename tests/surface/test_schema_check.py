"""The shape of a build file: each departure is one complaint in its place, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import pipeline, resources
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of, message_of
from tests import projects

SCHEMA = resources.schema("build")


def complaints(text: str) -> tuple[Diagnostic, ...]:
    _, _, found = pipeline.understand(text.encode(), "build.yaml", {})
    return found


def only_complaint(changes: dict[str, Any]) -> Diagnostic:
    _, found = projects.understand(changes)
    (only,) = found
    return only


def place_of(key: str, changes: dict[str, Any]) -> tuple[int, int]:
    """Where the value of a key of the top stands."""
    return projects.line_of(projects.keys(changes), key), len(key) + 3


# The schema itself.


def properties(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every key that a file may have, with what the schema says of it."""
    if isinstance(schema, dict):
        for name, below in schema.get("properties", {}).items():
            yield f"{path}.{name}", below
        for name, below in schema.items():
            yield from properties(
                below, path if name in ("properties", "items") else f"{path}.{name}"
            )
    if isinstance(schema, list):
        for below in schema:
            yield from properties(below, path)


PROPERTIES = list(properties(SCHEMA, ""))


def test_there_are_keys() -> None:
    assert {name for name, _ in PROPERTIES} >= {f".{key}" for key in projects.REQUIRED}


@pytest.mark.parametrize(("name", "schema"), PROPERTIES, ids=[name for name, _ in PROPERTIES])
def test_every_key_is_described(name: str, schema: dict[str, Any]) -> None:
    assert len(schema.get("description", "")) > 15, name
    assert schema["description"][0].isupper() or ":" in schema["description"]
    assert schema["description"].endswith((".", ")"))


def test_the_schema_is_a_schema() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for below in schema.values():
            yield from objects(below)


def test_unknown_keys_are_refused_at_every_level() -> None:
    tongs = SCHEMA["properties"]["tongs"]["items"]
    assert tongs["required"] == ["name"]  # the rest of a definition is its own schema's
    others = (schema for schema in objects(SCHEMA) if schema is not tongs)
    assert all(schema.get("additionalProperties") is False for schema in others)


def patterns(schema: Any) -> Iterator[str]:
    """What a text must match; what it must not match may stand anywhere in it."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for name, below in schema.items():
            yield from patterns(below if name != "not" else None)


def test_patterns_hold_the_whole_text() -> None:
    anchored = set(patterns(SCHEMA))
    assert anchored
    assert all(p.startswith("^") and p.endswith("$") and p.count("$") == 1 for p in anchored)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/a", "..", ".", "../a", "a/..", "a/../b", "./a", "a/./b", "a/.", "a//b", ".git",
        ".git/config", "a/.git", "a/.git/b", ".GIT/x", "a/.Git", "a\nb", "a\n", "a\0b", "\x7f",
    ],
)  # fmt: skip
def test_paths_that_are_not_inside_the_repository(path: str) -> None:
    assert only_complaint({"read_only_paths": [path]}).code == "MOR114"
    assert only_complaint({"overlays": [{"source": "x", "dest": path}]}).code == "MOR114"


@pytest.mark.parametrize(
    "path", ["a", "a/b", "a/", "...", "..a", "a..", ".gitignore", "a/.github/b", "-a", "é b", "$$x"]
)
def test_paths_that_are_inside_the_repository(path: str) -> None:
    build = projects.task_of(
        {"read_only_paths": [path], "overlays": [{"source": "x", "dest": path}]}
    )
    wanted = path.rstrip("/").replace("$$", "$")
    assert build.seed.read_only == (wanted,)
    assert build.seed.overlays[0].dest == wanted


# Unknown, missing and repeated keys.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("max_concurency", "max_concurrency"),
        ("agent-ref", "agent_ref"),
        ("Secrets", "secrets"),
        ("budget", "budgets"),
        ("sample_timout", "sample_timeout"),
        ("basee_image_main", "base_image_main"),
    ],
)
def test_an_unknown_key_is_placed_and_gets_a_suggestion(written: str, meant: str) -> None:
    found = only_complaint({written: 1})
    assert found.code == "MOR110"
    assert (found.span.line, found.span.column) == (len(projects.REQUIRED) + 1, 1)
    assert found.span.end_column == len(written) + 1
    assert f"`{meant}`" in help_of(found)


def test_an_unknown_key_far_from_all_gets_the_list() -> None:
    help_text = help_of(only_complaint({"zzz": 1}))
    assert "name, " in help_text


@pytest.mark.parametrize("key", ["", "é", "a b", "\u202e", "x" * 1000, "${A}", "{input}"])
def test_any_unknown_key_is_one_complaint(key: str) -> None:
    text = projects.render(projects.keys()) + f"{json.dumps(key)}: 1\n"
    (only,) = complaints(text)
    assert (only.code, only.span.line, only.span.column) == (
        "MOR110",
        len(projects.REQUIRED) + 1,
        1,
    )
    assert "\n" not in message_of(only)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"splits": [{"split": "train", "access": "viewable", "acess": 1}]}, 51),
        ({"budgets": [{"split": "train", "total_runs": 1}]}, 30),
        ({"targets": [{"split": "test", "rewardkey": "x"}]}, 29),
        ({"runner": {"netwrok": "none"}}, 10),
    ],
)
def test_unknown_keys_below_are_placed(changes: dict[str, Any], column: int) -> None:
    found = [d for d in projects.understand(changes)[1] if d.code == "MOR110"]
    (key,) = changes
    (only,) = found
    line, _ = place_of(key, changes)
    assert (only.span.line, only.span.column) == (line, column)


@pytest.mark.parametrize("key", [key for key in projects.REQUIRED if key != "agent_repo"])
def test_each_required_key_is_missed(key: str) -> None:
    _, found = projects.understand({key: None})
    assert [(d.code, dict(d.params)["key"]) for d in found if d.code == "MOR111"] == [
        ("MOR111", key)
    ]
    assert help_of(found[0])


def test_a_file_with_nothing_in_it() -> None:
    assert [(d.code, d.span.line) for d in complaints("")] == [("MOR105", 1)]
    assert {d.code for d in complaints("{}")} == {"MOR111"}


@pytest.mark.parametrize("text", ["[]", "text", "5", "~", "- a: b", "true", "1.5", '"x"'])
def test_a_top_that_is_no_mapping(text: str) -> None:
    assert [d.code for d in complaints(text)] == ["MOR105"]


# Values.

WRONG_TYPES: list[tuple[str, object]] = [
    ("name", 5), ("name", None), ("name", ["a/b"]), ("description", 1.5), ("agent_repo", True),
    ("agent_ref", 1234567), ("dataset", {}), ("input_fields", "question"), ("command", "python3 x"),
    ("task_module", None), ("task", 1), ("scorer_requirements", []), ("splits", {}),
    ("splits", "train"), ("budgets", "x"), ("selection_split", 1), ("targets", {}),
    ("secrets", "A"),
    ("params", []), ("params", "A=1"), ("base_image_main", 3.13), ("runner", []), ("runner", None),
    ("packages", "git"), ("max_concurrency", "4"), ("max_concurrency", 1.5),
    ("max_concurrency", True), ("timeout", []),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), WRONG_TYPES, ids=[f"{k}-{v}" for k, v in WRONG_TYPES])
def test_a_wrong_type_is_one_complaint_at_the_value(key: str, value: object) -> None:
    data = {**projects.keys(), key: value}
    (only,) = [d for d in complaints(projects.render(data)) if d.code != "MOR111"]
    assert only.code == "MOR112"
    expected = (projects.line_of(data, key), len(key) + 3)
    assert (only.span.line, only.span.column) == expected
    assert "\n" not in help_of(only)


WRONG_VALUES = [
    ("mode", "C", "MOR113"),
    ("mode", "a", "MOR113"),
    ("name", "no-slash", "MOR114"),
    ("name", "a/b/c", "MOR114"),
    ("name", "org/x\n", "MOR114"),
    ("name", "org/..x", "MOR114"),
    ("name", "-org/x", "MOR114"),
    ("name", "org/ x", "MOR114"),
    ("name", "örg/x", "MOR114"),
    ("name", "", "MOR114"),
    ("name", "o/" + "x" * 200, "MOR115"),
    ("description", "a\0b", "MOR114"),
    ("agent_repo", "", "MOR114"),
    ("agent_repo", "a\nb", "MOR114"),
    ("agent_repo", "a\n", "MOR114"),
    ("agent_ref", "main\n", "MOR114"),
    ("dataset", "d\x7f", "MOR114"),
    ("task_module", "a-b", "MOR114"),
    ("task_module", "a..b", "MOR114"),
    ("task_module", "scorer\n", "MOR114"),
    ("task", "1x", "MOR114"),
    ("task", "score\n", "MOR114"),
    ("input_fields", [], "MOR115"),
    ("command", [], "MOR115"),
    ("splits", [], "MOR115"),
    ("targets", [], "MOR115"),
    ("selection_split", "../x", "MOR114"),
    ("selection_split", "validation\n", "MOR114"),
    ("base_image_main", "UPPER", "MOR114"),
    ("base_image_main", "a b", "MOR114"),
    ("base_image_main", "a\nRUN x", "MOR114"),
    ("base_image_main", "python:3\n", "MOR114"),
    ("base_image_main", "$X", "MOR114"),
    ("max_concurrency", 0, "MOR115"),
    ("max_concurrency", 65, "MOR115"),
    ("max_concurrency", 10**30, "MOR115"),
    ("timeout", 0, "MOR115"),
    ("timeout", -1, "MOR115"),
    ("timeout", 1e300, "MOR115"),
    ("timeout", "soon", "MOR114"),
]


@pytest.mark.parametrize(
    ("key", "value", "code"), WRONG_VALUES, ids=[f"{k}-{str(v)[:20]!r}" for k, v, _ in WRONG_VALUES]
)
def test_a_wrong_value_is_one_complaint_at_the_value(key: str, value: object, code: str) -> None:
    data = {**projects.keys(), key: value}
    (only,) = set(complaints(projects.render(data)))
    expected = (projects.line_of(data, key), len(key) + 3)
    assert (only.code, only.span.line, only.span.column) == (code, *expected)
    assert help_of(only)
    assert "\n" not in message_of(only) + help_of(only)


WRONG_ITEMS = [
    ("input_fields", ["question", 5], "MOR112", 28),
    ("input_fields", ["question", "a\n"], "MOR114", 28),
    ("command", ["python3", None, "{input}{output}"], "MOR112", 22),
    ("command", ["a\0", "{input}{output}"], "MOR114", 11),
    ("splits", ["train"], "MOR112", 10),
    ("splits", [{"split": "train", "access": "view"}], "MOR113", 39),
    ("splits", [{"split": "train\n", "access": "viewable"}], "MOR114", 20),
    ("splits", [{"split": "train"}], "MOR111", 10),
    ("budgets", [{"split": "train", "total_run_budget": 0}], "MOR115", 50),
    ("budgets", [{"split": "train", "total_run_budget": "9"}], "MOR112", 50),
    ("targets", [{"split": "test", "reward_key": "a b"}], "MOR114", 43),
    ("targets", [{"split": "test", "reward_key": "a\n"}], "MOR114", 43),
    ("secrets", ["A", "B-C"], "MOR114", 16),
    ("secrets", ["A\n"], "MOR114", 11),
    ("packages", ["git", "Git"], "MOR114", 19),
    ("packages", ["git; rm -rf /"], "MOR114", 12),
    ("packages", ["git\n"], "MOR114", 12),
    ("packages", ["--help"], "MOR114", 12),
    ("params", {"A": [1]}, "MOR112", 15),
    ("params", {"A-B": "1"}, "MOR114", 10),
    ("params", {"A\n": "1"}, "MOR114", 10),
    ("runner", {"network": "host"}, "MOR113", 21),
    ("runner", {"build": ["make"]}, "MOR112", 20),
    ("runner", {"build": [[]]}, "MOR115", 20),
    ("runner", {"base_image": "A"}, "MOR114", 24),
    ("runner", {"packages": ["a\nRUN b"]}, "MOR114", 23),
]


@pytest.mark.parametrize(
    ("key", "value", "code", "column"),
    WRONG_ITEMS,
    ids=[f"{k}-{json.dumps(v)[:40]}" for k, v, _, _ in WRONG_ITEMS],
)
def test_what_is_wrong_below_is_placed_there(
    key: str, value: object, code: str, column: int
) -> None:
    data = {**projects.keys(), key: value}
    text = projects.render(data)
    found = {d for d in complaints(text) if d.span.line == projects.line_of(data, key)}
    (only,) = found
    assert (only.code, only.span.column) == (code, column), text


@pytest.mark.parametrize(
    "image",
    [
        "python", "python:3.13", "python:3.13-slim_X", "registry.example:5000/a/b:c",
        "a__b/c-d/e", "python@sha256:" + "0" * 64, "registry.example/python:3@sha256:" + "f" * 64,
    ],
)  # fmt: skip
def test_images(image: str) -> None:
    assert projects.task_of({"base_image_main": image}).workbench.image == image


@pytest.mark.parametrize("value", [0.5, "0", [], -1.5])
def test_of_a_value_of_the_wrong_type_nothing_more_is_said(value: Any) -> None:
    assert only_complaint({"max_concurrency": value}).code == "MOR112"


def test_a_hostile_image_takes_no_time() -> None:
    for piece in ("a-", "a/", "a.", "a:", "a_-"):
        assert only_complaint({"base_image_main": piece * 100 + "!"}).code == "MOR114"


def test_all_complaints_come_together_in_their_places() -> None:
    changes = {
        "name": "bad",
        "nme": 1,
        "splits": [{"split": "train", "access": "veiwable"}],
        "max_concurrency": 0,
        "timeout": "soon",
    }
    _, found = projects.understand(changes)
    assert {(d.code, d.span.line) for d in found} >= {
        ("MOR114", 1),
        ("MOR113", 9),
        ("MOR110", 12),
        ("MOR115", 13),
        ("MOR114", 14),
    }


# Anything at all.

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
NAMES = sorted({name.rsplit(".", 1)[-1] for name, _ in PROPERTIES})
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), below, max_size=4),
    ),
    max_leaves=15,
)


def hold_the_promise(data: object) -> None:
    text = json.dumps(data)
    build, _, found = pipeline.understand(text.encode(), "build.yaml", {})
    assert build is not None or found
    for d in found:
        assert d.span.line >= 1
        assert message_of(d).isprintable()
        assert help_of(d).isprintable()


@settings(deadline=None, max_examples=200)
@given(TREES)
def test_any_document_gives_a_build_or_complaints(data: object) -> None:
    hold_the_promise(data)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([n for n in NAMES if n in SCHEMA["properties"]]), TREES))
def test_any_values_give_a_build_or_complaints(changes: dict[str, Any]) -> None:
    hold_the_promise({**projects.REQUIRED, **changes})
