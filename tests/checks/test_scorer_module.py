"""The scorer's module: where it is, that it parses, that it defines the function."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from compiler.checks.scorer_module import check_scorer_module, module_paths
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import help_of, message_of
from compiler.ir.project import Inputs, SourceFile
from tests.projects import task_of

GOOD = "def score(sample, output):\n    return 1.0\n"


def check(
    files: dict[str, str | bytes], changes: dict[str, Any] | None = None
) -> tuple[Diagnostic, ...]:
    build = task_of(changes)
    path = next((p for p in module_paths(build.scorer.module) if p in files), None)
    found = None if path is None else files[path]
    content = found.encode() if isinstance(found, str) else found
    inputs = Inputs(
        build=build,
        baseline=None,
        data=(),
        scorer=tuple(SourceFile(path=p, source=p, mode=0o644) for p in ("README.md", *files)),
        scorer_source=None if path is None or content is None else (path, content),
    )
    return tuple(check_scorer_module(inputs))


def only(files: dict[str, str | bytes], changes: dict[str, Any] | None = None) -> Diagnostic:
    (found,) = check(files, changes)
    return found


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "async def score(sample, output): ...\n",
        "from other import score\n",
        "from other import rate as score\n",
        "from other import *\n",
        "import score\n",
        "score = lambda sample, output: 1\n",
        "score: object = print\n",
        "(a, score) = 1, print\n",
        "class score: ...\n",
        "try:\n    from a import score\nexcept ImportError:\n    def score(s, o): return 0\n",
        "if True:\n    def score(s, o): return 0\n",
        "with open('x') as score: ...\n",
        "for score in []: ...\n",
        b"# -*- coding: latin-1 -*-\n# \xe9\ndef score(s, o): return 0\n",
        b"\xef\xbb\xbfdef score(s, o): return 0\n",
    ],
)
def test_sources_that_define_it(source: str | bytes) -> None:
    assert check({"scorer.py": source}) == ()


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def scores(sample, output): ...\n",
        "class Scorer:\n    def score(self, sample, output): ...\n",
        "def make():\n    def score(sample, output): ...\n    return score\n",
        "def make():\n    score = 1\n",
        "def make(score): ...\n",
        "x = [score for score in []]\n",
        "x = lambda: (score := 1)\n",
        "print(score)\n",
        "'def score(): ...'\n",
    ],
)
def test_sources_that_do_not(source: str) -> None:
    assert only({"scorer.py": source}).code == "MOR321"


def test_a_name_like_it_is_suggested() -> None:
    assert "`scores`" in help_of(only({"scorer.py": "def scores(a, b): ...\n"}))


def test_the_place_is_that_of_the_key_that_names_it() -> None:
    found = only({"scorer.py": GOOD}, {"task": "rate"})
    assert (found.span.line, found.span.column) == (12, 7)
    found = only({"scorer.py": ""})
    assert (found.span.line, found.span.column) == (8, 14)


@pytest.mark.parametrize(
    ("module", "path"),
    [("scorer", "scorer/__init__.py"), ("a.b", "a/b.py"), ("a.b", "a/b/__init__.py")],
)
def test_modules_in_packages(module: str, path: str) -> None:
    assert check({path: GOOD, "other.py": ""}, {"task_module": module}) == ()


@pytest.mark.parametrize("files", [{}, {"scorer.txt": GOOD}, {"a/scorer.py": GOOD}])
def test_a_module_that_is_not_there(files: dict[str, str | bytes]) -> None:
    found = only(files)
    assert found.code == "MOR320"
    assert "scorer.py" in help_of(found)


@pytest.mark.parametrize(
    "source",
    [
        "def score(:\n",
        "x = (\n",
        b"\0",
        b"# coding: nothing\n",
        b"\xff\n",
        "(" * 300,
        "-" * 100_000 + "1",
        "x." * 100_000 + "x",
        "a" + "[0]" * 50_000,
    ],
)
def test_sources_that_are_no_python(source: str | bytes) -> None:
    found = check({"scorer.py": source})
    assert [d.code for d in found] in (["MOR322"], ["MOR321"])
    assert all("\n" not in message_of(d) for d in found)


def test_the_line_of_an_error_is_said() -> None:
    assert "line 3" in message_of(only({"scorer.py": "a = 1\nb = 2\ndef score(:\n"}))


def test_warnings_about_the_source_are_not_ours() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert check({"scorer.py": "PATTERN = '\\d'\n1 is 1\n" + GOOD}) == ()
    assert not said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check({"scorer.py": "PATTERN = '\\d'\n1 is 1\n" + GOOD}) == ()
