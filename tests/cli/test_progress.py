"""Progress is told to a person at a terminal, after a second, and leaves no trace."""

from __future__ import annotations

import io
import sys
import tempfile
import time

import pytest

from compiler.cli.progress import show_writes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def write_slowly(monkeypatch: pytest.MonkeyPatch, *, quiet: bool, terminal: io.StringIO) -> bytes:
    """What arrives in the file when each write finds the clock a second later."""
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(sys, "stderr", terminal)
    with tempfile.TemporaryFile() as file:
        shown = show_writes(file, quiet=quiet)
        for _ in range(3):
            shown.write(b"x" * 1_000_000)
        shown.flush()
        file.seek(0)
        return file.read()


def test_a_terminal_is_told_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    assert len(write_slowly(monkeypatch, quiet=False, terminal=terminal)) == 3_000_000
    assert "\rreading the agent's files: 3 MB" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("quiet", "kind"), [(True, Terminal), (False, io.StringIO)])
def test_nobody_else_is_told(
    quiet: bool, kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = kind()
    assert len(write_slowly(monkeypatch, quiet=quiet, terminal=terminal)) == 3_000_000
    assert terminal.getvalue() == ""
