"""Overlays: the later wins, and no file stands where a folder is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.ir.build import Overlay
from compiler.ir.project import TreeEntry
from compiler.passes.overlay import lay_over
from tests.projects import codes, task_of

SOURCES = [{"source": f"s{i}", "dest": f"d{i}"} for i in range(3)]
BUILD = task_of({"overlays": SOURCES})


def entry(path: str, content: str = "", *, overlay: bool = False) -> TreeEntry:
    return TreeEntry(mode="100644", blob=content, path=path.encode(), overlay=overlay)


def lay(
    files: dict[str, str], *overlays: dict[str, str]
) -> tuple[dict[str, str], list[str], list[str]]:
    """What results, path to content in their order, the codes, and the paths complained about."""
    laid = [
        (BUILD.seed.overlays[i], tuple(entry(p, c, overlay=True) for p, c in files.items()))
        for i, files in enumerate(overlays)
    ]
    entries, found = lay_over(BUILD, tuple(entry(p, c) for p, c in files.items()), laid)
    return (
        {e.path.decode(): e.blob for e in entries},
        codes(found),
        [str(dict(d.params)["path"]) for d in found],
    )


def test_without_overlays_nothing_changes() -> None:
    assert lay({"a": "1", "b/c": "2"}) == ({"a": "1", "b/c": "2"}, [], [])


def test_the_later_wins() -> None:
    files, found, _ = lay({"a": "0", "b": "0", "c": "0"}, {"b": "1", "c": "1"}, {"c": "2"})
    assert files == {"a": "0", "b": "1", "c": "2"}
    assert found == []


def test_entries_know_where_they_come_from() -> None:
    entries, _ = lay_over(
        BUILD,
        (entry("a"), entry("b")),
        [(BUILD.seed.overlays[0], (entry("b", "1", overlay=True),))],
    )
    assert [(e.path, e.overlay) for e in entries] == [(b"a", False), (b"b", True)]


def test_the_order_is_that_of_git() -> None:
    files, _, _ = lay({"a/b": "", "b": ""}, {"a.b": "", "a0": "", "a-b/c": "", "é": "", "B": ""})
    assert list(files) == ["B", "a-b/c", "a.b", "a/b", "a0", "b", "é"]


@pytest.mark.parametrize(
    ("files", "overlay", "path"),
    [
        ({"a": ""}, {"a/b": ""}, "a"),
        ({"a/b": ""}, {"a": ""}, "a"),
        ({"a/b/c": ""}, {"a/b": ""}, "a/b"),
        ({"a/b": ""}, {"a/b/c/d": ""}, "a/b"),
    ],
)
def test_a_file_for_a_folder(files: dict[str, str], overlay: dict[str, str], path: str) -> None:
    left, found, paths = lay(files, overlay)
    assert (left, found, paths) == (files, ["MOR333"], [path])


def test_overlays_clash_with_each_other_too() -> None:
    files, found, _ = lay({"x": ""}, {"a": "1"}, {"a/b": "2"}, {"x": "3"})
    assert (files, found) == ({"a": "1", "x": "3"}, ["MOR333"])


def test_the_complaint_is_about_the_place() -> None:
    laid: list[tuple[Overlay, tuple[TreeEntry, ...]]] = [
        (BUILD.seed.overlays[1], (entry("a/b", overlay=True),))
    ]
    _, (only,) = lay_over(BUILD, (entry("a"),), laid)
    assert only.span == BUILD.places.value("overlays", 1, "dest")


PATHS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.sampled_from("012"), max_size=4)


def is_tree(paths: set[str]) -> bool:
    """True when no path is also the folder of another."""
    return not any(other.startswith(path + "/") for path in paths for other in paths)


@settings(deadline=None)
@given(
    files=TREES.filter(lambda files: is_tree(set(files))),
    overlays=st.lists(TREES.filter(lambda files: is_tree(set(files))), max_size=3),
)
def test_what_results_is_always_a_tree(
    files: dict[str, str], overlays: list[dict[str, str]]
) -> None:
    wanted = dict(files)
    clashes = 0
    for overlay in overlays:
        if is_tree({*wanted, *overlay}):
            wanted.update(overlay)
        else:
            clashes += 1
    left, found, _ = lay(files, *overlays)
    assert left == wanted
    assert found == ["MOR333"] * clashes
    assert list(left) == sorted(left)
