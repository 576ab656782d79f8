"""The Jinja2 templates in templates/, filled with finished values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from compiler import resources


class TemplateProblem(ValueError):
    """A user's template cannot be filled; ``str`` says why, with its line where that is known."""


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Scripts, Dockerfiles and prose: no markup to escape; values come quoted for their format.
    return Environment(
        loader=FileSystemLoader(resources.templates()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render_template(template: str, /, **values: object) -> str:
    """The text of ``templates/<template>``; a value that the template names must be given."""
    text: str = _environment().get_template(template).render(values)
    return text


def render_extended(text: str, built_in: Mapping[str, str], values: Mapping[str, object]) -> str:
    """A user's template, which may extend the built-in ones under the names in ``built_in``.

    It runs in Jinja2's sandbox: no attribute that leads out of the given values, no other file.
    How long it runs and how much it makes is bounded by nothing but the sandbox's longest range:
    it is the user's own. Raises TemplateProblem.
    """
    from jinja2 import DictLoader, StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    sources = {
        name: (resources.templates() / path).read_text(encoding="utf-8")
        for name, path in built_in.items()
    }
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(sources),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        return environment.from_string(text).render(values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f" (line {line})" if line else ""
        raise TemplateProblem(f"{error.message or type(error).__name__}{place}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise TemplateProblem(f"{type(error).__name__}: {error}") from error
