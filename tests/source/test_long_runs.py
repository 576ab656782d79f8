"""A text with long runs is read as it is read item by item: same data, same places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.source import long_runs, read_yaml
from compiler.source.document import Document

type Read = tuple[Document | None, tuple[Diagnostic, ...]]


def read_both(text: str) -> tuple[Read, Read, bool]:
    """By runs, item by item, and whether the first way found its runs to be lists."""
    filled = []

    class Watched(long_runs.Shortened):
        __slots__ = ()

        def fill(self, root: object) -> bool:
            filled.append(super().fill(root))
            return filled[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_runs, "SHORTEST_TEXT", 0)
        patch.setattr(long_runs, "SHORTEST_RUN", 1)
        patch.setattr(long_runs, "Shortened", Watched)
        by_runs = read_yaml.read_yaml(text.encode(), "f")
        patch.setattr(read_yaml, "shorten", lambda _: None)
        one_by_one = read_yaml.read_yaml(text.encode(), "f")
    return by_runs, one_by_one, filled == [True]


ITEMS = "".join(f"  - item-{i}\n" for i in range(5))

LISTS = {
    "plain": f"a:\n{ITEMS}b: 1\n",
    "of numbers": "a:\n- 1\n- 2.5\n- 0x10\n- 1e3\n- true\n- null\n- 012\n- 1_000\nb: [x]\n",
    "quoted": "a:\n - 'x'\n - \"y: z # {\"\n - ''\n - '-'\n - \"\"\n - ' two '\n",
    "at the top": "- a\n- b\n- c\n- d\n",
    "without a last line break": f"a:\n{ITEMS}  - last",
    "two": f"a:\n{ITEMS}b:\n{ITEMS}c: d\n",
    "with a comment between": f"a:\n{ITEMS}  # half\n{ITEMS}",
    "with a blank line between": f"a:\n{ITEMS}\n{ITEMS}",
    "inside another": f"a:\n - x\n -\n   - a\n   - b\n   - c\n   - d\n - y\nb:\n{ITEMS}",
    "after a nested key": f"a:\n  - k: v\n{ITEMS}",
    "under an anchor": f"a: &x\n{ITEMS}b: *x\nc: [*x, *x]\n",
    "merged": f"a: &x\n  k:\n{ITEMS.replace('  -', '   -')}b:\n  <<: *x\n",
    "behind wide characters": f"\ufeff# \U0001f600 é\na:\n{ITEMS}b: é\n",
    "first goes on from above": f"a:\n  - x\n   {ITEMS.lstrip()}b: 1\n",
    "that lasts": "a:\n" + "".join(f"  - item-{i}\n" for i in range(500)) + "b: 1\n",
}
NO_LISTS = {
    "literal": f"a: |\n{ITEMS}b: 1\n",
    "folded": f"a: >-\n{ITEMS}b: 1\n",
    "quoted text": f'a: "\n{ITEMS}"\n',
    "text of several lines": f"a: text\n{ITEMS.replace('  -', '    -')}b: 1\n",
    "last goes on": f"a:\n{ITEMS}    more of it\nb: 1\n",
    "last is a key": f"a:\n{ITEMS}    : 1\nb: 1\n",
    "in brackets": f"a: [\n{ITEMS}]\n",
    "comment": f"a: 1 # x\n# y\n{ITEMS}",
    "second document": f"a:\n{ITEMS}---\nb:\n{ITEMS}",
    "wrong indentation after": f"a:\n{ITEMS} - x\n",
    "one of two": f"a:\n{ITEMS}b: |\n{ITEMS}",
    "unknown tag after": f"a:\n{ITEMS}b: !x 1\nc: {{\n",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_lists_are_read_by_runs(text: str) -> None:
    by_runs, one_by_one, filled = read_both(text)
    assert by_runs == one_by_one
    assert by_runs[0] is not None
    assert filled


@pytest.mark.parametrize("text", NO_LISTS.values(), ids=NO_LISTS)
def test_what_only_looks_like_a_list_is_read_whole(text: str) -> None:
    by_runs, one_by_one, filled = read_both(text)
    assert by_runs == one_by_one
    assert not filled


SCALARS = st.sampled_from(
    ["a", "b-1", "1", "1.5", "true", "'x y'", "'# no'", '"q: r"', "''", "a.b/c", "0x1f", "1e5"]
)
OTHERS = st.sampled_from(
    ["# note", "", "k: v", "k:", "- k: v", "- [a, b]", "- |", "- &x y", "- *x", "-", "- >-", "text",
     "- 'open", "close'", "- - a", "? a", ": b", "[", "]", "- {", "}", "---", "...", "- a #c",
     "- a: "]
)  # fmt: skip
INDENTS = st.sampled_from(["", " ", "  ", "    "])


@st.composite
def stretches(draw: st.DrawFn) -> str:
    """A run of items, or one line of something else."""
    indent = draw(INDENTS)
    if draw(st.booleans()):
        items = draw(st.lists(SCALARS, min_size=3, max_size=5))
        return "".join(f"{indent}- {item}\n" for item in items)
    return f"{indent}{draw(OTHERS)}\n"


@settings(deadline=None, max_examples=400)
@given(st.lists(stretches(), min_size=1, max_size=6).map("".join))
def test_any_text_is_read_alike_both_ways(text: str) -> None:
    by_runs, one_by_one, _ = read_both(text)
    assert by_runs == one_by_one


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.lists(SCALARS, min_size=3, max_size=9), st.sampled_from(["", "  "])),
        min_size=1,
        max_size=4,
    )
)
def test_lists_under_keys_are_read_by_runs(lists: list[tuple[list[str], str]]) -> None:
    text = "".join(
        f"k{i}:\n" + "".join(f"{indent}- {item}\n" for item in items)
        for i, (items, indent) in enumerate(lists)
    )
    by_runs, one_by_one, filled = read_both(text)
    assert by_runs == one_by_one
    assert filled


@pytest.mark.parametrize("text", ["a:\n- x\n- y\n", "a: 1\n" * 20_000, "- x\r\n" * 20_000])
def test_other_texts_are_left_alone(text: str) -> None:
    assert long_runs.shorten(text) is None
