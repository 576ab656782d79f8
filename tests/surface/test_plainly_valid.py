"""The quick yes never says yes where jsonschema says no, and says it of every good build file."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from compiler import resources
from compiler.passes.substitute_params import substitute_params
from compiler.source.read_yaml import read_yaml
from compiler.surface.plainly_valid import ANNOTATIONS, RULES, is_plainly_valid
from tests.fixture_cases import OK

SCHEMA = resources.schema("build")
# What stands beside a name and is itself a schema, or holds some.
_HOLD_ONE = ("items", "additionalProperties", "propertyNames", "not")
_HOLD_MANY = ("properties", "$defs")

SCHEMAS: dict[str, dict[str, Any]] = {
    "type": {"type": ["string", "integer"]},
    "number": {"type": "number", "minimum": 0, "maximum": 9, "exclusiveMinimum": 1},
    "enum": {"enum": ["1", "a", ""]},
    "pattern": {"pattern": "^a+$"},
    "not": {"type": "string", "not": {"type": "string", "pattern": "b"}},
    "not without a pattern": {"not": {"type": "integer"}},
    "maxLength": {"maxLength": 1},
    "items": {"items": {"type": "integer"}, "minItems": 1},
    "prefixItems": {"prefixItems": [{"type": "string"}, {"minimum": 2}], "items": {"enum": ["a"]}},
    "object": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {}},
        "required": ["a"],
        "dependentRequired": {"b": ["c"]},
        "additionalProperties": {"type": "string"},
        "propertyNames": {"maxLength": 2},
    },
    "closed": {"properties": {"a": {"$ref": "#/$defs/x"}}, "additionalProperties": False},
    "unknown keyword": {"const": 1},
    "unknown reference": {"$ref": "#/elsewhere"},
}
DEFINITIONS = {"x": {"type": "boolean"}}

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.floats(allow_nan=False),
    st.sampled_from(["", "a", "aa", "ab", "a\n", "1"]),
)
VALUES = st.recursive(
    _SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "c", "long"]), below, max_size=3),
    ),
    max_leaves=6,
)


def build_files() -> list[dict[str, Any]]:
    read = [read_yaml(f.read_bytes(), f.name)[0] for f in sorted(OK.glob("*/input/build.yaml"))]
    return [substitute_params(document, {})[0].data for document in read if document is not None]


BUILDS = build_files()


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for name in _HOLD_ONE:
        if isinstance(schema.get(name), dict):
            yield from keywords(schema[name])
    for below in schema.get("prefixItems", ()):
        yield from keywords(below)
    for name in _HOLD_MANY:
        for below in schema.get(name, {}).values():
            yield from keywords(below)


def test_every_keyword_of_the_schema_is_known() -> None:
    unknown = {*keywords(SCHEMA)} - {*RULES, *ANNOTATIONS}
    assert not unknown, "give each a rule: without one jsonschema judges every build file"


def test_every_good_build_file_gets_a_yes() -> None:
    assert len(BUILDS) > 3
    assert all(is_plainly_valid(data, SCHEMA) for data in BUILDS)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@settings(max_examples=60)
@given(value=VALUES)
def test_a_yes_is_jsonschemas_yes(schema: dict[str, Any], value: Any) -> None:
    if is_plainly_valid(value, schema, DEFINITIONS):
        whole = {**schema, "$defs": DEFINITIONS}
        assert Draft202012Validator(whole).is_valid(value)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("type", "a"), ("number", 2), ("enum", "a"), ("pattern", "aa"), ("not", "a"),
        ("maxLength", "a"), ("items", [1]), ("prefixItems", ["a"]),
        ("object", {"a": 1, "b": "", "c": ""}), ("closed", {"a": True}),
    ],
)  # fmt: skip
def test_what_fits_gets_a_yes(name: str, good: Any) -> None:
    assert is_plainly_valid(good, SCHEMAS[name], DEFINITIONS)


@pytest.mark.parametrize("name", ["unknown keyword", "unknown reference", "not without a pattern"])
def test_what_is_unknown_gets_none(name: str) -> None:
    assert not is_plainly_valid(1, SCHEMAS[name], DEFINITIONS)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from paths(below, (*path, key))
    if isinstance(value, list):
        for i, below in enumerate(value):
            yield from paths(below, (*path, i))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), replaced=st.one_of(VALUES, st.just("a/../b"), st.just("X" * 300)))
def test_a_yes_of_a_changed_build_file_is_jsonschemas_yes(
    data: st.DataObject, replaced: Any
) -> None:
    build = copy.deepcopy(data.draw(st.sampled_from(BUILDS)))
    *above, last = data.draw(st.sampled_from([path for path in paths(build) if path]))
    holder = build
    for step in above:
        holder = holder[step]
    if data.draw(st.booleans()):
        holder[last] = replaced
    else:
        del holder[last]
    if is_plainly_valid(build, SCHEMA):
        assert _VALIDATOR.is_valid(build), json.dumps(build)


_VALIDATOR = Draft202012Validator(SCHEMA)
