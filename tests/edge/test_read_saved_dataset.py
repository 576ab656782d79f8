"""A saved DatasetDict: its rows are the samples, as lines of JSON, or it is said why not."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import message_of
from compiler.edge.contents import stream_content
from compiler.edge.world import WorldError
from compiler.output.file_set import Converted
from tests.fixture_cases import ROOT
from tests.projects import SAMPLES, SPLITS, codes, read, write_project

arrow = import_module("pyarrow")
type Columns = Mapping[str, Any]


def column(split: str, count: int = SAMPLES) -> dict[str, list[Any]]:
    return {"question": [f"{split} {i}" for i in range(count)], "label": list(range(count))}


def save(
    folder: Path,
    splits: Mapping[str, Sequence[Columns]] | None = None,
    state: Mapping[str, Any] | None = None,
) -> None:
    """The folder as ``DatasetDict.save_to_disk`` writes it; each table of a split is a shard."""
    splits = {name: [column(name)] for name in SPLITS} if splits is None else splits
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jsonl"):
        old.unlink()
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    for name, shards in splits.items():
        (folder / name).mkdir(exist_ok=True)
        files = [f"data-{i:05}-of-{len(shards):05}.arrow" for i in range(len(shards))]
        for file, shard in zip(files, shards, strict=True):
            write_stream(folder / name / file, arrow.table(dict(shard)))
        told = {"_data_files": [{"filename": file} for file in files], "_fingerprint": "0"}
        (folder / name / "state.json").write_text(json.dumps({**told, **(state or {})}))


def write_stream(path: Path, table: Any, rows: int = 4) -> None:
    with arrow.OSFile(str(path), "wb") as file, arrow.ipc.new_stream(file, table.schema) as out:
        out.write_table(table, max_chunksize=rows)


@pytest.fixture
def build_file(tmp_path: Path) -> Path:
    """A project whose dataset is saved; tests save theirs over it."""
    path = write_project(tmp_path / "project")
    save(tmp_path / "project" / "data")
    return path


def data(build_file: Path) -> Path:
    return build_file.parent / "data"


def with_train(build_file: Path, *shards: Columns) -> tuple[Diagnostic, ...]:
    """What is said about the project with these shards as the split `train`."""
    others = {name: [column(name)] for name in SPLITS if name != "train"}
    save(data(build_file), {**others, "train": shards})
    _, found = read(build_file)
    return found


def mooring(*args: str | Path, hidden: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command; modules in ``hidden`` come before those that are installed."""
    return run_python("-m", "compiler", *args, first=hidden)


def run_python(
    *args: str | Path, first: Path | None = None, memory: int | None = None
) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(first or ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


def written(task: Path, split: str) -> str:
    return (task / f"environment/evaluator/data/{split}.jsonl").read_text("utf-8")


def test_the_rows_of_all_shards_become_lines_in_their_order(
    build_file: Path, tmp_path: Path
) -> None:
    first, second = column("train", 9), column("more", 3)
    assert with_train(build_file, first, second) == ()
    task = tmp_path / "task"
    done = mooring("compile", build_file, "-o", task)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in written(task, "train").splitlines()]
    questions = [*first["question"], *second["question"]]
    labels = [*first["label"], *second["label"]]
    assert rows == [
        {"question": q, "label": label} for q, label in zip(questions, labels, strict=True)
    ]
    assert not list(task.rglob("*.arrow"))


def test_it_is_what_the_same_samples_as_jsonl_would_be(build_file: Path, tmp_path: Path) -> None:
    saved, lines = tmp_path / "saved", tmp_path / "lines"
    assert mooring("compile", build_file, "-o", saved).returncode == 0
    plain = write_project(tmp_path / "plain")
    assert mooring("compile", plain, "-o", lines).returncode == 0
    manifests = [(task / "mooring.manifest.json").read_text() for task in (saved, lines)]
    assert manifests[0] == manifests[1]


def test_what_was_written_is_what_check_wants(build_file: Path, tmp_path: Path) -> None:
    task = tmp_path / "task"
    assert mooring("compile", build_file, "-o", task).returncode == 0
    assert mooring("compile", build_file, "-o", task, "--check").returncode == 0
    save(data(build_file), {name: [column(name, 7)] for name in SPLITS})
    assert mooring("compile", build_file, "-o", task, "--check").returncode == 1


