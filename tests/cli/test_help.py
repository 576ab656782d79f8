"""Help texts, as people read them, and what is said to a misspelt word."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from syrupy.assertion import SnapshotAssertion

from compiler.cli.main import group
from tests.cli.conftest import Mooring

COMMANDS = group.list_commands(None)  # type: ignore[arg-type]


def help_of(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(group, [*words, "--help"], prog_name="mooring")
    assert result.exit_code == 0
    return result.output


def test_help(snapshot: SnapshotAssertion) -> None:
    assert help_of() == snapshot


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str, snapshot: SnapshotAssertion) -> None:
    assert help_of(command) == snapshot


@pytest.mark.parametrize("command", [[], *([c] for c in COMMANDS)], ids=["", *COMMANDS])
def test_help_fits_a_terminal(command: list[str]) -> None:
    examples = ("    bash ", "    zsh ", "    fish ")
    lines = [line for line in help_of(*command).splitlines() if not line.startswith(examples)]
    assert max(map(len, lines)) <= 80


def test_short_help_is_help(mooring: Mooring) -> None:
    assert mooring("-h") == mooring("--help")
    assert mooring("compile", "-h").out == mooring("compile", "--help").out


def test_the_version(mooring: Mooring) -> None:
    ended = mooring("--version")
    assert (ended.code, ended.out.split()[0]) == (0, "mooring")


def test_without_a_command_there_is_help(mooring: Mooring) -> None:
    ended = mooring()
    assert ended.code == 2
    assert "Commands:" in ended.out + ended.err


@pytest.mark.parametrize(
    ("word", "meant"), [("complie", "compile"), ("chek", "check"), ("dif", "diff"), ("Run", "run")]
)
def test_a_misspelt_command(mooring: Mooring, word: str, meant: str) -> None:
    ended = mooring(word, "x")
    assert ended.code == 2
    assert f"Did you mean `{meant}`?" in ended.err


def test_a_command_unlike_any(mooring: Mooring) -> None:
    ended = mooring("zzz")
    assert ended.code == 2
    assert "compile, check" in ended.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["compile", "x", "--outptu", "y"], "--output"),
        (["compile", "x", "-o", "y", "--chek"], "--check"),
        (["check", "x", "--parm", "A=1"], "--param"),
    ],
)
def test_a_misspelt_option(mooring: Mooring, words: list[str], meant: str) -> None:
    ended = mooring(*words)
    assert ended.code == 2
    assert meant in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["compile", "x"],
        ["compile", "-o", "y"],
        ["compile", "x", "y", "-o", "z"],
        ["compile", "x", "-o", "y", "--check", "--force"],
        ["check"],
        ["check", "x", "--param", "A"],
        ["check", "x", "--param", "=1"],
        ["check", "x", "--param"],
        ["check", "x", "--format", "xml"],
        ["run", "x"],
    ],
)
def test_a_wrong_command_line(mooring: Mooring, words: list[str]) -> None:
    ended = mooring(*words)
    assert ended.code == 2
    assert ended.err.startswith(("Usage: mooring", "Error: Option"))
    assert ended.out == ""
