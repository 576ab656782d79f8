"""Trials of a grid: means over rewards alone, failures by class, and text that nobody can abuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.resources import schema
from compiler.runtime.report.failures import class_of
from compiler.runtime.report.grid import (
    Combination,
    grid_document,
    render_grid,
    render_trial_line,
    shown_cost,
    shown_seconds,
    strangers,
    summarise,
)
from compiler.runtime.report.job import Trial, list_finished, read_trial

HERE = Combination(task="t", agent="a", model="m")


def trial(rewards: dict[str, float] | None, kind: str | None = None, **more: object) -> Trial:
    problem = None if rewards else kind or "it has no reward"
    given = {"name": "x", "task": "t", "agent": "a", "model": "m", **more}
    return Trial(rewards=rewards or {}, problem=problem, exception=kind, kind=kind, **given)  # type: ignore[arg-type]


def check_document(document: dict[str, Any]) -> None:
    """It is JSON, and what its schema says."""
    jsonschema.validate(json.loads(json.dumps(document)), schema("runtime/grid"))


def test_a_document_of_another_form_is_not_the_schema_s() -> None:
    document = grid_document(summarise([HERE], [], 1), [], None)
    check_document(document)
    for change in ({"version": 2}, {"cells": None}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check_document({**document, **change})


def test_a_failure_lowers_no_mean() -> None:
    trials = [
        trial({"reward": 1.0}, seconds=10.0, cost=0.5),
        trial({"reward": 0.0}, "AgentTimeoutError", seconds=30.0),
        trial(None, "RewardFileNotFoundError"),
        trial(None, "RuntimeError"),
        trial(None, "RuntimeError"),
        trial(None, "ApiRateLimitError", cost=0.25),
        trial(None, "NonZeroAgentExitCodeError"),
        trial(None),
    ]
    (cell,) = summarise([HERE], trials, 9)
    assert (cell.trials, cell.scored, cell.missing) == (8, 2, 1)
    assert cell.means == {"reward": 0.5}
    assert cell.failures == {
        "agent": {"NonZeroAgentExitCodeError": 1},
        "machinery": {"RewardFileNotFoundError": 1, "RuntimeError": 2, "no reward": 1},
        "provider": {"ApiRateLimitError": 1},
    }
    assert (cell.cost, cell.seconds) == (0.75, 20.0)
    check_document(grid_document([cell], trials, None))


def test_each_reward_key_has_its_mean() -> None:
    trials = [trial({"b": 1.0, "a": 0.5}), trial({"b": 0.0})]
    (cell,) = summarise([HERE], trials, 2)
    assert cell.means == {"a": 0.5, "b": 0.5}
    assert "a 0.5000, b 0.5000" in render_grid([cell])


def test_trials_go_to_their_own_cell() -> None:
    others = [HERE, Combination(task="t", agent="a", model=None)]
    found = [trial({"reward": 1.0}), trial({"reward": 0.0}, model=None), trial(None, agent="b")]
    assert [cell.means for cell in summarise(others, found, 1)] == [
        {"reward": 1.0},
        {"reward": 0.0},
    ]
    assert strangers(others, found) == found[2:]


def test_a_cell_without_trials_has_no_figures() -> None:
    (cell,) = summarise([HERE], [], 2)
    assert render_grid([cell]).splitlines()[1].split() == [
        "t", "a", "m", "-", "0/2", "never", "ran:", "2", "-", "-",
    ]  # fmt: skip


def test_what_others_wrote_is_one_line() -> None:
    nasty = "a\n\x1b[31m\u202e" + "x" * 500
    found = trial(None, nasty, task=nasty, agent=nasty, model=nasty)
    (cell,) = summarise([Combination(task=nasty, agent=nasty, model=nasty)], [found], 1)
    for text in (render_trial_line(found), render_grid([cell]).split("\n")[1]):
        assert text.isprintable()
        assert len(text) < 600
    assert render_grid([cell]).count("\n") == 1
    check_document(grid_document([cell], [found], nasty))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (0.04, "0.0s"), (59.94, "59.9s"), (60, "1m 00s"), (3599.6, "1h 00m"),
     (7500, "2h 05m")],
)  # fmt: skip
def test_times(seconds: float | None, shown: str) -> None:
    assert shown_seconds(seconds) == shown


@pytest.mark.parametrize(
    ("cost", "shown"), [(None, "-"), (0, "$0.00"), (0.0123, "$0.0123"), (12.34, "$12.34")]
)
def test_costs(cost: float | None, shown: str) -> None:
    assert shown_cost(cost) == shown


@pytest.mark.parametrize("kind", [None, "", "Whatever", "VerifierTimeoutError"])
def test_what_is_not_known_is_the_machinery_s(kind: str | None) -> None:
    assert class_of(kind) == "machinery"


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "result.json").write_text(text)
    return folder


def test_only_whole_results_are_told(tmp_path: Path) -> None:
    done = write(tmp_path / "done", '{"finished_at": "2026-01-02T03:04:05Z"}')
    write(tmp_path / "half", '{"finished_at": "2026-01')
    write(tmp_path / "running", '{"finished_at": null}')
    (tmp_path / "begun").mkdir()
    assert list_finished(tmp_path) == [done]
    assert list_finished(tmp_path / "none") == []


@pytest.mark.parametrize(
    "text",
    [
        '{"config": [], "agent_info": 3, "agent_result": {"cost_usd": "much"}}',
        '{"config": {"agent": {"name": 3, "model_name": []}}, "started_at": 1, "finished_at": {}}',
        '{"started_at": "2026-01-02T03:04:05", "finished_at": "2026-01-02T03:04:05Z"}',
    ],
)
def test_figures_that_are_none(tmp_path: Path, text: str) -> None:
    found = read_trial(write(tmp_path / "t", text))
    assert (found.agent, found.model, found.cost, found.seconds) == ("", None, None, None)


def test_names_of_agents_as_they_were_given(tmp_path: Path) -> None:
    named = '{"config": {"agent": {"import_path": "m:C"}}, "agent_info": {"name": "own"}}'
    assert read_trial(write(tmp_path / "a", named)).agent == "m:C"
    assert read_trial(write(tmp_path / "b", '{"agent_info": {"name": "own"}}')).agent == "own"
