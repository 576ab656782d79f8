"""The command line inside the test's own process: as fast as a call, the same exit codes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler.cli.main import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


type Mooring = Callable[..., Ended]


@pytest.fixture
def mooring(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mooring:
    """Runs `mooring WORDS...`."""

    def call(*words: str | Path) -> Ended:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        monkeypatch.setattr(sys, "argv", ["mooring", *map(str, words)])
        capsys.readouterr()
        try:
            run()
        except SystemExit as ended:
            code = ended.code
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert isinstance(code, int)
        captured = capsys.readouterr()
        return Ended(code=code, out=captured.out, err=captured.err)

    return call
