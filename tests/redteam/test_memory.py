"""Memory: who takes all of the runner's fails by it, whoever the kernel ends for it."""

from __future__ import annotations

import pytest

from tests.docker import workshop
from tests.docker.compose import Project
from tests.redteam.arena import KITS, go_to_baseline, read_ledger
from tests.redteam.test_candidate import run_samples

pytestmark = pytest.mark.docker

SAMPLES = ("network", "rights", "meddle", "rewrite")
ENDS = {
    "heap": "the command was ended by signal 9",
    "hidden": "the runner failed again and again while the candidate ran, and only then",
}


@pytest.mark.parametrize("way", ENDS)
def test_it_is_the_candidates_failure(arena: Project, way: str) -> None:
    """Tries: more memory than there is, so that a sample, or with it the daemon and the box, ends.
    Gain: samples that are lost by the machinery, whose evaluation is given back and has no score.
    """
    go_to_baseline(arena)
    before = read_ledger(arena)
    hog = (KITS / "hog.py").read_bytes()
    workshop.commit(arena, {"solve.py": hog, "way": way.encode()}, "Take all memory")
    job = run_samples(arena, SAMPLES)
    assert job["state"] == "done"
    assert {detail["error"] for detail in job["result"]["details"]} == {ENDS[way]}
    assert (job["result"]["score"], job["result"]["lost"]) == (0.0, 0)
    after = read_ledger(arena)
    runs, samples, _ = before["charges"].get("train", (0, 0, 0))
    assert after["charges"]["train"] == [runs + 1, samples + len(SAMPLES), 0]
    assert after["jobs"] == [before["jobs"][0] + 1, before["jobs"][1]]


def test_the_next_candidate_is_none_the_worse(arena: Project) -> None:
    go_to_baseline(arena)
    result = run_samples(arena, SAMPLES)["result"]
    assert (result["samples"], result["lost"]) == (len(SAMPLES), 0)
    assert {detail["error"] for detail in result["details"]} == {None}
