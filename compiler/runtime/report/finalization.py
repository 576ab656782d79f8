"""A finalization document of an archive -> what was chosen, and what it scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .files import Unreadable, is_number

FINALIZATION_BYTES = 16 << 20
Counts = dict[str, "int | None"]
_COUNTS = ("samples", "scored", "failed", "lost")


@dataclass(frozen=True)
class Chosen:
    commit: str
    tree: str
    basis: str
    score: float | None
    why: str


@dataclass(frozen=True)
class Candidate:
    """A tree that was received; `score` is the mean of its `jobs` on the selection split."""

    commit: str
    tree: str
    jobs: list[str]
    score: float | None
    rescored: float | None
    counts: Counts


@dataclass(frozen=True)
class Target:
    """`basis` is measured, or floor when every sample failed, most of them for `cause`."""

    split: str
    reward_key: str
    score: float | None
    counts: Counts
    basis: str | None
    cause: str | None
    problem: str | None


@dataclass(frozen=True)
class Finalization:
    sealed_at: str
    finished_at: str
    split: str
    mode: str
    submitted: str | None
    floor: float | None
    chosen: Chosen
    candidates: list[Candidate]
    targets: list[Target]
    baseline: dict[str, float | None] | None
    rewards: dict[str, float] | None
    problem: str | None


def decode_finalization(value: dict[str, Any]) -> Finalization:
    """Typed document; Unreadable says which part is not as it has to be."""
    if value.get("version") != 1:
        raise Unreadable("it is of a version that this program does not know")
    selection = _object(value, "selection")
    submitted = selection.get("submitted")
    return Finalization(
        sealed_at=_text(value, "sealed_at"),
        finished_at=_text(value, "finished_at"),
        split=_text(selection, "split"),
        mode=_text(selection, "mode"),
        submitted=None if submitted is None else _text(_object(selection, "submitted"), "commit"),
        floor=_number(selection, "floor"),
        chosen=_chosen(_object(selection, "chosen")),
        candidates=[_candidate(item) for item in _objects(selection, "candidates")],
        targets=[_target(item) for item in _objects(value, "targets")],
        baseline=_scores(value, "baseline"),
        rewards=_rewards(value),
        problem=_text_or_none(value, "problem"),
    )


def _chosen(value: dict[str, Any]) -> Chosen:
    return Chosen(
        commit=_text(value, "commit"),
        tree=_text(value, "tree"),
        basis=_text(value, "basis"),
        score=_number(value, "score"),
        why=_text(value, "why"),
    )


def _candidate(value: dict[str, Any]) -> Candidate:
    jobs = value.get("jobs")
    if not isinstance(jobs, list) or not all(isinstance(job, str) for job in jobs):
        raise Unreadable("`jobs` is not a list of ids")
    return Candidate(
        commit=_text(value, "commit"),
        tree=_text(value, "tree"),
        jobs=jobs,
        score=_number(value, "score"),
        rescored=_number(value, "rescored"),
        counts=_counts(value),
    )


def _target(value: dict[str, Any]) -> Target:
    return Target(
        split=_text(value, "split"),
        reward_key=_text(value, "reward_key"),
        score=_number(value, "score"),
        counts=_counts(value),
        basis=_text_or_none(value, "basis"),
        cause=_text_or_none(value, "cause"),
        problem=_text_or_none(value, "problem"),
    )


def _counts(value: dict[str, Any]) -> Counts:
    found: Counts = {}
    for key in _COUNTS:
        count = value.get(key)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
            raise Unreadable(f"`{key}` is not a number of samples")
        found[key] = count
    return found


def _rewards(value: dict[str, Any]) -> dict[str, float] | None:
    rewards = _scores(value, "rewards")
    if rewards is None:
        return None
    kept = {key: score for key, score in rewards.items() if score is not None}
    if len(kept) != len(rewards):
        raise Unreadable("`rewards` are not numbers by name")
    return kept


def _scores(value: dict[str, Any], key: str) -> dict[str, float | None] | None:
    if value.get(key) is None:
        return None
    scores = _object(value, key)
    return {name: _number(scores, name) for name in scores}


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise Unreadable(f"`{key}` is not an object")
    return found


def _objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unreadable(f"`{key}` is not a list of objects")
    return found


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise Unreadable(f"`{key}` is not a text")
    return found


def _text_or_none(value: dict[str, Any], key: str) -> str | None:
    return None if value.get(key) is None else _text(value, key)


def _number(value: dict[str, Any], key: str) -> float | None:
    found = value.get(key)
    if found is None:
        return None
    if not is_number(found):
        raise Unreadable(f"`{key}` is not a number")
    return float(found)
