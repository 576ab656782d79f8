"""The house of the design: imports run one way, and I/O stays at the edges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "compiler"

# Who may import whom: a room to the rooms that it may use beside itself.
MAY_IMPORT = {
    "contracts": set(),
    "resources": set(),
    "diagnostics": set(),
    "source": {"diagnostics"},
    "surface": {"diagnostics", "resources", "source"},
    "ir": {"contracts", "diagnostics", "source", "surface"},
    "passes": {"contracts", "diagnostics", "ir", "source", "surface"},
    "checks": {"contracts", "diagnostics", "ir", "source", "surface", "resources"},
    "output": {"contracts", "ir"},
    "targets": {"contracts", "diagnostics", "ir", "output", "passes", "resources"},
    "pipeline": {"checks", "diagnostics", "ir", "output", "passes", "source", "surface", "targets"},
    "edge": {
        "checks", "contracts", "diagnostics", "ir", "output", "passes", "resources", "source",
        "surface",
    },
    "cli": {
        "checks", "contracts", "diagnostics", "edge", "ir", "output", "pipeline", "resources",
        "runtime", "source", "surface", "targets",
    },
    "runtime": set(),
    "__main__": {"cli"},
}  # fmt: skip
EFFECTFUL_ROOMS = {"edge", "cli", "resources", "runtime", "__main__"}
EFFECTFUL_MODULES = {
    "asyncio", "fcntl", "glob", "http", "os", "pathlib", "requests", "shutil", "signal", "socket",
    "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib", "git", "random", "secrets",
}  # fmt: skip
EFFECTFUL_CALLS = {"open", "print", "input", "exit", "breakpoint"}
STANDARD_LIBRARY_PARTS = {"baseline", "client", "launcher", "report", "runner", "supervisor"}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> list[str]:
    """Absolute names of what a module imports, anywhere in it."""
    names: list[str] = []
    package = ["compiler", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            tail = [node.module] if node.module else [alias.name for alias in node.names]
            names.extend(".".join([*base, name]) for name in tail)
        elif isinstance(node, ast.ImportFrom) and node.module == "compiler":
            names.extend(f"compiler.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names


def violations(path: Path) -> list[str]:
    room = room_of(path)
    if room == "__init__":
        return []
    found = []
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "compiler" and len(parts) > 1:
            target = parts[1]
            if target != room and target not in MAY_IMPORT[room]:
                found.append(f"{room} imports {name}")
        elif parts[0] in EFFECTFUL_MODULES and room not in EFFECTFUL_ROOMS:
            found.append(f"{room} imports {name}: effects belong to the edge")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    assert violations(path) == []


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_effects_stay_at_the_edge(path: Path) -> None:
    if room_of(path) in EFFECTFUL_ROOMS:
        return
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert not EFFECTFUL_CALLS.intersection(calls)


def test_the_rules_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "ir").mkdir()
    wrong = tmp_path / "ir" / "wrong.py"
    wrong.write_text("import os\nfrom compiler.edge import git\nfrom ..cli import main\n")
    assert len(violations(wrong)) == 3
    (tmp_path / "runtime" / "runner").mkdir(parents=True)
    leaning = tmp_path / "runtime" / "runner" / "x.py"
    leaning.write_text("from compiler import contracts\nfrom ...ir import build\n")
    assert len(violations(leaning)) == 2


def test_only_the_command_line_prints_and_exits() -> None:
    for path in modules():
        if room_of(path) in {"cli", "runtime", "__main__"}:
            continue
        text = path.read_text("utf-8")
        assert "sys.exit" not in text, path
        assert "print(" not in text, path


@pytest.mark.parametrize("part", sorted(STANDARD_LIBRARY_PARTS))
def test_parts_that_run_anywhere_need_the_standard_library_alone(part: str) -> None:
    import sys

    for path in sorted((PACKAGE / "runtime" / part).rglob("*.py")):
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots <= {*sys.stdlib_module_names, "compiler"}, path


def test_parts_of_the_runtime_are_apart() -> None:
    """Each part is copied alone; what they share is the wire's framing and what is about it."""
    shared = {
        "evaluator": {"baseline", "nested", "runner"},
        "nested": {"runner"},
        "agent": {"runner"},
    }
    for path in sorted((PACKAGE / "runtime").rglob("*.py")):
        parts = path.relative_to(PACKAGE / "runtime").parts
        for name in imported(path):
            words = name.split(".")
            if words[:2] != ["compiler", "runtime"] or len(words) < 3 or words[2] == parts[0]:
                continue
            assert words[2] in shared.get(parts[0], set()), f"{path} imports {name}"


def test_the_pipeline_is_short() -> None:
    assert len((PACKAGE / "pipeline.py").read_text("utf-8").splitlines()) <= 100


def test_modules_and_functions_stay_small() -> None:
    for path in modules():
        text = path.read_text("utf-8")
        assert text.count("\n") <= 600, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 80, f"{path}: {node.name}"
