"""The nested Harbor's environment can be had in the evaluator: its module or extra, credentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.checks.scorer_module import module_paths
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeB, NestedHarbor, Recipient, Task
from compiler.ir.environments import (
    ENVIRONMENTS,
    HARBOR_VERSION,
    Environment,
    has_extra,
    is_import_path,
)
from compiler.ir.project import Inputs

# Modules below it come with Harbor.
_HARBORS: Final = "harbor"
_NAMES: Final = "write a name that `harbor run --env` takes, or `module:Class`"


def check_nested_environment(build: Task) -> Iterator[Diagnostic]:
    """MOR230 for a module that comes from nowhere, MOR128 for a folder that nothing is taken from;
    of Harbor's own environments: MOR232 to MOR235."""
    if not isinstance(build, ModeB):
        return
    harbor = build.harbor
    place = build.places.value("harbor", "environment")
    if _wants_project(harbor) and harbor.environment_project is None:
        module = harbor.environment.partition(":")[0]
        yield diagnostic("MOR230", place, module=module)
    if not _wants_project(harbor) and harbor.environment_project is not None:
        key = "environment_project"
        why = f"`{harbor.environment}` comes with Harbor"
        yield diagnostic("MOR128", build.places.key("harbor", key), key=key, why=why)
    known = ENVIRONMENTS.get(harbor.environment)
    if known is not None:
        yield from _check_known(build, known)
    elif not is_import_path(harbor.environment) and _is_known_version(harbor):
        near = suggest_name(harbor.environment, ENVIRONMENTS)
        hint = f"did you mean `{near}`?" if near else _NAMES
        name = harbor.environment
        yield diagnostic("MOR234", place, name=name, version=HARBOR_VERSION, hint=hint)


def _wants_project(harbor: NestedHarbor) -> bool:
    name = harbor.environment
    return is_import_path(name) and name.partition(":")[0].split(".")[0] != _HARBORS


def _is_known_version(harbor: NestedHarbor) -> bool:
    return harbor.requirement.partition("==")[2] == HARBOR_VERSION


def _check_known(build: ModeB, known: Environment) -> Iterator[Diagnostic]:
    harbor = build.harbor
    place = build.places.value("harbor", "environment")
    if known.extra and not has_extra(harbor.requirement, known.extra):
        at = build.places.value("harbor", "requirement")
        version = harbor.requirement.partition("==")[2]
        wanted = f"harbor[{known.extra}]=={version}"
        yield diagnostic("MOR232", at, environment=harbor.environment, wanted=wanted)
    given = build.secrets_to(Recipient.EVALUATOR)
    if known.credentials and not any(set(names) <= set(given) for names in known.credentials):
        yield _lacks_credentials(build, known)
    if known.local:
        yield diagnostic("MOR235", place, environment=harbor.environment, what=known.local)


def _lacks_credentials(build: ModeB, known: Environment) -> Diagnostic:
    asked = " or ".join(" and ".join(f"`{name}`" for name in names) for names in known.credentials)
    given = build.secrets_to(Recipient.EVALUATOR)
    lacking = [name for name in known.credentials[0] if name not in given]
    astray = set(lacking).intersection(build.secrets_to(Recipient.CANDIDATE))
    hint = (
        f"give `{min(astray)}` `to: evaluator`: candidates must not have it"
        if astray
        else f"add {', '.join(lacking)} to `secrets`"
    )
    place = build.places.value("harbor", "environment")
    return diagnostic("MOR233", place, environment=build.harbor.environment, asked=asked, hint=hint)


def check_environment_module(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR231 where the folder has no such module."""
    build = inputs.build
    if not isinstance(build, ModeB) or not _wants_project(build.harbor):
        return
    project = build.harbor.environment_project
    module = build.harbor.environment.partition(":")[0]
    files = {file.path for file in inputs.environments}
    if project is None or not files or files.intersection(module_paths(module)):
        return
    place = build.places.value("harbor", "environment")
    expected = " or ".join(f"`{path}`" for path in module_paths(module))
    yield diagnostic("MOR231", place, module=module, project=project, expected=expected)
