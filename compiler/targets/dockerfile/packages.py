"""The Dockerfile instructions that install Debian packages."""

from __future__ import annotations

from collections.abc import Sequence

_IGNORE = "# The base image and its packages are the user's to pin.\n# hadolint ignore=DL3008"
_INSTALL = "apt-get install --yes --no-install-recommends"


def render_install(packages: Sequence[str]) -> str:
    """A RUN that installs the packages; names have the form that the schema asks for."""
    return (
        f"{_IGNORE}\nRUN apt-get update; \\\n    {_INSTALL} {' '.join(packages)}; \\\n"
        "    rm -rf /var/lib/apt/lists/*"
    )


def render_install_missing(
    programs: Sequence[str], *, venv: bool = False, others: Sequence[tuple[str, str]] = ()
) -> str:
    """A RUN that installs what an image lacks of ``programs`` (each in the package of its name) and
    of ``others`` (each with its package).

    An image that has them all needs neither apt nor a network.
    """
    probe = (
        "python3 -c 'import ensurepip, venv' 2>/dev/null || "
        'missing="$missing python3-venv"; \\\n    '
    )
    return (
        f"{_IGNORE},SC2086\nRUN missing=; \\\n"
        f"    for program in {' '.join(programs)}; do \\\n"
        '        command -v "$program" >/dev/null || missing="$missing $program"; \\\n'
        "    done; \\\n"
        f"    {''.join(_probe(*other) for other in others)}{probe if venv else ''}"
        'if [ -n "$missing" ]; then \\\n'
        f"        apt-get update; {_INSTALL} ca-certificates $missing; \\\n"
        "        rm -rf /var/lib/apt/lists/*; \\\n"
        "    fi"
    )


def _probe(program: str, package: str) -> str:
    return f'command -v {program} >/dev/null || missing="$missing {package}"; \\\n    '
