"""A session's ledger, as exported: what was asked for, what it cost, how it ended.

The file is a database that others wrote. It is opened read-only, may run nothing but plain reads of
the tables that a ledger has, and may not take long.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import Unreadable, decode_object, is_number

LEDGER_BYTES = 256 << 20
SECONDS = 30.0
MOST_ROWS = 50_000
SUMMARY_CHARACTERS = 1 << 20
MOST_OBJECTS = 100
_STEPS = 100_000
_PLAIN = re.compile(r"CREATE TABLE ", re.IGNORECASE)
_COMPUTED = re.compile(r"\bAS\b", re.IGNORECASE)
_TABLES = {"session", "candidates", "submissions", "jobs", "charges"}
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}


@dataclass(frozen=True)
class LedgerJob:
    """One evaluation; `samples` is the size of the selection, `whole` whether that is the split."""

    id: int
    purpose: str
    split: str
    commit: str
    tree: str
    samples: int
    whole: bool
    recorded: int | None
    state: str
    submitted: float | None
    finished: float | None
    problem: str | None
    score: float | None
    scored: int | None
    failed: int | None
    lost: int | None


@dataclass(frozen=True)
class Spent:
    """What a split's evaluations cost; `refunds` are charges that were given back, by cause."""

    split: str
    runs: int
    samples: int
    refunds: dict[str, int]


@dataclass(frozen=True)
class Ledger:
    """`document` is the finalization as the ledger keeps it."""

    task: str
    baseline: str
    sealed: float | None
    document: str | None
    candidates: list[tuple[str, str]]
    submissions: list[str]
    jobs: list[LedgerJob]
    spent: list[Spent]


def read_ledger(path: Path) -> Ledger:
    """The ledger in a database file; whatever is wrong with it is Unreadable."""
    try:
        with closing(_open(path)) as connection:
            return _read(connection)
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise Unreadable(f"it cannot be read: {error}") from None


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    _check_tables(connection)
    connection.set_authorizer(_authorise)
    deadline = time.monotonic() + SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
    return connection


def _check_tables(connection: sqlite3.Connection) -> None:
    """Views, triggers, virtual tables and computed columns could make a read do anything."""
    rows = connection.execute("SELECT type, sql FROM sqlite_master").fetchmany(MOST_OBJECTS + 1)
    for kind, sql in rows:
        plain = kind == "table" and _PLAIN.match(str(sql)) and not _COMPUTED.search(str(sql))
        if len(rows) > MOST_OBJECTS or not (plain or kind == "index"):
            raise Unreadable("it holds something else than plain tables")


def _authorise(action: int, table: str | None, *_: object) -> int:
    known = action in _ALLOWED and (table is None or table in _TABLES)
    return sqlite3.SQLITE_OK if known else sqlite3.SQLITE_DENY


def _read(db: sqlite3.Connection) -> Ledger:
    sessions = _rows(db, "SELECT task, baseline, sealed, document FROM session", _session)
    if len(sessions) != 1:
        raise Unreadable("it has no session")
    task, baseline, sealed, document = sessions[0]
    return Ledger(
        task=task,
        baseline=baseline,
        sealed=sealed,
        document=document,
        candidates=_rows(
            db,
            "SELECT commit_sha, tree_sha FROM candidates ORDER BY number",
            lambda row: (_text(row[0]), _text(row[1])),
        ),
        submissions=_rows(
            db, "SELECT commit_sha FROM submissions ORDER BY number", lambda row: _text(row[0])
        ),
        jobs=_rows(db, f"SELECT {_JOB} FROM jobs ORDER BY id", _job),
        spent=_spent(_rows(db, "SELECT split, runs, samples, refund FROM charges", _charge)),
    )


_JOB = (
    "id, purpose, split, commit_sha, tree_sha, samples, selection IS NULL, recorded, state,"
    " submitted, finished, problem, summary"
)


def _rows(db: sqlite3.Connection, query: str, decode: Callable[[Any], Any]) -> list[Any]:
    rows = db.execute(query).fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise Unreadable(f"it has more than {MOST_ROWS} rows in a table")
    return [decode(row) for row in rows]


def _session(row: tuple[Any, ...]) -> tuple[str, str, float | None, str | None]:
    return _text(row[0]), _text(row[1]), _real(row[2]), _text_or_none(row[3])


def _charge(row: tuple[Any, ...]) -> tuple[str, int, int, str | None]:
    return _text(row[0]), _whole(row[1]), _whole(row[2]), _text_or_none(row[3])


def _job(row: tuple[Any, ...]) -> LedgerJob:
    summary = _summary(row[12])
    return LedgerJob(
        id=_whole(row[0]),
        purpose=_text(row[1]),
        split=_text(row[2]),
        commit=_text(row[3]),
        tree=_text(row[4]),
        samples=_whole(row[5]),
        whole=bool(row[6]),
        recorded=None if row[7] is None else _whole(row[7]),
        state=_text(row[8]),
        submitted=_real(row[9]),
        finished=_real(row[10]),
        problem=_text_or_none(row[11]),
        score=_real(summary.get("score")),
        scored=_count(summary.get("scored")),
        failed=_count(summary.get("failed")),
        lost=_count(summary.get("lost")),
    )


def _summary(text: object) -> dict[str, Any]:
    if text is None:
        return {}
    raw = _text(text)
    if len(raw) > SUMMARY_CHARACTERS:
        raise Unreadable("a job's summary is too large")
    return decode_object(raw.encode("utf-8"))


def _spent(charges: list[tuple[str, int, int, str | None]]) -> list[Spent]:
    """By split, in the order of names."""
    found = []
    for split in sorted({charge[0] for charge in charges}):
        own = [charge for charge in charges if charge[0] == split]
        kept = [charge for charge in own if charge[3] is None]
        causes = [charge[3] for charge in own if charge[3] is not None]
        found.append(
            Spent(
                split=split,
                runs=sum(charge[1] for charge in kept),
                samples=sum(charge[2] for charge in kept),
                refunds={cause: causes.count(cause) for cause in sorted(set(causes))},
            )
        )
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable("a row holds something else than text where text belongs")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise Unreadable("a row holds something else than a whole number where one belongs")
    return value


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and is_number(value) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and is_number(value) else None
