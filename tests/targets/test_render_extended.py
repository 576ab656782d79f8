"""A user's own template: it may extend what is built in, and reaches nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.render_text import message_of
from compiler.output.file_set import Made
from compiler.targets.harbor.instruction import BUILT_IN, instruction_values
from compiler.targets.render_template import TemplateProblem, render_extended, render_template
from tests.projects import compiled_of, read, task_of, write_project

BLOCKS = ("task", "agent", "evaluate", "selection", "notes")
EXTENDS = '{% extends "instruction.md" %}'


def render(text: str, **values: object) -> str:
    given = {**instruction_values(task_of()), **values}
    return render_extended(text, {"instruction.md": BUILT_IN}, given)


def built_in() -> str:
    return render_template(BUILT_IN, **instruction_values(task_of()))


def test_extending_without_a_change_changes_nothing() -> None:
    assert render(EXTENDS) == built_in()
    assert render('{% include "instruction.md" %}') == built_in()


@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_can_be_replaced(block: str) -> None:
    text = render(f"{EXTENDS}{{% block {block} %}}MINE{{% endblock %}}")
    assert text.count("MINE") == 1
    if block != "notes":
        assert len(text) < len(built_in())


@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_can_be_added_to(block: str) -> None:
    text = render(f"{EXTENDS}{{% block {block} %}}{{{{ super() }}}}MINE{{% endblock %}}")
    assert text.replace("MINE", "").strip() == built_in().strip()


def test_it_need_not_extend_anything() -> None:
    assert render("{{ name }}: {{ splits[0].name }}\n") == "org/small: train\n"


def test_values_are_not_filled_again() -> None:
    assert render("{{ description }}", description="{{ name }}{% raw %}") == "{{ name }}{% raw %}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__ }}", "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].environ }}", "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s'|attr('__class__') }}", "{{ []|attr('__class__') }}", "{{ splits.append(1) }}",
        "{{ splits[0].update(name='x') }}", "{{ splits.clear() }}", "{{ (1).__add__(2) }}",
        "{{ namespace.__init__.__globals__ }}", "{{ joiner.__init__.__builtins__ }}",
        "{% for f in (lipsum, )|map(attribute='__globals__') %}{{ f }}{% endfor %}",
        "{{ range.__self__ }}", "{{ dict.__bases__ }}", "{{ render_extended }}",
        "{{ '{x.__class__}'.format_map({'x': 1}) }}",
    ],
)  # fmt: skip
def test_no_attribute_leads_out(text: str) -> None:
    with pytest.raises(TemplateProblem):
        render(text)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../../../etc/passwd", "harbor/test.sh.j2", "harbor/instruction.md.j2",
        "instruction.md.j2", "", ".", "docker/main.Dockerfile.j2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["include", "extends", "import"])
def test_no_other_file_is_read(tag: str, name: str) -> None:
    more = " as x" if tag == "import" else ""
    with pytest.raises(TemplateProblem):
        render(f"{{% {tag} {name!r}{more} %}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% block %}", "line 1"), ("\n\n{{ a b }}", "line 3"), ("{{ nothing }}", "nothing"),
        ("{{ name.nothing }}", "nothing"), ("{% endblock %}", "endblock"), ("{{", "line 1"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"), ("{{ 'a' + 1 }}", "TypeError"),
        ("{{ name|nothing }}", "nothing"), ("{% nothing %}", "nothing"), ("{{ [][1] }}", "."),
        ("{{ range(10 ** 9)|list }}", "OverflowError"), ("{{ 'x' * 10 ** 14 }}", "MemoryError"),
        ("{{ 'x' * 10 ** 30 }}", "OverflowError"), ("{{ name() }}", "."),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "."), ("{{ '%d' % 'a' }}", "."),
        ("{% for a, b in [1] %}{% endfor %}", "."),
    ],
)  # fmt: skip
def test_what_cannot_be_filled_says_why(text: str, said: str) -> None:
    with pytest.raises(TemplateProblem, match=said):
        render(text)


# In a whole project.


def with_template(folder: Path, text: str | bytes) -> Path:
    changes: dict[str, Any] = {"instruction_template": "mine.md.j2"}
    build_file = write_project(folder, changes)
    data = text.encode() if isinstance(text, str) else text
    (folder / "mine.md.j2").write_bytes(data)
    return build_file


def test_the_instruction_is_what_the_template_gives(tmp_path: Path) -> None:
    files = compiled_of(with_template(tmp_path, f"\n\n{EXTENDS}\n")).files
    plain = compiled_of(write_project(tmp_path / "plain")).files
    content = files["instruction.md"].content
    assert content == plain["instruction.md"].content
    assert isinstance(content, Made)


@pytest.mark.parametrize("text", ["{{ nothing }}", "{% block %}", b"\xff", "{{ 'x' * 10 ** 14 }}"])
def test_a_template_that_cannot_be_used_is_a_complaint(tmp_path: Path, text: str | bytes) -> None:
    (only,) = read(with_template(tmp_path, text))[1]
    assert (only.code, only.span.line) == ("MOR330", 12)
    assert "mine.md.j2" in message_of(only)


def test_an_empty_template_is_an_empty_instruction(tmp_path: Path) -> None:
    content = compiled_of(with_template(tmp_path, "")).files["instruction.md"].content
    assert content == Made(b"\n")
