"""What each tier shows, and that nothing hidden gets out on any way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.evaluator.answers import BadAnswer, decode_answer
from compiler.runtime.evaluator.dataset import Sample
from compiler.runtime.evaluator.disclosure import SHOWN_CHARACTERS, disclose, result_of
from compiler.runtime.evaluator.documents import job_document
from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored, summarise
from compiler.runtime.evaluator.plan import Access
from compiler.runtime.evaluator.records import Job, Purpose, State, Subset
from compiler.runtime.evaluator.results import Results


def job_of(outcomes: Sequence[Outcome]) -> Job:
    return Job(
        id=7,
        purpose=Purpose.REQUESTED,
        split="some",
        commit="c" * 40,
        tree="d" * 40,
        subset=Subset(ids=None, size=len(outcomes)),
        recorded=None,
        state=State.DONE,
        starts=1,
        submitted=1.0,
        finished=2.0,
        summary=summarise(outcomes, 0.0),
        problem=None,
    )


def sample(number: int, row: str = "{}") -> Sample:
    return Sample(id=f"id-{number}", row=row, input={})


def lines_of(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    samples = [sample(number) for number in range(len(outcomes))]
    job = job_of(outcomes)
    assert job.summary is not None
    shown = disclose(Access.VIEWABLE, job, job.summary, samples, outcomes, 0.0)
    assert shown is not None
    assert shown.details is not None
    return [json.loads(line) for line in shown.details]


TWO_THIRDS: list[Outcome] = [
    Scored(score=1.0, metrics={"m": 3.0}),
    Scored(score=1.0),
    Failed(cause="x"),
]


def test_tiers() -> None:
    job, summary = job_of(TWO_THIRDS), summarise(TWO_THIRDS, 0.0)
    assert result_of(Access.NO_ACCESS, job, summary) is None
    assert result_of(Access.NON_VIEWABLE, job, summary) == {"score": 0.6667}
    assert result_of(Access.VIEWABLE, job, summary) == {
        "score": 2 / 3,
        "metrics": {"m": 1.0},
        "samples": 3,
        "scored": 2,
        "failed": 1,
        "lost": 0,
        "complete": True,
        "recorded": False,
    }


def test_no_access_and_invalid_evaluations_have_no_documents() -> None:
    job = job_of(TWO_THIRDS)
    samples = [sample(number) for number in range(3)]
    assert job.summary is not None
    assert disclose(Access.NO_ACCESS, job, job.summary, samples, TWO_THIRDS, 0.0) is None
    lost = summarise([Lost(cause="x")] * 3, 0.0)
    assert disclose(Access.VIEWABLE, job, lost, samples, [Lost(cause="x")] * 3, 0.0) is None


def test_viewable_shows_outputs_and_errors_within_bounds() -> None:
    first, second, third, fourth, *_ = lines_of(
        [
            Scored(score=1.0, output='{"a": [1]}'),
            Scored(score=0.5, output=json.dumps("x" * 100_000)),
            Failed(cause="the command ended with exit code 1", detail="e" * 100_000, output="1"),
            Lost(cause="the runner's own words"),
            *TWO_THIRDS * 2,
        ]
    )
    assert first["output"] == {"a": [1]}
    assert second["output_is_text"] is True
    assert len(str(second["output"])) == SHOWN_CHARACTERS
    assert str(third["error"]).startswith("the command ended with exit code 1: eee")
    assert len(str(third["error"])) == SHOWN_CHARACTERS
    assert third["output"] == 1
    assert fourth["error"] == "lost: the machinery failed on this sample"
    assert "words" not in json.dumps(fourth)


@pytest.mark.parametrize("output", ['"\\ud800"', "[" * 900 + "]" * 900, '"\\u0000"'])
def test_odd_outputs_are_shown_without_harm(output: str) -> None:
    (line,) = lines_of([Scored(score=1.0, output=output)])
    assert json.dumps(line).isascii()


HIDDEN = st.text("0123456789abcdef", min_size=12, max_size=20)


@given(st.lists(HIDDEN, min_size=3, max_size=6, unique=True), st.lists(st.floats(0, 1), min_size=3))
def test_nothing_of_a_hidden_sample_is_disclosed(words: list[str], scores: list[float]) -> None:
    samples = [
        Sample(id=word, row=json.dumps({"label": word}), input={"q": word}) for word in words
    ]
    outcomes: list[Outcome] = [
        Scored(score=scores[0], output=json.dumps(words[0]), metrics={words[1]: 1.0}),
        Failed(cause=words[1], detail=words[2], output=words[2]),
        *[Scored(score=score, output=json.dumps(words[2])) for score in scores],
    ]
    samples += [sample(number) for number in range(len(outcomes) - len(samples))]
    job = job_of(outcomes)
    assert job.summary is not None
    for access in (Access.NON_VIEWABLE, Access.NO_ACCESS):
        shown = disclose(access, job, job.summary, samples[: len(outcomes)], outcomes, 0.0)
        text = job_document(job, access).decode()
        if shown is not None:
            assert shown.details is None
            assert set(shown.result) == {"id", "split", "commit", "tree", "score"}
            text += json.dumps(shown.result)
        assert not [word for word in words if word in text]


@given(st.lists(st.binary(max_size=200) | st.text(max_size=50).map(str.encode), max_size=5))
def test_no_output_of_a_candidate_breaks_the_evaluation(outputs: list[bytes]) -> None:
    """Whatever bytes it leaves: an outcome, a summary and documents, never an exception."""
    outcomes: list[Outcome] = [Scored(score=0.5, output="1")]
    for data in [*outputs, *[json.dumps(data.hex()).encode() for data in outputs]]:
        try:
            outcomes.append(Scored(score=1.0, output=decode_answer(data, 1000)))
        except BadAnswer as error:
            outcomes.append(Failed(cause=str(error), detail=data.decode("utf-8", "replace")))
    summary = summarise(outcomes, 0.0)
    assert summary.lost == 0
    assert len(lines_of(outcomes)) == len(outcomes)
    json.loads(job_document(job_of(outcomes), Access.VIEWABLE))


NASTY = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers() | st.text(alphabet=st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(NASTY)
def test_every_json_value_can_be_answered_and_shown(value: object) -> None:
    text = decode_answer(json.dumps(value).encode(), 1 << 20)
    (line,) = lines_of([Scored(score=1.0, output=text)])
    assert line["output"] == value or line["output_is_text"] is True


def test_job_documents_splice_details() -> None:
    document = json.loads(
        job_document(job_of(TWO_THIRDS), Access.VIEWABLE, b'{"id": "a"},{"id": 1}')
    )
    assert document["result"]["details"] == [{"id": "a"}, {"id": 1}]
    assert document["submitted"] == "1970-01-01T00:00:01.000Z"
    hidden = json.loads(job_document(job_of(TWO_THIRDS), Access.NON_VIEWABLE))
    assert hidden["result"] == {"score": 0.6667}
    assert list(document) == list(hidden)


def test_folders_appear_whole_and_are_never_overwritten(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    results.open()
    job = job_of(TWO_THIRDS)
    samples = [sample(number) for number in range(3)]
    assert job.summary is not None
    shown = disclose(Access.VIEWABLE, job, job.summary, samples, TWO_THIRDS, 0.0)
    assert shown is not None
    results.stage(7, shown)
    results.stage(8, shown)
    assert not (tmp_path / "results" / "7").exists()
    results.recover(lambda number: number == 7)
    assert (tmp_path / "results" / "7" / "result.json").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "results" / "7").stat().st_mode & 0o777 == 0o755
    assert len(json.loads(b"[" + results.details(7) + b"]")) == 3
    assert results.details(8) == b""
    assert list((tmp_path / "results" / ".staging").iterdir()) == []
    results.stage(7, shown)
    with pytest.raises(OSError, match="not empty"):
        results.publish(7)
