"""Samples of a split, read from its file in the evaluator's image: rows of `<split>.jsonl`, or in
mode B the names of tasks that `<split>.json` lists.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .plan import PlanA, PlanB, Split

LINE_BYTES = 16 * 1024 * 1024


class DatasetError(ValueError):
    """A split's file is not what the plan says; the message names split and line, never content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row. `row` is the whole row as JSON text (for the scorer), `input` what a candidate may
    see. Of a task of mode B the evaluator has the name alone, which is its `id`.
    """

    id: str
    row: str
    input: dict[str, object]


def read_samples(plan: PlanA | PlanB) -> dict[str, tuple[Sample, ...]]:
    """Samples of every split of the plan by its name, in the order of the file."""
    samples = {split.name: read_split(plan, split) for split in plan.splits}
    for target in plan.targets:
        known = {sample.id for sample in samples[target.split]}
        if target.sample_ids is not None and not known.issuperset(target.sample_ids):
            raise DatasetError(
                f"target {target.reward_key}: split {target.split} lacks a sample that it names"
            )
    return samples


def read_split(plan: PlanA | PlanB, split: Split) -> tuple[Sample, ...]:
    if isinstance(plan, PlanA):
        samples = _read_lines(plan.paths.data / split.file, split.name, plan.input_fields)
    else:
        samples = _read_names(plan.paths.cases / split.file, split.name)
    if len(samples) != split.samples:
        raise DatasetError(
            f"split {split.name}: {len(samples)} samples where the plan says {split.samples}"
        )
    if len({sample.id for sample in samples}) != len(samples):
        raise DatasetError(f"split {split.name}: two samples have the same id")
    return samples


def _read_names(path: Path, split: str) -> tuple[Sample, ...]:
    try:
        names = json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"split {split}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"split {split}: not JSON in UTF-8") from error
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise DatasetError(f"split {split}: not a list of names of tasks")
    return tuple(Sample(id=name, row="null", input={}) for name in names)


def _read_lines(path: Path, split: str, fields: tuple[str, ...]) -> tuple[Sample, ...]:
    samples: list[Sample] = []
    try:
        with path.open("rb") as stream:
            while line := stream.readline(LINE_BYTES + 1):
                if len(line) > LINE_BYTES:
                    raise DatasetError(
                        f"split {split}, line {len(samples) + 1}: longer than {LINE_BYTES} bytes"
                    )
                samples.append(_decode_line(line, len(samples), split, fields))
    except OSError as error:
        raise DatasetError(f"split {split}: cannot be read: {error.strerror}") from error
    return tuple(samples)


def _decode_line(line: bytes, index: int, split: str, fields: tuple[str, ...]) -> Sample:
    """A sample of one line; `index` counts from 0 and is the id of a row that has none."""
    place = f"split {split}, line {index + 1}"
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{place}: not JSON in UTF-8") from error
    if not isinstance(row, dict):
        raise DatasetError(f"{place}: not an object")
    for field in fields:
        if field not in row:
            raise DatasetError(f"{place}: no field {field!r}")
    identifier = row.get("id", str(index))
    if isinstance(identifier, bool) or not isinstance(identifier, (str, int)) or identifier == "":
        raise DatasetError(f"{place}: the id is neither text nor a whole number")
    return Sample(
        id=str(identifier), row=json.dumps(row), input={field: row[field] for field in fields}
    )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
