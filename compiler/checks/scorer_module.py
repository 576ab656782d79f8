"""The scorer is where ``task_module`` says, parses, and defines the function."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeA
from compiler.ir.project import Inputs


def module_paths(module: str) -> tuple[str, str]:
    """Where a module's source may lie below its folder."""
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def check_scorer_module(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR320 without the module, MOR322 where it does not parse, MOR321 without the function."""
    build = inputs.build
    if not isinstance(build, ModeA) or not inputs.scorer:
        return
    place = build.places.value("task_module")
    if inputs.scorer_source is None:
        module, project = build.scorer.module, build.scorer.project
        expected = " or ".join(f"`{path}`" for path in module_paths(module))
        yield diagnostic("MOR320", place, module=module, project=project, expected=expected)
        return
    path, source = inputs.scorer_source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        problem = f"{getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
        yield diagnostic("MOR322", place, file=path, problem=problem)
        return
    yield from _check_function(build, path, tree)


def _check_function(build: ModeA, path: str, tree: ast.Module) -> Iterator[Diagnostic]:
    names = set(_names(tree))
    wanted = build.scorer.function
    if wanted in names or "*" in names:
        return
    near = suggest_name(wanted, sorted(names))
    default = "write `def score(sample, output)`, or name another with `task`"
    hint = f"did you mean `{near}`?" if near else default
    key = "task" if build.places.has("task") else "task_module"
    yield diagnostic("MOR321", build.places.value(key), function=wanted, file=path, hint=hint)


def _names(tree: ast.Module) -> list[str]:
    """What the module binds anywhere in it; "*" for a star import."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.extend(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return names
