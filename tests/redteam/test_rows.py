"""docs/security.md against the tests: what it names is there, and every row has attempts."""

from __future__ import annotations

import re
from pathlib import Path

from tests.redteam import test_agent, test_bundles, test_candidate, test_http

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the table whose first column has that title."""
    _, _, table = TEXT.partition(f"| {title} |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_row_has_tests_that_are_there() -> None:
    named = [re.findall(r"`(tests/[^`]+)`", tests) for _, tests in rows("row")]
    assert len(named) == len(rows("asset")) > 8
    for paths in named:
        assert any(path.startswith(("tests/redteam/", "tests/docker/")) for path in paths)
        assert all((ROOT / path).is_file() for path in paths)


def test_no_attack_is_left_out() -> None:
    modules = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert modules - {Path(__file__).name} <= set(re.findall(r"tests/redteam/([a-z_.]+)", TEXT))


def test_there_are_many_attempts() -> None:
    """Those alone that are lists, each by its name."""
    lists = (
        test_agent.ATTEMPTS,
        (*test_candidate.REPORTING, *test_candidate.SCORING),
        test_bundles.HOSTILE,
        test_http.WIRES,
    )
    names = [{str(attempt) for attempt in attempts} for attempts in lists]
    assert [len(each) for each in names] == [len(each) for each in lists]
    assert sum(map(len, names)) >= 100
