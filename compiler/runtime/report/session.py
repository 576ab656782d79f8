"""A session's exported archive -> what happened in it, and what is amiss with the archive."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .archive import FINALIZATION, LEDGER, Archive, open_archive, read_manifest
from .files import Unreadable, decode_object
from .finalization import FINALIZATION_BYTES, Finalization, decode_finalization
from .ledger import LEDGER_BYTES, Ledger, LedgerJob, read_ledger
from .text import shown

NAME = "session.tar"
OUTCOMES = ("scored", "failed", "lost")
VERSION = 1


class SessionError(Exception):
    """The file is no session's archive, or nothing of it can be read."""


@dataclass(frozen=True)
class Session:
    """`problems` are of the archive: damage, parts that are missing or disagree.

    `ending` says why a session ended without a finalization.
    """

    task: str
    finalization: Finalization | None
    ledger: Ledger | None
    ending: str | None
    problems: list[str]


def read_session(path: Path) -> Session:
    """The session in an archive, or in a folder that holds one under its usual name."""
    file = path / NAME if path.is_dir() else path
    try:
        with open_archive(file) as archive:
            return _read(archive)
    except (Unreadable, OSError) as error:
        raise SessionError(f"{shown(file)} cannot be read as a session: {error}") from None


def _read(archive: Archive) -> Session:
    manifest, problems = read_manifest(archive)
    if archive.problem:
        problems.insert(0, archive.problem)
    finalization, text = _read_finalization(archive, problems)
    ledger = _read_ledger(archive, problems)
    if ledger is not None:
        problems += _contradictions(ledger, finalization, text)
    task = ledger.task if ledger is not None else manifest.get("task")
    ending = manifest.get("problem")
    return Session(
        task=str(task),
        finalization=finalization,
        ledger=ledger,
        ending=None if ending is None else str(ending),
        problems=problems,
    )


def _read_finalization(
    archive: Archive, problems: list[str]
) -> tuple[Finalization | None, str | None]:
    if FINALIZATION not in archive.members:
        return None, None
    try:
        raw = archive.read(FINALIZATION, FINALIZATION_BYTES)
        return decode_finalization(decode_object(raw)), raw.decode("utf-8")
    except Unreadable as error:
        problems.append(f"{FINALIZATION} cannot be used: {error}")
        return None, None


def _read_ledger(archive: Archive, problems: list[str]) -> Ledger | None:
    """A database has to be a file to be read: it is copied to a private folder for that long."""
    try:
        with tempfile.TemporaryDirectory(prefix="mooring-report-") as folder:
            copy = Path(folder) / LEDGER
            archive.copy(LEDGER, copy, LEDGER_BYTES)
            return read_ledger(copy)
    except Unreadable as error:
        problems.append(f"{LEDGER} cannot be used: {error}")
        return None


def _contradictions(
    ledger: Ledger, finalization: Finalization | None, text: str | None
) -> list[str]:
    """What the two accounts of the session do not agree on."""
    found = []
    if text is not None and ledger.document is not None and text != ledger.document:
        found.append(f"{FINALIZATION} is not the document that the ledger keeps")
    known = {commit for commit, _ in ledger.candidates}
    if ledger.baseline not in known:
        found.append("the baseline is none of the ledger's candidates")
    if finalization is not None and finalization.chosen.commit not in known:
        found.append("the chosen commit is none of the ledger's candidates")
    return found


def outcomes(jobs: list[LedgerJob]) -> dict[str, dict[str, Any]]:
    """By purpose: evaluations by how they ended, and samples by outcome; repeats are left out."""
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        if job.recorded is not None:
            continue
        own = found.setdefault(job.purpose, {"jobs": {}, "samples": dict.fromkeys(OUTCOMES, 0)})
        own["jobs"][job.state] = own["jobs"].get(job.state, 0) + 1
        for name, count in zip(OUTCOMES, (job.scored, job.failed, job.lost)):
            own["samples"][name] += count or 0
    return found


def session_document(session: Session) -> dict[str, Any]:
    """The session as one JSON object."""
    ledger, finalization = session.ledger, session.finalization
    return {
        "version": VERSION,
        "task": session.task,
        "baseline": ledger and ledger.baseline,
        "finalization": finalization and asdict(finalization),
        "ending": session.ending,
        "received": ledger and [{"commit": c, "tree": t} for c, t in ledger.candidates],
        "submissions": ledger and ledger.submissions,
        "spent": ledger and [asdict(spent) for spent in ledger.spent],
        "jobs": ledger and [asdict(job) for job in ledger.jobs],
        "outcomes": ledger and outcomes(ledger.jobs),
        "problems": session.problems,
    }
