"""The schema of the build file -> its reference, Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from compiler.surface.modes import mode_of, needed_by

type Schema = dict[str, Any]

_INTRODUCTION: Final = """\
<!-- Written by `mooring schema build --markdown` from schemas/build.schema.json. -->

# Reference of build.yaml

{description}

A key belongs to mode A, to mode B, or to both. Without `agent_repo` a build has no task; it may
still have `gateways`, or `tongs` with an `anvil`. Paths are relative to the build file. Values may
hold parameters, `${{NAME}}`. An editor can check all this while you type: see
`mooring schema --help`.
"""
_PLAIN: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "null": "nothing",
    "array": "list",
    "object": "mapping",
}
_ARTICLES: Final = ("a ", "an ", "the ")


def render_reference(schema: Schema) -> str:
    """Every key of the schema with its mode, value, default and description; then the forms.

    Nested mappings have sections of their own, in the order of the schema.
    """
    parts = [_INTRODUCTION.format(description=schema["description"])]
    parts.extend(_render_top(schema))
    for titles, described in _nested(schema, ()):
        parts.append(f"\n## {', '.join(f'`{title}`' for title in titles)}\n\n")
        parts.extend(_render_nested(schema, described))
    parts.extend(_render_forms(schema))
    return "".join(parts)


def _render_top(schema: Schema) -> Iterator[str]:
    yield "\n## Keys\n\n| key | mode | value | default | |\n| --- | --- | --- | --- | --- |\n"
    for key, described in schema["properties"].items():
        needed = "required" if key in schema["required"] else needed_by(key)
        yield _row(
            f"`{key}`",
            mode_of(key) or "A, B",
            _value(schema, described),
            needed or _default(described),
            described["description"],
        )


def _render_nested(schema: Schema, described: Schema) -> Iterator[str]:
    yield "| key | value | default | |\n| --- | --- | --- | --- |\n"
    for key, inner in described["properties"].items():
        needed = "required" if key in described.get("required", ()) else ""
        default = needed or _default(inner)
        yield _row(f"`{key}`", _value(schema, inner), default, inner["description"])


def _render_forms(schema: Schema) -> Iterator[str]:
    yield "\n## Forms of values\n\n| form | |\n| --- | --- |\n"
    for form in schema["$defs"].values():
        if "properties" not in form:
            yield _row(f"*{form['title']}*", _form(schema, form))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '\\|') for cell in cells)} |\n"


def _nested(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[list[str], Schema]]:
    """The sections' titles, and the mappings that they are about; one for those that are alike."""
    found: dict[int, tuple[list[str], Schema]] = {}
    for title, described in _mappings(schema, schema, path):
        found.setdefault(id(described), ([], described))[0].append(title)
    yield from found.values()


def _mappings(schema: Schema, at: Schema, path: tuple[str, ...]) -> Iterator[tuple[str, Schema]]:
    for key, described in at.get("properties", {}).items():
        inner = _resolved(schema, described)
        name = key
        if inner.get("type") == "array":
            inner, name = _resolved(schema, inner["items"]), f"{key}[]"
        if "properties" in inner:
            yield ".".join((*path, name)), inner
            yield from _mappings(schema, inner, (*path, name))


def _resolved(schema: Schema, described: Schema) -> Schema:
    name = described.get("$ref")
    found: Schema = schema["$defs"][name.removeprefix("#/$defs/")] if name else described
    return found


def _default(described: Schema) -> str:
    if "default" not in described:
        return ""
    default = described["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _value(schema: Schema, described: Schema) -> str:
    """What may be written, in a few words."""
    form = _resolved(schema, described)
    if "title" in form and "properties" not in form:
        return f"*{form['title']}*"
    if "enum" in form:
        return ", ".join(f"`{word}`" for word in form["enum"])
    if form.get("type") == "array":
        item = _value(schema, form["items"])
        return f"list of {item}" if item else "list"
    if form.get("type") == "object":
        return _mapping(schema, form)
    return _without_article(form.get("x-expected", "")) or _bounded(form)


def _mapping(schema: Schema, form: Schema) -> str:
    if "properties" in form:
        return "mapping"
    key = _value(schema, form["propertyNames"])
    return f"mapping of {key} to {_value(schema, form['additionalProperties'])}"


def _form(schema: Schema, form: Schema) -> str:
    if form.get("type") == "array":
        least = " (at least one)" if form.get("minItems") else ""
        item = form["items"].get("x-expected") or _value(schema, form["items"])
        return f"a list, each item {item}{least}"
    return form.get("x-expected") or f"a {_bounded(form)}"


def _bounded(form: Schema) -> str:
    names = form["type"] if isinstance(form["type"], list) else [form["type"]]
    name = " or ".join(_PLAIN[n] for n in names)
    above = f"above {form['exclusiveMinimum']:,}" if "exclusiveMinimum" in form else ""
    least = f"at least {form['minimum']:,}" if "minimum" in form else above
    most = f"at most {form['maximum']:,}" if "maximum" in form else ""
    bounds = [bound for bound in (least, most) if bound]
    return ", ".join([name, *bounds])


def _without_article(text: str) -> str:
    return next((text.removeprefix(a) for a in _ARTICLES if text.startswith(a)), text)
