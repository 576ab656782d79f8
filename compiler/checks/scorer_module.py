"""The scorer is where ``task_module`` says, parses, and defines the function."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import Build

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


def check_scorer_source(
    build: Build, files: Mapping[str, str], read: Callable[[str], bytes]
) -> tuple[Diagnostic, ...]:
    """Complaints about the module; ``files`` maps paths below the folder to what ``read`` takes."""
    path = build.scorer.module.replace(".", "/")
    module = next((p for p in (f"{path}.py", f"{path}/__init__.py") if p in files), None)
    place = build.places.value("task_module")
    if module is None:
        expected = f"`{path}.py` or `{path}/__init__.py`"
        project = build.scorer.project
        return (
            diagnostic(
                "MOR320", place, module=build.scorer.module, project=project, expected=expected
            ),
        )
    try:
        tree = _parse(read(files[module]))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        problem = f"{getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
        return (diagnostic("MOR322", place, file=module, problem=problem),)
    return _check_function(build, module, tree)


def _parse(source: bytes) -> ast.Module:
    """The module's tree. What Python would warn of is between the scorer and its author."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _check_function(build: Build, module: str, tree: ast.Module) -> tuple[Diagnostic, ...]:
    names = set(_names(tree))
    wanted = build.scorer.function
    if wanted in names or "*" in names:
        return ()
    near = suggest_name(wanted, sorted(names))
    hint = (
        f"did you mean `{near}`?"
        if near
        else "write `def score(sample, output)`, or name another with `task`"
    )
    key = "task" if build.places.has("task") else "task_module"
    return (diagnostic("MOR321", build.places.value(key), function=wanted, file=module, hint=hint),)


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
