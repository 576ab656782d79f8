"""Parameters: every form, what is typed again, what is refused, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.passes.substitute_params import substitute_params
from compiler.source.read_yaml import read_yaml


def substitute(text: str, **params: str) -> tuple[Any, tuple[Diagnostic, ...]]:
    document, found = read_yaml(text.encode(), "build.yaml")
    assert document is not None, found
    replaced, complaints = substitute_params(document, params)
    return replaced.data, complaints


def value_of(text: str, params: str = "{}", **given: str) -> Any:
    """What the value of `key` becomes; there must be no complaint."""
    data, found = substitute(f"key: {text}\nparams: {params}\n", **given)
    assert found == (), found
    return data["key"]


def complaint(text: str, params: str = "{}", **given: str) -> Diagnostic:
    _, found = substitute(f"params: {params}\nkey: {text}\n", **given)
    (only,) = found
    return only


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"${A}"', "x"),
        ('"<${A}${A}>"', "<xx>"),
        ('"${A:-d}"', "x"),
        ('"${A:?m}"', "x"),
        ('"${EMPTY}"', ""),
        ('"${EMPTY:-d}"', "d"),
        ('"${EMPTY:-}"', ""),
        ('"${NONE:-d}"', "d"),
        ('"${NONE:-}"', ""),
        ('"${UNDECLARED:-d e}"', "d e"),
        ('"${UNDECLARED:-}"', ""),
        ('"${UNDECLARED:--}"', "-"),
        ('"${UNDECLARED:-:?}"', ":?"),
        ('"${UNDECLARED:-$A}"', "$A"),
        ('"${UNDECLARED:-line\\nbreak}"', "line\nbreak"),
        ('"$$"', "$"),
        ('"$$$$"', "$$"),
        ('"$${A}"', "${A}"),
        ('"$$${A}"', "$x"),
        ('"$A $ $( $1 5$"', "$A $ $( $1 5$"),
        ('"{A} }{"', "{A} }{"),
        ('"${A}}"', "x}"),
        ("'${A}'", "x"),
        ("|\n  ${A}\n", "x\n"),
    ],
)
def test_forms(text: str, value: str) -> None:
    assert value_of(text, '{A: x, EMPTY: "", NONE: null}') == value


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("5", 5),
        ("'5'", 5),
        ("5.5", 5.5),
        ("true", True),
        ("'null'", None),
        ("''", None),
        ("text", "text"),
        ("0x10", 16),
        ("'[1]'", "[1]"),
    ],
)
def test_a_plain_scalar_is_typed_again(default: str, value: object) -> None:
    replaced = value_of("${A}", f"{{A: {default}}}")
    assert replaced == value
    assert type(replaced) is type(value)


@pytest.mark.parametrize("quoted", ['"${A}"', "'${A}'", "!!str ${A}", "|-\n  ${A}\n"])
def test_other_scalars_stay_text(quoted: str) -> None:
    data, found = substitute(f"params: {{A: 5}}\nkey: {quoted}\n")
    assert not found
    assert data["key"] == "5"


@pytest.mark.parametrize(
    "written", ["3.10", "1.0", "0x1F", "012", "1e3", "+5", "True", "FALSE", "0o17", "1.50"]
)
def test_a_default_is_the_text_that_was_written(written: str) -> None:
    assert value_of('"python:${A}"', f"{{A: {written}}}") == f"python:{written}"


def test_an_aliased_default_is_the_text_of_its_anchor() -> None:
    data, found = substitute('x: &v 3.10\nparams: {A: *v}\nkey: "${A}"\n')
    assert not found
    assert data["key"] == "3.10"


def test_a_merged_default_counts() -> None:
    data, found = substitute('x: &v {A: 3.10}\nparams: {<<: *v, B: 1}\nkey: "${A}${B}"\n')
    assert not found
    assert data["key"] == "3.101"


def test_what_is_given_wins_over_the_default() -> None:
    assert value_of("${A}", "{A: 5}", A="7") == 7
    assert value_of("${A:-d}", "{A: 5}", A="") == "d"
    assert value_of("${A}", "{A: null}", A="x") == "x"


def test_what_is_given_need_not_be_declared() -> None:
    assert value_of('"${A:?say which}"', A="x") == "x"


def test_a_value_is_not_looked_into_again() -> None:
    assert value_of('"${A}"', A="${B} $$ ${A}") == "${B} $$ ${A}"


def test_all_scalars_and_no_keys_are_looked_into() -> None:
    data, found = substitute('params: {A: x}\nl: [{"${A}": "${A}"}, ["${A}"]]\n')
    assert not found
    assert data["l"] == [{"${A}": "x"}, ["x"]]


def test_the_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_TEST_A", "from the environment")
    assert complaint('"${MOORING_TEST_A}"').code == "MOR120"
    assert value_of('"${MOORING_TEST_A:-d}"') == "d"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('"${B}"', "MOR120"),
        ('"${NONE}"', "MOR122"),
        ('"${NONE:?say which}"', "MOR122"),
        ('"${UNDECLARED:?say which}"', "MOR122"),
        ('"${EMPTY:?not empty}"', "MOR122"),
        ('"${}"', "MOR121"),
        ('"${A"', "MOR121"),
        ('"${A-x}"', "MOR121"),
        ('"${A:x}"', "MOR121"),
        ('"${A:+x}"', "MOR121"),
        ('"${A:=x}"', "MOR121"),
        ('"${A:}"', "MOR121"),
        ('"${1}"', "MOR121"),
        ('"${ A }"', "MOR121"),
        ('"${é}"', "MOR121"),
        ('"${A\\n}"', "MOR121"),
        ('"${secret:x}"', "MOR121"),
        ('"${A:-{}}"', "MOR121"),
    ],
)
def test_what_is_no_reference_is_refused_in_its_place(text: str, code: str) -> None:
    found = complaint(text, '{A: x, NONE: null, EMPTY: ""}')
    assert (found.code, found.span.line, found.span.column) == (code, 2, 6)


def test_a_message_is_passed_on() -> None:
    params = dict(complaint('"${A:?which registry}"', "{A: null}").params)
    assert params == {"name": "A", "message": "which registry"}


def test_a_misspelt_name_gets_a_suggestion() -> None:
    assert "BASE_IMAGE" in str(dict(complaint('"${BASE_IMGE}"', "{BASE_IMAGE: x}").params)["hint"])


def test_every_reference_without_a_value_is_reported() -> None:
    _, found = substitute("a: ${X}\nb: ${Y}${Z}\n")
    assert [(d.code, dict(d.params)["name"], d.span.line) for d in found] == [
        ("MOR120", "X", 1),
        ("MOR120", "Y", 2),
        ("MOR120", "Z", 2),
    ]


@pytest.mark.parametrize("text", ["${B}", "$$", "a${B:-x}", "${"])
def test_params_take_no_parameters(text: str) -> None:
    _, found = substitute(f'params:\n  A: "{text}"\n  B: 1\n')
    assert [(d.code, d.span.line, d.span.column) for d in found] == [("MOR123", 2, 6)]


def test_an_unknown_param_is_refused_with_a_suggestion() -> None:
    _, found = substitute("name: x\nparams: {BASE_IMAGE: x}\n", BASE_IMGE="y")
    (only,) = found
    assert (only.code, only.span.line, only.span.column) == ("MOR124", 2, 1)
    assert "BASE_IMAGE" in str(dict(only.params)["hint"])


def test_an_unknown_param_without_params_is_refused() -> None:
    _, found = substitute("name: x\n", A="y")
    assert [d.code for d in found] == ["MOR124"]


@pytest.mark.parametrize("params", ["[A]", "text", "5", "~", "{A: [1]}", "{A: {b: c}}"])
def test_params_of_another_shape_raise_nothing(params: str) -> None:
    substitute(f'params: {params}\nkey: "${{A:-d}}"\n')


@pytest.mark.parametrize("text", ["[a]", "text", "5", ""])
def test_a_document_that_is_no_mapping_is_left_as_it_is(text: str) -> None:
    document, _ = read_yaml(text.encode(), "f")
    assert document is not None
    assert substitute_params(document, {}) == (document, ())


WITHOUT_SURROGATES = st.characters(exclude_categories=["Cs"])


@settings(deadline=None, max_examples=200)
@given(st.text(WITHOUT_SURROGATES, max_size=40).filter(lambda text: "$" not in text))
def test_a_text_without_dollar_signs_is_unchanged(text: str) -> None:
    assert value_of(json.dumps(text), '{A: "x"}') == text


@settings(deadline=None, max_examples=200)
@given(st.text("${}A:-?x \n", max_size=20))
def test_an_escaped_text_comes_back(text: str) -> None:
    assert value_of(json.dumps(text.replace("$", "$$")), "{A: y}") == text


@settings(deadline=None, max_examples=200)
@given(st.text("${}A:-?x \n", max_size=20), st.text(WITHOUT_SURROGATES, max_size=10))
def test_any_text_is_replaced_or_refused(text: str, value: str) -> None:
    data, found = substitute(f"key: {json.dumps(text)}\nparams: {{A: null}}\n", A=value)
    assert {d.code for d in found} <= {"MOR120", "MOR121", "MOR122"}
    assert isinstance(data["key"], str)


@settings(deadline=None, max_examples=100)
@given(st.text(WITHOUT_SURROGATES, max_size=20), st.text(WITHOUT_SURROGATES, max_size=20))
def test_a_value_arrives_as_it_was_given(before: str, value: str) -> None:
    escaped = before.replace("$", "$$")
    assert value_of(json.dumps(escaped + "${A}"), "{A: null}", A=value) == before + value
