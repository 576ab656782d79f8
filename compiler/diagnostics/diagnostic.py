"""Diagnostics as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from compiler.diagnostics.codes import CODES
from compiler.diagnostics.span import Span

type Param = str | int | float | tuple[str, ...]


class Severity(StrEnum):
    """How much it matters: an error stops the compilation, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A second place that belongs to a complaint, with what it is."""

    span: Span
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A complaint about an input: a code of ``codes.CODES``, its parameters, and where."""

    code: str
    span: Span
    params: tuple[tuple[str, Param], ...] = ()
    related: tuple[Related, ...] = ()

    @property
    def severity(self) -> Severity:
        """The severity that the code's row gives."""
        return Severity(CODES[self.code].severity)


def diagnostic(code: str, span: Span, *related: Related, **params: Param) -> Diagnostic:
    """A diagnostic of ``code``; a code or parameter that its row does not know raises KeyError."""
    row = CODES[code]
    if set(params) != set(row.params):
        raise KeyError(f"{code} takes {sorted(row.params)}, got {sorted(params)}")
    return Diagnostic(code=code, span=span, params=tuple(params.items()), related=related)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True when at least one of them stops the compilation."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In the order of their places, then codes; the same complaint only once."""
    return tuple(sorted(set(diagnostics), key=lambda d: (d.span, d.code, str(d.params))))
