"""Diagnostics as text: the place, the line, the caret, and nothing that a terminal would obey."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.codes import CODES
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic, has_errors, ordered
from compiler.diagnostics.render_text import (
    escape_control,
    help_of,
    message_of,
    render_summary,
    render_text,
)
from compiler.diagnostics.span import Span, span_of_file
from compiler.diagnostics.suggest import suggest_name


def at(line: int, column: int, end_column: int | None = None, file: str = "build.yaml") -> Span:
    end = column + 1 if end_column is None else end_column
    return Span(file=file, line=line, column=column, end_line=line, end_column=end)


def unknown_key(span: Span, key: str = "nme") -> Diagnostic:
    return diagnostic("MOR110", span, key=key, hint="did you mean `name`?")


def test_the_form() -> None:
    text = render_text([unknown_key(at(2, 1, 4))], {"build.yaml": "mode: A\nnme: x\n"})
    assert text == (
        "build.yaml:2:1: error[MOR110]: unknown key `nme`\n"
        "  2 | nme: x\n"
        "    | ^^^\n"
        "  help: did you mean `name`?\n"
    )


def test_a_blank_line_stands_between_two() -> None:
    text = render_text([unknown_key(at(1, 1)), unknown_key(at(2, 1))], {"build.yaml": "a\nb\n"})
    assert text.count("\n\n") == 1


def test_without_the_source_there_is_no_excerpt() -> None:
    assert render_text([unknown_key(at(2, 1))], {}).count("\n") == 2
    assert render_text([unknown_key(at(99, 1))], {"build.yaml": "a\n"}).count("\n") == 2


@pytest.mark.parametrize(
    ("line", "column", "end", "caret"),
    [
        ("abc", 2, 3, " ^"),
        ("abc", 2, 99, " ^^"),
        ("abc", 4, 4, "   ^"),
        ("漢字x", 3, 4, "    ^"),
        ("漢字x", 1, 3, "^^^^"),
        ("e\u0301x", 3, 4, " ^"),
        ("\tx", 2, 3, "    ^"),
        ("\u202ex", 2, 3, "      ^"),
    ],
)
def test_the_caret_stands_below_its_text(line: str, column: int, end: int, caret: str) -> None:
    text = render_text([unknown_key(at(1, column, end))], {"build.yaml": line})
    shown, below = text.splitlines()[1:3]
    assert shown == f"  1 | {escape_control(line)}"
    assert below == f"    | {caret}"


def test_a_place_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    span = Span(file="f", line=1, column=3, end_line=3, end_column=1)
    text = render_text([unknown_key(span)], {"f": "a: |\n b\n"})
    assert "    |   ^^\n" in text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_yaml_has_it(end: str) -> None:
    source = f"a\x0cb\u2028c\x85d{end}second{end}"
    text = render_text([unknown_key(at(2, 1))], {"build.yaml": source})
    assert "  2 | second\n" in text


def test_a_long_line_is_cut_around_the_place() -> None:
    source = "x" * 10_000 + "HERE" + "y" * 10_000
    text = render_text([unknown_key(at(1, 10_001, 10_005))], {"build.yaml": source})
    shown, caret = text.splitlines()[1:3]
    assert len(shown) < 200
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "HERE"


def test_control_characters_are_shown_as_escapes() -> None:
    hostile = "\x1b[2J\r\n\u202e\x00\u2066\U000e0041\ud800"
    found = diagnostic("MOR110", at(1, 1, file="b\x1b.yaml"), key=hostile, hint=hostile)
    text = render_text([found], {"b\x1b.yaml": "a: \x1b[31m\u202e"})
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert text.count("\n") == 4
    assert r"\x1b[2J\x0d\x0a\u202e\x00\u2066\U000e0041\ud800" in message_of(found)


def test_braces_in_a_parameter_are_only_text() -> None:
    found = diagnostic("MOR110", at(1, 1), key="{hint}{0}{", hint="{key}")
    assert message_of(found) == "unknown key `{hint}{0}{`"
    assert help_of(found) == "{key}"


def test_the_summary_counts() -> None:
    note = diagnostic("MOR206", at(1, 1), split="x")
    warning = diagnostic("MOR208", at(1, 1), placeholder="{input}", hint="h")
    error = unknown_key(at(1, 1))
    assert render_summary([error]) == "1 error"
    assert render_summary([error, warning, error, note]) == "2 errors, 1 warning, 1 note"
    assert render_summary([]) == ""
    assert has_errors([note, warning]) is False
    assert has_errors([note, error]) is True


def test_the_order_is_that_of_places_and_a_repeat_is_dropped() -> None:
    first, second, third = unknown_key(at(1, 9)), unknown_key(at(2, 1)), unknown_key(at(10, 1))
    assert ordered([third, second, first, second]) == (first, second, third)


def test_a_diagnostic_knows_its_parameters() -> None:
    with pytest.raises(KeyError):
        diagnostic("MOR110", at(1, 1), key="x")
    with pytest.raises(KeyError):
        diagnostic("MOR110", at(1, 1), key="x", hint="y", more="z")
    with pytest.raises(KeyError):
        diagnostic("MOR999", at(1, 1))


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_renders(code: str) -> None:
    row = CODES[code]
    assert re.fullmatch(r"MOR[1-9]\d\d", code)
    assert row.severity in ("error", "warning", "note")
    params = dict.fromkeys(row.params, "PARAM")
    found = diagnostic(code, span_of_file("f"), **params)
    message, help_text = message_of(found), help_of(found)
    assert message
    assert not message.endswith(".")
    assert help_text
    assert "  " not in message + help_text


@settings(deadline=None, max_examples=200)
@given(
    source=st.text(max_size=60),
    line=st.integers(1, 5),
    column=st.integers(1, 400),
    end=st.integers(0, 400),
    key=st.text(max_size=300),
)
def test_any_place_in_any_source_renders(
    source: str, line: int, column: int, end: int, key: str
) -> None:
    text = render_text([unknown_key(at(line, column, end), key)], {"build.yaml": source})
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert text.count("\n") in (2, 4)


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("veiwable", ["viewable", "non_viewable", "no_access"], "viewable"),
        ("Agent-Repo", ["agent_repo", "agent_ref"], "agent_repo"),
        ("zzz", ["viewable"], None),
        ("x", [], None),
        ("", ["a"], None),
    ],
)
def test_suggestions(word: str, known: list[str], near: str | None) -> None:
    assert suggest_name(word, known) == near
