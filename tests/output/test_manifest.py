"""The manifest: what it says, what it speaks for, and that no text breaks it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.output.file_set import Digest, folders_of
from compiler.output.manifest import (
    ManifestError,
    decode_manifest,
    digest_runtime,
    make_manifest,
    render_manifest,
)

A = Digest(sha256="a" * 64, mode=0o644)
B = Digest(sha256="b" * 64, mode=0o755)
FILES = {"z": A, "a/b": B, "environment/runtime/x.py": A, "environment/runtime/y.py": B}


def test_it_reads_back_as_it_was_written() -> None:
    manifest = make_manifest("org/name", FILES)
    assert decode_manifest(render_manifest(manifest)) == manifest
    assert manifest.files == {"a/b": B, "z": A}


def test_the_order_of_files_does_not_count() -> None:
    reverse = dict(reversed(FILES.items()))
    assert render_manifest(make_manifest("n", FILES)) == render_manifest(
        make_manifest("n", reverse)
    )


def test_one_file_a_line() -> None:
    text = render_manifest(make_manifest("org/name", FILES))
    assert f'    "a/b": "755 {"b" * 64}",\n    "z": "644 {"a" * 64}"\n' in text
    assert text.endswith("}\n")
    assert text.isascii()


def test_the_runtime_is_one_digest_of_paths_modes_and_contents() -> None:
    digest = digest_runtime({"x": A, "y": B})
    assert digest == digest_runtime({"y": B, "x": A})
    others = [{"x": A}, {"x": B, "y": A}, {"x": A, "z": B}, {"x": A, "y": A}]
    assert len({digest, *(digest_runtime(other) for other in others)}) == 5
    assert make_manifest("n", {"z": A}).runtime is None


def test_it_speaks_for_its_files_and_the_runtime() -> None:
    manifest = make_manifest("n", FILES)
    for path in ("z", "a/b", "mooring.manifest.json", "environment/runtime/anything"):
        assert manifest.names(path)
    for path in ("a", "b", "a/c", "environment/runtime", "environment/runtimes/x", "Z"):
        assert not manifest.names(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "5",
        '"x"',
        "{",
        '{"version": 2, "name": "n", "files": {}}',
        '{"version": "1", "name": "n", "files": {}}',
        '{"version": 1, "files": {}}',
        '{"version": 1, "name": "n"}',
        '{"version": 1, "name": "n", "files": []}',
        '{"version": 1, "name": "n", "files": {"a": 5}}',
        '{"version": 1, "name": "n", "files": {"a": "644"}}',
        '{"version": 1, "name": "n", "files": {"a": "rw x"}}',
        '{"version": 1, "name": "n", "files": {"a": "6 4 4"}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(ManifestError):
        decode_manifest(text)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40) | st.recursive(st.none(), st.lists).map(json.dumps))
def test_any_text_is_a_manifest_or_none(text: str) -> None:
    with pytest.raises(ManifestError):
        decode_manifest(text)


def test_folders_come_before_what_is_in_them() -> None:
    folders = folders_of(iter(["a/b/c/d", "a/x", "y", "a-b/z"]))
    assert set(folders) == {"a", "a/b", "a/b/c", "a-b"}
    assert folders.index("a") < folders.index("a/b") < folders.index("a/b/c")
