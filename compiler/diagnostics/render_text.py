"""Diagnostics as text: ``path:line:col: error[MORnnn]: message``, the line, a caret, help."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from compiler.diagnostics.codes import CODES
from compiler.diagnostics.diagnostic import Diagnostic, Param, Severity
from compiler.diagnostics.span import Span, span_of_file

_WIDEST_LINE = 160
_LINE_END = re.compile(r"\r\n?|\n")
# ANSI sequences (ECMA-48, "select graphic rendition").
_PAINT = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "place": "\x1b[1m",
    "help": "\x1b[32m",
    "plain": "\x1b[0m",
}


def message_of(d: Diagnostic) -> str:
    """The sentence of a diagnostic, on one line, control characters escaped."""
    return _filled(CODES[d.code].message, d)


def help_of(d: Diagnostic) -> str:
    """How to mend it; empty when there is nothing to say beyond the message."""
    return _filled(CODES[d.code].help, d)


def render_text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool = False
) -> str:
    """All of them, a blank line between two; ``sources`` maps files to their texts, where known."""
    lines = {file: _split_lines(text) for file, text in sources.items()}
    paint = _PAINT if color else dict.fromkeys(_PAINT, "")
    return "\n".join(_rendered(d, lines, paint) for d in diagnostics)


def _split_lines(text: str) -> list[str]:
    """Lines as YAML and JSONL count them: a form feed or a U+2028 ends none."""
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def render_summary(diagnostics: Iterable[Diagnostic]) -> str:
    """'2 errors, 1 warning', or nothing when there is none."""
    count = dict.fromkeys(Severity, 0)
    for d in diagnostics:
        count[d.severity] += 1
    return ", ".join(f"{n} {s}{'s' if n > 1 else ''}" for s, n in count.items() if n)


def escape_control(text: str) -> str:
    """The text with control, bidi and line-breaking characters as visible escapes."""
    return "".join(_escaped(c) for c in text)


def _escaped(c: str) -> str:
    if c.isprintable() or c == " ":
        return c
    code = ord(c)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _filled(template: str, d: Diagnostic) -> str:
    return escape_control(template.format(**{name: _shown(value) for name, value in d.params}))


def _shown(value: Param) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDEST_LINE else text[: _WIDEST_LINE - 1] + "…"


def _rendered(d: Diagnostic, lines: Mapping[str, list[str]], paint: Mapping[str, str]) -> str:
    place = f"{escape_control(d.span.file)}:{d.span.line}:{d.span.column}"
    plain, strong = paint["plain"], paint[d.severity]
    parts = [
        f"{paint['place']}{place}:{plain} {strong}{d.severity}[{d.code}]{plain}: {message_of(d)}\n",
        _excerpt(d.span, lines, strong, plain),
    ]
    for related in d.related:
        where = f"{escape_control(related.span.file)}:{related.span.line}:{related.span.column}"
        parts.append(f"  {related.label}: {where}\n")
    help_text = help_of(d)
    if help_text:
        parts.append(f"  {paint['help']}help:{plain} {help_text}\n")
    return "".join(parts)


def _excerpt(span: Span, lines: Mapping[str, list[str]], strong: str, plain: str) -> str:
    known = lines.get(span.file, [])
    if span == span_of_file(span.file) or not 1 <= span.line <= len(known):
        return ""
    text, first = _window(known[span.line - 1], span.column)
    start = span.column - first
    end = span.end_column - first if span.end_line == span.line else len(text)
    end = max(start + 1, min(end, len(text)))
    number = str(span.line)
    shown = "".join(_escaped(c) for c in text)
    before = "".join(_escaped(c) for c in text[:start])
    marked = "".join(_escaped(c) for c in text[start:end])
    caret = " " * _width(before) + strong + "^" * max(1, _width(marked)) + plain
    return f"  {number} | {shown}\n  {' ' * len(number)} | {caret}\n"


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line that holds the column, and the column of its first character."""
    if len(line) <= _WIDEST_LINE:
        return line, 1
    start = max(0, min(column - 1 - _WIDEST_LINE // 3, len(line) - _WIDEST_LINE))
    return line[start : start + _WIDEST_LINE], start + 1


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
