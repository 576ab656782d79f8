"""docs/agents.md against the code: commands, options, exit codes and words of errors."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from compiler.runtime.client import api
from compiler.runtime.client.cli import COMMANDS
from compiler.runtime.client.errors import REFUSED, USAGE, WORLD
from compiler.runtime.evaluator.app import STATUS
from compiler.runtime.evaluator.results import DETAILS, RESULT

TEXT = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()
# What only a client that does not keep to the API, or another path of it, can meet.
NOT_MET = {"bad_body", "bad_query", "not_found", "no_finalization"}
WORDS = TEXT[TEXT.index("Words that an error") : TEXT.index("## A job")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_each_command_and_option_is_there(command: object) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    options = [name for action in parser._actions for name in action.option_strings]
    assert f"`mooring {command.NAME}" in TEXT  # type: ignore[attr-defined]
    for name in options:
        assert name in TEXT or name == "-h" or name == "--help"


@pytest.mark.parametrize("word", sorted(set(STATUS) - NOT_MET))
def test_each_word_of_the_evaluator_is_there_under_its_exit_code(word: str) -> None:
    code = api.Answered(STATUS[word], word, "").code
    parts = dict(zip((USAGE, WORLD, REFUSED), WORDS.split(";"), strict=False))
    assert f"`{word}`" in parts[code]


def test_each_file_is_there() -> None:
    for name in (RESULT, DETAILS):
        assert f"<job>/{name}" in TEXT
