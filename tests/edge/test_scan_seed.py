"""What stands in the seed and should not: hidden text, pointers, links that leave."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import message_of
from compiler.edge.archive import Tars
from compiler.edge.scan_seed import scan_seed
from compiler.ir.git_objects import LINK, hash_object
from compiler.ir.project import Baseline, TreeEntry
from compiler.passes.hidden_text import HiddenText
from tests.git_oddities import run_git
from tests.projects import read, task_of, write_build, write_project, write_rows

HIDDEN = "the answer that nobody may see"
SEEN = "a question that everybody sees"


def project_with(folder: Path, files: dict[str, str | bytes], **changes: Any) -> Path:
    """A project whose hidden splits have HIDDEN and whose visible split has SEEN."""
    write_project(folder)
    for split, text in (("test", HIDDEN), ("validation", "unlike it"), ("train", SEEN)):
        write_rows(folder, split, [{"question": text, "n": i} for i in range(6)])
    for path, content in files.items():
        (folder / "agent" / path).parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / "agent" / path).write_bytes(data)
    return write_build(folder, changes)


def leaks(build_file: Path) -> list[str]:
    """Where hidden text was found, as the complaints say it."""
    return [message_of(d).split("`")[1] for d in read(build_file)[1] if d.code == "MOR403"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (HIDDEN, 1),
        (f"\n\n# {HIDDEN}!\n", 3),
        (json.dumps({"x": HIDDEN}), 1),
        (b"\0\xff" + HIDDEN.encode() + b"\xfe", 1),
        ("x" * 100_000 + "\n" + HIDDEN, 2),
    ],
)
def test_hidden_text_is_found_with_its_line(
    tmp_path: Path, content: str | bytes, line: int
) -> None:
    build_file = project_with(tmp_path, {"notes/a.txt": content})
    assert leaks(build_file) == [f"notes/a.txt:{line}"]


def test_a_row_is_found(tmp_path: Path) -> None:
    row = json.dumps({"question": "unlike it", "n": 3})
    assert leaks(project_with(tmp_path, {"a.jsonl": f"{{}}\n{row}\n"})) == ["a.jsonl:2"]


def test_the_complaint_stands_at_the_sample(tmp_path: Path) -> None:
    _, found = read(project_with(tmp_path, {"a": HIDDEN}))
    (only,) = found
    assert (only.span.file, only.span.line) == (str(tmp_path / "data" / "test.jsonl"), 1)


@pytest.mark.parametrize("text", [SEEN, "the answer that nobody", "nothing", ""])
def test_what_is_no_secret_is_left_alone(tmp_path: Path, text: str) -> None:
    assert read(project_with(tmp_path, {"a.txt": text}))[1] == ()


def test_names_of_files_and_targets_of_links_are_looked_at(tmp_path: Path) -> None:
    build_file = project_with(tmp_path, {f"{HIDDEN}/x": "x"})
    (tmp_path / "agent" / "link").symlink_to(HIDDEN)
    assert leaks(build_file) == ["link:1", f"{HIDDEN}/x"]


def test_a_text_that_is_in_many_files_is_told_of_twenty(tmp_path: Path) -> None:
    assert len(leaks(project_with(tmp_path, {f"{i:03}": HIDDEN for i in range(50)}))) == 20


def test_ignored_files_are_not_looked_at(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {".gitignore": "/notes\n", "notes": HIDDEN}
    assert read(project_with(tmp_path, files))[1] == ()


def test_committed_files_are_looked_at(tmp_path: Path) -> None:
    build_file = project_with(tmp_path, {"a.txt": f"\n{HIDDEN}\n"})
    agent = tmp_path / "agent"
    run_git(agent, "init", "--quiet", "--template=")
    run_git(agent, "add", "--all")
    run_git(agent, "commit", "--quiet", "--message=x")
    (agent / "a.txt").write_text("mended, but not in the commit\n")
    assert leaks(build_file) == ["a.txt:2"]


def test_overlays_are_looked_at(tmp_path: Path) -> None:
    overlays = [{"source": "extra", "dest": "lib/x"}]
    build_file = project_with(tmp_path, {}, overlays=overlays)
    (tmp_path / "extra").write_text(HIDDEN)
    assert leaks(build_file) == ["lib/x:1"]


# Pointers and links.


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "MOR308"),
        ("the version https://git-lfs.github.com/spec/v1\n", None),
    ],
)
def test_a_pointer_of_lfs(tmp_path: Path, content: str, code: str | None) -> None:
    _, found = read(project_with(tmp_path, {"big.bin": content}))
    assert [d.code for d in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("a", "/etc/passwd", True), ("a", "..", True), ("a", "../x", True),
        ("a", "b/../../x", True),
        ("a/b", "../..", True), ("a/b", "../../x/a", True), ("a", "b", False), ("a/b", "..", False),
        ("a/b", "../c", False), ("a/b/c", "../../d", False), ("a", "nowhere", False),
        ("a", "./b/.", False), ("a", "b//c", False), ("a", "..b", False), ("a", "b/..", False),
    ],
)  # fmt: skip
def test_a_link_that_leaves(tmp_path: Path, path: str, target: str, leaves: bool) -> None:
    source = tmp_path / "link"
    source.symlink_to(target)
    codes = [d.code for d in scan(source, path)]
    assert codes == ["MOR309"] * leaves


def scan(source: Path, path: str) -> tuple[Diagnostic, ...]:
    entry = TreeEntry(
        mode=LINK,
        blob=hash_object("blob", os.readlink(os.fsencode(source)), "sha1"),
        path=path.encode(),
        source=str(source).encode(),
    )
    baseline = Baseline(
        object_format="sha1", tree="", commit="", entries=(entry,), folder="", git_dir=None
    )
    scanned, found = scan_seed(task_of(), baseline, HiddenText(), Tars())
    assert scanned.archive is not None
    assert scanned.archive.file is None
    return found
