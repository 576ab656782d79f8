"""Archives of sessions: one as the evaluator writes it, and others made of its parts."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from tests.runtime.evaluator.fakes import right, scripted_runner
from tests.runtime.evaluator.house import (
    ADDING,
    WRONG,
    budget,
    make_house,
    open_evaluator,
    short_folder,
)

Parts = dict[str, bytes]


def record_session() -> bytes:
    """The archive of a session with two candidates, on both splits, one result being repeated."""
    with short_folder() as root:
        house = make_house(
            root / "house",
            deterministic=True,
            score_baseline=True,
            budgets=[budget("train", samples=99), budget("validation", runs=2)],
        )
        with (
            scripted_runner(house, lambda request, _: right(request)),
            open_evaluator(house) as evaluator,
        ):
            adding, other = house.commit(ADDING), house.commit(WRONG, "other")
            for commit in (adding, other):
                evaluator.measure("validation", commit)
            named = {"split": "train", "commit": adding, "samples": ["train-row-1", "train-row-5"]}
            for _ in range(2):
                status, job = evaluator.ask("POST", "/eval", named)
                assert status in (200, 202), job
                evaluator.wait(job["id"])
            status, document = evaluator.control("POST", "/finalize")
            assert status == 200, document
        return (house.admin / "export" / "session.tar").read_bytes()


def take_apart(archive: bytes) -> Parts:
    """The files by name, in their order, without the manifest."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        parts = {}
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            parts[member.name] = stream.read()
    del parts["manifest.json"]
    return parts


def manifest_of(parts: Parts, **changes: object) -> bytes:
    files = [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in parts.items()
    ]
    document = {"version": 1, "task": "x", "problem": None, "files": files, "omitted": []}
    return json.dumps({**document, **changes}).encode()


def put_together(parts: Parts, *extra: tarfile.TarInfo, **changes: object) -> bytes:
    """An archive with a manifest that agrees with it; `extra` members have no content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in {**parts, "manifest.json": manifest_of(parts, **changes)}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return file.getvalue()


def change_ledger(ledger: bytes, folder: Path, *statements: str) -> bytes:
    """A ledger after some SQL, whatever its schema forbids."""
    path = folder / "changed.sqlite"
    path.write_bytes(ledger)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)
    changed = path.read_bytes()
    path.unlink()
    return changed
