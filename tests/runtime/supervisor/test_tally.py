"""Deaths, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.supervisor.tally import (
    DEATHS,
    SIZE,
    Tally,
    back_off,
    count_recent,
    decode_tally,
    judge_death,
    read_tally,
    write_tally,
)


@pytest.mark.parametrize(
    ("code", "wanted", "restarting", "recent", "verdict"),
    [
        (0, True, False, 1, "crashed"),
        (1, True, False, 4, "crashed"),
        (None, True, False, 1, "crashed"),
        (1, True, False, 5, "gave-up"),
        (0, True, False, 5, "gave-up"),
        (None, True, False, 7, "gave-up"),
        (78, True, False, 1, "gave-up"),
        (78, True, True, 1, "restarted"),
        (1, True, True, 5, "restarted"),
        (78, False, False, 5, "stopped"),
        (None, False, True, 5, "stopped"),
    ],
)
def test_what_a_death_means(
    code: int | None, wanted: bool, restarting: bool, recent: int, verdict: str
) -> None:
    assert judge_death(code, wanted, restarting, recent, allowed=5) == verdict


def test_the_wait_doubles_up_to_its_bound() -> None:
    waits = [back_off([100.0] * n, 100.0, 60, 30) for n in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert back_off([100.0] * 3, 100.0, 60, 0) == 0


def test_deaths_of_long_ago_are_forgotten() -> None:
    long_ago, now = [0.0, 1.0, 2.0], 10_000.0
    assert count_recent([*long_ago, now - 60, now - 61, now], now, 60) == 2
    assert back_off([*long_ago, now], now, 60, 30) == 1


@given(
    st.floats(0, 3600),
    st.integers(0, 2**22),
    st.floats(0, 1e9),
    st.lists(st.floats(0, 1e9), max_size=DEATHS + 5),
)
def test_a_tally_is_read_as_written_and_never_grows(
    delay: float, group: int, started: float, deaths: list[float]
) -> None:
    tally = Tally(delay, group, started)
    tally.deaths = deaths
    content = tally.encode()
    assert len(content) == SIZE
    again = decode_tally(content)
    assert again.group == group
    assert again.delay == pytest.approx(delay, abs=1e-5)
    assert again.deaths == pytest.approx(deaths[-DEATHS:], abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"1", b"x y z", b"nan nan 1", b"\xff" * SIZE, b"1 inf 0"])
def test_a_damaged_tally_counts_as_none(content: bytes) -> None:
    assert decode_tally(content).deaths == []


def test_it_is_overwritten_in_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert read_tally(str(tmp_path)).deaths == []
    tally = Tally()
    write_tally(str(tmp_path), tally)
    before = (tmp_path / "data/tally").stat()
    tally.deaths = [1.0] * DEATHS
    write_tally(str(tmp_path), tally)
    after = (tmp_path / "data/tally").stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert read_tally(str(tmp_path)).deaths == tally.deaths
