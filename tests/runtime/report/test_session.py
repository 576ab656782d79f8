"""`report session FILE`: what the evaluator exported, and files that only claim to be that."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.report import ledger as ledger_part
from compiler.runtime.report.session import SessionError, read_session
from tests.runtime.baseline.test_recreate import find_pythons
from tests.runtime.report.sessions import (
    Parts,
    change_ledger,
    manifest_of,
    put_together,
    record_session,
    take_apart,
)
from tests.runtime.report.test_job import run_report


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return record_session()


@pytest.fixture
def parts(recorded: bytes) -> Parts:
    return take_apart(recorded)


def report(tmp_path: Path, archive: bytes, code: int = 0) -> str:
    """What is printed of an archive; nothing may be left of reading it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    file = tmp_path / "session.tar"
    file.write_bytes(archive)
    done = run_report("session", file, TMPDIR=str(folder))
    assert done.returncode == code, done.stdout + done.stderr
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "session.tar"]
    folder.rmdir()
    return done.stdout + done.stderr


def test_a_session_as_it_was(tmp_path: Path, recorded: bytes) -> None:
    said = report(tmp_path, recorded)
    lines = [line.split() for line in said.splitlines()]
    assert lines[0] == ["session", "of", "tests/adding"]
    assert "(auto_best)" in said
    assert "why       best of 2 scored again on validation; the earliest received" in said
    assert ["reward", "reward", "0.6"] in lines
    assert ["baseline", "reward", "0.6000"] in lines
    assert ["test", "reward", "0.6000", "10", "10", "0", "0", "measured"] in lines
    assert ["validation", "2", "20", "-"] in lines
    assert ["train", "1", "2", "-"] in lines
    assert "3 commits received" in said
    assert "2 chosen" in said
    assert "repeats 3" in said
    assert ["requested", "3", "done", "22", "0", "0"] in lines
    assert "problems" not in said


def test_as_json(tmp_path: Path, recorded: bytes) -> None:
    (tmp_path / "session.tar").write_bytes(recorded)
    done = run_report("session", tmp_path, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["problems"]) == (0, [])
    assert document["finalization"]["rewards"] == {"reward": 0.6}
    assert document["spent"] == [
        {"split": "train", "runs": 1, "samples": 2, "refunds": {}},
        {"split": "validation", "runs": 2, "samples": 20, "refunds": {}},
    ]
    assert [job["purpose"] for job in document["jobs"][:4]] == ["requested"] * 4
    assert document["jobs"][3]["recorded"] == 3
    assert document["outcomes"]["requested"]["samples"] == {"scored": 22, "failed": 0, "lost": 0}
    assert len(document["received"]) == 3


@pytest.mark.parametrize("python", find_pythons())
def test_other_pythons(tmp_path: Path, recorded: bytes, python: str) -> None:
    (tmp_path / "session.tar").write_bytes(recorded)
    done = run_report("session", tmp_path / "session.tar", python=python)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_session_without_a_finalization(tmp_path: Path, parts: Parts) -> None:
    del parts["finalization.json"]
    archive = put_together(parts, problem="the ledger\x1b broke")
    assert "no result: the ledger\\x1b broke" in report(tmp_path, archive)


def finalization(parts: Parts, change: Callable[[dict[str, Any]], object]) -> Parts:
    document = json.loads(parts["finalization.json"])
    change(document)
    return {**parts, "finalization.json": json.dumps(document).encode()}


def test_no_reward(tmp_path: Path, parts: Parts) -> None:
    def lose(document: dict[str, Any]) -> None:
        document.update(rewards=None, problem="no score for reward\x07")
        document["targets"][0].update(score=None, problem="the machinery failed", basis=None)

    said = report(tmp_path, put_together(finalization(parts, lose)), 3)
    assert "no reward: no score for reward\\x07" in said
    assert "the machinery failed" in said
    assert "finalization.json is not the document that the ledger keeps" in said


MUTATIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a version": (lambda d: d.update(version=2), "does not know"),
    "no selection": (lambda d: d.pop("selection"), "`selection` is not an object"),
    "no commit": (lambda d: d["selection"]["chosen"].pop("commit"), "`commit` is not a text"),
    "a score of text": (
        lambda d: d["selection"]["chosen"].update(score="1"),
        "`score` is not a number",
    ),
    "candidates": (lambda d: d["selection"].update(candidates=[1]), "not a list of objects"),
    "a count": (lambda d: d["targets"][0].update(lost=0.5), "`lost` is not a number of samples"),
    "rewards": (lambda d: d.update(rewards={"reward": None}), "`rewards` are not numbers"),
    "jobs": (lambda d: d["selection"]["candidates"][0].update(jobs=1), "not a list of ids"),
    "another choice": (
        lambda d: d["selection"]["chosen"].update(commit="f" * 40),
        "the chosen commit is none of the ledger's candidates",
    ),
}


@pytest.mark.parametrize("case", MUTATIONS)
def test_finalizations_that_are_none(tmp_path: Path, parts: Parts, case: str) -> None:
    change, said = MUTATIONS[case]
    assert said in report(tmp_path, put_together(finalization(parts, change)), 3)


def test_text_of_candidates_is_escaped_everywhere(tmp_path: Path, parts: Parts) -> None:
    evil = "\x1b]0;owned\x07\u202e\n"

    def spoil(document: dict[str, Any]) -> None:
        document["sealed_at"] = document["selection"]["split"] = evil
        document["selection"]["mode"] = document["targets"][0]["cause"] = evil
        document["selection"]["chosen"].update(why=evil, basis=evil, commit=evil)
        document["selection"]["candidates"][0].update(commit=evil, jobs=[evil])
        document["rewards"] = document["baseline"] = {evil: 1}

    columns = ("purpose", "split", "state", "problem")
    updates = ", ".join(f"{column} = '{evil}'" for column in columns)
    broken = change_ledger(
        parts["ledger.sqlite"], tmp_path, f"UPDATE jobs SET {updates}", "DELETE FROM charges"
    )
    archive = put_together({**finalization(parts, spoil), "ledger.sqlite": broken}, task=evil)
    assert "\\x1b]0;owned" in report(tmp_path, archive, 3)


# Archives


