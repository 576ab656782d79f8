"""No image but the evaluator's holds anything of the dataset or the scorer; none holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.compose import Project, inspect
from tests.docker.layers import find_in_images, history
from tests.docker.workshop import HIDDEN_ID, HIDDEN_QUESTION, LABEL, SCORER, SECRET, SEEN_ID

pytestmark = pytest.mark.docker

HIDDEN = {LABEL, HIDDEN_ID, HIDDEN_QUESTION, SEEN_ID, SCORER}
# A text that stands in both plans: the search finds what is there.
PRESENT = b'"plan_version"'


def test_the_layers_of_main_and_runner_hold_nothing_hidden(bench: Project) -> None:
    images = (bench.image("main"), bench.image("runner"))
    assert find_in_images(images, {*HIDDEN, SECRET, PRESENT}) == {PRESENT}


def test_the_layers_of_the_evaluator_hold_the_data_and_no_secret(bench: Project) -> None:
    """The control of the test above."""
    assert find_in_images([bench.image("eval-sidecar")], {*HIDDEN, SECRET}) == HIDDEN


@pytest.mark.parametrize("service", ["main", "runner", "eval-sidecar"])
def test_history_and_configuration_of_an_image_tell_nothing(bench: Project, service: str) -> None:
    image = bench.image(service)
    text = history(image) + repr(inspect("image", image)).encode()
    assert b"/opt/mooring" in text
    assert not [needle for needle in (*HIDDEN, SECRET) if needle in text]


def test_no_emitted_file_outside_the_evaluator_holds_a_label(bench: Project) -> None:
    found = {
        path.relative_to(bench.task).as_posix()
        for path in files_of(bench.task)
        if any(needle in path.read_bytes() for needle in HIDDEN)
    }
    data = ("train", "validation", "test", "unlisted-validation", "unlisted-test")
    evaluator = "environment/evaluator"
    expected = {f"{evaluator}/data/{split}.jsonl" for split in data}
    assert found == {*expected, f"{evaluator}/scorer/scorer.py"}


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
