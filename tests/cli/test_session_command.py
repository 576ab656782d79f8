"""`mooring session show`: the archive that a session left, as the report part reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Mooring
from tests.runtime.report.sessions import put_together, record_session, take_apart


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return record_session()


@pytest.fixture
def archive(tmp_path: Path, recorded: bytes) -> Path:
    file = tmp_path / "session.tar"
    file.write_bytes(recorded)
    return file


def test_show(mooring: Mooring, archive: Path) -> None:
    shown = mooring("session", "show", archive)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("session of tests/adding\n")
    assert mooring("session", "show", archive.parent).out == shown.out


def test_show_as_json(mooring: Mooring, archive: Path) -> None:
    shown = mooring("session", "show", "--json", archive)
    assert shown.code == 0
    assert json.loads(shown.out)["finalization"]["rewards"] == {"reward": 0.6}


def test_a_damaged_archive_is_shown_as_far_as_it_goes(mooring: Mooring, archive: Path) -> None:
    parts = take_apart(archive.read_bytes())
    archive.write_bytes(put_together({**parts, "ledger.sqlite": b""}))
    shown = mooring("session", "show", archive)
    assert (shown.code, shown.err.count("\n")) == (3, 1)
    assert "reward    reward 0.6" in shown.out
    assert "problems of this archive:\n  ledger.sqlite cannot be used" in shown.out


def test_files_that_are_no_archive(mooring: Mooring, tmp_path: Path) -> None:
    (tmp_path / "x\x1b.tar").write_bytes(b"PK")
    for name in ("x\x1b.tar", "missing"):
        shown = mooring("session", "show", tmp_path / name)
        assert (shown.code, shown.out, shown.err.count("\n")) == (3, "", 1)
        assert "\x1b" not in shown.err


@pytest.mark.parametrize("words", [("session", "show"), ("session", "view"), ("session", "-x")])
def test_wrong_use(mooring: Mooring, words: tuple[str, ...]) -> None:
    assert mooring(*words).code == 2
