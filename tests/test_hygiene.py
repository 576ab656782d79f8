"""What no tracked file may hold: addresses of registries, this machine's paths, merge leftovers."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Written in pieces, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a package registry's host": "|".join(
        re.escape(f"{host}.{domain}")
        for host, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("deb.debian", "org"),
            ("registry.npmjs", "org"),
            ("docker", "io/"),
            ("pkg", "dev"),
            ("crates", "io"),
        )
    ),
    "a path of a machine": "|".join(
        (
            "/ro" + r"ot/[\w.]",
            "/home/" + r"[a-z]",
            "/work/" + r"(main|shared)\b",
            "/opt/" + "wheels",
        )
    ),
    "a merge marker": r"(?m)^(<{7} |={7}$|>{7} |\|{7} )",
}

# Names that look like a host of a registry and are none: the engine's own Debian package.
ALLOWED = re.compile(r"\bdocker" + r"\.io(?!/)")


@functools.cache
def tracked_files() -> tuple[str, ...]:
    """Paths of the files that git knows and that exist, sorted by git."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    names = [os.fsdecode(name) for name in listing.split(b"\0") if name]
    return tuple(name for name in names if (ROOT / name).is_file())


def read_text(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", "surrogateescape")


def is_text(name: str) -> bool:
    return b"\0" not in (ROOT / name).read_bytes()[:8192]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{name}: {match[0]!r}"
        for name in tracked_files()
        if is_text(name)
        for match in pattern.finditer(ALLOWED.sub("", read_text(name)))
    ]
    assert not found


def test_text_has_lf_line_ends_and_ends_with_one() -> None:
    """Fixtures are left out: what they hold is input, byte for byte."""
    names = [n for n in tracked_files() if is_text(n) and not n.startswith("fixtures/")]
    assert not [n for n in names if "\r" in read_text(n)]
    assert not [n for n in names if read_text(n) and not read_text(n).endswith("\n")]


def test_scripts_with_a_shebang_are_executable() -> None:
    scripts = [n for n in tracked_files() if read_text(n).startswith("#!")]
    outside = [n for n in scripts if not n.startswith(("fixtures/", "templates/"))]
    assert not [n for n in outside if not os.access(ROOT / n, os.X_OK)]
