"""What differs, and how it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.output.diff import Difference, Drift, diff_digests, render_unified
from compiler.output.file_set import Digest

A = Digest(sha256="a" * 64, mode=0o644)
B = Digest(sha256="b" * 64, mode=0o644)
PROGRAM = Digest(sha256="a" * 64, mode=0o755)


def test_every_kind_of_difference_in_the_order_of_paths() -> None:
    wanted = {"z": A, "same": A, "changed": A, "mode": PROGRAM, "both": PROGRAM}
    found = {"extra": A, "same": A, "changed": B, "mode": A, "both": B}
    assert diff_digests(wanted, found) == (
        Difference(path="both", drift=Drift.CHANGED),
        Difference(path="both", drift=Drift.MODE, detail="644, should be 755"),
        Difference(path="changed", drift=Drift.CHANGED),
        Difference(path="extra", drift=Drift.EXTRA),
        Difference(path="mode", drift=Drift.MODE, detail="644, should be 755"),
        Difference(path="z", drift=Drift.MISSING),
    )


def test_nothing_differs_from_itself() -> None:
    assert diff_digests({"a": A}, {"a": A}) == ()


def test_the_form_of_a_unified_diff() -> None:
    assert render_unified("f", b"a\nb\n", b"a\nc\n") == (
        "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    )


@pytest.mark.parametrize("content", [b"\xff\n", b"a\0b\n", b"\0"])
def test_what_is_no_text_is_not_printed(content: bytes) -> None:
    assert render_unified("f", b"a\n", content) == "Binary files a/f and b/f differ\n"
    assert render_unified("f", content, b"a\n") == "Binary files a/f and b/f differ\n"


TEXT = st.text("ab\n\r\x0c\x1c\x85\u2028é", max_size=20)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=TEXT, wanted=TEXT)
def test_git_can_apply_any_diff(found: str, wanted: str, tmp_path: Path) -> None:
    before, after = found.encode(), wanted.encode()
    # Git tells empty files from missing ones by headers that a plain diff has not.
    if before == after or not before or not after:
        return
    (tmp_path / "f").write_bytes(before)
    diff = render_unified("f", before, after).encode()
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=tmp_path,
        input=diff,
        check=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_DIR": "none", "HOME": "none"},
    )
    assert (tmp_path / "f").read_bytes() == after
