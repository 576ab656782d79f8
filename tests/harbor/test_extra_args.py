"""The flags that Mooring keeps for itself, held against Harbor's own options."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from compiler.checks.extra_args import CONTROLLED, controlled_flag

SCRIPT = Path(__file__).with_name("run_options.py")


@pytest.fixture(scope="module")
def options(harbor_python: Path) -> list[list[str]]:
    """The spellings of each option of `harbor run`."""
    done = subprocess.run(
        [harbor_python, SCRIPT],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str]] = json.loads(done.stdout)
    assert len(found) > 50
    return found


def test_each_flag_is_one_of_harbor_s(options: list[list[str]]) -> None:
    known = {spelling for spellings in options for spelling in spellings}
    assert sorted(set(CONTROLLED) - known) == []


def test_no_other_spelling_of_a_flag_is_left(options: list[list[str]]) -> None:
    for spellings in options:
        if any(spelling in CONTROLLED for spelling in spellings):
            free = [s for s in spellings if controlled_flag(s) is None and "enable" not in s]
            assert free == [], spellings


def test_letters_that_can_be_run_together_are_all_kept(options: list[list[str]]) -> None:
    """So that `-vq`, for one letter of ours behind another, cannot come about."""
    letters = [s for spellings in options for s in spellings if len(s) == 2]
    assert letters
    assert [letter for letter in letters if controlled_flag(letter) is None] == []
