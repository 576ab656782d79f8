"""Any string in any place of a build is refused with a position, or arrives as it is.

Arrives: what is emitted, read back by those who read it (TOML, YAML of both versions, JSON,
Dockerfiles), is what a plain word in that place gives, with the string in the word's stead. So no
string adds a table, a key, an instruction or a command.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler import pipeline
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_github import render_github
from compiler.diagnostics.render_json import render_json
from compiler.diagnostics.render_text import render_text
from tests.complete import (
    COMPLETE,
    KEY,
    Position,
    compile_data,
    dotted,
    positions,
    read_back,
    renamed,
    replaced,
    schema_strings,
    string_at,
)
from tests.projects import line_of, render

PIECES: Final = (
    '"', "'", "\n", "\r\n", "\0", "#", " # ", ": ", "{{ x }}", "{{ 7*7 }}", "{% raw %}", "${X}",
    "${X:-y}", "$$", "$(id)", "$HOME", "`id`", "-", "--", "\u2028", "\u202e", "\u2066", "\\", "\t",
    "\x7f", "\x85", "\ufeff", "]", "[", "], [", "<<EOF", "\nRUN id\n", "\n[agent]\nuser='root'\n",
    "|", "<br>", "```", "é", "😀", " ", "/", "..", ".git", ",", "=", "%s", "!!x", "&a", "*a", "@",
    "\x1b[31m", "\ud800", "~", "null", "1", "yes", "'''", '"""', "a", ";id;", "&&", "\\\n",
)  # fmt: skip
SINGLE_LINE: Final = "".join(p for p in PIECES if not re.search("[\0-\x1f\x7f\ud800]|\\$\\{", p))
LONG: Final = "x" * 10_000
# What every place is tried with: the rest is drawn.
TRIED: Final = (
    SINGLE_LINE, "a\nb: c\n# d", "a\0b", LONG, "-rf", "${X}", "$(id)`id`", "{{ x }}{% raw %}", "",
    " ", "\u202e\u2028", "a\n[agent]\nuser = 'root'\n", "\ud800", "é😀",
)  # fmt: skip
CASES: Final = [
    pytest.param(mode, position, id=f"{mode}-{'-'.join(map(str, position))}")
    for mode, data in COMPLETE.items()
    for position in positions(data)
    if mode != "inner" or position[0] == "inner_task"
]
# Durations and amounts: what is accepted there is no text.
AMOUNTS: Final = ("timeout", "_wait", "memory", "window", "max_backoff", "port_range")

# What becomes words of a shell, and of an engine: tests/targets/launch/test_parity.py follows such
# strings through both. Definitions of tongs have a schema of their own.
OF_LAUNCHES: Final = {
    "tongs", "tongs.name", "anvil.argv", "anvil.env_prefix", "anvil.harness", "anvil.image",
    "anvil.network", "anvil.workspace",
}  # fmt: skip

type Case = tuple[str, Position]


def test_every_string_of_the_schema_is_in_a_build() -> None:
    placed = {dotted(position) for data in COMPLETE.values() for position in positions(data)}
    assert schema_strings() - placed == OF_LAUNCHES
    assert placed - schema_strings() == set()


@cache
def reference(mode: str) -> dict[str, Any]:
    """What the plain words give."""
    files, found, _ = compile_data(COMPLETE[mode])
    assert files is not None, found
    assert found == ()
    return read_back(files)


@pytest.mark.parametrize("mode", list(COMPLETE))
def test_the_plain_words_arrive(mode: str) -> None:
    assert len(reference(mode)) > 15
    everything = repr(reference(mode))
    wanted = ["zdescription", "zvalue", "ZOTHER", "zbuildargument", "zunseen", "zrewardkey"]
    assert [word for word in wanted if word not in everything] == []


def hold(mode: str, position: Position, text: str, *, everywhere: bool, escaped: bool) -> None:
    """The one or the other of what the module's first line says."""
    word = string_at(COMPLETE[mode], position)
    written = text.replace("$", "$$") if escaped and position[-1] != KEY else text
    data = (
        renamed(COMPLETE[mode], word, written)
        if everywhere
        else replaced(COMPLETE[mode], position, written)
    )
    files, found, source = compile_data(data)
    hold_complaints(found, source)
    if files is None:
        assert any(d.severity == "error" for d in found)
        key = next((k for k in data if k == position[0]), "name")
        told = {d.span.line for d in found if d.code.startswith("MOR11")}
        assert not told or everywhere or line_of(data, key) in told
        return
    emitted = read_back(files)
    if is_reference(written) or dotted(position).endswith(AMOUNTS):
        return
    arrived = written if position[-1] == KEY else written.replace("$$", "$")
    if dotted(position) == "gateways.profiles.name":
        # Variables and ports are made of it.
        plan = emitted["environment/gateways/plan.json"]
        assert [profile["name"] for profile in plan["profiles"]] == [arrived]
        return
    hold_same(reference(mode), emitted, word, as_filled(position, arrived), position)


