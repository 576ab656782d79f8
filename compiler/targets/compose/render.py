"""Compose model -> YAML text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from compiler.ir.task_plan import FromCaller
from compiler.targets.compose.model import ComposeValue, Joined

HEADER: Final = "# Written by `mooring compile`. Change the build file and compile again.\n"
_PLAIN_FIRST: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/.")
_PLAIN: Final = _PLAIN_FIRST | frozenset("0123456789_-:,=")
_WORDS_WITH_MEANING: Final = frozenset(
    ("null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf")
)
# At the start of a line: https://yaml.org/spec/1.2.2/#912-document-markers. The other marker begins
# with a dash, as no plain text here does.
_END_OF_DOCUMENT: Final = "..."
_LIKE_A_FRACTION: Final = re.compile(r"\.[0-9_]")
# A longer key has to be said to be one: https://yaml.org/spec/1.2.2/#742-flow-mappings
_LONGEST_KEY: Final = 128


def render_compose(model: dict[str, ComposeValue]) -> str:
    """The file's text. A string arrives in Compose as it is in the model, dollar signs included."""
    return HEADER + render_yaml(_escaped(model))


def render_yaml(data: Any) -> str:
    """Plain data as YAML that reads the same under YAML 1.1 and 1.2; keys keep their order.

    A value that stands twice is written twice: there are no anchors. Written here and not by a
    library, whose general way of it takes many times as long.
    """
    return "".join(f"{line}\n" for line in _lines(data))


def _lines(value: Any) -> Iterator[str]:
    """A value in block form."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            key = _scalar(name)
            if len(key) > _LONGEST_KEY:
                yield f"? {key}"
                key = ""
            yield from _entry(f"{key}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            mark = "- "
            for line in _lines(item):
                yield mark + line
                mark = "  "
    else:
        yield _scalar(value)


def _entry(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield name
        for line in _lines(value):
            yield f"  {line}"
    else:
        yield f"{name} {_scalar(value)}"


def _scalar(value: Any) -> str:
    """Text is quoted unless no reader could take it for anything else."""
    if isinstance(value, str):
        return value if _is_plain(value) else f'"{_UNSAFE.sub(_escape, value)}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    return _float(value) if isinstance(value, float) else repr(value)


def _float(value: float) -> str:
    """With a dot, without which YAML 1.1 reads text: https://yaml.org/type/float.html"""
    if not math.isfinite(value):
        raise TypeError(f"{value} is no number of a file that this writes")
    mantissa, exponential, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponential}{exponent}"


# All but printable ASCII, and what has a meaning between double quotes.
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_NAMED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def _escape(match: re.Match[str]) -> str:
    """https://yaml.org/spec/1.2.2/#57-escaped-characters"""
    code = ord(match[0])
    if match[0] in _NAMED:
        return _NAMED[match[0]]
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _is_plain(text: str) -> bool:
    return (
        text[:1] in _PLAIN_FIRST
        and bool(text)
        and _PLAIN.issuperset(text)
        and not text.endswith(":")
        and not text.startswith(_END_OF_DOCUMENT)
        and text.lower() not in _WORDS_WITH_MEANING
        and not _LIKE_A_FRACTION.match(text)
    )


def _escaped(value: ComposeValue) -> Any:
    if isinstance(value, FromCaller):
        return f"${{{value.name}:?set {value.name} in the environment of {value.of}}}"
    if isinstance(value, Joined):
        return "".join(_escaped(part) for part in value.parts)
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {name: _escaped(item) for name, item in value.items()}
    return value
