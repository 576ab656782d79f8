"""Diagnostics as one JSON document, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics.diagnostic import Diagnostic, Severity
from compiler.diagnostics.render_text import help_of, message_of
from compiler.diagnostics.span import Span


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """``{"diagnostics": [...], "errors": n, "warnings": n, "notes": n}``; places count from 1."""
    found = list(diagnostics)
    count = {severity: sum(d.severity is severity for d in found) for severity in Severity}
    document = {
        "diagnostics": [_entry(d) for d in found],
        "errors": count[Severity.ERROR],
        "warnings": count[Severity.WARNING],
        "notes": count[Severity.NOTE],
    }
    return json.dumps(document, indent=2) + "\n"


def _entry(d: Diagnostic) -> dict[str, Any]:
    return {
        "code": d.code,
        "severity": d.severity.value,
        "message": message_of(d),
        "help": help_of(d),
        **_place(d.span),
        "params": {name: list(v) if isinstance(v, tuple) else v for name, v in d.params},
        "related": [{"label": r.label, **_place(r.span)} for r in d.related],
    }


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
