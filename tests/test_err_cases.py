"""Each fixtures/err/<case>/input is refused with exactly the text in diagnostics.txt."""

from __future__ import annotations

import pytest

from compiler.diagnostics.codes import CODES
from tests.commands import told
from tests.fixture_cases import ERR, diagnose, list_cases, mooring

# Codes without a case, and where they are tested.
WITHOUT_CASE = {
    "MOR319": "tests/edge/test_read_saved_dataset.py: a package is missing",
    "MOR332": "tests/test_explain.py: it is about a compiled folder, whose size is said as well",
    "MOR410": "tests/checks/test_trust_boundary.py: no input causes it",
    "MOR560": "tests/cli/test_launch_command.py: it is about a file of the user's",
}


def _code(case: str) -> str:
    return case.partition("-")[0]


@pytest.mark.parametrize("case", list_cases(ERR))
def test_case_is_refused_with_its_diagnostics(case: str) -> None:
    said, code = diagnose(ERR / case)
    assert said == (ERR / case / "diagnostics.txt").read_text("utf-8")
    found = told(said)
    assert _code(case) in found
    assert code == (2 if "error" in found.values() else 0)


def test_each_code_has_a_case() -> None:
    cases = {_code(case) for case in list_cases(ERR)}
    assert sorted(cases) == sorted(CODES.keys() - WITHOUT_CASE.keys())


def test_the_command_itself_says_the_same() -> None:
    done = mooring("check", ERR / "MOR110-five-typos" / "input")
    assert (done.stdout, done.returncode) == ("", 2)
    assert set(told(done.stderr)) == {"MOR110"}
