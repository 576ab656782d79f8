"""The ledger: jobs, what they cost, candidates, and the seal, in one SQLite file with one writer.

Rules that hold whatever happens:

- A job and its charge are one transaction, made before its first sample runs. The charge is given
  back only in the transaction that ends the job: one that the machinery made invalid (only
  `budget.MOST_REFUNDS` times on a split), or one that was withdrawn before it ever ran.
- When the plan is deterministic, a job on samples that its tree was evaluated on without a loss
  repeats that result, at no charge. Of two requests that come before there is a result, both pay.
- A restart loses and refills nothing: jobs that were queued or running are queued again under the
  same id and the same charge. A job that was started `MOST_STARTS` times without an end becomes
  invalid and keeps its charge, since what it runs may be what ended the evaluator.
- A ledger that is missing where other state exists, empty, damaged, of another task, or not
  writable is unusable: every operation raises `LedgerUnusable`, and nothing is left.
- Nothing is decided by the clock: it may jump.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .budget import Amount, affordable, refundable
from .ledger_file import (
    FILE_NAME,
    JOB_COLUMNS,
    Nonsense,
    copy_file,
    finish_copy,
    job_of,
    open_file,
    selection_text,
)
from .outcomes import Summary
from .plan import Plan
from .records import (
    Job,
    LedgerUnusable,
    Order,
    Purpose,
    Received,
    Refused,
    State,
    Submission,
    Subset,
)

MOST_STARTS = 2
MOST_WAITING = 512
MOST_CANDIDATES = 2000
MOST_SUBMISSIONS = 1000
MOST_JOBS = 20_000
_CLOSED = "the session was closed"
_STARTED_TOO_OFTEN = "the evaluator ended twice while this evaluation ran"


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

    def copy_to(self, path: Path, document: str | None) -> None:
        """A consistent copy in a new file; with a `document`, of the session that it finishes."""
        with self._read() as db:
            copy_file(db, path)
        if document is not None:
            finish_copy(path, document, self._clock())

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

    # Submissions

    def submit(self, commit: str) -> Submission:
        """Records which commit is to be judged; the last one before the seal counts."""
        with self._write() as db:
            self._refuse_sealed(db)
            candidate = self._known(db, commit)
            last = self._submission(db)
            if last is not None and last.commit == commit:
                return last
            number = db.execute("SELECT count(*) FROM submissions").fetchone()[0]
            if number >= MOST_SUBMISSIONS:
                raise Refused(
                    "too_many_submissions", f"a session takes {MOST_SUBMISSIONS} submissions"
                )
            at = self._clock()
            db.execute("INSERT INTO submissions VALUES (?, ?, ?)", (number, commit, at))
            return Submission(commit=commit, tree=candidate.tree, at=at)

    def submission(self) -> Submission | None:
        with self._read() as db:
            return self._submission(db)

    # Jobs

    def reserve(self, order: Order) -> Job:
        """A queued job and its charge in one transaction, or `Refused` and nothing at all.

        A job that repeats a recorded result is running already and has no charge.
        """
        with self._write() as db:
            self._refuse_sealed(db)
            candidate = self._known(db, order.commit)
            self._refuse_crowd(db)
            recorded = self._recorded(db, order, candidate)
            job = self._insert(db, Purpose.REQUESTED, order.split, candidate, order.subset)
            if recorded is not None:
                return self._start(db, job.id, recorded)
            self._charge(db, job)
            return job

    def enter(self, purpose: Purpose, split: str, candidate: Received, subset: Subset) -> Job:
        """An unmetered job of finalising: without charge, already running, not in the optimiser's
        queue.
        """
        with self._write() as db:
            return self._start(db, self._insert(db, purpose, split, candidate, subset).id)

    def start_next(self) -> Job | None:
        """The job that waited longest, now running; those that were started too often end on the
        way.
        """
        with self._write() as db:
            while row := db.execute(
                "SELECT id, starts FROM jobs WHERE state = 'queued' ORDER BY id"
            ).fetchone():
                if row[1] < MOST_STARTS:
                    return self._start(db, row[0])
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
                "SELECT count(*) FROM charges WHERE split = ? AND refund = 'machinery'",
                (ended.split,),
            )
            if refundable(refunds.fetchone()[0]):
                db.execute("UPDATE charges SET refund = 'machinery' WHERE job = ?", (job,))
            return ended

    def withdraw(self, job: int, problem: str) -> Job:
        """Cancels a requested job that waits, and gives its charge back unless it ran before a
        restart. One that runs is returned as it is; one that has ended is refused.
        """
        with self._write() as db:
            self._refuse_sealed(db)
            found = self._requested(db, job)
            if found.state is State.RUNNING:
                return found
            if found.state is not State.QUEUED:
                raise Refused("job_ended", "the job has ended already")
            if found.starts == 0:
                db.execute("UPDATE charges SET refund = 'withdrawn' WHERE job = ?", (job,))
            return self._end(db, job, State.CANCELLED, None, problem)

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
            row = db.execute(
                f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?", (identifier,)
            ).fetchone()
            return None if row is None else job_of(row)

    def jobs(self, purpose: Purpose) -> tuple[Job, ...]:
        with self._read() as db:
            rows = db.execute(
                f"SELECT {JOB_COLUMNS} FROM jobs WHERE purpose = ? ORDER BY id", (purpose.value,)
            )
            return tuple(job_of(row) for row in rows.fetchall())

    def recent(self, state: State | None, before: int, most: int) -> tuple[Job, ...]:
        """The latest requested jobs below an id, in the order of ids; of one state, or all."""
        wanted = None if state is None else state.value
        with self._read() as db:
            rows = db.execute(
                f"SELECT {JOB_COLUMNS} FROM jobs WHERE purpose = 'requested' AND id < :before"
                " AND (:state IS NULL OR state = :state) ORDER BY id DESC LIMIT :most",
                {"before": before, "state": wanted, "most": most},
            ).fetchall()
            return tuple(job_of(row) for row in reversed(rows))

    def spent(self, split: str) -> Amount:
        """What was charged for a split and not given back."""
        with self._read() as db:
            return self._spent(db, split)

    # Inside a transaction

    def _refuse_sealed(self, db: sqlite3.Connection) -> None:
        if db.execute("SELECT sealed FROM session").fetchone()[0] is not None:
            raise Refused("sealed", "the session is over: nothing more is received or evaluated")

    def _refuse_crowd(self, db: sqlite3.Connection) -> None:
        waiting = db.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
        if waiting >= MOST_WAITING:
            raise Refused("queue_full", f"{MOST_WAITING} evaluations are waiting; ask again later")
        if (db.execute("SELECT max(id) FROM jobs").fetchone()[0] or 0) >= MOST_JOBS:
            raise Refused("too_many_jobs", f"a session takes {MOST_JOBS} evaluations")

    def _known(self, db: sqlite3.Connection, commit: str) -> Received:
        candidate = self._received(db, commit)
        if candidate is None:
            raise Refused("unknown_commit", "no candidate with this commit was received")
        return candidate

    def _submission(self, db: sqlite3.Connection) -> Submission | None:
        row = db.execute(
            "SELECT commit_sha, tree_sha, at FROM submissions JOIN candidates USING (commit_sha)"
            " ORDER BY submissions.number DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Submission(commit=row[0], tree=row[1], at=row[2])

    def _recorded(self, db: sqlite3.Connection, order: Order, candidate: Received) -> int | None:
        """The job whose result answers this order."""
        if not self._plan.deterministic:
            return None
        row = db.execute(
            "SELECT id FROM jobs WHERE purpose = 'requested' AND state = 'done'"
            " AND recorded IS NULL AND tree_sha = ? AND split = ? AND selection IS ?"
            " AND json_extract(summary, '$.lost') = 0 ORDER BY id LIMIT 1",
            (candidate.tree, order.split, selection_text(order.subset)),
        ).fetchone()
        return None if row is None else row[0]

    def _charge(self, db: sqlite3.Connection, job: Job) -> None:
        price = Amount(runs=1, samples=job.subset.size)
        if not affordable(self._plan.budget(job.split), self._spent(db, job.split), price):
            raise Refused(
                "budget_spent",
                f"what is left of the budget of {job.split} does not pay this evaluation",
            )
        db.execute(
            "INSERT INTO charges (job, split, runs, samples) VALUES (?, ?, ?, ?)",
            (job.id, job.split, price.runs, price.samples),
        )

    def _start(self, db: sqlite3.Connection, job: int, recorded: int | None = None) -> Job:
        db.execute(
            "UPDATE jobs SET state = 'running', starts = starts + 1,"
            " recorded = coalesce(recorded, ?) WHERE id = ?",
            (recorded, job),
        )
        return self._job(db, job)

    def _requested(self, db: sqlite3.Connection, job: int) -> Job:
        row = db.execute(
            f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ? AND purpose = 'requested'", (job,)
        ).fetchone()
        if row is None:
            raise Refused("unknown_job", "there is no such job")
        return job_of(row)

    def _received(self, db: sqlite3.Connection, commit: str) -> Received | None:
        row = db.execute(
            "SELECT tree_sha, number FROM candidates WHERE commit_sha = ?", (commit,)
        ).fetchone()
        return None if row is None else Received(commit=commit, tree=row[0], order=row[1])

    def _spent(self, db: sqlite3.Connection, split: str) -> Amount:
        row = db.execute(
            "SELECT coalesce(sum(runs), 0), coalesce(sum(samples), 0) FROM charges"
            " WHERE split = ? AND refund IS NULL",
            (split,),
        ).fetchone()
        return Amount(runs=row[0], samples=row[1])

    def _insert(
        self,
        db: sqlite3.Connection,
        purpose: Purpose,
        split: str,
        candidate: Received,
        subset: Subset,
    ) -> Job:
        values = (
            purpose.value,
            split,
            candidate.commit,
            candidate.tree,
            subset.size,
            selection_text(subset),
            self._clock(),
        )
        cursor = db.execute(
            "INSERT INTO jobs (purpose, split, commit_sha, tree_sha, samples, selection, state,"
            " submitted) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?)",
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
        return job_of(db.execute(f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?", (job,)).fetchone())

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, Nonsense) as error:
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
            except (sqlite3.Error, Nonsense) as error:
                raise LedgerUnusable(f"the ledger cannot be written: {error}") from error


def open_ledger(plan: Plan, clock: Callable[[], float] = time.time) -> Ledger:
    """The ledger in the plan's admin folder; made only when that folder holds nothing else yet."""
    try:
        return Ledger(plan, open_file(plan, plan.paths.admin / FILE_NAME), clock)
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnusable(f"the ledger cannot be opened: {error}") from error
