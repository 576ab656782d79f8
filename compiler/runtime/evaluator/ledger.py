"""The ledger: jobs, what they cost, candidates, and the seal, in one SQLite file with one writer.

Rules that hold whatever happens:

- A job and its charge are one transaction, made before its first sample runs. The charge is given
  back only in the transaction that makes the job invalid (failure of the machinery), and only
  `budget.MOST_REFUNDS` times on a split.
- A restart loses and refills nothing: jobs that were queued or running are queued again under the
  same id and the same charge. A job that was started `MOST_STARTS` times without an end becomes
  invalid and keeps its charge, since what it runs may be what ended the evaluator.
- A ledger that is missing where other state exists, empty, damaged, of another task, or not
  writable is unusable: every operation raises `LedgerUnusable`, and nothing is left.

Journal: TRUNCATE with synchronous FULL. After a commit everything is in the one file and synced, so
no second file exists whose loss would silently undo a charge.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .budget import Amount, affordable, refundable
from .outcomes import Summary
from .plan import Plan
from .records import Job, LedgerUnusable, Purpose, Received, Refused, State

FILE_NAME = "ledger.sqlite"
MOST_STARTS = 2
MOST_WAITING = 100
MOST_CANDIDATES = 2000
_CLOSED = "the session was closed"
_STARTED_TOO_OFTEN = "the evaluator ended twice while this evaluation ran"

_SCHEMA = """
CREATE TABLE session (
  one INTEGER PRIMARY KEY CHECK (one = 1), task TEXT NOT NULL, baseline TEXT NOT NULL,
  sealed REAL, finished REAL, document TEXT, probe INTEGER NOT NULL DEFAULT 0,
  CHECK (finished IS NULL OR (sealed IS NOT NULL AND document IS NOT NULL))
) STRICT;
CREATE TABLE candidates (
  number INTEGER PRIMARY KEY, commit_sha TEXT NOT NULL UNIQUE, tree_sha TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, purpose TEXT NOT NULL, split TEXT NOT NULL, commit_sha TEXT
  NOT NULL REFERENCES candidates (commit_sha), tree_sha TEXT NOT NULL, samples INTEGER NOT NULL,
  state TEXT NOT NULL, starts INTEGER NOT NULL DEFAULT 0, submitted REAL NOT NULL, finished REAL,
  summary TEXT, problem TEXT, CHECK (state != 'done' OR summary IS NOT NULL) ) STRICT; CREATE TABLE
  charges ( job INTEGER PRIMARY KEY REFERENCES jobs (id), split TEXT NOT NULL, runs INTEGER NOT NULL
  CHECK (runs >= 0), samples INTEGER NOT NULL CHECK (samples >= 0), refunded INTEGER NOT NULL
  DEFAULT 0 CHECK (refunded IN (0, 1)) ) STRICT; CREATE INDEX jobs_by_state ON jobs (state); CREATE
  INDEX charges_by_split ON charges (split);
