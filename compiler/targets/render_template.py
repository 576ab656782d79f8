"""The Jinja2 templates in templates/, filled with finished values."""

from __future__ import annotations

from functools import cache
from typing import Any

from compiler import resources


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
