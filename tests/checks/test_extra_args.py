"""MOR227: a flag that Mooring sets itself is refused in any spelling."""

from __future__ import annotations

import pytest

from compiler.checks.extra_args import CONTROLLED, check_extra_args, controlled_flag
from compiler.diagnostics.render_text import help_of
from tests.projects import keys, mode_b, render, task_of, understand

LONG = [flag for flag in CONTROLLED if flag.startswith("--")]
SHORT = [flag for flag in CONTROLLED if not flag.startswith("--")]


def with_args(*words: str) -> dict[str, object]:
    written = [word.replace("$", "$$") for word in words]
    return mode_b({"harbor": {"agent_import_path": "a:B", "extra_args": written}})


def test_there_are_flags() -> None:
    assert len(LONG) > 20
    assert all(len(flag) == 2 and flag[0] == "-" for flag in SHORT)
    assert all(CONTROLLED.values())


@pytest.mark.parametrize("flag", LONG)
@pytest.mark.parametrize("spelling", ["{}", "{}=x", "{}=", "{}=a=b", "{}=--debug"])
def test_long_flags(flag: str, spelling: str) -> None:
    assert controlled_flag(spelling.format(flag)) == flag


@pytest.mark.parametrize("flag", SHORT)
@pytest.mark.parametrize("spelling", ["{}", "{}x", "{}=x", "{}4", "{}y", "{}é", "{} x"])
def test_short_flags(flag: str, spelling: str) -> None:
    assert controlled_flag(spelling.format(flag)) == flag


@pytest.mark.parametrize("flag", ["--jobs", "--n-att", "--disable", "--registry-u", "--print"])
def test_abbreviations_that_can_only_mean_one(flag: str) -> None:
    assert controlled_flag(flag) in CONTROLLED
    assert controlled_flag(f"{flag}=x") in CONTROLLED


@pytest.mark.parametrize(
    "word",
    [
        "--debug", "--ak", "--agent-kwarg", "--agent-kwarg=a=b", "a=b", "x", "4", "", "agent",
        "--env-file", "--agent-env", "--ae=KEY=$VALUE", "--timeout-multiplier", "--cpus=2",
        "--override-memory-mb", "--agentx", "--modelling=1", "--", "-", "key=--agent", "n=-n",
    ],
)  # fmt: skip
def test_what_is_the_user_s_own(word: str) -> None:
    assert controlled_flag(word) is None


def test_each_is_told_in_its_place() -> None:
    changes = with_args("--debug", "--model=x", "y", "-n4")
    _, found = understand(changes)
    assert [(d.code, dict(d.params)["flag"]) for d in found] == [
        ("MOR227", "--model"), ("MOR227", "-n"),
    ]  # fmt: skip
    line = render(keys(changes)).splitlines()[found[0].span.line - 1]
    assert [d.span.column for d in found] == [
        line.index(f'"{w}"') + 1 for w in ("--model=x", "-n4")
    ]
    assert "harbor.model" in help_of(found[0])
    assert "max_concurrency" in help_of(found[1])
    assert understand(with_args("--debug"))[1] == ()


def test_mode_a_has_no_such_arguments() -> None:
    assert list(check_extra_args(task_of())) == []