"""

_JOB = (
    "id, purpose, split, commit_sha, tree_sha, samples,"
    " state, starts, submitted, finished, summary, problem"
)


class _Nonsense(Exception):
    """A row holds what this program never wrote."""


class Ledger:
    """Every method is one transaction, safe to call from any thread, and blocks: call it off the
    event loop.
    """

    def __init__(
        self, plan: Plan, connection: sqlite3.Connection, clock: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self.version = 0  # grows with every change; readers may keep what they read while it stands

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Session

    def sealed_at(self) -> float | None:
        with self._read() as db:
            sealed: float | None = db.execute("SELECT sealed FROM session").fetchone()[0]
            return sealed

    def seal(self) -> float:
        """Time of the seal, now or earlier. Jobs that only waited are cancelled with it; their
        charge stays.
        """
        with self._write() as db:
            db.execute("UPDATE session SET sealed = coalesce(sealed, ?)", (self._clock(),))
            self._end_all(db, State.QUEUED)
            sealed: float = db.execute("SELECT sealed FROM session").fetchone()[0]
            return sealed

    def document(self) -> str | None:
        """The finalization document, when finalising has finished."""
        with self._read() as db:
            document: str | None = db.execute("SELECT document FROM session").fetchone()[0]
            return document

    def finish(self, document: str) -> str:
        """Keeps the document of a finished session and returns the one that stands: the first."""
        with self._write() as db:
            db.execute(
                "UPDATE session SET finished = ?, document = ? WHERE document IS NULL",
                (self._clock(), document),
            )
            kept: str = db.execute("SELECT document FROM session").fetchone()[0]
            return kept

    def probe(self) -> None:
        """Writes something, to learn whether writing works."""
        with self._write() as db:
            db.execute("UPDATE session SET probe = probe + 1")
            self.version -= 1

    # Candidates

    def register(self, commit: str, tree: str) -> Received:
        """Enters a received candidate; one that is known keeps its place."""
        with self._write() as db:
            known = self._received(db, commit)
            if known is not None:
                return known
            self._refuse_sealed(db)
            number = db.execute("SELECT count(*) FROM candidates").fetchone()[0]
            if number > MOST_CANDIDATES:
                raise Refused(
                    "too_many_candidates", f"a session takes {MOST_CANDIDATES} candidates"
                )
            db.execute("INSERT INTO candidates VALUES (?, ?, ?)", (number, commit, tree))
            return Received(commit=commit, tree=tree, order=number)

    def received(self, commit: str) -> Received | None:
        with self._read() as db:
            return self._received(db, commit)

    def candidates(self) -> tuple[Received, ...]:
        with self._read() as db:
            rows = db.execute(
                "SELECT commit_sha, tree_sha, number FROM candidates ORDER BY number"
            ).fetchall()
            return tuple(Received(commit=row[0], tree=row[1], order=row[2]) for row in rows)

    # Jobs

    def reserve(self, split: str, commit: str) -> Job:
        """A queued job and its charge in one transaction, or `Refused` and nothing at all."""
        samples = self._samples(split)
        with self._write() as db:
            self._refuse_sealed(db)
            candidate = self._received(db, commit)
            if candidate is None:
                raise Refused("unknown_commit", "no candidate with this commit was received")
            waiting = db.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
            if waiting >= MOST_WAITING:
                raise Refused(
                    "queue_full", f"{MOST_WAITING} evaluations are waiting; ask again later"
                )
            price = Amount(runs=1, samples=samples)
            if not affordable(self._plan.budget(split), self._spent(db, split), price):
                raise Refused(
                    "budget_spent",
                    f"what is left of the budget of {split} does not pay this evaluation",
                )
            job = self._insert(db, Purpose.REQUESTED, split, candidate)
            db.execute(
                "INSERT INTO charges (job, split, runs, samples) VALUES (?, ?, 1, ?)",
                (job.id, split, samples),
            )
            return job

    def enter(self, purpose: Purpose, split: str, candidate: Received) -> Job:
        """An unmetered job of finalising: without charge, already running, not in the optimiser's
        queue.
        """
        with self._write() as db:
            job = self._insert(db, purpose, split, candidate)
            db.execute("UPDATE jobs SET state = 'running', starts = 1 WHERE id = ?", (job.id,))
            return self._job(db, job.id)

    def start_next(self) -> Job | None:
        """The job that waited longest, now running; those that were started too often end on the
        way.
        """
        with self._write() as db:
            while row := db.execute(
                "SELECT id, starts FROM jobs WHERE state = 'queued' ORDER BY id"
            ).fetchone():
                if row[1] < MOST_STARTS:
                    db.execute(
                        "UPDATE jobs SET state = 'running', starts = starts + 1 WHERE id = ?",
                        (row[0],),
                    )
                    return self._job(db, row[0])
                self._end(db, row[0], State.INVALID, None, _STARTED_TOO_OFTEN)
            return None

    def complete(self, job: int, summary: Summary) -> Job:
        """Ends a running job with its number."""
        with self._write() as db:
            return self._end(db, job, State.DONE, summary, None)

    def invalidate(self, job: int, problem: str, summary: Summary | None = None) -> Job:
        """Ends a running job without a number after a failure of the machinery; gives its charge
        back.
        """
        with self._write() as db:
            ended = self._end(db, job, State.INVALID, summary, problem)
            refunds = db.execute(
                "SELECT count(*) FROM charges WHERE split = ? AND refunded", (ended.split,)
            )
            if refundable(refunds.fetchone()[0]):
                db.execute("UPDATE charges SET refunded = 1 WHERE job = ?", (job,))
            return ended

    def cancel(self, job: int, problem: str) -> Job:
        """Ends a job without a number; its charge stays."""
        with self._write() as db:
            return self._end(db, job, State.CANCELLED, None, problem)

    def recover(self) -> None:
        """After a start: what ran is queued again, or cancelled when the session is sealed."""
        with self._write() as db:
            db.execute(
                "UPDATE jobs SET state = 'queued' WHERE state = 'running' AND purpose = 'requested'"
            )
            if db.execute("SELECT sealed FROM session").fetchone()[0] is not None:
                self._end_all(db, State.QUEUED)
            self._end_all(db, State.RUNNING)

    def job(self, identifier: int) -> Job | None:
        with self._read() as db:
            row = db.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (identifier,)).fetchone()
            return None if row is None else _job_of(row)

    def jobs(self, purpose: Purpose) -> tuple[Job, ...]:
        with self._read() as db:
            rows = db.execute(
                f"SELECT {_JOB} FROM jobs WHERE purpose = ? ORDER BY id", (purpose.value,)
            )
            return tuple(_job_of(row) for row in rows.fetchall())

    def spent(self, split: str) -> Amount:
        """What was charged for a split and not given back."""
        with self._read() as db:
            return self._spent(db, split)

    # Inside a transaction

    def _samples(self, split: str) -> int:
        found = self._plan.split(split)
        if found is None:
            raise Refused("unknown_split", "there is no such split")
        return found.samples

    def _refuse_sealed(self, db: sqlite3.Connection) -> None:
        if db.execute("SELECT sealed FROM session").fetchone()[0] is not None:
            raise Refused("sealed", "the session is over: nothing more is received or evaluated")

    def _received(self, db: sqlite3.Connection, commit: str) -> Received | None:
        row = db.execute(
            "SELECT tree_sha, number FROM candidates WHERE commit_sha = ?", (commit,)
        ).fetchone()
        return None if row is None else Received(commit=commit, tree=row[0], order=row[1])

    def _spent(self, db: sqlite3.Connection, split: str) -> Amount:
        row = db.execute(
            "SELECT coalesce(sum(runs), 0), coalesce(sum(samples), 0) FROM charges"
            " WHERE split = ? AND NOT refunded",
            (split,),
        ).fetchone()
        return Amount(runs=row[0], samples=row[1])

    def _insert(
        self, db: sqlite3.Connection, purpose: Purpose, split: str, candidate: Received
    ) -> Job:
        values = (
            purpose.value,
            split,
            candidate.commit,
            candidate.tree,
            self._samples(split),
            self._clock(),
        )
        cursor = db.execute(
            "INSERT INTO jobs (purpose, split, commit_sha, tree_sha, samples, state, submitted)"
            " VALUES (?, ?, ?, ?, ?, 'queued', ?)",
            values,
        )
        return self._job(db, cursor.lastrowid or 0)

    def _end(
        self,
        db: sqlite3.Connection,
        job: int,
        state: State,
        summary: Summary | None,
        problem: str | None,
    ) -> Job:
        text = None if summary is None else json.dumps(asdict(summary))
        changed = db.execute(
            "UPDATE jobs SET state = ?, summary = ?, problem = ?, finished = ?"
            " WHERE id = ? AND state IN ('queued', 'running')",
            (state.value, text, problem, self._clock(), job),
        )
        if changed.rowcount != 1:
            raise ValueError(f"job {job} does not run")
        return self._job(db, job)

    def _end_all(self, db: sqlite3.Connection, state: State) -> None:
        db.execute(
            "UPDATE jobs SET state = 'cancelled', problem = ?, finished = ? WHERE state = ?",
            (_CLOSED, self._clock(), state.value),
        )

    def _job(self, db: sqlite3.Connection, job: int) -> Job:
        return _job_of(db.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (job,)).fetchone())

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, _Nonsense) as error:
                raise LedgerUnusable(f"the ledger cannot be read: {error}") from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, and undone as a whole when anything is
        raised.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
                self.version += 1
            except (sqlite3.Error, _Nonsense) as error:
                raise LedgerUnusable(f"the ledger cannot be written: {error}") from error


def open_ledger(plan: Plan, clock: Callable[[], float] = time.time) -> Ledger:
    """The ledger in the plan's admin folder; made only when that folder holds nothing else yet."""
    path = plan.paths.admin / FILE_NAME
    try:
        if not path.exists():
            _create(plan, path)
        if path.stat().st_size == 0:
            raise LedgerUnusable("the ledger is empty")
        return Ledger(plan, _open(plan, path), clock)
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnusable(f"the ledger cannot be opened: {error}") from error


