"""Document -> Document: ``${NAME}`` in scalars replaced by parameters.

The forms are the shell's (POSIX.1-2017, 2.6.2): ``${NAME}``, ``${NAME:-default}`` and
``${NAME:?message}``; ``$$`` is one dollar sign, and a dollar sign before anything else stands for
itself. Values come from ``--param`` and from ``params``, never from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.diagnostics.suggest import suggest_name
from compiler.source.document import Document, Path
from compiler.source.scalars import type_plain

_REFERENCE: Final = re.compile(r"\$\$|\$\{(?P<body>[^{}]*)\}|\$\{")
_BODY: Final = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<how>[-?])(?P<rest>.*))?\Z", re.DOTALL
)


def substitute_params(
    document: Document, given: Mapping[str, str]
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The document with its parameters filled in; ``given`` is what ``--param`` said.

    A plain scalar in which something was replaced is typed again, so ``max: ${N}`` may be a number;
    a quoted one stays text. ``params`` itself is left as it is, and so are definitions of tongs:
    they are like those of files, and have references of another kind.
    """
    if not isinstance(document.data, dict):
        return document, ()
    declared = document.data.get("params")
    defaults = declared if isinstance(declared, dict) else {}
    run = _Substitution(
        document=document, values={**_texts(defaults, document), **given}, declared=defaults
    )
    data = {key: run.walk(value, (key,)) for key, value in document.data.items() if key != "params"}
    if "params" in document.data:
        data["params"] = declared
        run.refuse_in_params(defaults)
    run.check_given(given)
    filled = replace(document, data=data, plain={**document.plain, **run.plain})
    return filled, tuple(run.found)


def _texts(defaults: Mapping[str, Any], document: Document) -> dict[str, str]:
    """What each default was written as: ``3.10`` is a version to whoever writes it."""
    return {
        name: value if isinstance(value, str) else document.plain[("params", name)]
        for name, value in defaults.items()
        if _is_scalar(value)
    }


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float))


@dataclass
class _Substitution:
    document: Document
    values: Mapping[str, str]
    declared: Mapping[str, Any]
    found: list[Diagnostic] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    plain: dict[Path, str] = field(default_factory=dict)

    def walk(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict) and path[:1] == ("tongs",):
            return value
        if isinstance(value, dict):
            return {key: self.walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*path, i)) for i, item in enumerate(value)]
        if isinstance(value, str) and "$" in value:
            return self.scalar(value, path)
        return value

    def scalar(self, text: str, path: Path) -> Any:
        place = self.document.places.value(*path)
        replaced = _REFERENCE.sub(lambda match: self.reference(match, place), text)
        if replaced != text and path in self.document.plain:
            self.plain[path] = replaced
            return type_plain(replaced)
        return replaced

    def reference(self, match: re.Match[str], place: Span) -> str:
        if match[0] == "$$":
            return "$"
        body = _BODY.match(match["body"] or "")
        if body is None:
            self.found.append(diagnostic("MOR121", place, text=match[0]))
            return match[0]
        self.named.add(body["name"])
        return self.value(body["name"], body["how"], body["rest"] or "", place)

    def value(self, name: str, how: str | None, rest: str, place: Span) -> str:
        value = self.values.get(name)
        if value or (value is not None and how is None):
            return value
        if how == "-":
            return rest
        if how == "?" or name in self.declared:
            message = rest or "its default is null"
            self.found.append(diagnostic("MOR122", place, name=name, message=message))
            return ""
        self.found.append(diagnostic("MOR120", place, name=name, hint=self.hint(name)))
        return ""

    def hint(self, name: str) -> str:
        near = suggest_name(name, self.declared)
        if near:
            return f"did you mean `${{{near}}}`?"
        return f"declare it: `params: {{{name}: a default}}`; for a dollar sign write $$"

    def refuse_in_params(self, defaults: Mapping[str, Any]) -> None:
        for name, value in defaults.items():
            if isinstance(value, str) and _REFERENCE.search(value):
                place = self.document.places.value("params", name)
                self.found.append(diagnostic("MOR123", place, key=f"params.{name}"))

    def check_given(self, given: Mapping[str, str]) -> None:
        known = [*self.declared, *sorted(self.named)]
        for name in given:
            if name in known:
                continue
            near = suggest_name(name, known)
            hint = (
                f"did you mean `{near}`?"
                if near
                else f"the parameters are: {', '.join(known)}"
                if known
                else "this build has no parameters: declare it under `params`"
            )
            place = (
                self.document.places.key("params")
                if self.declared
                else self.document.places.value()
            )
            self.found.append(diagnostic("MOR124", place, name=name, hint=hint))
