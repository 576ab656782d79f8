"""What candidate code reaches in the runner, does to the score, and leaves for others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.docker import workshop
from tests.docker.compose import Project
from tests.redteam.arena import (
    FAULTS,
    FINDERS,
    LOOKS,
    OUTPUTS,
    REPORTS,
    candidate,
    go_to_baseline,
    read_ledger,
)
from tests.redteam.attempts import Attempt, all_refused, none_done

docker = pytest.mark.docker
CLOSED = {"EACCES", "EPERM", "EROFS", "ENOENT"}
NOTHING_LEFT: dict[str, Any] = {
    "found": {}, "left": [], "segments": [], "queues": [], "usercustomize": False, "processes": [],
}  # fmt: skip
SCORED_NONE = {"score": 0.0, "error": None}


def is_no_score(detail: Mapping[str, Any]) -> bool:
    """Zero, and never counted as a loss of the machinery."""
    return detail["score"] == 0.0 and not str(detail["error"]).startswith("lost")


REPORTING = (
    Attempt(
        name="labels",
        tries="reads every file and process that the sample's user can see",
        gain="a label, an id, the scorer or the secret; or a field beyond the input's",
        held=lambda seen: seen["found"] == {} and seen["fields"] == ["question"]
        and seen["files"] > 1000,
        gained={"found": {}, "fields": ["question", "answer"], "files": 2000},
    ),
    Attempt(
        name="network",
        tries="main, evaluator, gateways, outside, names, raw sockets, the runner's own socket",
        gain="a connection, or a packet that leaves",
        held=lambda seen: none_done(seen) and len(seen) > 12 and "timeout" not in seen.values(),
        gained={**{f"{n}": "ENETUNREACH" for n in range(15)}, "1.1.1.1:53": "done"},
    ),
    Attempt(
        name="rights",
        tries="namespaces, keyrings, tracing facilities, modules, reboot, other users",
        gain="one of the calls works",
        held=lambda seen: none_done(seen) and len(seen) > 10,
        gained={**{f"{n}": "EPERM" for n in range(12)}, "add_key": "done"},
    ),
    Attempt(
        name="meddle",
        tries="kills, stops, traces and reads the daemon, its janitors and other samples",
        gain="one of them lets it",
        held=all_refused,
        gained={"kill 1": "EPERM", "kill 9": "done"},
    ),
    Attempt(
        name="other-slots",
        tries="inputs, outputs and homes of the other slots, and their locks",
        gain="one of them opens",
        held=lambda seen: len(seen) == 18 and set(seen.values()) <= CLOSED | {"EEXIST"},
        gained={**{f"{n}": "EACCES" for n in range(17)}, "1 input": "done"},
    ),
    Attempt(
        name="room",
        tries="how many bytes and empty files each place takes, and what System V gives",
        gain="a place without a bound, or memory that stays when its processes are ended",
        held=lambda seen: len(seen["places"]) == 4 and set(seen["beside"].values()) == {-1}
        and all(size <= 64 << 20 and 0 < files <= size // 4096
                for size, files in seen["places"].values()),
        gained={"places": {f"{n}": [1 << 20, 1 << 20] for n in range(4)}, "beside": {"x": -1}},
    ),
    Attempt(
        name="rewrite",
        tries="its own tree, other trees, the daemon's code, the interpreter, preload",
        gain="one of them opens for writing",
        held=none_done,
        gained={"solve.py": "done"},
    ),
)  # fmt: skip
SCORING = tuple(
    Attempt(
        name=name,
        tries=f"{name}: what looks like a score, or like a failure that is nobody's",
        gain="a score, or a sample that counts as lost",
        held=is_no_score,
        gained={"score": 0.0, "error": "lost: the machinery failed on this sample"},
    )
    for name in ("own-scorer", "fake-results", "answer-of-scorer", *FAULTS, *OUTPUTS)
)
# Those that are given up on because of their time or a signal; the others answer, if badly.
BROKEN = {"kill-self", "stop-self", "kill-all", "fork-bomb", "hang", "close-streams"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Documents of the attacks' evaluation, and of the one after it, by another tree."""

    before: float
    attack: dict[str, Any]
    after: dict[str, Any]
    ledgers: tuple[dict[str, Any], dict[str, Any]]

    def details(self, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {detail["id"]: detail for detail in document["result"]["details"]}


def run_samples(project: Project, samples: tuple[str, ...]) -> dict[str, Any]:
    words = ("mooring", "eval", "--split", "train", "--samples", ",".join(samples), "--json")
    document: dict[str, Any] = json.loads(workshop.in_repository(project, *words))
    return document


@pytest.fixture(scope="module")
def session(arena: Project) -> Session:
    """First on the hidden split: what is left there of the questions, a later one looks for."""
    go_to_baseline(arena)
    before = workshop.evaluate(arena, "validation")["result"]["score"]
    started = read_ledger(arena)
    workshop.commit(arena, candidate(arena), "Attack")
    hidden = workshop.evaluate(arena, "validation")
    assert hidden["result"] == {"score": 0.0}
    attack = run_samples(arena, (*REPORTS, *FAULTS, *OUTPUTS))
    workshop.commit(arena, {"README.md": b"another tree\n"}, "Look for what is left")
    after = run_samples(arena, LOOKS)
    ledgers = (started, read_ledger(arena))
    return Session(before=before, attack=attack, after=after, ledgers=ledgers)


@docker
@pytest.mark.parametrize("attempt", REPORTING, ids=str)
def test_nothing_is_gained(attempt: Attempt, session: Session) -> None:
    found = {**session.details(session.attack), **session.details(session.after)}
    detail = found[attempt.name]
    assert detail["error"] is None and "output_is_text" not in detail, detail
    attempt.check(detail["output"])


@docker
@pytest.mark.parametrize("attempt", SCORING, ids=str)
def test_no_score_comes_of_it(attempt: Attempt, session: Session) -> None:
    detail = session.details(session.attack)[attempt.name]
    attempt.check(detail)
    assert attempt.name not in BROKEN or detail["error"], detail


@pytest.mark.parametrize("attempt", [*REPORTING, *SCORING], ids=str)
def test_a_gain_would_be_noticed(attempt: Attempt) -> None:
    assert not attempt.held(attempt.gained)


@docker
def test_the_evaluation_counts_every_sample_against_the_candidate(session: Session) -> None:
    """Nothing is lost, so nothing is given back."""
    result = session.attack["result"]
    assert session.attack["state"] == "done"
    assert (result["score"], result["lost"]) == (0.0, 0)
    assert result["samples"] == len((*REPORTS, *FAULTS, *OUTPUTS))
    assert result["scored"] + result["failed"] == result["samples"]
    before, after = (ledger["charges"] for ledger in session.ledgers)
    spent = [
        now - then for then, now in zip(before.get("train", (0, 0, 0)), after["train"], strict=True)
    ]
    assert spent == [2, result["samples"] + len(LOOKS), 0]
    assert after["validation"][2] == 0
    assert session.ledgers[1]["jobs"][1] == 0


@docker
def test_leaving_was_tried(session: Session) -> None:
    """The control of the next one: places that outlive a sample's program took what it left."""
    detail = session.details(session.attack)["leave"]
    assert detail["error"] is None, detail
    left = detail["output"]
    done = {place for place, end in left.items() if end == "done"}
    assert done >= {"/tmp", "/dev/shm", "segment", "site"}, left
    # Made, though what is made there cannot be written like a file.
    assert left["/dev/mqueue"] not in ("EACCES", "EPERM", "EROFS"), left


@docker
@pytest.mark.parametrize("look", FINDERS)
def test_the_next_sample_finds_nothing_of_those_before(session: Session, look: str) -> None:
    """Neither of the hidden questions, which the attack saw, nor anything else."""
    detail = session.details(session.after)[look]
    assert detail["error"] is None
    assert detail["output"] == NOTHING_LEFT


@docker
def test_nothing_is_left_in_the_runner(arena: Project, session: Session) -> None:
    places = ("/tmp", "/dev/shm", "/dev/mqueue", *(f"/srv/mooring/slots/{n}" for n in range(4)))
    assert arena.run("runner", "find", *places, "-mindepth", "1").stdout == b""
    script = (
        "import json, os\n"
        "pids = [name for name in os.listdir('/proc') if name.isdigit()]\n"
        "print(json.dumps(sorted({os.stat(f'/proc/{pid}').st_uid for pid in pids})))\n"
    )
    assert arena.python("runner", script) == [0]


@docker
def test_nothing_of_the_candidate_ran_in_the_evaluator(arena: Project, session: Session) -> None:
    """Its modules would have made a file when they were imported."""
    for path in ("/tmp/owned", "/state/owned"):
        assert arena.run("eval-sidecar", "test", "-e", path, check=False).returncode == 1
    # The control: they do where they can.
    script = "cd /work/agent && python3 -c 'import scorer' 2>/dev/null; ls /tmp/owned"
    assert arena.run("main", "sh", "-c", script, user="agent").stdout == b"/tmp/owned\n"


@docker
def test_another_candidate_scores_as_before(arena: Project, session: Session) -> None:
    go_to_baseline(arena)
    after = workshop.evaluate(arena, "validation")["result"]["score"]
    assert after == session.before > 0
