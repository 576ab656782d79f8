"""Each fixtures/err/<case>/input is refused with exactly the text in diagnostics.txt."""

from __future__ import annotations

import pytest

from tests.fixture_cases import ERR, list_cases, mooring


@pytest.mark.parametrize("case", list_cases(ERR))
def test_case_is_refused_with_its_diagnostics(case: str) -> None:
    done = mooring("check", "input", cwd=ERR / case)
    assert done.stderr == (ERR / case / "diagnostics.txt").read_text("utf-8")
    assert done.stdout == ""
    only_remarks = " error[" not in done.stderr
    assert done.returncode == (0 if only_remarks else 2)
