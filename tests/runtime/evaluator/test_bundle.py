"""The header of a bundle: what is accepted, and that anything else is refused and nothing worse."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compiler.runtime.evaluator.bundle import (
    HEADER_BYTES,
    CandidateRefused,
    Header,
    decode_header,
    id_pattern,
)

A, B = "a" * 40, "b" * 40
LONG = "c" * 64


def refusal(start: bytes, object_format: str = "sha1") -> str:
    with pytest.raises(CandidateRefused) as caught:
        decode_header(start, object_format)
    assert caught.value.code == "bad_bundle"
    return caught.value.message


@pytest.mark.parametrize("name", ["HEAD", "main", "refs/heads/a-b_c/d.e", "fix@home#1"])
@pytest.mark.parametrize("comment", ["", " ", " a subject", " \x1b[31m\xff"])
def test_version_2(name: str, comment: str) -> None:
    start = f"# v2 git bundle\n-{B}{comment}\n{A} {name}\n\n".encode("latin-1")
    expected = Header(commit=A, prerequisites=(B,), pack_offset=len(start))
    assert decode_header(start + b"PACK", "sha1") == expected


def test_version_3() -> None:
    start = f"# v3 git bundle\n@object-format=sha256\n{LONG} HEAD\n\n".encode()
    assert decode_header(start + b"PACK...", "sha256").commit == LONG
    start = f"# v3 git bundle\n{A} HEAD\n\n".encode()
    assert decode_header(start + b"PACK...", "sha1").commit == A


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{A} HEAD"], "does not begin as a git bundle"),
        (["# v4 git bundle", f"{A} HEAD"], "does not begin as a git bundle"),
        (["# v2 git bundle"], "holds 0"),
        (["# v2 git bundle", f"{A} HEAD", f"{A} main"], "holds 2"),
        (["# v2 git bundle", f"{A} HEAD", f"-{B} late"], "holds 2"),
        (["# v2 git bundle", f"{A} --upload-pack=x"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A} refs/../../x"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A} a b"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A} a\rb"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A} a\0b"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A}"], "a name that is not accepted"),
        (["# v2 git bundle", f"{A} " + "x" * 300], "a name that is not accepted"),
        (["# v2 git bundle", "--help HEAD"], "holds 0"),
        (["# v2 git bundle", "HEAD HEAD"], "a full sha1 id"),
        (["# v2 git bundle", f"{A[:39]} HEAD"], "a full sha1 id"),
        (["# v2 git bundle", f"{A.upper()} HEAD"], "a full sha1 id"),
        (["# v2 git bundle", f"{LONG} HEAD"], "a full sha1 id"),
        (["# v2 git bundle", "---all x", f"{A} HEAD"], "a full sha1 id"),
        (["# v2 git bundle", *[f"-{B}"] * 300, f"{A} HEAD"], "more than 256 prerequisites"),
        (["# v2 git bundle", "@object-format=sha1", f"{A} HEAD"], "has no capabilities"),
        (["# v3 git bundle", "@filter=blob:none", f"{A} HEAD"], "without a filter"),
        (["# v3 git bundle", "@object-format=sha256", f"{A} HEAD"], "not sha1"),
        (["# v3 git bundle", "@object-format", f"{A} HEAD"], "not sha1"),
    ],
)
def test_refusals(lines: list[str], words: str) -> None:
    start = "\n".join([*lines, "", ""]).encode("latin-1")
    assert words in refusal(start + b"PACK")


def test_no_pack_and_no_end() -> None:
    assert "no pack" in refusal(f"# v2 git bundle\n{A} HEAD\n\nPERK".encode())
    assert "does not end" in refusal(f"# v2 git bundle\n{A} HEAD\n".encode())
    assert "does not end" in refusal(b"# v2 git bundle\n-" + b"a" * HEADER_BYTES + b"\n\nPACK")
    assert "does not end" in refusal(b"")


@pytest.mark.parametrize("text", ["", "HEAD", "-" * 40, A + "\n", A[:39], A.upper(), "ａ" * 40])
def test_what_is_no_id(text: str) -> None:
    assert id_pattern("sha1").fullmatch(text) is None


_PARTS = st.lists(
    st.sampled_from([b"# v2 git bundle", b"# v3 git bundle", b"\n", b"\n\n", b"-", b"@", b" "])
    | st.sampled_from([b"object-format=sha1", A.encode(), B.encode(), b"HEAD", b"PACK"])
    | st.binary(max_size=40)
)


@given(_PARTS.map(b"".join), st.sampled_from(["sha1", "sha256"]))
@example(b"# v2 git bundle\n\n\nPACK", "sha1")
def test_anything_is_decoded_or_refused(start: bytes, object_format: str) -> None:
    try:
        header = decode_header(start, object_format)
    except CandidateRefused:
        return
    for identity in (header.commit, *header.prerequisites):
        assert id_pattern(object_format).fullmatch(identity)
    assert start[header.pack_offset :].startswith(b"PACK")
