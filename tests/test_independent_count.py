"""The figures that a trial over word-problems must give, counted without the product."""

from __future__ import annotations

import json
import math
import runpy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.independent_count import (
    AGENT,
    BETTER,
    DATA,
    WORD_PROBLEMS,
    count_each,
    count_mean,
    is_right,
    main,
    overlay,
)

type Score = Callable[[dict[str, Any], object], dict[str, float]]

SPLITS = ("train", "validation", "test")
EXPECTED = {
    ("base", "train"): Fraction(10, 24),
    ("base", "validation"): Fraction(8, 18),
    ("base", "test"): Fraction(9, 18),
    ("better", "train"): Fraction(19, 24),
    ("better", "validation"): Fraction(16, 18),
    ("better", "test"): Fraction(15, 18),
}
FAMILIES = {"addition", "subtraction", "multiplication", "rate", "percent", "multi-step"}


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("candidates")
    return {"base": AGENT, "better": overlay(AGENT, BETTER, folder / "better")}


@pytest.fixture(scope="module")
def score() -> Score:
    # Run, not imported: an import would leave its cache in the folder that a build copies.
    function: Score = runpy.run_path(str(WORD_PROBLEMS / "input/scorer/scorer.py"))["score"]
    return function


def samples(split: str) -> list[dict[str, Any]]:
    lines = (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("candidate", "split"), EXPECTED)
def test_mean_is_as_written_down(candidates: dict[str, Path], candidate: str, split: str) -> None:
    mean = count_mean(candidates[candidate], DATA / f"{split}.jsonl")
    assert mean == EXPECTED[candidate, split]


def test_better_is_better_and_no_two_figures_are_alike() -> None:
    for split in ("validation", "test"):
        assert EXPECTED["better", split] > EXPECTED["base", split]
    assert len(set(EXPECTED.values())) == len(EXPECTED)


@pytest.mark.parametrize(("candidate", "split"), EXPECTED)
def test_scorer_agrees_on_every_sample(
    candidates: dict[str, Path],
    score: Score,
    candidate: str,
    split: str,
) -> None:
    verdicts = count_each(candidates[candidate], DATA / f"{split}.jsonl")
    for sample, (name, text, right) in zip(samples(split), verdicts, strict=True):
        assert text is not None, name
        assert sample["id"] == name
        assert score(sample, json.loads(text))["score"] == float(right), name


@pytest.mark.parametrize(
    ("output", "right"),
    [
        (15.3, True),
        (15.3 + 1e-9, True),
        ("15.3", True),
        (15.31, False),
        ("fifteen", False),
        (None, False),
        (True, False),
        ([15.3], False),
        (10**400, False),
        ("1" * 5000, False),
        (1e308, False),
        (math.nan, False),
        (math.inf, False),
        ("-inf", False),
    ],
)
def test_scorer_gives_finite_numbers_for_any_output(
    score: Score, output: object, right: bool
) -> None:
    scores = score({"answer": 15.3}, output)
    assert scores["score"] == float(right)
    assert all(math.isfinite(value) for value in scores.values())


@pytest.mark.parametrize("text", [None, "", "null", "true", "NaN", "Infinity", '"4"', "[4]", "4.1"])
def test_what_is_no_right_number_counts_as_wrong(text: str | None) -> None:
    assert not is_right(Fraction(4), text)


def test_every_split_has_every_family_and_every_id_is_its_own() -> None:
    rows = [sample for split in SPLITS for sample in samples(split)]
    assert len(rows) == 60
    assert len({row["id"] for row in rows}) == len({row["question"] for row in rows}) == 60
    for split in SPLITS:
        assert {row["family"] for row in samples(split)} == FAMILIES


def test_no_sample_stands_in_a_candidate() -> None:
    files = [path for folder in (AGENT, BETTER) for path in folder.rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in files]
    for split in SPLITS:
        for sample in samples(split):
            sentences = [sentence.encode() for sentence in sample["question"].split(". ")]
            assert not [text for text in texts for part in sentences if part in text], sample["id"]


def test_command_prints_right_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(AGENT), str(DATA / "validation.jsonl")]) == 0
    assert capsys.readouterr().out == "8/18\n"


def test_a_folder_without_a_program_is_an_error_and_no_score(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        count_mean(tmp_path, DATA / "test.jsonl")
