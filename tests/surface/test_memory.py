"""Amounts of memory, and numbers that are text to whoever reads them."""

from __future__ import annotations

from typing import Any

import pytest

from compiler import pipeline
from compiler.ir.build import ModeA
from compiler.surface.memory import LEAST, MOST, parse_memory
from tests import projects


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (LEAST, LEAST), ("6m", LEAST), ("6M", LEAST), ("6144k", LEAST), ("6291456", LEAST),
        ("6291456b", LEAST), ("1g", 2**30), ("1048576g", MOST), (MOST, MOST), ("512m", 2**29),
    ],
)  # fmt: skip
def test_forms(written: int | str, size: int) -> None:
    assert parse_memory(written) == size
    build = projects.task_of({"resources": {"runner": {"memory": written}}})
    assert build.runner.resources.memory == size


@pytest.mark.parametrize(
    "written",
    [
        0, 1, LEAST - 1, MOST + 1, 10**40, -1, 1.5, "1b", "6143k", "5m", "1048577g", "9" * 16 + "g",
        "9" * 5000, "0g", "-1g", "1.5g", "1 g", "1gb", "g", "", "1t", "0x10", "1g\n", "١g", True,
        None, [], {},
    ],
)  # fmt: skip
def test_what_is_no_amount_is_one_complaint_in_its_place(written: Any) -> None:
    changes = {"resources": {"runner": {"memory": written}}}
    _, found = projects.understand(changes)
    (only,) = found
    assert only.code in ("MOR112", "MOR114", "MOR115")
    line = projects.line_of(projects.keys(changes), "resources")
    assert (only.span.line, only.span.column) == (
        line,
        len('resources: {"runner": {"memory": ') + 1,
    )


@pytest.mark.parametrize(
    ("cpus", "fits"),
    [(0.01, True), (1, True), (1024, True), (0.009, False), (0, False), (-1, False)],
)
def test_processors(cpus: float, fits: bool) -> None:
    _, found = projects.understand({"resources": {"main": {"cpus": cpus}}})
    assert projects.codes(found) == ["MOR115"] * (not fits)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("3.10", "3.10"), ("007", "007"), ("1e3", "1e3"), ("0x10", "0x10"), ("-0", "-0"),
        ("1.0", "1.0"), ("true", "true"), ("True", "true"), ("'3.10'", "3.10"), ("a", "a"),
        ("9" * 400, "9" * 400), ("${V}", "3.10"), ("${V:-2.20}", "3.10"), ("${W:-2.20}", "2.20"),
        ("x${V}", "x3.10"), ("'${V}'", "3.10"), ("&a 3.10", "3.10"),
    ],
)  # fmt: skip
def test_a_variable_s_value_is_the_text_that_was_written(written: str, text: str) -> None:
    build_file = projects.render(projects.keys({"params": {"V": "3.10", "W": ""}}))
    data = f"{build_file}agent_env:\n  A: {written}\n".encode()
    build, _, found = pipeline.understand(data, "build.yaml", {})
    assert isinstance(build, ModeA), found
    assert build.workbench.variables == (("A", text),)
