"""Dockerfiles: no string of the user's adds an instruction, and the linter has nothing to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.ir.project import Project
from compiler.targets.dockerfile.quote import exec_form
from compiler.targets.dockerfile.render import (
    render_evaluator,
    render_ignore,
    render_main,
    render_runner,
)
from tests.projects import project_of, write_project

INSTRUCTIONS = {"FROM", "SHELL", "RUN", "COPY", "USER", "WORKDIR", "CMD"}
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions(text: str) -> list[str]:
    """The first words of a Dockerfile's logical lines; a backslash continues a line."""
    words, continued = [], False
    for line in text.split("\n"):
        if not continued and line and not line.startswith("#"):
            words.append(line.split(" ")[0])
        continued = line.endswith("\\") or (continued and line.startswith("#"))
    return words


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_an_argv_comes_back_from_one_line(argv: list[str]) -> None:
    text = exec_form(argv)
    assert json.loads(text) == argv
    assert text.isascii()
    assert "\n" not in text
    assert "\r" not in text
    assert "<" not in text
    assert text.startswith("[")
    assert text.endswith("]")


HOSTILE = [
    "a\nRUN evil", "a\\", "\\", "a \\\nUSER root", "<<EOF", "EOF", "$HOME", "${HOME}", "`id`",
    '"', "'", "]", "], [", "# a", "--mount=x", "\x00", "\u2028RUN evil", "\r\nRUN evil", "\x85",
    "{{ x }}", "{% raw %}", "é😀", "ONBUILD", "x" * 1000,
]  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Project:
    build = [["echo", text] for text in HOSTILE if "\0" not in text]
    changes = {"runner": {"build": json.loads(json.dumps(build).replace("$", "$$"))}}
    return project_of(write_project(tmp_path, changes))


def test_no_argument_adds_an_instruction(hostile: Project, tmp_path: Path) -> None:
    text = render_runner(hostile)
    plain = render_runner(
        project_of(write_project(tmp_path / "plain", {"runner": {"build": [["x"]]}}))
    )
    added = instructions(text)[:]
    for word in instructions(plain):
        added.remove(word)
    assert added == ["RUN"] * (len(HOSTILE) - 2)
    assert set(instructions(text)) <= INSTRUCTIONS
    lines = [line for line in text.split("\n") if line.startswith("RUN [")]
    assert [json.loads(line.removeprefix("RUN "))[1] for line in lines] == [
        t for t in HOSTILE if "\0" not in t
    ]


CHANGES: dict[str, dict[str, Any]] = {
    "small": {},
    "packages": {
        "packages": ["jq", "git=1:2.47.3-0+deb13u1", "g++"],
        "runner": {"packages": ["gcc"], "build": [["make", "-j2"], ["sh", "-c", 'echo "$$X"']]},
        "scorer_requirements": "requirements.txt",
        "base_image_main": "registry.example:5000/base/python:3.13@sha256:" + "0" * 64,
    },
}


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("render", [render_main, render_evaluator, render_runner])
def test_hadolint_has_nothing_to_say(tmp_path: Path, case: str, render: Any) -> None:
    (tmp_path / "requirements.txt").write_text("x==1\n")
    project = project_of(write_project(tmp_path, CHANGES[case]))
    done = subprocess.run(
        [HADOLINT, "--no-color", "--failure-threshold=warning", "-"],
        input=render(project).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_hadolint_would_say_something() -> None:
    done = subprocess.run(
        [HADOLINT, "--failure-threshold=warning", "-"],
        input=b"FROM x\nRUN cd /\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0


@pytest.mark.parametrize("render", [render_main, render_evaluator, render_runner])
def test_one_image_and_no_secret(tmp_path: Path, render: Any) -> None:
    text = render(project_of(write_project(tmp_path, {"secrets": ["HIDDEN_KEY"]})))
    assert instructions(text).count("FROM") == 1
    assert set(instructions(text)) <= INSTRUCTIONS
    assert "HIDDEN_KEY" not in text
    assert text.endswith("\n")


def test_labels_enter_the_evaluator_s_image_alone(tmp_path: Path) -> None:
    project = project_of(write_project(tmp_path))
    assert "evaluator/data" in render_evaluator(project)
    for render in (render_main, render_runner):
        assert "evaluator" not in render(project).replace("evaluator's", "")
        assert "data" not in render(project)


def test_an_ignore_file_lets_in_what_it_names() -> None:
    assert render_ignore("a", "b/c") == "*\n!a\n!b/c\n"