def tar_with(name: str, **changes: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(member, key, value)
    return member


EXTRA = {
    "a way out": tar_with("../outside"),
    "an absolute name": tar_with("/tmp/outside"),
    "another file": tar_with("notes.txt"),
    "a way out below results": tar_with("results/1/../../x"),
    "a result of no job": tar_with("results/x/result.json"),
    "a folder": tar_with("results", type=tarfile.DIRTYPE),
    "a link": tar_with("results/9/result.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": tar_with("results/9/result.json", type=tarfile.LNKTYPE, linkname="ledger"),
    "a device": tar_with("results/9/result.json", type=tarfile.CHRTYPE),
    "a pipe": tar_with("results/9/result.json", type=tarfile.FIFOTYPE),
    "a long name": tar_with("x" * 300),
    "control characters": tar_with("\x1b[2J"),
    "a name twice": tar_with("ledger.sqlite"),
}


@pytest.mark.parametrize("case", EXTRA)
def test_members_that_do_not_belong(tmp_path: Path, parts: Parts, case: str) -> None:
    said = report(tmp_path, put_together(parts, EXTRA[case]), 3)
    assert "the archive is damaged: it h" in said
    assert "reward    reward 0.6" in said


def larger_than_it_is(parts: Parts) -> bytes:
    """A member that says to have 4 GiB."""
    archive = bytearray(put_together({"ledger.sqlite": parts["ledger.sqlite"]}))
    archive[124:136] = b"%011o\0" % (1 << 32)
    archive[148:156] = b"%06o\0 " % sum(archive[:148] + b" " * 8 + archive[156:512])
    return bytes(archive)


def far_too_large(parts: Parts) -> bytes:
    archive = bytearray(larger_than_it_is(parts))
    archive[124:136] = b"\x80" + b"\xff" * 11
    archive[148:156] = b"%06o\0 " % sum(archive[:148] + b" " * 8 + archive[156:512])
    return bytes(archive)


def compressed(parts: Parts) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz"):
        pass
    return file.getvalue()


def pax(parts: Parts) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tar_with("ledger.sqlite", pax_headers={"path": "../x"}))
    return file.getvalue()


NO_ARCHIVES: dict[str, Callable[[Parts], bytes]] = {
    "nothing": lambda parts: b"",
    "few bytes": lambda parts: b"x" * 100,
    "noise": lambda parts: bytes(range(256)) * 40,
    "compressed": compressed,
    "extended headers": pax,
    "one that is cut": lambda parts: put_together(parts)[:700],
    "a size beyond the file": larger_than_it_is,
    "a size beyond all": far_too_large,
}


@pytest.mark.parametrize("case", NO_ARCHIVES)
def test_files_that_are_no_archive(tmp_path: Path, parts: Parts, case: str) -> None:
    said = report(tmp_path, NO_ARCHIVES[case](parts), 3)
    assert "cannot be read as a session" in said
    assert said.count("\n") == 1


def test_what_can_be_read_of_one_that_is_cut(tmp_path: Path, parts: Parts) -> None:
    whole = put_together(parts)
    said = report(tmp_path, whole[: whole.index(b"results/1/result.json") + 600], 3)
    assert "the archive is damaged" in said
    assert "nothing is verified" in said
    assert "reward    reward 0.6" in said


@pytest.mark.parametrize("kind", ["missing", "pipe", "folder", "huge", "unreadable"])
def test_files_that_cannot_be_opened(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "se\x1bssion"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "huge":
        file.touch()
        os.truncate(file, 3 << 30)
    elif kind == "unreadable":
        file.symlink_to(file)
    done = run_report("session", file)
    assert (done.returncode, done.stdout) == (3, "")
    assert "se\\x1bssion" in done.stderr


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"", "nothing is verified"),
        (b"[]", "nothing is verified"),
        (b'{"version": 2}', "a version that this program does not know"),
        (b'{"version": 1}', "ledger.sqlite is not in the manifest"),
        (b'{"version": 1, "files": 1, "omitted": {}}', "is not in the manifest"),
        (b'{"version": 1, "files": [1, {}], "omitted": [1]}', "None is in the manifest"),
        (b"[" * 100_000, "nothing is verified"),
    ],
)
def test_manifests(tmp_path: Path, parts: Parts, manifest: bytes, said: str) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in {**parts, "manifest.json": manifest}.items():
            tar.addfile(tar_with(name, size=len(data)), io.BytesIO(data))
    text = report(tmp_path, file.getvalue(), 3)
    assert said in text
    assert "reward    reward 0.6" in text


def test_what_the_manifest_does_not_agree_with(tmp_path: Path, parts: Parts) -> None:
    file = io.BytesIO()
    listed = manifest_of({**parts, "results/99/result.json": b""})
    changed = {**parts, "results/1/result.json": b"{}"}
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in {**changed, "manifest.json": listed}.items():
            tar.addfile(tar_with(name, size=len(data)), io.BytesIO(data))
    said = report(tmp_path, file.getvalue(), 3)
    assert "results/1/result.json is not what the manifest says" in said
    assert "results/99/result.json is in the manifest, but not there" in said


def test_what_was_left_out_is_told(tmp_path: Path, parts: Parts) -> None:
    del parts["candidates.bundle"]
    left = [{"path": "candidates.bundle", "cause": "the time was\x1b over"}]
    said = report(tmp_path, put_together(parts, omitted=left), 3)
    assert "candidates.bundle was left out: the time was\\x1b over" in said


# Ledgers

