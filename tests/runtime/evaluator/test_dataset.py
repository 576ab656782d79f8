"""Rows become samples; what is not a row stops the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.runtime.evaluator.dataset import DatasetError, read_samples, read_split
from compiler.runtime.evaluator.plan import PlanA, Split

from .house import decode_plan_a, make_house, plan_of


def plan_over(folder: Path, lines: list[str], samples: int) -> tuple[PlanA, Split]:
    document = plan_of(folder, "a" * 40, "b" * 40)
    document["splits"][0]["samples"] = samples
    (folder / "data").mkdir()
    (folder / "data" / "train.jsonl").write_text("".join(lines))
    plan = decode_plan_a(document)
    return plan, plan.splits[0]


def test_samples_keep_the_order_and_show_the_input_fields_alone(tmp_path: Path) -> None:
    samples = read_samples(make_house(tmp_path).decoded())
    assert [len(samples[name]) for name in ("train", "validation", "test")] == [6, 10, 10]
    first = samples["train"][0]
    assert first.id == "train-row-0"
    assert first.input == {"left": 0, "right": 0}
    assert json.loads(first.row)["answer"] == 0


def test_ids_are_text_or_the_line_index(tmp_path: Path) -> None:
    lines = ['{"left": 1, "right": 2}\n', '{"left": 1, "right": 2, "id": 7}\n']
    lines += ['{"left": 1, "right": 2, "id": "x"}']
    samples = read_split(*plan_over(tmp_path, lines, 3))
    assert [sample.id for sample in samples] == ["0", "7", "x"]


ROW = '{"left": 1, "right": 2}\n'


@pytest.mark.parametrize(
    ("lines", "samples", "message"),
    [
        ([ROW], 2, "1 samples where the plan says 2"),
        ([ROW, '{"left": 1, "right": 2, "id": "0"}\n'], 2, "two samples have the same id"),
        ([ROW, "[1]\n"], 2, "line 2: not an object"),
        ([ROW, "\n"], 2, "line 2: not JSON"),
        (['{"left": 1}\n'], 1, "line 1: no field 'right'"),
        (['{"left": NaN, "right": 2}\n'], 1, "line 1: not JSON"),
        (['{"left": 1, "right": 2, "id": true}\n'], 1, "the id is neither"),
        (['{"left": 1, "right": 2, "id": [1]}\n'], 1, "the id is neither"),
    ],
)
def test_what_is_not_a_row_is_refused(
    tmp_path: Path, lines: list[str], samples: int, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_split(*plan_over(tmp_path, lines, samples))


def test_a_missing_file_and_an_overlong_line_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, split = plan_over(tmp_path, [ROW], 1)
    monkeypatch.setattr("compiler.runtime.evaluator.dataset.LINE_BYTES", 10)
    with pytest.raises(DatasetError, match="longer than"):
        read_split(plan, split)
    (tmp_path / "data" / "train.jsonl").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        read_split(plan, split)