def is_reference(written: str) -> bool:
    """True when a parameter is named in it."""
    return "${" in written.replace("$$", "")


def as_filled(position: Position, text: str) -> str:
    """What the build makes of it: space around prose and slashes behind paths say nothing."""
    if position == ("description",):
        return text.strip()
    return text.rstrip("/") if position[0] in ("read_only_paths", "overlays") else text


def hold_complaints(found: tuple[Diagnostic, ...], source: str) -> None:
    lines = source.split("\n")
    for d in found:
        assert d.span.file == "build.yaml"
        assert 1 <= d.span.line <= len(lines)
        assert 1 <= d.span.column <= len(lines[d.span.line - 1]) + 1
    shown = render_text(found, {"build.yaml": source})
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert shown.count("\n") <= 5 * len(found)
    render_json(found)
    assert render_github(found).count("\n") == len(found)


def hold_same(
    plain: dict[str, Any], emitted: dict[str, Any], word: str, text: str, position: Position
) -> None:
    wanted = {path.replace(word, text): path for path in plain}
    assert set(emitted) == set(wanted)
    for path, before in wanted.items():
        name = path.rpartition("/")[2]
        if name.endswith(".md") or name == "baseline.tree":
            # Prose quotes and enumerates. It may say more where the description does.
            assert position == ("description",) or len(emitted[path]) == len(plain[before]), path
        else:
            same = filled(plain[before], word, text)
            assert without_names(path, emitted[path]) == without_names(path, same), path


def without_names(path: str, data: Any) -> Any:
    """The gateways' tong names image and volume by the build's name and a digest of what is in the
    image, so of every word of it.
    """
    if path != "tongs/gateways.yaml":
        return data
    image, images = re.subn(r"^mooring-gateways/[a-z0-9._-]+:[0-9a-f]{12}$", "", data["image"])
    (mount,) = data["mounts"]
    mount, volumes = re.subn(r"^volume:mooring-gateways-[a-z0-9._-]+:", "", mount)
    assert (images, volumes) == (1, 1), data
    return {**data, "image": image, "mounts": [mount]}


def filled(data: Any, word: str, text: str) -> Any:
    if isinstance(data, str):
        return data.replace(word, text)
    if isinstance(data, (list, tuple)):
        return type(data)(filled(item, word, text) for item in data)
    if isinstance(data, dict):
        return {filled(k, word, text): filled(v, word, text) for k, v in data.items()}
    return data


@pytest.mark.parametrize(("mode", "position"), CASES)
def test_the_strings_of_the_table_in_every_place(mode: str, position: Position) -> None:
    for text in TRIED:
        for escaped in {True, "${" not in text}:
            hold(mode, position, text, everywhere=True, escaped=escaped)


HOSTILE = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
    st.text(max_size=20),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True),
)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(
    case=st.sampled_from([case.values for case in CASES]),
    text=HOSTILE,
    before=st.booleans(),
    after=st.booleans(),
    everywhere=st.booleans(),
    escaped=st.booleans(),
)
def test_any_string_in_any_place(
    case: Any, text: str, before: bool, after: bool, everywhere: bool, escaped: bool
) -> None:
    mode, position = case
    word = string_at(COMPLETE[mode], position)
    whole = f"{word * before}{text}{word * after}"
    hold(mode, position, whole, everywhere=everywhere, escaped=escaped)


# Any bytes.


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    mode=st.sampled_from(sorted(COMPLETE)),
    changes=st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=6)), max_size=4
    ),
)
def test_a_damaged_build_file_gives_complaints(
    mode: str, changes: list[tuple[int, int, bytes]]
) -> None:
    data = render(COMPLETE[mode]).encode()
    for at, dropped, put in changes:
        data = data[:at] + put + data[at + dropped :]
    build, _, found = pipeline.understand(data, "build.yaml", {})
    assert build is not None or any(d.severity == "error" for d in found)
    assert all(d.span.line >= 1 for d in found)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8")))
def test_any_bytes_give_complaints(data: bytes) -> None:
    build, text, found = pipeline.understand(data, "build.yaml", {})
    assert build is not None or any(d.severity == "error" for d in found)
    assert isinstance(render_text(found, {"build.yaml": text}), str)
