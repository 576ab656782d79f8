"""A quick yes to whether a value fits a JSON Schema; whatever is not sure is left to jsonschema.

Importing jsonschema takes a fifth of a small compilation, and asking it about a list of 100,000
names takes seconds. Both are for values that are nearly always right. What is answered here is
"surely valid" or "unknown", never "invalid": a keyword that this module does not know, and a value
that only a wider reading of a keyword would let pass (1.0 as an integer), is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from typing import Any, Final

type _Schema = Mapping[str, Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_DEFINITIONS: Final = "#/$defs/"
# Keywords that say nothing about a value.
ANNOTATIONS: Final = frozenset(
    ("$defs", "$schema", "default", "description", "title", "x-expected")
)
_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def is_plainly_valid(value: Any, schema: _Schema, definitions: _Schema | None = None) -> bool:
    """True when the value surely fits the schema; False says nothing.

    ``definitions`` are the schemas that ``$ref`` names; by default the schema's own.
    """
    known = schema.get("$defs", {}) if definitions is None else definitions
    for keyword, wanted in schema.items():
        if keyword in ANNOTATIONS:
            continue
        rule = RULES.get(keyword)
        if rule is None or not rule(value, wanted, schema, known):
            return False
    return True


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text. JSON Schema's ``$`` is the very end; Python's also
    matches before a last line break."""
    return re.search(pattern.replace("$", r"\Z"), text) is not None


def _ref(value: Any, name: str, schema: _Schema, known: _Schema) -> bool:
    found = known.get(name.removeprefix(_DEFINITIONS)) if name.startswith(_DEFINITIONS) else None
    return found is not None and is_plainly_valid(value, found, known)


def _type(value: Any, wanted: Any, schema: _Schema, known: _Schema) -> bool:
    names = (wanted,) if isinstance(wanted, str) else wanted
    return any(_TYPES[name](value) for name in names)


def _enum(value: Any, allowed: Any, schema: _Schema, known: _Schema) -> bool:
    return isinstance(value, str) and value in allowed


def _pattern(value: Any, wanted: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, str) or matches(wanted, value)


def _not(value: Any, refused: Any, schema: _Schema, known: _Schema) -> bool:
    """Sure of a text that does not match the refused schema's pattern, and of nothing else."""
    unfit = isinstance(value, str) and "pattern" in refused
    return unfit and not matches(refused["pattern"], value)


def _bound(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any, _Schema, _Schema], bool]:
    return lambda value, bound, schema, known: not _is_number(value) or holds(value, bound)


def _length(
    kind: type[Sized], holds: Callable[[int, int], bool]
) -> Callable[[Any, Any, _Schema, _Schema], bool]:
    return lambda value, bound, schema, known: (
        not isinstance(value, kind) or holds(len(value), bound)
    )


def _items(value: Any, each: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, list) or all(is_plainly_valid(i, each, known) for i in value)


def _first_items(value: Any, each: Any, schema: _Schema, known: _Schema) -> bool:
    pairs = zip(value, each, strict=False) if isinstance(value, list) else ()
    return all(is_plainly_valid(item, wanted, known) for item, wanted in pairs)


def _properties(value: Any, schemas: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, dict) or all(
        is_plainly_valid(item, schemas[key], known) for key, item in value.items() if key in schemas
    )


def _additional(value: Any, wanted: Any, schema: _Schema, known: _Schema) -> bool:
    if not isinstance(value, dict):
        return True
    others = (item for key, item in value.items() if key not in schema.get("properties", {}))
    if isinstance(wanted, bool):
        return wanted or not any(True for _ in others)
    return all(is_plainly_valid(item, wanted, known) for item in others)


def _names(value: Any, wanted: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, dict) or all(is_plainly_valid(k, wanted, known) for k in value)


def _required(value: Any, keys: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, dict) or all(key in value for key in keys)


def _dependent(value: Any, needs: Any, schema: _Schema, known: _Schema) -> bool:
    return not isinstance(value, dict) or all(
        key in value for owner, keys in needs.items() if owner in value for key in keys
    )


RULES: Final[Mapping[str, Callable[[Any, Any, _Schema, _Schema], bool]]] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "not": _not,
    "minimum": _bound(lambda value, bound: value >= bound),
    "maximum": _bound(lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound(lambda value, bound: value > bound),
    "maxLength": _length(str, lambda length, bound: length <= bound),
    "minItems": _length(list, lambda length, bound: length >= bound),
    "items": _items,
    "prefixItems": _first_items,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "required": _required,
    "dependentRequired": _dependent,
}
"""What each keyword asks of a value; one that is not here makes every value unknown."""
