"""Durations: the forms, the bounds, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import pipeline
from compiler.ir.build import ModeA
from compiler.surface.duration import LONGEST, parse_duration
from tests import projects


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1, 1.0),
        (90, 90.0),
        (0.5, 0.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("30m", 1800.0),
        ("0.5m", 30.0),
        ("2h", 7200.0),
        ("007s", 7.0),
        ("720h", LONGEST),
        (2592000, LONGEST),
    ],
)
def test_forms(written: float | str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)
    build = projects.build_of({"agent_timeout": written})
    assert isinstance(build, ModeA)
    assert build.limits.agent == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        0, 0.0, -1, "0", "0s", "0.0h", "-1s", "721h", 2592001, "2592001", "9" * 400,
        "", "s", "1d", "1 h", "1h30m", "1hh", "1H", "1e3", "0x10", "1.s", ".5s", "1_0s",
        "inf", "nan", "infs", " 1s", "1s ", "1s\n", "١s", "1.5.5s", True, None, [], {}, [1],
    ],
)  # fmt: skip
def test_what_is_no_duration_is_one_complaint_in_its_place(written: object) -> None:
    text = projects.render({**projects.keys(), "timeout": written})
    _, _, found = pipeline.understand(text.encode(), "build.yaml", {})
    (only,) = found
    assert only.span.line == len(projects.REQUIRED) + 1
    assert only.span.column == len("timeout: ") + 1


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=12), st.floats(), st.integers()))
def test_anything_is_seconds_within_the_bounds_or_refused(written: float | str) -> None:
    try:
        seconds = parse_duration(written)
    except ValueError:
        return
    assert 0 < seconds <= LONGEST