def _open(plan: Plan, path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        _verify(plan, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(plan: Plan, path: Path) -> None:
    """A new ledger appears complete, by rename."""
    new = path.with_name(FILE_NAME + ".new")
    others = {entry.name for entry in path.parent.iterdir()} - {
        new.name,
        f"{new.name}-journal",
        "lost+found",
    }
    if others:
        raise LedgerUnusable("the ledger is missing, but other state of the session is there")
    for leftover in (new, new.with_name(f"{new.name}-journal")):
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
    new.with_name(f"{new.name}-journal").unlink(missing_ok=True)
    new.replace(path)
    _sync_folder(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    connection.execute(
        "PRAGMA locking_mode = EXCLUSIVE"
    )  # a second evaluator on the same state must not start
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


def _job_of(row: tuple[Any, ...]) -> Job:
    """A job of a row of `_JOB`'s columns; their types are held by the STRICT table."""
    try:
        return Job(
            id=row[0],
            purpose=Purpose(row[1]),
            split=row[2],
            commit=row[3],
            tree=row[4],
            samples=row[5],
            state=State(row[6]),
            starts=row[7],
            submitted=row[8],
            finished=row[9],
            summary=None if row[10] is None else Summary(**json.loads(row[10])),
            problem=row[11],
        )
    except (ValueError, TypeError) as error:
        raise _Nonsense(f"a job is not what was written: {error}") from error