VALUES = {
    "int8": (arrow.int8(), [-1, None]),
    "uint64": (arrow.uint64(), [2**64 - 1, 0]),
    "half": (arrow.float16(), [0.5, None]),
    "double": (arrow.float64(), [0.1, 1e300]),
    "bool": (arrow.bool_(), [True, None]),
    "null": (arrow.null(), [None, None]),
    "text": (arrow.string(), ['"\\\n\u2028\x00é😀', ""]),
    "large text": (arrow.large_string(), ["a", None]),
    "list": (arrow.list_(arrow.list_(arrow.int32())), [[[1], []], None]),
    "large list": (arrow.large_list(arrow.string()), [["a"], []]),
    "pair": (arrow.list_(arrow.float64(), 2), [[1.5, 2.5], None]),
    "struct": (
        arrow.struct([("a", arrow.int64()), ("b", arrow.list_(arrow.string()))]),
        [{"a": 1, "b": ["x"]}, None],
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_arrive_as_they_are(build_file: Path, kind: str) -> None:
    type_, values = VALUES[kind]
    shard = {"question": ["a", "b"], "value": arrow.array(values, type_)}
    assert with_train(build_file, shard) == ()
    assert [row["value"] for row in lines_of(build_file)] == values


def test_dictionary_encoded_text_is_text(build_file: Path) -> None:
    encoded = arrow.array(["x", "y", "x"]).dictionary_encode()
    assert with_train(build_file, {"question": ["a", "b", "c"], "value": encoded}) == ()
    assert [row["value"] for row in lines_of(build_file)] == ["x", "y", "x"]


def lines_of(build_file: Path) -> list[dict[str, Any]]:
    tables = tuple(str(path) for path in sorted(data(build_file).glob("train/*.arrow")))
    content = b"".join(stream_content(Converted(tables))).decode("utf-8")
    assert content.count("\n") == len(content.splitlines()) or "\u2028" in content
    return [json.loads(line) for line in content.split("\n")[:-1]]


def test_ids_are_the_samples_own_or_their_rows_over_all_shards(build_file: Path) -> None:
    with_train(build_file, column("train", 2), column("more", 1))
    project, _ = read(build_file)
    assert project is not None
    assert [d.ids for d in project.inputs.data if d.split == "train"] == [("0", "1", "2")]
    with_train(build_file, {**column("train", 2), "id": ["x", "y"]})
    project, _ = read(build_file)
    assert project is not None
    assert [d.ids for d in project.inputs.data if d.split == "train"] == [("x", "y")]


def test_rows_are_held_to_the_rules_of_lines(build_file: Path) -> None:
    shards = ({"id": ["a", "b"]}, {"id": ["c", "a"]})
    full = [{**column("train", 2), **shard} for shard in shards]
    (found,) = with_train(build_file, *full)
    assert found.code == "MOR312"
    assert (found.span.file, found.span.line) == (f"{data(build_file)}/train", 4)
    assert codes(with_train(build_file, {"label": [1]})) == ["MOR313"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_with_its_row(
    build_file: Path, value: float
) -> None:
    (found,) = with_train(build_file, {**column("train", 2), "score": [0.5, value]})
    assert (found.code, found.span.line) == ("MOR311", 2)
    assert "is not JSON" in message_of(found)


UNFIT = {
    "date": arrow.array([date(2020, 1, 2)]),
    "bytes": arrow.array([b"x"]),
    "decimal": arrow.array([Decimal("1.5")]),
    "time": arrow.array([1], arrow.timestamp("ns", tz="UTC")),
    "map": arrow.array([[("a", 1)]], arrow.map_(arrow.string(), arrow.int64())),
    "list of dates": arrow.array([[date(2020, 1, 2)]]),
    "image": arrow.array([{"bytes": b"x", "path": "a.png"}]),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_column_without_a_form_in_json_is_refused_once(build_file: Path, kind: str) -> None:
    shard = {"question": ["a"], "value": UNFIT[kind]}
    (found,) = with_train(build_file, shard, shard)
    assert found.code == "MOR325"
    assert found.span.file == f"{data(build_file)}/train"
    assert f"the column `value` is {UNFIT[kind].type}" in message_of(found)


def test_without_pyarrow_it_is_said_where_and_how_to_get_it(
    build_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pyarrow.py").write_text("raise ImportError('not here')\n")
    done = mooring("check", build_file, hidden=tmp_path / "hidden")
    assert done.returncode == 2
    assert "error[MOR319]" in done.stderr
    assert re.search(r"^ +\d+ \| dataset: ", done.stderr, re.MULTILINE)
    assert "pip install 'mooring[datasets]'" in done.stderr
    assert done.stderr.endswith("1 error\n")


DAMAGED = ("", "[]", "{}", '{"splits": "train"}', '{"splits": [1]}', "[[[")


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_list_of_splits_is_one_complaint(build_file: Path, text: str) -> None:
    (data(build_file) / "dataset_dict.json").write_text(text)
    _, found = read(build_file)
    assert codes(found) == ["MOR318"]
    assert found[0].span.file.endswith("data/dataset_dict.json")


@pytest.mark.parametrize(
    "state",
    [
        {"_data_files": None},
        {"_data_files": ["a"]},
        {"_data_files": [{"filename": "../test/data-00000-of-00001.arrow"}]},
        {"_data_files": [{"filename": "/etc/passwd"}]},
        {"_data_files": [{"filename": ""}]},
        {"_data_files": [{"filename": "missing.arrow"}]},
        {"_indices_data_files": [{"filename": "indices.arrow"}]},
    ],
)
def test_a_damaged_split_is_one_complaint(build_file: Path, state: dict[str, Any]) -> None:
    path = data(build_file) / "train" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **state}))
    _, found = read(build_file)
    assert codes(found) == ["MOR318"]


@pytest.mark.parametrize("name", ["..", "a/b", ""])
def test_a_split_name_that_leads_elsewhere_is_refused(build_file: Path, name: str) -> None:
    (data(build_file) / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    _, found = read(build_file)
    assert codes(found) == ["MOR316"]


@pytest.mark.parametrize("cut", [0, 1, 100, -50])
def test_a_cut_file_is_told_and_never_a_traceback(build_file: Path, cut: int) -> None:
    (path,) = data(build_file).glob("train/*.arrow")
    path.write_bytes(path.read_bytes()[:cut])
    _, found = read(build_file)
    assert codes(found) in (["MOR318"], [])


def test_text_that_is_not_utf8_is_told(build_file: Path) -> None:
    bad = arrow.array([b"\xff"]).view(arrow.string())
    (found,) = with_train(build_file, {"question": ["a"], "value": bad})
    assert found.code == "MOR318"
    assert "not UTF-8" in message_of(found)


def test_two_columns_of_one_name_are_told(build_file: Path) -> None:
    (path,) = data(build_file).glob("train/*.arrow")
    table = arrow.Table.from_arrays([arrow.array(["a"])] * 2, ["question", "question"])
    write_stream(path, table)
    _, found = read(build_file)
    assert codes(found) == ["MOR318"]


def test_hidden_text_of_it_is_found_in_the_seed(build_file: Path) -> None:
    secret = "a question that nobody has seen"
    others = {name: [column(name)] for name in SPLITS if name != "test"}
    save(data(build_file), {**others, "test": [{"question": [secret], "label": [1]}]})
    (build_file.parent / "agent" / "notes.txt").write_text(f"# {secret}\n")
    _, found = read(build_file)
    assert codes(found) == ["MOR403"]


def test_an_input_that_vanishes_while_it_is_written_is_the_worlds_failure(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"cannot read .*gone\.arrow"):
        list(stream_content(Converted((str(tmp_path / "gone.arrow"),))))


COUNT_LINES = """\
import sys
from compiler.edge.contents import stream_content
from compiler.output.file_set import Converted
print(sum(piece.count(b"\\n") for piece in stream_content(Converted(tuple(sys.argv[1:])))))
"""


def test_a_large_split_is_streamed(tmp_path: Path) -> None:
    """200 MB of text, written out within less than that of memory; in one batch it is not."""
    count = 200_000
    table = arrow.table({"question": ["x" * 1000] * count})
    path, one = tmp_path / "batches.arrow", tmp_path / "one.arrow"
    write_stream(path, table, rows=1000)
    write_stream(one, table, rows=count)
    done = run_python("-c", COUNT_LINES, path, memory=150_000_000)
    assert done.stdout == f"{count}\n", done.stderr
    assert run_python("-c", COUNT_LINES, one, memory=150_000_000).returncode != 0
