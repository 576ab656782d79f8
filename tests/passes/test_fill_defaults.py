"""Every default, and what overrides it."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.ir.build import Access, ModeA, Reach, Recipient
from tests.projects import task_of

IMAGE = "python:3.13-slim-trixie"


def images_of(build: ModeA) -> tuple[str, str, str]:
    return build.workbench.image, build.evaluator.image, build.runner.image


def test_what_is_left_out_is_filled_in() -> None:
    build = task_of()
    assert build.description == ""
    assert build.seed.ref is None
    assert (build.scorer.module, build.scorer.function) == ("scorer", "score")
    assert build.scorer.requirements is None
    assert build.budgets == ()
    assert [target.reward_key for target in build.targets] == ["reward"]
    assert (build.secrets, build.params, build.workbench.packages) == ((), (), ())
    assert images_of(build) == (IMAGE, IMAGE, IMAGE)
    assert (build.runner.packages, build.runner.build) == ((), ())
    assert build.runner.network is Reach.NONE
    limits = build.limits
    assert (limits.evaluation, build.sample_seconds, limits.agent) == (3600.0, 60.0, 7200.0)
    assert (limits.build, limits.finalize) == (1800.0, None)
    assert limits.concurrency == 4


@pytest.mark.parametrize(
    ("changes", "images"),
    [
        ({"base_image_main": "a"}, ("a", IMAGE, "a")),
        ({"base_image_sidecar": "b"}, (IMAGE, "b", IMAGE)),
        ({"runner": {"base_image": "c"}}, (IMAGE, IMAGE, "c")),
        ({"base_image_main": "a", "runner": {"base_image": "c"}}, ("a", IMAGE, "c")),
    ],
)
def test_the_runner_has_the_image_of_main(
    changes: dict[str, Any], images: tuple[str, str, str]
) -> None:
    assert images_of(task_of(changes)) == images


@pytest.mark.parametrize(
    ("changes", "evaluation", "sample"),
    [
        ({"timeout": 10}, 10.0, 10.0),
        ({"timeout": "2m"}, 120.0, 60.0),
        ({"sample_timeout": "5s"}, 3600.0, 5.0),
        ({"timeout": 100, "sample_timeout": 100}, 100.0, 100.0),
    ],
)
def test_a_sample_never_outlasts_its_evaluation(
    changes: dict[str, Any], evaluation: float, sample: float
) -> None:
    build = task_of(changes)
    assert (build.limits.evaluation, build.sample_seconds) == (evaluation, sample)


def test_what_is_written_is_kept() -> None:
    build = task_of(
        {
            "description": "  text\n",
            "agent_ref": "v1",
            "task": "rate",
            "budgets": [{"split": "train", "total_run_budget": 3}],
            "targets": [{"split": "test", "reward_key": "accuracy"}],
            "secrets": ["KEY"],
            "params": {"A": 1},
            "packages": ["jq"],
            "runner": {"packages": ["gcc"], "build": [["make", "-j"]], "network": "public"},
            "max_concurrency": 64,
        }
    )
    assert build.description == "text"
    assert build.seed.ref == "v1"
    assert build.scorer.function == "rate"
    assert (build.budgets[0].runs, build.budgets[0].samples) == (3, None)
    assert build.targets[0].reward_key == "accuracy"
    assert [(secret.name, secret.to) for secret in build.secrets] == [("KEY", Recipient.EVALUATOR)]
    assert (build.params, build.workbench.packages) == (("A",), ("jq",))
    assert build.runner.packages == ("gcc",)
    assert build.runner.build == (("make", "-j"),)
    assert build.runner.network is Reach.PUBLIC
    assert build.limits.concurrency == 64


def test_splits_keep_their_order_and_tiers() -> None:
    assert [(split.name, split.access, split.evaluable) for split in task_of().splits] == [
        ("train", Access.VIEWABLE, True),
        ("validation", Access.NON_VIEWABLE, True),
        ("test", Access.NO_ACCESS, False),
    ]
    assert task_of().split("nothing") is None
