"""baseline.tree prints paths as git does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.ir.git_objects import FILE, hash_object, tree_id
from compiler.ir.project import Baseline, TreeEntry
from compiler.targets.harbor.baseline_tree import quote_path, render_baseline_tree
from tests.git_oddities import FILES, make_odd_repository, run_git


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quoting")
    run_git(folder, "init", "--quiet", "--bare", "--template=", "--object-format=sha1", ".")
    return folder


def listed_by_git(repository: Path, paths: list[bytes]) -> list[str]:
    (repository / "index").unlink(missing_ok=True)
    blob = hash_object("blob", b"", "sha1").encode()
    lines = b"".join(b"100644 " + blob + b"\t" + path + b"\0" for path in paths)
    run_git(repository, "update-index", "-z", "--index-info", text=lines)
    tree = run_git(repository, "write-tree", "--missing-ok").decode().strip()
    listed = run_git(repository, "ls-tree", "-r", tree).decode("ascii").split("\n")[:-1]
    return [line.split("\t", 1)[1] for line in listed]


def test_every_byte_is_quoted_as_git_quotes_it(repository: Path) -> None:
    names = [b"x" + bytes([byte]) + b"y" for byte in range(1, 256) if byte != 0x2F]
    assert [quote_path(name) for name in sorted(names)] == listed_by_git(repository, names)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(min_size=1, max_size=12).map(lambda name: b"f" + name))
def test_any_name_is_quoted_as_git_quotes_it(repository: Path, name: bytes) -> None:
    name = name.replace(b"/", b"_").replace(b"\0", b"_")
    assert [quote_path(name)] == listed_by_git(repository, [name])


def test_the_list_is_git_s_own(tmp_path: Path) -> None:
    make_odd_repository(tmp_path / "odd")
    listed = run_git(tmp_path / "odd", "ls-tree", "-r", "HEAD").decode("ascii")
    order = run_git(tmp_path / "odd", "ls-tree", "-r", "-z", "--name-only", "HEAD").split(b"\0")
    entries = tuple(
        TreeEntry(
            mode=FILES[path].mode, blob=hash_object("blob", FILES[path].stored, "sha1"), path=path
        )
        for path in order[:-1]
    )
    baseline = Baseline(
        object_format="sha1",
        tree=tree_id(entries, "sha1"),
        commit="c" * 40,
        entries=entries,
        folder="",
        git_dir=None,
    )
    text = render_baseline_tree(baseline)
    head, body = text.split("\n", 2)[:2], text.split("\n", 2)[2]
    assert head == [f"# commit {'c' * 40}", f"# tree {baseline.tree}"]
    assert body == listed.replace(" blob ", " ")


def test_one_file_a_line() -> None:
    entry = TreeEntry(mode=FILE, blob="b" * 40, path=b"a\nb")
    baseline = Baseline(
        object_format="sha1", tree="t", commit="c", entries=(entry,), folder="", git_dir=None
    )
    assert render_baseline_tree(baseline).count("\n") == 3
