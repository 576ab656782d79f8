"""Diagnostics as GitHub's workflow commands, which annotate the lines of a pull request.

The form: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics.diagnostic import Diagnostic, Severity
from compiler.diagnostics.render_text import help_of, message_of

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """A line each."""
    return "".join(_line(d) for d in diagnostics)


def _line(d: Diagnostic) -> str:
    properties = {
        "file": d.span.file,
        "line": d.span.line,
        "endLine": d.span.end_line,
        "col": d.span.column,
        "title": d.code,
    }
    if d.span.end_line == d.span.line:
        properties["endColumn"] = d.span.end_column
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    help_text = help_of(d)
    text = message_of(d) + (f"\nhelp: {help_text}" if help_text else "")
    return f"::{_COMMAND[d.severity]} {listed}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
