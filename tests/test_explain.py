"""Each code has a page, and the examples on it do what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from compiler.diagnostics.codes import CODES
from tests.commands import call_mooring, told
from tests.pages import PAGES, read_page, write_example

# Codes that no project can cause, with the test that does.
WITHOUT_EXAMPLE = {
    "MOR319": "edge/test_read_saved_dataset.py",
    "MOR325": "edge/test_read_saved_dataset.py",
    "MOR410": "checks/test_trust_boundary.py",
    "MOR560": "cli/test_launch_command.py",
}
EXAMPLES = [code for code in CODES if code not in WITHOUT_EXAMPLE]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be the project, with room beside it; commands run in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert sorted(path.name for path in PAGES.iterdir()) == sorted(f"{code}.md" for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_the_page_says_what_it_is_and_what_it_means(code: str) -> None:
    page = read_page(code)
    assert re.fullmatch(rf"# {code}: [^.]+", page.title)
    sentences = re.findall(r"[.?](?= |$)", page.prose, re.MULTILINE)
    assert 2 <= len(sentences) <= 6
    wanted = [] if code in WITHOUT_EXAMPLE else ["Wrong", "Mended"]
    assert list(page.examples) == wanted


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_wrong_example_gives_the_code(code: str, project: Path) -> None:
    example = read_page(code).examples["Wrong"]
    write_example(example, project)
    assert set(told(call_mooring(example.arguments).stderr)) == {code, *example.also}


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_mended_example_has_no_errors(code: str, project: Path) -> None:
    example = read_page(code).examples["Mended"]
    write_example(example, project)
    found = told(call_mooring(example.arguments).stderr)
    assert code not in found
    assert "error" not in found.values()


@pytest.mark.parametrize("code", WITHOUT_EXAMPLE)
def test_a_code_without_example_has_a_test_of_its_own(code: str) -> None:
    path = Path(__file__).parent / WITHOUT_EXAMPLE[code]
    assert code in path.read_text("utf-8")


@pytest.mark.parametrize("asked", ["MOR110", "mor110"])
def test_explain_prints_the_page(asked: str) -> None:
    assert call_mooring(("explain", asked)).stdout == (PAGES / "MOR110.md").read_text("utf-8")


def test_explain_lists_all_codes() -> None:
    lines = call_mooring(("explain",)).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(CODES)


def test_a_command_prints_one_json_document(project: Path) -> None:
    """What is found of the output is told with the rest."""
    example = read_page("MOR332").examples["Wrong"]
    write_example(example, project)
    told_as_json = call_mooring((*example.arguments, "--format", "json")).stdout
    assert [d["code"] for d in json.loads(told_as_json)["diagnostics"]] == ["MOR332"]
