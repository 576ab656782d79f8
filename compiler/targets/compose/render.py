"""Compose model -> YAML text."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any, Final

from compiler.ir.task_plan import FromCaller
from compiler.targets.compose.model import ComposeValue, Joined

HEADER: Final = "# Written by `mooring compile`. Change the build file and compile again.\n"
_PLAIN_FIRST: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/.")
_PLAIN: Final = _PLAIN_FIRST | frozenset("0123456789_-:,=")
_WORDS_WITH_MEANING: Final = frozenset(
    ("null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf")
)


def render_compose(model: dict[str, ComposeValue]) -> str:
    """The file's text. A string arrives in Compose as it is in the model, dollar signs included."""
    return HEADER + render_yaml(_escaped(model))


def render_yaml(data: Any) -> str:
    """Plain data as YAML that reads the same under YAML 1.1 and 1.2; keys keep their order."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """Strings are quoted unless no reader could take them for anything else."""

        def ignore_aliases(self, data: Any) -> bool:
            return True  # a value that stands twice is written twice

    def represent_text(representer: Any, text: str) -> Any:
        style = None if _is_plain(text) else '"'
        return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Representer.add_representer(str, represent_text)
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Representer = Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = sys.maxsize
    yaml.allow_unicode = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _is_plain(text: str) -> bool:
    return (
        text[:1] in _PLAIN_FIRST
        and bool(text)
        and _PLAIN.issuperset(text)
        and not text.endswith(":")
        and text.lower() not in _WORDS_WITH_MEANING
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