ENDLESS = (
    "CREATE VIEW submissions AS WITH RECURSIVE c(x) AS"
    " (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS commit_sha FROM c"
)
HOSTILE: dict[str, tuple[tuple[str, ...], str]] = {
    "a view": (
        ("DROP TABLE charges", "CREATE VIEW charges AS SELECT 1 AS split, 1 AS runs"),
        "something else than plain tables",
    ),
    "an endless view": (
        (
            "DROP TABLE submissions",
            ENDLESS,
        ),
        "something else than plain tables",
    ),
    "a trigger": (
        ("CREATE TRIGGER t AFTER UPDATE ON jobs BEGIN DELETE FROM charges; END",),
        "something else than plain tables",
    ),
    "a computed column": (
        ("CREATE TABLE x (a, b GENERATED ALWAYS AS (zeroblob(1000000000)))",),
        "something else than plain tables",
    ),
    "no such table": (("DROP TABLE charges",), "cannot be read"),
    "another kind of value": (
        (
            "DROP TABLE session",
            "CREATE TABLE session (task, baseline, sealed, document)",
            "INSERT INTO session VALUES (x'00ff', 'b', NULL, NULL)",
        ),
        "something else than text",
    ),
    "no session": (("DELETE FROM session",), "it has no session"),
    "a summary that is none": (
        ("UPDATE jobs SET summary = '[' || hex(zeroblob(10))",),
        "it is not JSON",
    ),
    "a summary of NaN": (("UPDATE jobs SET summary = '{\"score\": NaN}'",), "is no JSON value"),
    "a deep summary": (
        ("UPDATE jobs SET summary = replace(hex(zeroblob(100000)), '0', '[')",),
        "it is n",
    ),
    "a vast summary": (
        ("UPDATE jobs SET summary = hex(zeroblob(1000000))",),
        "summary is too large",
    ),
    "an unknown baseline": (("UPDATE session SET baseline = 'x'",), "none of the ledger's"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_ledgers_that_cannot_be_trusted(tmp_path: Path, parts: Parts, case: str) -> None:
    statements, said = HOSTILE[case]
    changed = change_ledger(parts["ledger.sqlite"], tmp_path, *statements)
    assert said in report(tmp_path, put_together({**parts, "ledger.sqlite": changed}), 3)


@pytest.mark.parametrize("cut", [0, 1, 100, 5000, 20_000])
def test_ledgers_that_are_damaged(tmp_path: Path, parts: Parts, cut: int) -> None:
    damaged = parts["ledger.sqlite"][:cut]
    said = report(tmp_path, put_together({**parts, "ledger.sqlite": damaged}), 3)
    assert "ledger.sqlite cannot be used" in said
    assert "reward    reward 0.6" in said


@pytest.mark.parametrize("seed", range(8))
def test_ledgers_with_other_bytes(tmp_path: Path, parts: Parts, seed: int) -> None:
    """Whatever the bytes are, the report says something and ends."""
    noisy = bytearray(parts["ledger.sqlite"])
    for place in range(100 + seed * 13, len(noisy), 199 + seed):
        noisy[place] ^= 1 << seed
    (tmp_path / "session.tar").write_bytes(put_together({**parts, "ledger.sqlite": bytes(noisy)}))
    assert run_report("session", tmp_path / "session.tar").returncode in (0, 3)


def test_too_many_rows(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch, recorded: bytes
) -> None:
    monkeypatch.setattr(ledger_part, "MOST_ROWS", 2)
    (tmp_path / "session.tar").write_bytes(recorded)
    (problem,) = read_session(tmp_path).problems
    assert "more than 2 rows" in problem


def test_a_reading_that_takes_too_long(
    tmp_path: Path, recorded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_part, "SECONDS", -1.0)
    monkeypatch.setattr(ledger_part, "_STEPS", 1)
    (tmp_path / "session.tar").write_bytes(recorded)
    (problem,) = read_session(tmp_path).problems
    assert "interrupted" in problem


def test_many_rows_are_counted_and_not_printed(tmp_path: Path, parts: Parts) -> None:
    more = (
        "INSERT INTO jobs (purpose, split, commit_sha, tree_sha, samples, state, submitted)"
        " WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 500)"
        " SELECT 'requested', 'train', 'a', 'b', 3, 'queued', 1e999 FROM c"
    )
    changed = change_ledger(parts["ledger.sqlite"], tmp_path, more)
    said = report(tmp_path, put_together({**parts, "ledger.sqlite": changed}))
    assert "30 of 50" in said
    assert said.count("\n") < 100


def test_errors_are_of_one_kind(tmp_path: Path) -> None:
    with pytest.raises(SessionError):
        read_session(tmp_path)


@pytest.mark.parametrize("words", [("session",), ("session", "a", "b"), ("session", "-x", "a")])
def test_wrong_use(words: tuple[str, ...]) -> None:
    done = run_report(*words) if len(words) > 1 else run_report("session", "a", "--json", "--json")
    assert (done.returncode, done.stdout) == (2, "")
