"""Secret references -> values: each provider is a program, run without a shell."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import LaunchError, Refused, TableProblem
from .text import is_terminal

SECONDS = 120.0
# The kernel's bound of one NAME=VALUE (MAX_ARG_STRLEN), with room for the name.
MOST_BYTES = 128 * 1024 - 1024
_HOLE = re.compile(r"\{(ref|provider)\}")

Argv = tuple[str, ...]
Where = tuple[str, ...]


@dataclass(frozen=True)
class Provider:
    """The argv with `{ref}` of a provider, and whole ones for single references."""

    template: Argv | None
    overrides: Mapping[str, Argv] = field(default_factory=dict)


@dataclass(frozen=True)
class ProviderTable:
    """What each provider runs; `default` is for those that have no line of their own."""

    providers: Mapping[str, Provider] = field(default_factory=dict)
    default: Argv | None = None
    source: str = "the provider table"

    def argv_of(self, provider: str, reference: str) -> Argv:
        """What prints the value; Refused when nothing is known of the provider."""
        known = self.providers.get(provider)
        if known is not None and reference in known.overrides:
            return _fill(known.overrides[reference], provider, reference)
        template = known.template if known is not None and known.template else self.default
        if template is None:
            raise Refused(
                f"no secret provider `{provider}` in {self.source}",
                f'add a line such as `{provider}: [PROGRAM, ARGUMENT, "{{ref}}"]` there',
            )
        return _fill(template, provider, reference)


def decode_providers(value: Any, source: str) -> ProviderTable:
    """The table of decoded YAML or JSON: `{PROVIDER: ARGV}`, or `{default: ARGV, overrides:
    {PROVIDER: ARGV}}`; in place of an ARGV also `{default: ARGV, overrides: {REFERENCE: ARGV}}`.

    TableProblem for anything else. `source` is the name that messages give it.
    """
    if value is None:
        return ProviderTable(source=source)
    table, default = _object(value, ()), None
    where: tuple[str, ...] = ()
    if "default" in table or "overrides" in table:
        _only(table, ())
        default = _argv(table["default"], ("default",)) if "default" in table else None
        where = ("overrides",)
        table = _object(table.get("overrides", {}), where)
    found = {name: _provider(entry, (*where, name)) for name, entry in table.items()}
    return ProviderTable(providers=found, default=default, source=source)


def _provider(value: Any, where: Where) -> Provider:
    if not isinstance(value, dict):
        return Provider(_argv(value, where))
    _only(value, where)
    overrides = _object(value.get("overrides", {}), (*where, "overrides"))
    return Provider(
        _argv(value["default"], (*where, "default")) if "default" in value else None,
        {
            reference: _argv(argv, (*where, "overrides", reference), whole=True)
            for reference, argv in overrides.items()
        },
    )


def _only(table: Mapping[str, Any], where: Where) -> None:
    for name in sorted(table.keys() - {"default", "overrides"}):
        raise TableProblem((*where, name), "it cannot stand beside `default` and `overrides`")


def _object(value: Any, where: Where) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise TableProblem(where, "expected a mapping of names")
    return value


def _argv(value: Any, where: Where, *, whole: bool = False) -> Argv:
    """A template ignores no reference: only a line for one reference alone may lack `{ref}`."""
    if not isinstance(value, list) or not value or not all(isinstance(w, str) for w in value):
        raise TableProblem(where, "expected a list of words, the program first")
    if not value[0] or any("\0" in word for word in value):
        raise TableProblem(where, "the program has no name, or a word holds NUL")
    if not whole and not any("{ref}" in word for word in value):
        raise TableProblem(where, "no word holds {ref}, the place of the reference")
    return tuple(value)


def _fill(template: Argv, provider: str, reference: str) -> Argv:
    """In one pass: a reference that looks like a hole stays as it is."""
    values = {"ref": reference, "provider": provider}
    return tuple(_HOLE.sub(lambda hole: values[hole[1]], word) for word in template)


def resolve(table: ProviderTable, provider: str, reference: str, seconds: float) -> bytes:
    """The value, without the one line end that programs add. Standard error is the user's, and
    standard input too when it is a terminal, so that a provider can ask to be unlocked."""
    what = f"secret {provider}:{reference}"
    argv = table.argv_of(provider, reference)
    try:
        done = subprocess.run(
            argv,
            stdin=None if is_terminal(sys.stdin) else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Without the cause: it carries what the program had printed so far.
        raise LaunchError(f"{what}: `{argv[0]}` did not end within {seconds:g} s") from None
    except OSError as error:
        raise LaunchError(f"{what}: cannot run `{argv[0]}`: {error.strerror}") from error
    if done.returncode != 0:
        raise LaunchError(f"{what}: `{argv[0]}` ended with code {done.returncode}")
    return _checked(what, argv[0], _without_line_end(done.stdout))


def _without_line_end(value: bytes) -> bytes:
    return value[:-1] if value.endswith(b"\n") else value


def _checked(what: str, program: str, value: bytes) -> bytes:
    if not value:
        raise LaunchError(f"{what}: `{program}` printed nothing")
    if b"\0" in value:
        raise LaunchError(f"{what}: the value holds NUL, which no variable can")
    if len(value) > MOST_BYTES:
        raise LaunchError(f"{what}: the value has more than {MOST_BYTES} bytes")
    return value
