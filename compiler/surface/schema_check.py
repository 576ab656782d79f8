"""Document -> complaints: the file held against its JSON Schema, each error with its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from compiler import resources
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.source.document import Document, Path
from compiler.surface.plainly_valid import is_plainly_valid, matches

_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
    "array": "a list",
    "object": "a mapping of keys",
}


def check_schema(document: Document, schema_name: str) -> tuple[Diagnostic, ...]:
    """Every way in which the document differs from ``schemas/<schema_name>.schema.json``."""
    if not isinstance(document.data, dict):
        actual = name_of_value(document.data)
        return (diagnostic("MOR105", document.places.value(), actual=actual),)
    schema = resources.schema(schema_name)
    if is_plainly_valid(document.data, schema):
        return ()
    errors = list(_validator(schema_name).iter_errors(document.data))
    # Of a value of the wrong type nothing more is said.
    mistyped = {tuple(e.absolute_path) for e in errors if e.validator == "type"}
    told = (e for e in errors if e.validator == "type" or tuple(e.absolute_path) not in mistyped)
    return tuple(d for error in told for d in _explained(error, document, schema))


def name_of_value(value: Any) -> str:
    """What a value is, in words for people."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in (
        (str, "text"),
        (int, "a whole number"),
        (float, "a number"),
        (list, "a list"),
    ):
        if isinstance(value, kind):
            return name
    return "a mapping of keys"


@cache
def _validator(schema_name: str) -> Any:
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import ValidationError

    def pattern(_: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not matches(wanted, instance):
            yield ValidationError(f"{instance!r} does not match {wanted!r}")

    def required(_: Any, keys: Any, instance: Any, schema: Any) -> Iterator[Any]:
        # One error for all missing keys: jsonschema's own names each in prose only.
        if isinstance(instance, dict) and any(key not in instance for key in keys):
            yield ValidationError("keys are missing")

    extend: Any = validators.extend
    extended = extend(Draft202012Validator, {"pattern": pattern, "required": required})
    return extended(resources.schema(schema_name))


def _explained(error: Any, document: Document, schema: Any) -> Iterator[Diagnostic]:
    path: Path = tuple(error.absolute_path)
    explain = _EXPLAINERS.get(error.validator, _explain_other)
    yield from explain(error, path, document, _about(error, path, schema))


def _about(error: Any, path: Path, schema: Any) -> str:
    """What the nearest key above the error is for; empty when no schema on the way says it."""
    definitions, said = schema["$defs"], ""
    for step in error.absolute_schema_path:
        said = first_sentence(schema) or said
        # jsonschema leaves references out of the path.
        while isinstance(schema, dict) and step not in schema:
            schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
        schema = schema[step]
    key = next((name for name in reversed(path) if isinstance(name, str)), None)
    return f"`{key}`: {said}" if key and said else ""


def first_sentence(schema: Any) -> str:
    """The first sentence of a schema's description, to go on with after a colon."""
    text = schema.get("description") if isinstance(schema, dict) else None
    # Among the keys that a schema describes there is one of that name.
    first = text.split(". ", maxsplit=1)[0].rstrip(".") if isinstance(text, str) else ""
    return first[:1].lower() + first[1:] if first[1:2].islower() or first[1:2] == " " else first


def _explain_unknown_keys(
    error: Any, path: Path, document: Document, about: str
) -> Iterator[Diagnostic]:
    known = list(error.schema.get("properties", {}))
    for key in error.instance:
        if key in known:
            continue
        near = suggest_name(key, (k for k in known if k not in error.instance)) or suggest_name(
            key, known
        )
        hint = f"did you mean `{near}`?" if near else f"the keys here are: {', '.join(known)}"
        yield diagnostic("MOR110", document.places.key(*path, key), key=key, hint=hint)


def _explain_missing(
    error: Any, path: Path, document: Document, about: str
) -> Iterator[Diagnostic]:
    missing = [key for key in error.validator_value if key not in error.instance]
    unknown = [key for key in error.instance if key not in error.schema.get("properties", {})]
    misspelt = {suggest_name(key, missing) for key in unknown}
    for key in missing:
        if key in misspelt:
            continue  # the unknown key's own complaint says "did you mean"
        sentence = first_sentence(error.schema.get("properties", {}).get(key, {}))
        hint = f"add it: {sentence}" if sentence else "add it"
        yield diagnostic("MOR111", document.places.value(*path), key=key, hint=hint)


def _explain_type(error: Any, path: Path, document: Document, about: str) -> Iterator[Diagnostic]:
    wanted = error.validator_value
    names = [_NAMES[t] for t in ([wanted] if isinstance(wanted, str) else wanted)]
    expected = error.schema.get("x-expected") or " or ".join(names)
    actual = name_of_value(error.instance)
    hint = _type_hint(wanted, error.instance) or about or f"write {expected}"
    yield diagnostic(
        "MOR112", document.places.value(*path), expected=expected, actual=actual, hint=hint
    )


def _type_hint(wanted: Any, found: Any) -> str | None:
    if wanted == "string" and isinstance(found, (int, float, bool)):
        return "put it in quotes"
    if wanted == "array":
        return "write a list: [first, second], or a line `- item` for each"
    return None


def _explain_enum(error: Any, path: Path, document: Document, about: str) -> Iterator[Diagnostic]:
    allowed = tuple(str(v) for v in error.validator_value)
    near = suggest_name(str(error.instance), allowed)
    hint = f"did you mean `{near}`?" if near else about or "choose one of them"
    place = document.places.value(*path)
    yield diagnostic("MOR113", place, value=_shown(error.instance), allowed=allowed, hint=hint)


def _explain_pattern(
    error: Any, path: Path, document: Document, about: str
) -> Iterator[Diagnostic]:
    expected = error.schema.get("x-expected", "in the expected form")
    hint = about or f"write {expected}"
    is_key = "propertyNames" in error.absolute_schema_path
    place = document.places.key(*path, error.instance) if is_key else document.places.value(*path)
    yield diagnostic("MOR114", place, value=_shown(error.instance), expected=expected, hint=hint)


_BOUNDS = {
    "minimum": "{value} is too small: at least {bound}",
    "maximum": "{value} is too large: at most {bound}",
    "exclusiveMinimum": "{value} is too small: more than {bound}",
    "minItems": "the list is too short: at least {bound} entry",
    "maxLength": "the text is too long: at most {bound} characters",
}


def _explain_bound(error: Any, path: Path, document: Document, about: str) -> Iterator[Diagnostic]:
    problem = _BOUNDS[error.validator].format(
        value=_shown(error.instance), bound=error.validator_value
    )
    hint = about or error.schema.get("x-expected") or "keep within the bounds"
    yield diagnostic("MOR115", document.places.value(*path), problem=problem, hint=hint)


def _explain_other(error: Any, path: Path, document: Document, about: str) -> Iterator[Diagnostic]:
    place = document.places.value(*path)
    hint = about or "see docs/reference.md"
    yield diagnostic(
        "MOR115", place, problem=f"the value does not satisfy `{error.validator}`", hint=hint
    )


_EXPLAINERS = {
    "additionalProperties": _explain_unknown_keys,
    "required": _explain_missing,
    "type": _explain_type,
    "enum": _explain_enum,
    "const": _explain_other,
    "pattern": _explain_pattern,
    "not": _explain_pattern,
    **dict.fromkeys(_BOUNDS, _explain_bound),
}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
