from __future__ import annotations

import pytest

from compiler.ir.launch_plan import Hole, fill_word
from compiler.ir.tong_names import (
    alias_collisions,
    canonical_alias,
    network_aliases,
    secret_variable,
    session_container_name,
    session_network_name,
    shared_container_name,
)
from compiler.ir.variable_name import variable_name
from tests.tongs import CACHE, DATABASE, GITHUB, make_tong


@pytest.mark.parametrize(
    ("text", "alias"), [(GITHUB, "github"), (DATABASE, "x"), (CACHE, "x")], ids=str
)
def test_the_canonical_alias_is_that_of_the_interface_or_the_name(text: str, alias: str) -> None:
    assert canonical_alias(make_tong(text)) == alias


def test_a_tong_off_the_network_has_no_alias() -> None:
    assert network_aliases(make_tong(CACHE)) == ()
    assert network_aliases(make_tong(DATABASE + "aliases: [db, x]\n")) == ("x", "db")


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("github", "mooring-tong-github"),
        ("a b/c", "mooring-tong-a-b-c"),
        ("-x.", "mooring-tong-x"),
        ("Größe", "mooring-tong-Gr-e"),
        ("…", "mooring-tong"),
        ("", "mooring-tong"),
    ],
)
def test_the_container_of_a_shared_tong(name: str, container: str) -> None:
    assert shared_container_name(name) == container


@pytest.mark.parametrize(
    ("name", "container"),
    [("github", "s1-tong-github"), ("a b", "s1-tong-a-b"), ("…", "s1-tong"), ("", "s1-tong")],
)
def test_the_container_of_a_session(name: str, container: str) -> None:
    assert "".join(session_container_name("s1", name)) == container
    assert fill_word(session_container_name(Hole.SESSION, name), {Hole.SESSION: "s1"}) == container


def test_the_network_of_a_session() -> None:
    assert "".join(session_network_name("s1")) == "s1-tongs"


@pytest.mark.parametrize(
    ("name", "stem"), [("git-hub", "GIT_HUB"), ("a..b", "A_B"), ("Ä1", "_1"), ("x_y", "X_Y")]
)
def test_the_stem_of_variables(name: str, stem: str) -> None:
    assert variable_name(name) == stem


def test_the_variables_of_secrets_are_apart() -> None:
    names = [
        secret_variable("a", "B", 0),
        secret_variable("a", "B", 1),
        secret_variable("a_B", "C", 0),
    ]
    assert names == ["MOORING_SECRET_A__B", "MOORING_SECRET_A__B_2", "MOORING_SECRET_A_B__C"]


def test_aliases_collide_whatever_their_case_and_the_first_by_name_keeps_them() -> None:
    b = make_tong(GITHUB, "b")
    a = make_tong(DATABASE + "aliases: [GitHub, db]\n", "a")
    c = make_tong(DATABASE + "aliases: [db]\n", "c")
    found = [
        (alias, keeper.name, other.name) for alias, keeper, other in alias_collisions([c, b, a])
    ]
    assert found == [("github", "a", "b"), ("db", "a", "c")]


def test_what_is_off_the_network_collides_with_nothing() -> None:
    assert (
        alias_collisions([make_tong(CACHE, "a"), make_tong(GITHUB.replace("github}", "a}"))]) == ()
    )
