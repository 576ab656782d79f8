"""The scorer is where ``task_module`` says, parses, and defines the function."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeA
from compiler.ir.project import Inputs

# What has names of its own, which the module's do not include.
_SCOPES: Final = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


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
        tree = _parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        problem = f"{getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
        yield diagnostic("MOR322", place, file=path, problem=problem)
        return
    yield from _check_function(build, path, tree)


def _parse(source: bytes) -> ast.Module:
    """The module's tree. What Python would warn of is between the scorer and its author."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


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
    """What the module binds at its top, also below `if` and `try`; "*" for a star import."""
    names = []
    for node in _nodes_at_top(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.extend(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return names


def _nodes_at_top(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
