"""Names and ports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.supervisor.names import (
    assign_ports,
    derive_port,
    is_profile_name,
    slot_name,
)

RANGE = (9200, 9209)
NAMES = st.text("abc", min_size=1, max_size=2)


def test_which_names_are_names() -> None:
    for name in ("a", "0", "a-b_c", "a" * 200, "default"):
        assert is_profile_name(name), name
    for name in ("", "A", "-a", "_a", "a.b", "a/b", "a" * 201, "a\n", "é", ".a", "a b"):
        assert not is_profile_name(name), name


def test_the_name_of_a_slot_and_of_its_building_place_fit_a_file_name() -> None:
    assert slot_name("coder") == "gateway-coder"
    assert len(f".new-{slot_name('a' * 200)}-4194304") <= 255


def test_a_port_follows_from_the_name() -> None:
    # As bc has it of what sha256sum prints.
    assert derive_port("coder", (9200, 9799), ()) == 9200 + 330
    assert derive_port("coder", (9200, 9799), {9200 + 330}) == 9200 + 331


def test_a_taken_port_leads_to_the_next_free_one_and_wraps() -> None:
    own = derive_port("writer", RANGE, ())
    assert own is not None
    assert own > 9200
    assert derive_port("writer", RANGE, range(own, 9210)) == 9200
    assert derive_port("coder", RANGE, range(9200, 9210)) is None


def test_declared_profiles_keep_what_others_were_told() -> None:
    given_ports = assign_ports(
        {"a": 9201, "gone": 9202}, {"a": 9205, "b": 9201, "c": 9202, "default": None}, RANGE
    )
    assert given_ports["a"] == 9201
    assert not {given_ports["b"], given_ports["c"], given_ports["default"]} & {9201, 9202}


def test_a_copied_folder_gets_a_port_of_its_own() -> None:
    ports = assign_ports({}, {"one": 9203, "two": 9203}, RANGE)
    assert ports["one"] == 9203
    assert ports["two"] not in (9203, None)


@given(
    st.dictionaries(NAMES, st.integers(9200, 9215), max_size=4).filter(
        lambda d: len(set(d.values())) == len(d)
    ),
    st.dictionaries(NAMES, st.none() | st.integers(9190, 9220), max_size=12),
)
def test_no_two_profiles_share_a_port(
    declared: dict[str, int], recorded: dict[str, int | None]
) -> None:
    ports = assign_ports(declared, recorded, RANGE)
    assert ports.keys() == recorded.keys()
    given_out = [port for port in ports.values() if port is not None]
    assert len(set(given_out)) == len(given_out)
    # Nobody goes without while a port is free, and a second look changes nothing.
    if None in ports.values():
        assert set(range(9200, 9210)) <= {*given_out, *declared.values()}
    assert assign_ports(declared, ports, RANGE) == ports
