"""The session's archive: whole, consistent, bounded, and never in the way."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler.runtime.evaluator import export as module
from compiler.runtime.evaluator.candidates import CandidateStore, open_store
from compiler.runtime.evaluator.export import Sources, export_session
from compiler.runtime.evaluator.ledger import Ledger, open_ledger
from compiler.runtime.evaluator.plan import Plan

from .house import ADDING, House, make_house, run_git, short_folder

DOCUMENT = '{"version": 1}\n'


@dataclass
class Session:
    """A closed session with one candidate and one result on disk."""

    house: House
    plan: Plan
    ledger: Ledger
    store: CandidateStore
    candidate: str

    @property
    def archive(self) -> Path:
        return self.house.admin / "export" / "session.tar"

    def export(self, document: str | None = DOCUMENT, problem: str | None = None) -> str | None:
        """What is to be said of it."""
        sources = Sources(plan=self.plan, ledger=self.ledger, store=self.store)
        return export_session(sources, document, problem)["problem"]

    def unpacked(self, into: Path) -> dict[str, object]:
        """Unpacks the archive, and gives its manifest."""
        with tarfile.open(self.archive) as tar:
            tar.extractall(into, filter="data")
        return dict(json.loads((into / "manifest.json").read_text()))


@pytest.fixture
def session() -> Iterator[Session]:
    with short_folder() as root:
        house = make_house(root / "house")
        house.admin.mkdir()
        plan = house.decoded()
        ledger = open_ledger(plan)
        store = open_store(plan, house.admin / "candidates")
        commit = house.commit(ADDING)
        bundle = root / "bundle"
        bundle.write_bytes(house.bundle(commit))
        received = store.receive(bundle)
        ledger.register(received.commit, received.tree)
        ledger.seal()
        for job in ("2", "10"):
            (house.results / job).mkdir(parents=True)
            (house.results / job / "result.json").write_text(f'{{"id": "{job}"}}')
        (house.results / ".staging" / "11").mkdir(parents=True)
        yield Session(house, plan, ledger, store, commit)
        ledger.close()


def test_everything_is_in_it_with_its_digest(session: Session, tmp_path: Path) -> None:
    assert session.export() is None
    manifest = session.unpacked(tmp_path)
    assert (manifest["version"], manifest["task"]) == (1, "tests/adding")
    assert (manifest["problem"], manifest["omitted"]) == (None, [])
    files = manifest["files"]
    assert isinstance(files, list)
    assert [file["path"] for file in files] == [
        "finalization.json",
        "ledger.sqlite",
        "results/2/result.json",
        "results/10/result.json",
        "candidates.bundle",
    ]
    for file in files:
        data = (tmp_path / file["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    assert (tmp_path / "finalization.json").read_text() == DOCUMENT


def test_the_ledger_in_it_is_that_of_the_finished_session(session: Session, tmp_path: Path) -> None:
    session.export()
    session.unpacked(tmp_path)
    copy = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert copy.execute("SELECT document FROM session").fetchone() == (DOCUMENT,)
    assert copy.execute("SELECT count(*) FROM candidates").fetchone() == (2,)
    copy.close()


def test_the_bundle_in_it_is_complete(session: Session, tmp_path: Path) -> None:
    session.export()
    session.unpacked(tmp_path)
    run_git(tmp_path, "init", "--quiet", "--bare", "repository")
    repository = tmp_path / "repository"
    bundle = str(tmp_path / "candidates.bundle")
    run_git(repository, "fetch", "--quiet", bundle, f"refs/candidates/{session.candidate}:x")
    assert run_git(repository, "show", "x:solve.py") == ADDING.strip()
    base = session.plan.baseline.commit
    assert run_git(repository, "rev-parse", "x~1") == base
    assert base in run_git(repository, "bundle", "list-heads", bundle)


def test_a_later_archive_takes_the_place_of_an_earlier_one(
    session: Session, tmp_path: Path
) -> None:
    session.export(None, "not yet")
    assert session.unpacked(tmp_path / "first")["problem"] == "not yet"
    session.export()
    assert session.unpacked(tmp_path / "second")["problem"] is None
    assert [path.name for path in session.archive.parent.iterdir()] == ["session.tar"]
    assert not (session.house.admin / "export.new").exists()


def test_what_is_too_large_is_left_out_and_named(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    assert str(session.export()).startswith("left out: ledger.sqlite (")
    manifest = session.unpacked(tmp_path)
    omitted = manifest["omitted"]
    assert isinstance(omitted, list)
    assert [entry["path"] for entry in omitted] == ["ledger.sqlite", "candidates.bundle"]
    assert all("bytes" in entry["cause"] or "too large" in entry["cause"] for entry in omitted)


def test_when_the_time_is_over_the_rest_is_left_out(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXPORT_SECONDS", -1.0)
    session.export()
    manifest = session.unpacked(tmp_path)
    assert manifest["files"] == []
    omitted = manifest["omitted"]
    assert isinstance(omitted, list)
    assert len(omitted) == 5


def test_a_ledger_that_cannot_be_opened_is_exported_as_it_is(
    session: Session, tmp_path: Path
) -> None:
    (session.house.admin / "ledger.sqlite").write_text("this was a ledger")
    sources = Sources(plan=session.plan, ledger=None, store=None)
    export_session(sources, None, "ledger: file is not a database")
    manifest = session.unpacked(tmp_path)
    assert manifest["problem"] == "ledger: file is not a database"
    assert (tmp_path / "ledger.sqlite").read_text() == "this was a ledger"
    omitted = manifest["omitted"]
    assert isinstance(omitted, list)
    assert [entry["path"] for entry in omitted] == ["candidates.bundle"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_leaves_the_earlier_archive_and_no_rubbish(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.export()
    small = session.house.admin / "small"
    small.mkdir()
    (session.house.results / "2" / "samples.jsonl").write_bytes(b"x" * 65536)
    monkeypatch.setattr(module, "_SCRATCH", "small/export.new")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(OSError, match="No space"):
            session.export(None, "later")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert session.unpacked(tmp_path)["problem"] is None
