"""A session in lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from .finalization import Candidate, Counts, Finalization, Target
from .ledger import Ledger, LedgerJob
from .session import OUTCOMES, Session, outcomes
from .text import number, shown, table

ROWS = 30
WIDTH = 200


def render_session(session: Session) -> str:
    """What was chosen and why, then the candidates, what was spent, the jobs, and what is amiss."""
    lines = [f"session of {shown(session.task, 100)}"]
    if session.finalization is not None:
        lines += _finalization_lines(session.finalization)
    else:
        why = session.ending or "the archive has no finalization that can be used"
        lines.append(f"  no result: {shown(why, WIDTH)}")
    if session.ledger is not None:
        lines += _ledger_lines(session.ledger)
    if session.problems:
        lines += ["", "problems of this archive:"]
        lines += [f"  {shown(problem, WIDTH)}" for problem in session.problems[:ROWS]]
        lines += _more(len(session.problems))
    return "\n".join(lines)


def _finalization_lines(found: Finalization) -> list[str]:
    chosen = found.chosen
    lines = [f"  sealed {shown(found.sealed_at, 40)}, finished {shown(found.finished_at, 40)}"]
    lines.append(f"  chosen    {_commit(chosen.commit)} ({shown(chosen.basis, 40)})")
    lines.append(f"  why       {shown(chosen.why, 400)}")
    if found.submitted is not None:
        lines.append(f"  submitted {_commit(found.submitted)}")
    if found.floor is not None:
        lines.append(
            f"  floor     {number(found.floor)} (the baseline on {shown(found.split, 60)})"
        )
    lines += [*_reward_lines(found), ""]
    lines += _target_lines(found.targets)
    title = f"candidates on {shown(found.split, 60)}, {shown(found.mode, 40)} (* chosen)"
    return [*lines, title, *_candidate_lines(found.candidates, chosen.tree)]


def _reward_lines(found: Finalization) -> list[str]:
    if found.rewards is None:
        return [f"  no reward: {shown(found.problem or 'no reason is given', 400)}"]
    own = ", ".join(f"{shown(key, 60)} {value:g}" for key, value in sorted(found.rewards.items()))
    lines = [f"  reward    {own}"]
    if found.baseline is not None:
        scores = sorted(found.baseline.items())
        base = ", ".join(f"{shown(key, 60)} {number(score)}" for key, score in scores)
        lines.append(f"  baseline  {base}")
    return lines


def _target_lines(targets: Sequence[Target]) -> list[str]:
    if not targets:
        return []
    rows = [["target", "reward key", "score", "samples", *OUTCOMES, ""]]
    for target in targets:
        said = target.problem or target.cause or target.basis or ""
        names = [shown(target.split, 40), shown(target.reward_key, 40), number(target.score)]
        rows.append([*names, *_counts(target.counts), shown(said, 80)])
    return [*table(rows), ""]


def _candidate_lines(candidates: Sequence[Candidate], chosen: str) -> list[str]:
    rows = [["commit", "", "score", "again", "samples", *OUTCOMES, "jobs"]]
    for candidate in candidates[:ROWS]:
        mark = "*" if candidate.tree == chosen else ""
        scores = [number(candidate.score), number(candidate.rescored)]
        jobs = shown(",".join(candidate.jobs) or "-", 40)
        rows.append([_commit(candidate.commit), mark, *scores, *_counts(candidate.counts), jobs])
    return [*table(rows), *_more(len(candidates))]


def _counts(counts: Counts) -> list[str]:
    return ["-" if count is None else str(count) for count in counts.values()]


def _ledger_lines(ledger: Ledger) -> list[str]:
    lines = ["", f"{len(ledger.candidates)} commits received, the baseline among them"]
    if ledger.submissions:
        lines.append(f"{len(ledger.submissions)} submissions")
    if ledger.spent:
        lines += ["", *_spent_lines(ledger)]
    if ledger.jobs:
        lines += ["", *_job_lines(ledger.jobs), "", *_outcome_lines(ledger.jobs)]
    return lines


def _spent_lines(ledger: Ledger) -> list[str]:
    rows = [["spent on", "runs", "samples", "given back"]]
    for spent in ledger.spent:
        refunds = [f"{count} ({shown(cause, 40)})" for cause, count in spent.refunds.items()]
        given = ", ".join(refunds) or "-"
        rows.append([shown(spent.split, 40), str(spent.runs), str(spent.samples), given])
    return table(rows)


def _job_lines(jobs: Sequence[LedgerJob]) -> list[str]:
    rows = [["job", "for", "split", "commit", "samples", "state", "score", *OUTCOMES, ""]]
    for job in jobs[-ROWS:]:
        samples = str(job.samples) if job.whole else f"{job.samples} chosen"
        repeated = "" if job.recorded is None else f"repeats {job.recorded}"
        said = shown(job.problem or repeated, 80)
        counts = [number(job.score), *map(_count, (job.scored, job.failed, job.lost))]
        names = [str(job.id), shown(job.purpose, 20), shown(job.split, 40), _commit(job.commit)]
        rows.append([*names, samples, shown(job.state, 20), *counts, said])
    return [*table(rows), *_more(len(jobs))]


def _outcome_lines(jobs: Sequence[LedgerJob]) -> list[str]:
    rows = [["evaluations", "ended", *OUTCOMES]]
    for purpose, found in outcomes(list(jobs)).items():
        states = ", ".join(f"{count} {shown(state, 20)}" for state, count in found["jobs"].items())
        rows.append([shown(purpose, 20), states, *map(str, found["samples"].values())])
    return table(rows)


def _commit(commit: str) -> str:
    return shown(commit, 64)[:12]


def _count(count: int | None) -> str:
    return "-" if count is None else str(count)


def _more(total: int) -> list[str]:
    return [f"  ({ROWS} of {total}; --json has all)"] if total > ROWS else []
