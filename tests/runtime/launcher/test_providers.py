"""From references to values: the table, and programs that behave well and badly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.launcher.deliver import render_delivery
from compiler.runtime.launcher.errors import LaunchError, Refused, TableProblem
from compiler.runtime.launcher.providers import MOST_BYTES, decode_providers, resolve

BOTH: Any = {"default": ["get", "{ref}"], "overrides": {"gh": ["gh", "{ref}"]}}
BY_REFERENCE: Any = {"gh": {"default": ["pass", "{ref}"], "overrides": {"token": ["gh", "auth"]}}}
FORMS: list[tuple[Any, str, str, tuple[str, ...]]] = [
    ({"op": ["op", "read", "op://{ref}"]}, "op", "a/b:c", ("op", "read", "op://a/b:c")),
    ({"v": ["x", "{ref}", "{ref}!"]}, "v", "{provider}", ("x", "{provider}", "{provider}!")),
    ({"v": ["x", "{other}", "{ref}"]}, "v", "r", ("x", "{other}", "r")),
    ({"default": ["get", "{provider}", "{ref}"]}, "any", "r", ("get", "any", "r")),
    (BOTH, "gh", "r", ("gh", "r")),
    (BOTH, "x", "r", ("get", "r")),
    (BY_REFERENCE, "gh", "token", ("gh", "auth")),
    (BY_REFERENCE, "gh", "other", ("pass", "other")),
    ({"gh": {"overrides": {"token": ["gh", "auth"]}}}, "gh", "token", ("gh", "auth")),
]


@pytest.mark.parametrize(("table", "provider", "reference", "argv"), FORMS)
def test_forms(table: Any, provider: str, reference: str, argv: tuple[str, ...]) -> None:
    assert decode_providers(table, "t").argv_of(provider, reference) == argv


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("op", "expected a mapping"),
        ({"op": "op read {ref}"}, "op: expected a list"),
        ({"op": []}, "op: expected a list"),
        ({"op": ["op", 1]}, "op: expected a list"),
        ({"op": ["op", "read"]}, "{ref}"),
        ({"op": ["", "{ref}"]}, "no name"),
        ({"op": ["a\0", "{ref}"]}, "NUL"),
        ({"default": ["x", "{ref}"], "op": ["op", "{ref}"]}, "op: it cannot stand beside"),
        ({"op": {"default": ["x", "{ref}"], "more": 1}}, "more: it cannot stand beside"),
        ({"default": ["x"]}, "{ref}"),
        ({1: ["x", "{ref}"]}, "mapping of names"),
    ],
)
def test_wrong_tables(table: Any, problem: str) -> None:
    with pytest.raises(TableProblem) as caught:
        decode_providers(table, "table.yaml")
    assert problem in caught.value.message


@pytest.mark.parametrize(
    "table", [None, {}, {"op": ["op", "{ref}"]}, {"gh": {"overrides": {"a": ["b"]}}}]
)
def test_unknown_provider(table: Any) -> None:
    with pytest.raises(Refused, match="no secret provider `gh`"):
        decode_providers(table, "t").argv_of("gh", "token")


def value_of(script: str, seconds: float = 30) -> bytes:
    table = decode_providers({"p": [sys.executable, "-c", script, "{ref}"]}, "t")
    return resolve(table, "p", "a ref; $(x)", seconds)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("'x'", b"x"),
        ("'x\\n'", b"x"),
        ("'x\\n\\n'", b"x\n"),
        ("'x\\r\\n'", b"x\r"),
        ("' x '", b" x "),
        ("sys.argv[1]", b"a ref; $(x)"),
    ],
)
def test_value(printed: str, value: bytes) -> None:
    assert value_of(f"import sys; sys.stdout.write({printed})") == value


def test_value_of_any_bytes() -> None:
    assert value_of("import sys; sys.stdout.buffer.write(bytes([255, 254]))") == b"\xff\xfe"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("", "printed nothing"),
        ("print()", "printed nothing"),
        ("print('hunter2'); raise SystemExit(3)", "code 3"),
        ("print('hunter2' + chr(0))", "NUL"),
        (f"print('hunter2' + 'x' * {MOST_BYTES})", "more than"),
        ("import time; print('hunter2', flush=True); time.sleep(60)", "did not end within 1 s"),
    ],
)
def test_no_value(script: str, problem: str) -> None:
    """And never what was printed so far, which could be most of the secret."""
    with pytest.raises(LaunchError) as caught:
        value_of(script, seconds=1 if "sleep" in script else 30)
    assert problem in caught.value.message
    chain = [caught.value, caught.value.__cause__]
    assert not [each for each in chain if each is not None and "hunter2" in repr(vars(each))]


def test_missing_program(tmp_path: Path) -> None:
    table = decode_providers({"p": [str(tmp_path / "none"), "{ref}"]}, "t")
    with pytest.raises(LaunchError, match="cannot run"):
        resolve(table, "p", "r", 5)


def test_delivery_survives_a_shell() -> None:
    import subprocess

    values = {"A": b'it\'s $HOME `x` "y"\n\\n', "B": b"\xff", "C": b"''"}
    script = b"import os, sys; sys.stdout.write(repr([os.environb[k] for k in (b'A', b'B', b'C')]))"
    text = render_delivery(values) + b"echo $mooring_complete\n" + b'exec "$@"'
    done = subprocess.run(
        ["sh", "-c", 'eval "$(cat)"', "sh", sys.executable, "-c", script],
        input=text,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"yes\n" + repr(list(values.values())).encode()
