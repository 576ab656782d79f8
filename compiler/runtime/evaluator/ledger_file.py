"""The ledger's file: its tables, how it comes to be, and how it is verified when it is opened.

Journal: TRUNCATE with synchronous FULL. After a commit everything is in the one file and synced, so
no second file exists whose loss would silently undo a charge.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from .outcomes import Summary
from .plan import Plan
from .records import Job, LedgerUnusable, Purpose, State, Subset

FILE_NAME = "ledger.sqlite"

_SCHEMA = """
CREATE TABLE session (
  one INTEGER PRIMARY KEY CHECK (one = 1), task TEXT NOT NULL, baseline TEXT NOT NULL,
  sealed REAL, finished REAL, document TEXT, probe INTEGER NOT NULL DEFAULT 0,
  CHECK (finished IS NULL OR (sealed IS NOT NULL AND document IS NOT NULL))
) STRICT;
CREATE TABLE candidates (
  number INTEGER PRIMARY KEY, commit_sha TEXT NOT NULL UNIQUE, tree_sha TEXT NOT NULL
) STRICT;
CREATE TABLE submissions (
  number INTEGER PRIMARY KEY, commit_sha TEXT NOT NULL REFERENCES candidates (commit_sha),
  at REAL NOT NULL
) STRICT;
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, purpose TEXT NOT NULL, split TEXT NOT NULL,
  commit_sha TEXT NOT NULL REFERENCES candidates (commit_sha), tree_sha TEXT NOT NULL,
  samples INTEGER NOT NULL, selection TEXT, recorded INTEGER REFERENCES jobs (id),
  state TEXT NOT NULL, starts INTEGER NOT NULL DEFAULT 0, submitted REAL NOT NULL, finished REAL,
  summary TEXT, problem TEXT, CHECK (state != 'done' OR summary IS NOT NULL)
) STRICT;
CREATE TABLE charges (
  job INTEGER PRIMARY KEY REFERENCES jobs (id), split TEXT NOT NULL,
  runs INTEGER NOT NULL CHECK (runs >= 0), samples INTEGER NOT NULL CHECK (samples >= 0),
  refund TEXT CHECK (refund IN ('machinery', 'withdrawn'))
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_tree ON jobs (tree_sha, split);
CREATE INDEX charges_by_split ON charges (split);
"""

JOB_COLUMNS = (
    "id, purpose, split, commit_sha, tree_sha, samples, selection, recorded,"
    " state, starts, submitted, finished, summary, problem"
)


class Nonsense(Exception):
    """A row holds what this program never wrote."""


def open_file(plan: Plan, path: Path) -> sqlite3.Connection:
    """The verified ledger in `path`; made only when its folder holds nothing else yet."""
    if not path.exists():
        _create(plan, path)
    if path.stat().st_size == 0:
        raise LedgerUnusable("the ledger is empty")
    connection = _connect(path)
    try:
        _verify(plan, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def copy_file(source: sqlite3.Connection, path: Path) -> None:
    """A consistent copy of an open ledger, in one file."""
    with closing(sqlite3.connect(path)) as copy:
        source.backup(copy)


def finish_copy(path: Path, document: str, at: float) -> None:
    """Makes a copy that of a finished session."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute(
            "UPDATE session SET document = ?, finished = ? WHERE document IS NULL", (document, at)
        )


def job_of(row: tuple[Any, ...]) -> Job:
    """A job of a row of `JOB_COLUMNS`; their types are held by the STRICT table."""
    try:
        return Job(
            id=row[0],
            purpose=Purpose(row[1]),
            split=row[2],
            commit=row[3],
            tree=row[4],
            subset=Subset(ids=None if row[6] is None else _ids(row[6]), size=row[5]),
            recorded=row[7],
            state=State(row[8]),
            starts=row[9],
            submitted=row[10],
            finished=row[11],
            summary=None if row[12] is None else Summary(**json.loads(row[12])),
            problem=row[13],
        )
    except (ValueError, TypeError) as error:
        raise Nonsense(f"a job is not what was written: {error}") from error


def selection_text(subset: Subset) -> str | None:
    """How a subset stands in a row; equal for equal subsets."""
    return None if subset.ids is None else json.dumps(subset.ids)


def _ids(text: str) -> tuple[str, ...]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError("a selection is no list of ids")
    return tuple(found)


def _create(plan: Plan, path: Path) -> None:
    """A new ledger appears complete, by rename."""
    new = path.with_name(FILE_NAME + ".new")
    journal = new.with_name(f"{new.name}-journal")
    others = {entry.name for entry in path.parent.iterdir()} - {
        new.name,
        journal.name,
        "lost+found",
    }
    if others:
        raise LedgerUnusable("the ledger is missing, but other state of the session is there")
    for leftover in (new, journal):
        leftover.unlink(missing_ok=True)
    baseline = plan.baseline
    with closing(_connect(new)) as connection:
        connection.executescript(_SCHEMA)
        connection.execute(
            "INSERT INTO session (one, task, baseline) VALUES (1, ?, ?)",
            (plan.task, baseline.commit),
        )
        connection.execute(
            "INSERT INTO candidates VALUES (0, ?, ?)", (baseline.commit, baseline.tree)
        )
    journal.unlink(missing_ok=True)
    new.replace(path)
    _sync_folder(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    # A second evaluator on the same state must not start.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _verify(plan: Plan, connection: sqlite3.Connection) -> None:
    result = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if result != "ok":
        raise LedgerUnusable("the ledger is damaged")
    row = connection.execute("SELECT task, baseline FROM session").fetchone()
    if row != (plan.task, plan.baseline.commit):
        raise LedgerUnusable("the ledger belongs to another task or another baseline")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
